"""Sounds for the tests of drivers, and tracks of them."""

from functools import partial
from pathlib import Path

import numpy as np
import soundfile

from agent.drivers.audio.source import RATE_HZ
from agent.drivers.audio.speaker import EngineSpeaker, OnFault, command
from agent.ports.clock import Clock
from agent.ports.sound import Track, files


def tone(path: Path, duration_ms: int, *, hertz: float = 440.0, level: float = 0.5, rate: int = RATE_HZ) -> Path:
    """A sine in a file; what the file is follows from its name."""
    time_s = np.arange(duration_ms * rate // 1000) / rate
    soundfile.write(path, level * np.sin(2 * np.pi * hertz * time_s), rate)
    return path


def track(*sources: Path, start_ms: int = 0, name: str = "play", **changes: int | None) -> Track:
    """A track with nothing special about it but `changes`."""
    fields: dict[str, int | None] = {"offset_ms": 0, "length_ms": None, "gain_cb": 0, "fade_out_ms": 0, **changes}
    return Track(sources=files(*sources), start_ms=start_ms, name=name, cause="cause", **fields)  # type: ignore[arg-type]


def patient_speaker(clock: Clock, *outputs: str | None, on_fault: OnFault = lambda *_: None) -> EngineSpeaker:
    """The speaker of a real box; its device holds 300 ms, since machines that run tests do much besides."""
    return EngineSpeaker(clock, outputs or (None,), on_fault=on_fault, start=partial(command, buffer_ms=300))


async def ready_speaker(clock: Clock, *outputs: str | None, on_fault: OnFault = lambda *_: None) -> EngineSpeaker:
    """One whose process has started already."""
    speaker = patient_speaker(clock, *outputs, on_fault=on_fault)
    await speaker.probe()
    return speaker
