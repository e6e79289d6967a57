"""Fault 46: the daemon hangs or leaks while an alarm sounds, and is killed; its service manager starts it again.

A real daemon with a real player process, on a null sink that is listened to. The manager is a stand-in for systemd.
"""

import os
import signal
import threading
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from protocol.order import Sound
from protocol.report import Result, Stage
from tests.agent.audio.null_sink import RATE_HZ, NullSink
from tests.support.agents import eventually
from tests.support.broker import Broker
from tests.support.service_manager import ServiceManager
from tests.support.small_controller import Programme, SmallController, alert, box_toml, signed, tone

TONE_HZ = 700.0
PASS_MS = 3_000
PASSES = 2
MOST_KB = 300_000
"""Three times what a healthy daemon takes."""
BLOCK = RATE_HZ // 10


@pytest.mark.sound
@pytest.mark.broker
@pytest.mark.parametrize(
    ("illness", "end"),
    [
        pytest.param(signal.SIGUSR1, "watchdog", id="the event loop stands for 30 s"),
        pytest.param(signal.SIGUSR2, "out of memory", id="memory leaks until the kernel kills"),
    ],
)
def test_fault_46_a_daemon_that_hangs_or_leaks_in_an_alarm_is_back_and_the_alarm_is_heard_to_its_end(
    tmp_path: Path, short_folder: Path, null_sink: NullSink, illness: signal.Signals, end: str
) -> None:
    pause = threading.Event()
    sound = tone(PASS_MS, TONE_HZ)
    programme = Programme()
    programme.add("carrier", "2030-01-01T06:00:00", sound, PASS_MS)
    with Broker(tmp_path) as broker, SmallController(broker.port) as controller:
        config = box_toml(tmp_path / "box", controller, output="portaudio")
        ear = null_sink.listen()
        with ServiceManager(config, short_folder, environment=null_sink.environment, most_kb=MOST_KB) as manager:
            eventually(lambda: bool(controller.heard.hellos), "the first hello")
            controller.publish(programme)
            eventually(lambda: 'event="in force"' in manager.log(), "the alarm's sound")
            order = alert(1, sound=Sound(sha256(sound).digest(), chime=0, repeats=PASSES, gap_s=0))
            controller.order(signed(order))
            box = next(iter(controller.keys))
            eventually(lambda: (box, order.id, Stage.STARTED) in controller.heard.receipts, "the alarm")
            pause.wait(1.0)
            first = manager.pid
            os.kill(first, illness)
            eventually(lambda: bool(manager.ends), "an end of the daemon")
            eventually(lambda: (box, order.id, Stage.DONE) in controller.heard.receipts, "DONE")
        heard, _ = ear.close()
    assert manager.ends == [end]
    rows = sorted(controller.heard.rows.values(), key=lambda row: row.seq)
    whole = [row.play for row in rows if row.result is Result.PLAYED]
    assert whole == [f"{order.id.hex()}#{number}" for number in range(1, PASSES + 1)]
    assert any(row.result is Result.CUT for row in rows)
    assert controller.heard.conflicts == []
    assert PASSES * PASS_MS <= _tone_ms(heard) < (PASSES + 2) * PASS_MS, "no pass is missing, none is heard twice over"


def _tone_ms(heard: npt.NDArray[np.float32]) -> float:
    """So long the tone was heard, in milliseconds."""
    blocks = heard[: len(heard) // BLOCK * BLOCK].reshape(-1, BLOCK)
    times = np.arange(BLOCK) / RATE_HZ
    level = np.abs(blocks @ np.exp(-2j * np.pi * TONE_HZ * times)) * 2 / BLOCK
    return float(np.count_nonzero(level > 0.1) * 100)
