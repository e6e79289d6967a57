"""How exactly a sound starts: the intended instant against the first sample at the monitor of a null sink."""

import asyncio
import os
import statistics
import sys
import tempfile
from pathlib import Path

import soundfile

from agent.drivers.audio.speaker import EngineSpeaker
from agent.drivers.clock import SystemClock
from agent.services.recordings import Recordings
from tests.agent.audio.null_sink import INSTALLED, RATE_HZ, WAY_OUT, NullSink, find
from tests.agent.audio.sounds import track
from tests.support import bench

STARTS = 20
LENGTH_MS = 800
SPACING_MS = 1_500
LIMIT_MS = 20.0
ALIKE = 0.5
"""Below this it is another sound, or none."""


async def sound_all(clock: SystemClock) -> list[int]:
    """Sound STARTS excerpts at agreed instants; those instants, epoch milliseconds."""
    speaker = EngineSpeaker(clock)
    first_ms = clock.now_ms() + SPACING_MS
    instants = [first_ms + number * SPACING_MS for number in range(STARTS)]
    for instant in instants:
        sounding = await speaker.start(track(Recordings().path("1"), start_ms=instant, length_ms=LENGTH_MS))
        await sounding.ended()
    await speaker.close()
    return instants


def main() -> int:
    if not INSTALLED:
        raise SystemExit(WAY_OUT)
    bench.begin(f"{STARTS} starts at agreed instants", 10 + STARTS * SPACING_MS / 1000)
    with tempfile.TemporaryDirectory(prefix="loa-") as folder:
        sink = NullSink(Path(folder))
        os.environ.update(sink.environment)
        sink.plug_in()
        ear = sink.listen()
        instants = asyncio.run(sound_all(SystemClock("system")))
        heard, began_ms = ear.close()
        sink.close()
    expected, _ = soundfile.read(Recordings().path("1"), frames=LENGTH_MS * RATE_HZ // 1000, dtype="float32")
    errors, alike = [], []
    for instant in instants:
        # Half a spacing on either side of the instant holds this start and no other.
        begin = max(0, round((instant - began_ms - SPACING_MS / 3) * RATE_HZ / 1000))
        place, likeness = find(expected, heard[begin : begin + SPACING_MS * RATE_HZ // 1000])
        errors.append(abs(began_ms + (begin + place) * 1000 / RATE_HZ - instant))
        alike.append(likeness)
    errors.sort()
    return bench.end(
        {
            "starts": STARTS,
            "start_error_ms_p50": round(statistics.median(errors), 2),
            "start_error_ms_max": round(errors[-1], 2),
            "limit_ms": LIMIT_MS,
            "correlation_min": round(min(alike), 4),
            "ok": errors[-1] <= LIMIT_MS and min(alike) >= ALIKE,
        }
    )


if __name__ == "__main__":
    sys.exit(main())
