"""Behaving fakes of the way to the controller: they break where the real ones break, and the test says when."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from agent.errors import LinkError
from agent.ports.link import Enrolled
from agent.ports.live import Heard
from agent.ports.store import Intake
from protocol.ids import enrolment_code
from protocol.lifeline import pack

ANSWER_S: Final = 20


class FakeLine:
    """Implements the port `LiveLine`: the test says what comes, breaks it, ends it."""

    def __init__(self) -> None:
        self.listeners: list[bytes] = []
        """The sessions for which a connection was made, one after another."""
        self._coming: asyncio.Queue[bytes | LinkError | None] = asyncio.Queue()

    async def listen(self, session: bytes) -> AsyncIterator[bytes]:
        self.listeners.append(session)
        while (item := await self._coming.get()) is not None:
            if isinstance(item, LinkError):
                raise item
            yield item

    def carry(self, raw: bytes) -> None:
        """A message from the controller."""
        self._coming.put_nowait(raw)

    def break_off(self, *, permanent: bool = False) -> None:
        """The connection breaks, or the controller will not have this box."""
        self._coming.put_nowait(LinkError("broken", permanent=permanent))

    def end(self) -> None:
        """The controller says that the session is over."""
        self._coming.put_nowait(None)


class FakeTalkLine:
    """Implements the port `TalkLine`: a controller that the test lets say yes, no, or nothing."""

    def __init__(self) -> None:
        self.sessions: list[bytes] = []
        """Sessions that came, one for each connection."""
        self.groups: list[bytes] = []
        self.asked: list[tuple[str, ...]] = []
        """Codes that were to be found."""
        self.boxes: dict[str, str] = {}
        """Ids by the codes that it knows."""
        self.refusal: LinkError | None = None
        """What it answers instead."""
        self.takes: Callable[[bytes], None] = lambda _: None
        """Where a session goes."""
        self.carries: Callable[[bytes], None] = lambda _: None
        """Where a group goes."""
        self.heard = Heard(0, 0)

    async def talk(
        self,
        session: bytes,
        codes: tuple[str, ...],
        signed: Callable[[tuple[str, ...]], bytes],
        groups: AsyncIterator[bytes],
        heard: Callable[[Heard], None],
    ) -> None:
        del session
        if self.refusal is not None:
            raise self.refusal
        if codes:
            self.asked.append(codes)
        raw = signed(tuple(self.boxes[code] for code in codes))
        self.sessions.append(raw)
        self.takes(raw)
        heard(self.heard)
        async for group in groups:
            if self.refusal is not None:
                raise self.refusal
            self.groups.append(group)
            self.carries(group)


@dataclass
class FakeUplink:
    """A broker that can be unplugged."""

    connected: bool = True
    hangs: bool = False
    """It takes everything and answers nothing, as a broker does whose process was stopped."""
    silent_ms: int | None = 0
    published: list[tuple[str, bytes]] = field(default_factory=list)
    """(kind, payload) of everything that got through."""

    async def publish(self, kind: str, payload: bytes, *, certain: bool) -> None:
        if not self.connected:
            raise LinkError("no connection to the broker")
        if self.hangs:
            if certain:
                await asyncio.sleep(ANSWER_S)
                raise LinkError(f"the broker did not take a {kind}: timed out")
            return
        self.published.append((kind, payload))

    def of(self, kind: str) -> list[bytes]:
        return [payload for published, payload in self.published if published == kind]


@dataclass
class FakeOffice:
    """A controller that serves files, breaks off downloads, and approves when it is told to."""

    box: str
    files: dict[bytes, bytes] = field(default_factory=dict)
    newest_roots: bytes | None = None
    approved: bool = True
    broker: str = "mqtt://broker.test:1883"
    down: bool = False
    forgot: bool = False
    """It does not know the box, until it has enrolled again."""
    cuts: list[int] = field(default_factory=list)
    """Each download breaks off after so many bytes, the first first; then they run through."""
    served: list[tuple[bytes, int]] = field(default_factory=list)
    """(name, first byte) of every download."""
    enrolments: int = 0
    roots_asked: int = 0
    """Whether it was down then or not."""
    bundle: bytes | None = None
    """Its CAs; None for a controller without."""
    chain: bytes | None = None
    """The certificate that it gives this box."""
    owed: tuple[bytes, ...] = ()
    """What the lifeline carries, beside the roots that follow the box's."""
    all_roots: dict[int, bytes] = field(default_factory=dict)
    """By version."""
    lifelines: list[int] = field(default_factory=list)
    """The version of the roots that the box said it has, at each question."""
    given: list[bytes] = field(default_factory=list)
    """Orders that the box has handed in."""

    async def enrol(self, name: str, version: str) -> Enrolled:
        del name, version
        self._answer_at_all()
        self.enrolments += 1
        self.forgot = False
        return Enrolled(self.approved, enrolment_code(self.box), self.broker if self.approved else None)

    async def roots(self) -> bytes | None:
        self.roots_asked += 1
        self._answer_at_all()
        if self.forgot:
            raise LinkError("the controller answered 401 unknown-box", permanent=True)
        return self.newest_roots

    async def authorities(self) -> bytes | None:
        self._answer_at_all()
        return self.bundle

    async def certificate(self) -> bytes | None:
        self._answer_at_all()
        return self.chain

    async def give(self, order: bytes) -> None:
        self._answer_at_all()
        self.given.append(order)

    async def lifeline(self, roots: int) -> bytes:
        self._answer_at_all()
        self.lifelines.append(roots)
        newer = tuple(data for version, data in sorted(self.all_roots.items()) if version > roots)
        return pack(newer, self.owed)

    async def fetch(self, kind: str, name: bytes, intake: Intake) -> None:
        self._answer_at_all()
        data = _required(self.files, kind, name)
        self.served.append((name, intake.received))
        rest = data[intake.received :]
        if self.cuts:
            intake.write(rest[: self.cuts.pop(0)])
            raise LinkError("the connection broke")
        intake.write(rest)

    def _answer_at_all(self) -> None:
        if self.down:
            raise LinkError("no connection; check the network")


def _required(files: Mapping[bytes, bytes], kind: str, name: bytes) -> bytes:
    if name not in files:
        raise LinkError(f"{kind} {name.hex()}: the controller answered 404", permanent=True)
    return files[name]
