"""A box on Tuesday 24 November 2026, and short words for what it holds and what it does.

A bulletin's name is its length: "3m", "90s". A moment is "06:00" (that day), "06:00:30" or "2026-11-25 06:00".
"""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from protocol.bulletin import Blob, Bulletin, BulletinClass
from protocol.ids import sha256
from protocol.manifest import Assignment, Entry, Hours, Kind, Level, Manifest, Policy, Station
from protocol.order import MessageType, Order, Severity, Sound, Status
from protocol.priority import Rank
from protocol.roles import Role
from protocol.timeline import HeldOrder, Holdings, Plan, Segment, Voice, plan

VIETNAM: Final = ZoneInfo("Asia/Ho_Chi_Minh")
DAY: Final = "2026-11-24"
HOUR_S: Final = 3600
NIGHT: Final = Policy(Level.PROVINCE, quiet=(Hours(21 * HOUR_S, 5 * HOUR_S), Hours(5 * HOUR_S, 6 * HOUR_S)))
NIGHT_EARLY_PERMITTED: Final = Policy(Level.PROVINCE, quiet=(Hours(21 * HOUR_S, 5 * HOUR_S),))
WARD: Final = Policy(Level.COMMUNE, days=0b0011111, max_sessions=2, max_session_s=15 * 60)
RURAL: Final = Policy(Level.COMMUNE, max_session_s=45 * 60)
DAILY: Final = "FREQ=DAILY"


def ms(moment: str, zone: ZoneInfo = VIETNAM) -> int:
    """A moment as an instant."""
    day, _, time = moment.rpartition(" ")
    return round(datetime.fromisoformat(f"{day or DAY}T{time}").replace(tzinfo=zone).timestamp()) * 1000


def clock(instant_ms: int) -> str:
    """An instant as a moment."""
    wall = datetime.fromtimestamp(instant_ms / 1000, VIETNAM)
    day = "" if f"{wall:%Y-%m-%d}" == DAY else f"{wall:%Y-%m-%d} "
    return day + (f"{wall:%H:%M}" if wall.second == 0 else f"{wall:%H:%M:%S}")


def local(moment: str) -> str:
    """A moment as an entry writes it."""
    day, _, time = moment.rpartition(" ")
    return f"{day or DAY}T{time}:00" if time.count(":") == 1 else f"{day or DAY}T{time}"


def programme(name: str, moment: str, *playlist: str, **more: Any) -> Entry:
    return Entry(name, Kind.PROGRAMME, BulletinClass.ORDINARY, local(moment), playlist, **more)


def priority(name: str, moment: str, *playlist: str, **more: Any) -> Entry:
    return Entry(name, Kind.PROGRAMME, BulletinClass.PRIORITY, local(moment), playlist, **more)


def relay(name: str, moment: str, minutes: int, *fallback: str, **more: Any) -> Entry:
    more = {"klass": BulletinClass.ORDINARY, "station": "vov1", **more}
    return Entry(name, Kind.RELAY, first=local(moment), playlist=fallback, length_s=minutes * 60, **more)


def filler(name: str, moment: str, minutes: int, *playlist: str, **more: Any) -> Entry:
    return Entry(name, Kind.FILLER, BulletinClass.ORDINARY, local(moment), playlist, length_s=minutes * 60, **more)


def length_ms(bulletin: str) -> int:
    return int(bulletin[:-1]) * (60_000 if bulletin.endswith("m") else 1_000)


def manifest(*entries: Entry, policies: tuple[Policy, ...] = (NIGHT,), zone: str = "Asia/Ho_Chi_Minh") -> Manifest:
    names = sorted({name for entry in entries for name in entry.playlist})
    return Manifest(
        zone,
        policies,
        entries,
        tuple(Bulletin(name, f"Tin {name}", "vi", sha256(name.encode())) for name in names),
        tuple(Blob(sha256(name.encode()), 1_000, length_ms(name)) for name in names),
        (Station("vov1", "VOV1", "https://example.org/vov1"),),
    )


def assignment(**more: Any) -> Assignment:
    """Of this box; valid until the end of the year unless said otherwise."""
    return Assignment(
        **{
            "box": "a" * 16,
            "generation": 1,
            "manifest": bytes(32),
            "manifest_size": 1_000,
            "units": ("77", "77-26506"),
            "issued": ms("2026-11-01 00:00") // 1000,
            "valid_until": ms("2026-12-31 00:00") // 1000,
            **more,
        }
    )


def box(*entries: Entry, policies: tuple[Policy, ...] = (NIGHT,), **more: Any) -> Holdings:
    """What a box holds with these entries."""
    return Holdings(manifest(*entries, policies=policies), **{"assignment": assignment(), **more})


def emergency(
    number: int,
    accepted: str,
    *,
    severity: Severity = Severity.SEVERE,
    level: int = 0,
    tape: str = "60s",
    not_before: str | None = None,
    expires: str | None = None,
    repeats: int = 3,
    gap_s: int = 5,
    **more: Any,
) -> HeldOrder:
    """An order that Hoa and Minh signed, as the box holds it."""
    accepted_s = ms(accepted) // 1000
    ended = more.pop("ended", None)
    order = Order(
        **{
            "id": bytes([number]) * 16,
            "province": "77",
            "environment": "test",
            "role": Role.EMERGENCY,
            "epoch": 1,
            "sequence": number,
            "issued": accepted_s,
            "not_before": accepted_s if not_before is None else ms(not_before) // 1000,
            "expires": accepted_s + 7200 if expires is None else ms(expires) // 1000,
            "status": Status.ACTUAL,
            "type": MessageType.ALERT,
            "severity": severity,
            "event": "flood",
            "area": ("77-26506",),
            "sound": Sound(1, repeats=repeats, gap_s=gap_s),
            **more,
        }
    )
    return HeldOrder(order, ms(accepted), level, length_ms(tape), None if ended is None else ms(ended))


def voice(name: str, begin: str, end: str, rank: Rank = Rank.LIVE, **more: Any) -> Voice:
    """Somebody speaks from one moment to another at the longest."""
    return Voice(name, rank, ms(begin), ms(end), **more)


def day_of(holdings: Holdings, day: str = DAY) -> Plan:
    return plan(holdings, ms(f"{day} 00:00"), ms(f"{day} 00:00") + 86_400_000)


def said(row: Segment) -> str:
    """ "06:00-06:03 s1#1.1", with the offset and what cuts it where there is one."""
    play = row.play.partition("@")[0] + "#" + row.play.rpartition("#")[2] if "@" in row.play else short(row.play)
    offset = f" +{row.offset_ms // 1000}s" if row.offset_ms else ""
    cut = "" if row.cut is None else f" | {row.cut.value}"
    return f"{clock(row.start_ms)}-{clock(row.end_ms)} {play}{offset}{cut}"


def short(play: str) -> str:
    """ "e7#2" for the second pass of order 7."""
    if play.startswith("voice:"):
        return play
    order, _, number = play.partition("#")
    return f"e{int(order[:2], 16)}#{number}"


def sounds(holdings: Holdings, day: str = DAY) -> list[str]:
    """What sounds on a day."""
    return [said(row) for row in day_of(holdings, day).segments]


def refused(holdings: Holdings, day: str = DAY) -> list[str]:
    """What is refused on a day: "06:10 s1#1.1 late"."""
    return [
        f"{clock(row.at_ms)} {row.play.partition('@')[0]}#{row.play.rpartition('#')[2]} {row.code.value}"
        for row in day_of(holdings, day).refusals
    ]


def changed(holdings: Holdings, **more: Any) -> Holdings:
    return replace(holdings, **more)
