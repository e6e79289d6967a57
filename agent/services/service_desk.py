"""Answers whoever stands at the box: status, explain, fetch, selftest. Plain values in, plain values out."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from agent.core import wording
from agent.errors import AgentError
from agent.ports.clock import Clock
from agent.ports.link import Uplink
from agent.ports.store import Remembered, Store
from agent.services import selftest
from agent.services.faults import Faults
from agent.services.keeper import Keeper
from agent.services.wake import Wakes
from protocol.errors import ProtocolError
from protocol.ids import enrolment_code
from protocol.manifest import NO_ASSIGNMENT
from protocol.order import SOUNDING
from protocol.quantities import MINUTE_MS, SECOND_MS
from protocol.recurrence import parse_local, to_ms, to_wall, zone_named
from protocol.report import FaultCode
from protocol.timeline import Holdings, Segment, SegmentKind, explain
from protocol.timeline import at as timeline_at
from protocol.timeline.words import Language

HOME_ZONE: Final = "Asia/Ho_Chi_Minh"
"""Where boxes stand, until a manifest says it."""

NEWS_MS: Final = 60 * MINUTE_MS

Request = Mapping[str, Any]
Answer = Mapping[str, Any]


@dataclass(frozen=True)
class About:
    """What does not change while the daemon runs."""

    box: str
    name: str
    version: str
    boot_ms: int


class ServiceDesk:
    """`commands` is what the service socket serves."""

    def __init__(
        self,
        about: About,
        clock: Clock,
        store: Store,
        *,
        uplink: Uplink,
        keeper: Keeper,
        faults: Faults,
        wakes: Wakes,
        missing: Callable[[], int],
        sounding: Callable[[], Segment | None],
        planned: Callable[[], Holdings] | None = None,
        hindrance: Callable[[Segment | None], str] = lambda _: "",
        checks: Sequence[selftest.Check],
        speak_code: Callable[[], Awaitable[None]],
        lamps: Callable[[], Sequence[Answer]] = list,
    ) -> None:
        """`planned`: what the player makes its plans of; `hindrance`: why it could not sound this (a segment of those
        plans, None for an alarm that came now): "service", "power", "device", "clock"; empty for nothing. `lamps`: what
        those of the panel show, none where none is wired.
        """
        self._about = about
        self._planned = planned or keeper.holdings
        self._hindrance = hindrance
        self._clock = clock
        self._trust = store.trust
        self._desired = store.desired
        self._book = store.book
        self._outbox = store.outbox
        self._missing = missing
        self._sounding = sounding
        self._uplink = uplink
        self._keeper = keeper
        self._faults = faults
        self._fetcher = wakes.fetcher
        self._roots = wakes.roots
        self._checks = checks
        self._speak_code = speak_code
        self._lamps = lamps

    @property
    def commands(self) -> Mapping[str, Callable[[Request], Awaitable[Answer]]]:
        return {
            "status": self.status,
            "explain": self.explain,
            "fetch": self.fetch,
            "selftest": self.selftest,
            "speak-code": self.speak_code,
        }

    async def status(self, request: Request) -> Answer:
        """Codes for programs; `core.wording` makes sentences of them."""
        now, sounding, roots = self._clock.now_ms(), self._sounding(), self._trust.roots()
        wanted = self._desired.wanted()
        return {
            **self._numbers(),
            "id": self._about.box,
            "code": enrolment_code(self._about.box),
            "name": self._about.name,
            "version": self._about.version,
            "now_ms": now,
            "up_s": (now - self._about.boot_ms) // SECOND_MS,
            "approved": self._trust.broker() is not None,
            "broker": self._trust.broker(),
            "connected": self._uplink.connected,
            "silent_s": None if (silent_ms := self._uplink.silent_ms) is None else silent_ms // SECOND_MS,
            "roots": 0 if roots is None else roots.version,
            "site": "" if wanted is None else wanted.site,
            "units": [] if wanted is None else list(wanted.units),
            "clock": self._clock.reading().quality.name,
            "clock_complaint": self._clock.complaint(_language(request)),
            "zone": self._zone(),
            "sounding": None if sounding is None else sounding.play,
            "heard": None if sounding is None else self._heard(sounding),
            "orders": [
                {
                    "id": held.order.id.hex(),
                    "event": held.order.event,
                    "stage": held.stage.name,
                    "type": held.order.type.name,
                    "status": held.order.status.name,
                    "message": _code(None if held.order.sound is None else held.order.sound.message),
                    "expires_ms": held.order.expires * SECOND_MS,
                }
                for held in self._book.orders(now)
                if self._is_news(held, now)
            ],
            "faults": sorted(code.name for code in self._faults.active() if code is not FaultCode.DURESS),
            "lamps": list(self._lamps()),
            "fault_details": self._fault_details(request),
            "log_rows": self._outbox.log_seq(),
            "log_acknowledged": self._outbox.acked_seq(),
        }

    async def explain(self, request: Request) -> Answer:
        holdings, now_ms = self._keeper.holdings(), self._clock.now_ms()
        at = request.get("at")
        at_ms = now_ms if at is None else _instant_ms(str(at), now_ms, self._zone())
        language = _language(request)
        if at is not None and at_ms < now_ms:
            return {"text": explain(holdings, at_ms, language)}
        planned = self._planned()
        if planned.awake_ms > now_ms:  # the plan begins anew: what holds it up is told by what hinders it
            planned = holdings
        told = explain(planned, at_ms, language)
        really = self._really(timeline_at(planned, now_ms), now_ms, request) if at is None else ""
        return {"text": f"{really}\n{told}" if really else told}

    def _really(self, planned: Segment | None, now_ms: int, request: Request) -> str:
        """What the player does, where that is not what is planned."""
        sounding = self._sounding()
        facts = {
            "heard": None if sounding is None else self._heard(sounding),
            "as_planned": (sounding and sounding.play) == (planned and planned.play),
            "hindrance": self._hindrance(planned),
            "fault_details": self._fault_details(request),
            "now_ms": now_ms,
            "zone": self._zone(),
        }
        return wording.really(facts, _language(request))

    def _fault_details(self, request: Request) -> Answer:
        details = self._faults.details(_language(request))
        return {code.name: detail for code, detail in details.items() if code is not FaultCode.DURESS}

    def _is_news(self, held: Remembered, now_ms: int) -> bool:
        """Whether somebody at the box should read of it: what only ended or locked something is told for an hour."""
        if held.order.type in SOUNDING or any(held.order.id == stop.order.id for stop in self._book.stops()):
            return True
        return now_ms - (held.ended_ms or held.accepted_ms) < NEWS_MS

    async def fetch(self, _: Request) -> Answer:
        """Look for newer roots and for what is missing, now."""
        self._roots.set()
        self._fetcher.set()
        return {**self._numbers(), "missing": self._missing()}

    def _numbers(self) -> Answer:
        """Of the assignments in force and wanted, and whether they are one: equal numbers are not, in two eras."""
        force, wanted = self._desired.in_force(), self._desired.wanted()
        has = NO_ASSIGNMENT if force is None else force.assignment.place_in_order
        wants = NO_ASSIGNMENT if wanted is None else wanted.place_in_order
        return {"generation": has[-1], "wanted": wants[-1], "newest": has == wants}

    async def speak_code(self, _: Request) -> Answer:
        """Over the box's own loudspeaker; returns when it has been heard."""
        await self._speak_code()
        return {"code": enrolment_code(self._about.box)}

    async def selftest(self, request: Request) -> Answer:
        outcomes = await selftest.run(self._checks, _language(request))
        return {"passed": all(outcome.ok for outcome in outcomes), "checks": [asdict(outcome) for outcome in outcomes]}

    def _zone(self) -> str:
        manifest = self._keeper.holdings().manifest
        return HOME_ZONE if manifest is None else manifest.zone

    def _heard(self, sounding: Segment) -> Answer:
        """What sounds, by its name for people, and until when."""
        manifest = self._keeper.holdings().manifest
        title = sounding.station or sounding.bulletin
        if manifest is not None:
            names = {row.code: row.name for row in manifest.stations} if sounding.kind is SegmentKind.RELAY else {}
            names = names or {row.id: row.title for row in manifest.bulletins}
            title = names.get(title, title)
        order = next((held.order for held in self._book.orders(0) if held.order.id.hex() == sounding.cause), None)
        return {
            "kind": sounding.kind.name,
            "title": title,
            "message": _code(sounding.sound) if sounding.kind is SegmentKind.EMERGENCY else None,
            "event": "" if order is None else order.event,
            "drill": sounding.drill,
            "rank": sounding.precedence.rank.value,
            "until_ms": sounding.end_ms,
        }


def _language(request: Request) -> Language:
    return "en" if request.get("language") == "en" else "vi"


def _code(message: bytes | int | None) -> int | None:
    """The code of a built-in message; None for a recording that came with the order."""
    return message if isinstance(message, int) else None


def _instant_ms(text: str, now_ms: int, zone: str) -> int:
    """A day and time, or a time of today, on the programme's wall clock."""
    day, _, clock = text.rpartition("T")
    try:
        there = zone_named(zone)
        moment = f"{day or to_wall(now_ms, there).date().isoformat()}T{clock}"
        return to_ms(parse_local(moment if clock.count(":") > 1 else f"{moment}:00"), there)
    except ProtocolError as error:
        raise AgentError(
            f"{text!r} is not a time; write 06:00 or 2026-11-24T06:00",
            vi=f"{text!r} không phải là giờ; hãy viết 06:00 hoặc 2026-11-24T06:00",
        ) from error
