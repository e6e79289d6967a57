"""`make demo AUDIO=1`: the real agent takes this machine's loudspeaker, which here is a null sink with an ear at it."""

import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile

from agent.services.recordings import Recordings
from controller.demo.layout import Layout
from controller.demo.panel import HOLD_MS, Panel
from controller.demo.processes import free_port
from controller.demo.stage import Stage
from tests.agent.audio.null_sink import INSTALLED, RATE_HZ, WAY_OUT, NullSink, find

LOALANG = Path(sys.executable).with_name("loalang")
HEARD_S = 8
ALIKE = 0.5
"""Of the same sound, on a machine so busy that its 30 ms of buffer run dry now and then; of another it is 0.1."""


@pytest.mark.sound
@pytest.mark.skipif(not INSTALLED, reason=WAY_OUT)
def test_with_audio_the_box_is_heard_on_this_machines_loudspeaker(tmp_path: Path) -> None:
    pytest.importorskip("pyaudio", reason="the extra `sound` is not installed")
    sink = NullSink(tmp_path)
    sink.plug_in()
    try:
        flood, fire = (soundfile.read(Recordings().path(name), frames=4 * RATE_HZ)[0] for name in ("1", "4"))
        ear = sink.listen()
        pressed(tmp_path / "demo", {**os.environ, **sink.environment})
        heard, _ = ear.close()
        assert find(flood, heard)[1] > ALIKE > find(fire, heard)[1]
        assert not list((tmp_path / "demo" / "agent" / "recordings").glob("*")), "it goes to the device alone"
    finally:
        sink.close()


def pressed(folder: Path, environment: dict[str, str]) -> None:
    """Start the demo, turn the key of the real box, hold its button, hear it for a while."""
    command = [str(LOALANG), "demo", "--audio", "--boxes", "1", "--dir", str(folder), "--port", str(free_port())]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as demo:
        assert demo.stdout is not None
        said = list(itertools.takewhile(lambda line: "Ctrl-C ends the demo" not in line, demo.stdout))
        try:
            panel = Panel(Stage(Layout(folder, 1, 1), boxes=1))
            panel.wire("key", True)
            panel.press("emergency", HOLD_MS + 500)
            time.sleep(HEARD_S)
        finally:
            demo.send_signal(signal.SIGTERM)
            demo.communicate(timeout=60)
    assert any("this machine's loudspeaker" in line for line in said), said
