"""Answers whoever stands at the box: status, explain, fetch, selftest. Plain values in, plain values out."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from agent.errors import AgentError
from agent.ports.clock import Clock
from agent.ports.link import Uplink
from agent.ports.store import Store
from agent.services import selftest
from agent.services.faults import Faults
from agent.services.keeper import Keeper
from agent.services.wake import Wakes
from protocol.errors import ProtocolError
from protocol.ids import enrolment_code
from protocol.quantities import SECOND_MS
from protocol.recurrence import parse_local, to_ms, to_wall, zone_named
from protocol.timeline import Segment, explain

HOME_ZONE: Final = "Asia/Ho_Chi_Minh"
"""Where boxes stand, until a manifest says it."""

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
        sounding: Callable[[], Segment | None],
        checks: Sequence[selftest.Check],
    ) -> None:
        self._about = about
        self._clock = clock
        self._trust = store.trust
        self._desired = store.desired
        self._book = store.book
        self._outbox = store.outbox
        self._sounding = sounding
        self._uplink = uplink
        self._keeper = keeper
        self._faults = faults
        self._fetcher = wakes.fetcher
        self._roots = wakes.roots
        self._checks = checks

    @property
    def commands(self) -> Mapping[str, Callable[[Request], Awaitable[Answer]]]:
        return {"status": self.status, "explain": self.explain, "fetch": self.fetch, "selftest": self.selftest}

    async def status(self, _: Request) -> Answer:
        now, sounding, roots = self._clock.now_ms(), self._sounding(), self._trust.roots()
        force, wanted = self._desired.in_force(), self._desired.wanted()
        return {
            "id": self._about.box,
            "code": enrolment_code(self._about.box),
            "name": self._about.name,
            "version": self._about.version,
            "now_ms": now,
            "up_s": (now - self._about.boot_ms) // SECOND_MS,
            "approved": self._trust.broker() is not None,
            "broker": self._trust.broker(),
            "connected": self._uplink.connected,
            "roots": 0 if roots is None else roots.version,
            "generation": 0 if force is None else force.assignment.generation,
            "wanted": 0 if wanted is None else wanted.generation,
            "site": "" if wanted is None else wanted.site,
            "units": [] if wanted is None else list(wanted.units),
            "clock": self._clock.reading().quality.name,
            "clock_complaint": self._clock.complaint(),
            "sounding": None if sounding is None else sounding.play,
            "orders": [
                {"id": held.order.id.hex(), "event": held.order.event, "stage": held.stage.name}
                for held in self._book.orders(now)
            ],
            "faults": sorted(code.name for code in self._faults.active()),
            "log_rows": self._outbox.log_seq(),
            "log_acknowledged": self._outbox.acked_seq(),
        }

    async def explain(self, request: Request) -> Answer:
        holdings, now_ms = self._keeper.holdings(), self._clock.now_ms()
        zone = HOME_ZONE if holdings.manifest is None else holdings.manifest.zone
        at, language = request.get("at"), request.get("language")
        at_ms = now_ms if at is None else _instant_ms(str(at), now_ms, zone)
        return {"text": explain(holdings, at_ms, "en" if language == "en" else "vi")}

    async def fetch(self, _: Request) -> Answer:
        """Look for newer roots and for what is missing, now."""
        self._roots.set()
        self._fetcher.set()
        force, wanted = self._desired.in_force(), self._desired.wanted()
        return {
            "generation": 0 if force is None else force.assignment.generation,
            "wanted": 0 if wanted is None else wanted.generation,
        }

    async def selftest(self, request: Request) -> Answer:
        outcomes = await selftest.run(self._checks, "en" if request.get("language") == "en" else "vi")
        return {"passed": all(outcome.ok for outcome in outcomes), "checks": [asdict(outcome) for outcome in outcomes]}


def _instant_ms(text: str, now_ms: int, zone: str) -> int:
    """A day and time, or a time of today, on the programme's wall clock."""
    day, _, clock = text.rpartition("T")
    try:
        there = zone_named(zone)
        moment = f"{day or to_wall(now_ms, there).date().isoformat()}T{clock}"
        return to_ms(parse_local(moment if clock.count(":") > 1 else f"{moment}:00"), there)
    except ProtocolError as error:
        raise AgentError(f"{text!r} is not a time; write 06:00 or 2026-11-24T06:00") from error
