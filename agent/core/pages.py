"""What a board shows, as `protocol.timeline` says what sounds: a function of what the box holds and of the time. Pure.

An alarm stands from its beginning until it expires or is ended, also between its passes and after the last one. That
it was cancelled stands for ten minutes; after the first of them it gives way to what sounds. Then comes the bulletin
that sounds, in the words that persons have approved; then, outside quiet hours, what is still to be read, in turn with
the time.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from agent.core.cueing import may_sound
from protocol.board import page
from protocol.board.page import BLACK, Look, Page
from protocol.gate import Ending
from protocol.manifest import Manifest
from protocol.order import SOUNDING, MessageType, Order, Status
from protocol.policy import EffectivePolicy
from protocol.quantities import MINUTE_MS, SECOND_MS
from protocol.recurrence import to_wall
from protocol.report import ClockQuality
from protocol.timeline import Holdings, Lock, Segment, SegmentKind, at
from protocol.timeline.occurrences import schedule_of

CANCELLED_MS: Final = 10 * MINUTE_MS
"""So long a board says that an alarm was cancelled."""
CANCELLED_FIRST_MS: Final = MINUTE_MS
"""Of that the time in which a bulletin that sounds waits for it."""
CLOCK_TURN_MS: Final = 15 * SECOND_MS
NOTICE_TURN_MS: Final = 60 * SECOND_MS
"""Of each notice, and between two rounds of them of the time: long enough to read a text of some hundred letters."""
ZONE: Final = "Asia/Ho_Chi_Minh"
"""Where no manifest names one."""


@dataclass(frozen=True)
class Alarm:
    """An alarm that this box has accepted."""

    order: Order
    level: int
    """Of its signers; 0 is the province."""
    ended_ms: int | None = None
    """When it was cancelled or replaced, if that still counts."""
    replaced: bool = False
    """It was an update that ended it."""


def alarms_of(accepted: Sequence[tuple[Order, int, int]], ended: Mapping[bytes, Sequence[Ending]]) -> list[Alarm]:
    """The alarms among accepted orders, which come as (order, level, instant of acceptance in ms).

    `ended` names by id of an alarm what ends it and is not ended itself.
    """
    naming: defaultdict[bytes, list[tuple[Order, int]]] = defaultdict(list)
    for order, _level, accepted_ms in accepted:
        for reference in order.references:
            naming[reference].append((order, accepted_ms))
    found = []
    for order, level, _accepted_ms in accepted:
        if order.type not in SOUNDING or order.status is Status.TEST:
            continue
        kinds = {ending.type for ending in ended.get(order.id, ()) if ending.status is order.status}
        enders = [
            (max(accepted_ms, other.not_before * SECOND_MS if other.type is MessageType.UPDATE else 0), other.type)
            for other, accepted_ms in naming[order.id]
            if other.type in kinds and other.status is order.status
        ]
        first = min(enders, default=None)
        replaced = first is not None and first[1] is MessageType.UPDATE
        found.append(Alarm(order, level, None if first is None else first[0], replaced))
    return found


def shows(
    holdings: Holdings,
    alarms: Sequence[Alarm],
    now_ms: int,
    *,
    quality: ClockQuality,
    name: str,
    code: str | None,
    sounding: Segment | None = None,
) -> Page:
    """What a passer-by is to read now. `name` is the place's, `code` that of a box that waits for approval.

    `sounding` is what the player has in the air: an alarm that it sounds is one, whatever the time may be. Where it has
    nothing, as with a broken amplifier, the plan tells what should be: then people can read it at least.
    """
    segment = sounding if sounding is not None else at(holdings, now_ms)
    pressed_here = {held.order.id for held in holdings.orders if held.needs_no_clock}
    knows_time = may_sound(SegmentKind.EMERGENCY, quality)
    known = [alarm for alarm in alarms if knows_time or alarm.order.id in pressed_here]
    found = _heard(holdings, sounding) or _of_alarms(holdings, known, now_ms, "" if segment is None else segment.cause)
    if found is not None:
        return found
    tells_time = may_sound(SegmentKind.PROGRAMME, quality)
    spoken = _of_programme(holdings, segment) if segment is not None and tells_time and code is None else None
    over = _cancelled(holdings, known, now_ms, CANCELLED_MS if spoken is None else CANCELLED_FIRST_MS)
    if over is not None:
        return over
    if code is not None:
        return Page(Look.CODE, code, name)
    if not tells_time:
        return Page(Look.CLOCK, "--:--", name)
    if spoken is None and is_quiet(holdings, now_ms):
        return BLACK
    return spoken or _in_turn(_notices(holdings, now_ms), now_ms) or _clock(holdings, now_ms, name)


def is_quiet(holdings: Holdings, now_ms: int) -> bool:
    """Whether scheduled sound is forbidden here now; where no programme is, nobody has said so."""
    if holdings.manifest is None:
        return False
    own = () if holdings.assignment is None or holdings.assignment.policy is None else (holdings.assignment.policy,)
    policies = (*holdings.manifest.policies, *holdings.bounds, *own)
    policy = EffectivePolicy(policies, ZoneInfo(holdings.manifest.zone), holdings.exceptions)
    return policy.why_quiet(now_ms) is not None


def second_of_day(holdings: Holdings, now_ms: int) -> int:
    """On the clocks of the place."""
    wall = to_wall(now_ms, _zone(holdings))
    return wall.hour * 3600 + wall.minute * 60 + wall.second


def _heard(holdings: Holdings, sounding: Segment | None) -> Page | None:
    """The alarm that the player has in the air, if it has one."""
    cause = "" if sounding is None else sounding.cause
    held = next((held for held in holdings.orders if held.order.id.hex() == cause), None)
    return None if held is None else page.alarm(held.order)


def _of_alarms(holdings: Holdings, alarms: Sequence[Alarm], now_ms: int, cause: str) -> Page | None:
    """`cause` is that of what sounds."""
    standing = [alarm for alarm in _begun(holdings, alarms, now_ms) if _stands(alarm, now_ms)]
    if not standing:
        return None
    return page.alarm(max(standing, key=lambda alarm: (alarm.order.id.hex() == cause, *_rank(alarm))).order)


def _cancelled(holdings: Holdings, alarms: Sequence[Alarm], now_ms: int, for_ms: int) -> Page | None:
    """The alarm that was cancelled less than so long ago."""
    over = [alarm for alarm in _begun(holdings, alarms, now_ms) if _is_just_cancelled(alarm, now_ms, for_ms)]
    return page.cancelled(max(over, key=_rank).order) if over else None


def _begun(holdings: Holdings, alarms: Sequence[Alarm], now_ms: int) -> list[Alarm]:
    return [alarm for alarm in alarms if _has_begun(alarm.order, now_ms) and not _is_held_back(alarm, holdings, now_ms)]


def _has_begun(order: Order, now_ms: int) -> bool:
    """As `holdings.begun`: what begins at once begins when it is here, whatever the clock says."""
    return order.not_before <= order.issued or order.not_before * SECOND_MS <= now_ms


def _is_held_back(alarm: Alarm, holdings: Holdings, now_ms: int) -> bool:
    """Whether somebody of its level or above has stopped the speakers."""
    return any(lock.level <= alarm.level and _is_in_effect(lock, now_ms) for lock in holdings.locks)


def _is_in_effect(lock: Lock, now_ms: int) -> bool:
    return lock.from_ms <= now_ms and (lock.until_ms is None or now_ms < lock.until_ms)


def _stands(alarm: Alarm, now_ms: int) -> bool:
    return now_ms < alarm.order.expires * SECOND_MS and (alarm.ended_ms is None or now_ms < alarm.ended_ms)


def _is_just_cancelled(alarm: Alarm, now_ms: int, for_ms: int) -> bool:
    ended_ms = alarm.ended_ms
    return ended_ms is not None and not alarm.replaced and ended_ms <= now_ms < ended_ms + for_ms


def _rank(alarm: Alarm) -> tuple[int, int, int, str]:
    """As of sounds: severity, authority, age."""
    return (alarm.order.severity, -alarm.level, -alarm.order.issued, alarm.order.id.hex())


def _of_programme(holdings: Holdings, segment: Segment) -> Page | None:
    """The bulletin or station that sounds; None where there are no approved words for it."""
    manifest = holdings.manifest
    if manifest is None:
        return None
    if segment.kind is SegmentKind.RELAY:
        found = next((row for row in manifest.stations if row.code == segment.station), None)
        return None if found is None else Page(Look.BULLETIN, f"Tiếp sóng {found.name}", "", segment.cause)
    return _worded(manifest, segment.bulletin, Look.BULLETIN, segment.cause)


def _worded(manifest: Manifest, name: str, look: Look, cause: str) -> Page | None:
    """A bulletin's words, as far as they are approved; None where none are."""
    bulletin = next((row for row in manifest.bulletins if row.id == name), None)
    return None if bulletin is None else page.worded(bulletin, look, cause)


def _notices(holdings: Holdings, now_ms: int) -> list[Page]:
    """What is still to be read of what has started: nothing once the programme is over, or is stopped here."""
    manifest, assignment = holdings.manifest, holdings.assignment
    longest_s = 0 if manifest is None else max((entry.board_s for entry in manifest.entries), default=0)
    over = assignment is not None and assignment.valid_until * SECOND_MS <= now_ms
    if manifest is None or not longest_s or over or any(_is_in_effect(lock, now_ms) for lock in holdings.locks):
        return []
    found: dict[str, Page] = {}
    for occurrence in schedule_of(manifest).between(now_ms - longest_s * SECOND_MS, now_ms + 1):
        entry = occurrence.line.entry
        if now_ms < occurrence.start_ms + entry.board_s * SECOND_MS:
            notices = (_worded(manifest, name, Look.NOTICE, entry.id) for name in entry.playlist)
            found |= {notice.bulletin: notice for notice in notices if notice is not None}
    return list(found.values())


def _in_turn(notices: Sequence[Page], now_ms: int) -> Page | None:
    """One after the other; None while it is the turn of the time of day."""
    into_ms = now_ms % (CLOCK_TURN_MS + len(notices) * NOTICE_TURN_MS) - CLOCK_TURN_MS
    return notices[into_ms // NOTICE_TURN_MS] if into_ms >= 0 else None


def _clock(holdings: Holdings, now_ms: int, name: str) -> Page:
    line = None if holdings.manifest is None else holdings.manifest.line
    said = line.text if line is not None and now_ms < line.until * SECOND_MS else ""
    return page.clock(to_wall(now_ms, _zone(holdings)), name, said)


def _zone(holdings: Holdings) -> ZoneInfo:
    return ZoneInfo(ZONE if holdings.manifest is None else holdings.manifest.zone)
