"""From the edge at the pin to the first sample at the monitor of a null sink, with the whole box between them.

gpiozero's mock pins, the panel with its debounce of 30 ms, the order on the disk with its fsync, planner, player, the
note on the disk that the amplifier goes on, its relay, the engine's process, PortAudio. The amplifier's lead-in is 0,
and of the 3 seconds for which an officer holds the button 0: what is measured is what comes after them.
`PYTHONPATH=. python tests/bench/button.py [presses]`.
"""

import asyncio
import contextlib
import math
import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gpiozero.pins.mock import MockFactory

from agent.core.panel import DEBOUNCE_MS, Code, Contact
from agent.core.tape import SIGNALS_MS
from agent.drivers.audio.microphone import FakeMicrophone
from agent.drivers.audio.speaker import EngineSpeaker
from agent.drivers.audio.tones import Tone
from agent.drivers.boards.worker import Worker
from agent.drivers.clock import SystemClock
from agent.drivers.gpio.relay import RelayAmplifier
from agent.drivers.gpio.zero import ZeroPins
from agent.ports.pins import Line
from agent.ports.sound import ToneKind
from agent.ports.store import Store
from agent.services.brownout import BrownOut
from agent.services.faults import Faults
from agent.services.keeper import Keeper
from agent.services.own_orders import OwnOrders
from agent.services.panel import Judged, PanelService, Wiring
from agent.services.player import Player
from agent.services.progress import Progress
from agent.services.recordings import Recordings
from agent.services.service_lock import ServiceLock
from agent.services.wake import Wakes
from agent.store.blobs import BlobShelf
from agent.store.database import Database
from agent.store.lives import LivesFile
from agent.store.memory import Memory
from agent.store.orders import Orders
from agent.store.outbox import Outgoing
from agent.store.plays import Plays
from protocol.compose import ENTROPY_BYTES
from protocol.ids import box_id
from tests.agent.audio.null_sink import INSTALLED, RATE_HZ, WAY_OUT, NullSink, find
from tests.support import bench
from tests.support.bench import percentile
from tests.support.small_controller import key

PRESSES = 40
SPACING_S = 1.2
WINDOW_MS = 1_000
MATCHED_MS = 300
BUTTON, KEY, RELAY = 5, 6, 7
AIM_MS = 150
"""p99, design §10."""


async def presses(folder: Path, count: int) -> list[float]:
    """The wall instants of the edges, in milliseconds."""
    clock, wakes, signer, recordings = SystemClock("system"), Wakes(), key("box"), Recordings()
    factory = MockFactory()
    with contextlib.closing(Database(folder)) as database:
        memory = Memory(database)
        store = Store(
            trust=memory,
            desired=memory,
            book=Orders(database),
            outbox=Outgoing(database, box_id(signer.public_key)),
            shelf=BlobShelf(database, folder / "blobs"),
            journal=Plays(database, clock.now_ms, wakes.reporter.set),
        )
        faults, keeper = Faults(store.outbox, clock, wakes.reporter), Keeper(clock, store)
        speaker = EngineSpeaker(clock)
        await speaker.probe()
        pins = ZeroPins(clock, factory)
        power = BrownOut(
            RelayAmplifier(pins, Line(RELAY, False)),
            speaker,
            clock=clock,
            kept=LivesFile(folder),
            keeper=keeper,
            aside=Worker("lives").do,
        )
        lock = ServiceLock(power.amplifier, power.speaker)
        player = Player(
            clock=clock,
            speaker=lock.speaker,
            amplifier=lock.amplifier,
            journal=store.journal,
            shelf=store.shelf.path,
            recordings=recordings,
            holdings=keeper.holdings,
            changed=keeper.changed,
            on_order=Progress(store.book, faults, wakes.reporter).note,
            on_fault=faults.note,
            on_damaged=lambda _: None,
            on_doing=lambda: None,
            lead_in_ms=0,
        )
        lock.on_moved = player.doubt_power
        own = OwnOrders(
            signer,
            clock,
            store,
            recordings=recordings,
            keeper=keeper,
            faults=faults,
            wakes=wakes,
            take=lambda _: None,
            entropy=lambda: secrets.token_bytes(ENTROPY_BYTES),
        )

        async def judge(_: str) -> Judged:
            return Judged(Code.WRONG)

        panel = PanelService(
            Wiring({Contact.EMERGENCY: Line(BUTTON, True), Contact.KEY: Line(KEY, True)}, hold_ms=0),
            pins,
            clock,
            own=own,
            keeper=keeper,
            faults=faults,
            lock=lock,
            microphone=FakeMicrophone(),
            inlet=speaker.frames,
            judge=judge,
            sounding=lambda: player.sounding,
        )
        tasks = [asyncio.create_task(service) for service in (player.run(), panel.run(), power.run())]
        await asyncio.sleep(1)
        factory.pin(KEY).drive_low()
        asked = []
        for _ in range(count):
            await asyncio.sleep(SPACING_S)
            asked.append(time.time_ns() / 1e6)
            factory.pin(BUTTON).drive_low()
            await asyncio.sleep(SPACING_S)
            factory.pin(BUTTON).drive_high()
            own.stop(None)
            own.open()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await speaker.close()
    return asked


def delays(heard: Any, began_ms: float, asked: Sequence[float]) -> list[float]:
    """From each edge to the first sample of the siren that follows it; infinite for one that was never heard."""
    siren = Tone(ToneKind.WAIL, RATE_HZ * SIGNALS_MS["wail"] // 1000).read(RATE_HZ * MATCHED_MS // 1000)
    found = []
    for instant in asked:
        begin = max(0, round((instant - began_ms) * RATE_HZ / 1000))
        place, likeness = find(siren, heard[begin : begin + RATE_HZ * WINDOW_MS // 1000])
        is_heard = likeness > 0.5
        found.append(began_ms + (begin + place) * 1000 / RATE_HZ - instant if is_heard else math.inf)
    return found


def main(count: int) -> int:
    if not INSTALLED:
        raise SystemExit(WAY_OUT)
    bench.begin(
        f"{count} presses of the emergency button, from the edge to the first sample", 15 + 2 * SPACING_S * count
    )
    folder = Path(tempfile.mkdtemp(prefix="loa-"))
    sink = NullSink(folder)
    os.environ.update(sink.environment)
    sink.plug_in()
    ear = sink.listen()
    asked = asyncio.run(presses(folder, count))
    heard, began_ms = ear.close()
    sink.close()
    shutil.rmtree(folder)
    found = delays(heard, began_ms, asked)
    figures = {
        "presses": count,
        "heard": sum(map(math.isfinite, found)),
        "edge_to_sample_ms_p50": percentile(found, 0.5),
        "edge_to_sample_ms_p99": percentile(found, 0.99),
        "of_which_debounce_ms": DEBOUNCE_MS,
    }
    figures["ok"] = figures["heard"] == count and percentile(found, 0.99) <= AIM_MS
    return bench.end(figures)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else PRESSES))
