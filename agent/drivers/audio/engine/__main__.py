"""How the daemon starts it: `python -m agent.drivers.audio.engine --link FD [OUTPUT [SECOND]]`.

`--probe [OUTPUT]` says what there is. An output is a part of its name; an empty one is the system's default.
`--wav FOLDER` records there what would sound, and needs no PortAudio.
"""

import argparse
import contextlib
import os
import signal
import socket
import sys
from pathlib import Path

from agent.drivers.audio.engine.process import BUFFERS_MS, Engine, hurry
from agent.drivers.audio.engine.recorder import Recorder
from agent.drivers.audio.engine.sandbox import UNFILTERED, confine
from agent.ports.sound import SoundError


def main() -> int:
    parser = argparse.ArgumentParser(prog="loalang player")
    parser.add_argument("--link", type=int)
    parser.add_argument("--probe", action="store_true")
    parser.add_argument("--buffer-ms", type=int, default=BUFFERS_MS[0])
    parser.add_argument("--begin-at", type=int, default=0)
    parser.add_argument("--wav", type=Path)
    parser.add_argument("outputs", nargs="*", default=[""])
    given = parser.parse_args()
    confined = confine()
    print(f"the player process has {confined}", file=sys.stderr, flush=True)
    remark = f"; {confined}" if UNFILTERED in confined else ""
    hurry()
    outputs = [name or None for name in given.outputs]
    if given.probe:
        return _probe(outputs[0])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the daemon's, who lets sounds fade first
    with contextlib.closing(socket.socket(fileno=given.link)) as link:
        _engine(link, outputs, given, remark).run()
    sys.stdout.flush()
    os._exit(0)  # threads may hang in a device that hangs


def _engine(link: socket.socket, outputs: list[str | None], given: argparse.Namespace, remark: str) -> Engine:
    if given.wav is not None:
        recorder = Recorder(given.wav)
        return Engine(link, outputs, recorder.open, given.buffer_ms, note=recorder.note, remark=remark)
    from agent.drivers.audio.engine.device import Device

    return Engine(link, outputs, Device, given.buffer_ms, given.begin_at, remark=remark)


def _probe(output: str | None) -> int:
    from agent.drivers.audio.engine.device import Device

    try:
        device = Device(output, BUFFERS_MS[-1])
    except SoundError as error:
        print(error)
        return 1
    device.close()
    print(device.name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
