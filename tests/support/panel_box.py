"""A box with a panel in virtual time: real store, player and panel; fake pins, speaker, amplifier, microphone."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from agent.core.lamps import Lamp
from agent.core.panel import Code, Contact, selector
from agent.drivers.amplifier import FakeAmplifier
from agent.drivers.audio.fake import FakeSpeaker, Heard
from agent.drivers.audio.microphone import FakeMicrophone
from agent.drivers.gpio.fake import FakePins
from agent.drivers.gpio.relay import RelayAmplifier
from agent.errors import StoreError
from agent.link.fake import FakeTalkLine
from agent.ports.live import Encoder
from agent.ports.pins import Line, Pins
from agent.ports.store import OrderBook
from agent.services.brownout import BrownOut
from agent.services.caller import Caller
from agent.services.own_orders import OwnOrders
from agent.services.panel import Judged, PanelService, Wiring
from agent.services.player import Player
from agent.services.progress import Progress
from agent.services.recordings import Recordings
from agent.services.service_lock import ServiceLock
from agent.store.database import Database
from agent.store.lives import LivesFile
from agent.store.sessions import Sessions
from protocol.order import Order
from protocol.priority import OWN_LEVEL
from protocol.report import ClockQuality
from tests.support import virtual_time
from tests.support.box_parts import SIGNER, Parts, parts
from tests.support.small_controller import key

LEAD_IN_MS = 1_500
CODE, DURESS = "24681357", "99990000"
LINES: dict[str, Line] = {name: Line(place, True) for place, name in enumerate(Contact)}
LINES |= {selector(message): Line(20 + message, True) for message in (1, 2, 4)}
LAMPS = {lamp: Line(10 + place, False) for place, lamp in enumerate(Lamp)}
RECORDINGS = Recordings()


class Disk:
    """The order book on a disk that the test fills."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self.is_full = False

    def accept(self, *order: Any) -> None:
        if self.is_full:
            raise StoreError("no space left on the device")
        self._book.accept(*order)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._book, name)


@dataclass
class PanelBox:
    """What a test takes hold of."""

    parts: Parts
    pins: FakePins
    speaker: FakeSpeaker
    amplifier: FakeAmplifier
    microphone: FakeMicrophone
    panel: PanelService
    player: Player
    own: OwnOrders
    disk: "Disk"
    line: FakeTalkLine

    @property
    def disk_is_full(self) -> bool:
        return self.disk.is_full

    @disk_is_full.setter
    def disk_is_full(self, full: bool) -> None:
        self.disk.is_full = full

    def press(self, name: str) -> None:
        self.pins.press(LINES[name].number)

    def release(self, name: str) -> None:
        self.pins.release(LINES[name].number)

    async def hold(self, name: str, duration_ms: int) -> None:
        self.press(name)
        await self.pass_ms(duration_ms)
        self.release(name)
        await self.pass_ms(50)

    async def pass_ms(self, duration_ms: int) -> None:
        await asyncio.sleep(duration_ms / 1000)

    async def raise_alarm(self) -> None:
        """With the key, as an officer does."""
        self.press(Contact.KEY)
        await self.pass_ms(100)
        await self.hold(Contact.EMERGENCY, 3_200)

    @property
    def own_orders(self) -> list[Order]:
        return [held.order for held in self.parts.store.book.orders(0) if held.level == OWN_LEVEL]

    @property
    def heard(self) -> list[Heard]:
        return self.speaker.heard

    def is_lit(self, lamp: Lamp) -> bool:
        return LAMPS[lamp].number in self.pins.on


class CountingEncoder:
    """Each packet has its number, from 1."""

    def __init__(self) -> None:
        self._count = 0

    def encode(self, pcm: bytes) -> bytes:
        del pcm
        self._count += 1
        return self._count.to_bytes(4, "big")


@contextlib.contextmanager
def kept_sessions(folder: Path) -> Iterator[Sessions]:
    """A book of live sessions on the disk."""
    with contextlib.closing(Database(folder)) as database:
        yield Sessions(database)


@contextlib.asynccontextmanager
async def panel_box(
    folder: Path,
    quality: ClockQuality = ClockQuality.NTP,
    *,
    trusts: bool = True,
    pressed: tuple[str, ...] = (Contact.MAINS,),
    wired: tuple[str, ...] = tuple(LINES),
    token: str = "",
    extra: Mapping[str, Line] | None = None,
    through: Callable[[FakePins], Pins] = lambda pins: pins,
    relay: Line | None = None,
    talk_to_commune: bool = False,
    encoder: Callable[[], Encoder] | None = None,
) -> AsyncIterator[PanelBox]:
    """Running, with the roots and a place where `trusts`. `token`: whose key the right code opens; "" for none.

    `extra` is wired too; `through`: the pins that the panel gets instead of the fake ones;
    `relay`: what switches the amplifier, where it is not the fake one.
    """
    with contextlib.ExitStack() as stack:
        box = stack.enter_context(parts(folder, quality))
        if trusts:
            box.trusts().assigned()
        speaker, amplifier, microphone = FakeSpeaker(box.clock), FakeAmplifier(box.clock), FakeMicrophone()
        pins = FakePins(box.clock, on={LINES[name].number for name in pressed})
        switched = None if relay is None else RelayAmplifier(pins, relay)
        power = BrownOut(
            switched or amplifier,
            speaker,
            clock=box.clock,
            kept=LivesFile(folder, folder / "boot_id"),
            keeper=box.keeper,
        )
        contacts = {name: LINES[name] for name in wired} | dict(extra or {})
        lock = ServiceLock(power.amplifier, power.speaker, locked=Contact.SERVICE in contacts)
        player = Player(
            clock=box.clock,
            speaker=lock.speaker,
            amplifier=lock.amplifier,
            journal=box.store.journal,
            shelf=box.store.shelf.path,
            recordings=RECORDINGS,
            holdings=box.keeper.holdings,
            changed=box.keeper.changed,
            on_order=Progress(box.store.book, box.faults, box.wakes.reporter).note,
            on_fault=box.faults.note,
            on_damaged=lambda _: None,
            on_doing=lambda: None,
            lead_in_ms=LEAD_IN_MS,
        )
        lock.on_moved = player.doubt_power
        drawn = iter(range(1, 1_000))
        disk = Disk(box.store.book)
        own = OwnOrders(
            SIGNER,
            box.clock,
            replace(box.store, book=cast(OrderBook, disk)),
            recordings=RECORDINGS,
            keeper=box.keeper,
            faults=box.faults,
            wakes=box.wakes,
            take=box.inbox.take_own,
            entropy=lambda: box.clock.boot_ms().to_bytes(8, "big") + next(drawn).to_bytes(4, "big"),
        )

        line = FakeTalkLine()
        caller = Caller(
            box.clock,
            box.store,
            sessions=stack.enter_context(kept_sessions(folder / "live")),
            line=line,
            encoder=encoder or CountingEncoder,
            unit_of=own.unit_of,
            entropy=lambda: next(drawn).to_bytes(12, "big"),
            key=lambda: key(f"press {next(drawn)}"),
        )

        async def judge(entered: str) -> Judged:
            opened = key(token) if token and entered == CODE else None
            return Judged({CODE: Code.RIGHT, DURESS: Code.DURESS}.get(entered, Code.WRONG), opened)

        panel = PanelService(
            Wiring(contacts, LAMPS),
            through(pins),
            box.clock,
            own=own,
            keeper=box.keeper,
            faults=box.faults,
            lock=lock,
            microphone=microphone,
            inlet=speaker.frames,
            judge=judge,
            sounding=lambda: player.sounding,
            caller=caller if token else None,
            talk_to_commune=talk_to_commune,
            troubles={} if switched is None else {"amplifier": switched.trouble},
        )
        power.on_trouble = panel.power_trouble
        services = (player.run(), panel.run(), power.run(), box.watch.run())
        tasks = [asyncio.create_task(service) for service in services]
        await asyncio.sleep(0.1)
        try:
            yield PanelBox(box, pins, speaker, amplifier, microphone, panel, player, own, disk, line)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def tell(folder: Path, story: Callable[[PanelBox], Awaitable[None]], **how: object) -> None:
    """Let this happen on a box with a panel, in virtual time; `how` is given to `panel_box`."""

    async def main() -> None:
        async with panel_box(folder, **how) as box:  # type: ignore[arg-type]
            await story(box)

    virtual_time.run(main())
