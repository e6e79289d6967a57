"""espeak-ng as a voice: small, on most images, and good enough for eight letters."""

import asyncio
import shutil
import wave
from pathlib import Path
from typing import Final

import numpy as np
import soundfile

from agent.drivers.audio.source import RATE_HZ
from agent.ports.sound import SoundError

PROGRAM: Final = "espeak-ng"
PATIENCE_S: Final = 20


class Espeak:
    """Implements the port `Voice`."""

    async def say(self, text: str, target: Path) -> None:
        program = shutil.which(PROGRAM)
        if program is None:
            raise SoundError(
                f"{PROGRAM} is not installed, so the code cannot be spoken; install it, or read the code on the label",
                vi=f"chưa có {PROGRAM} nên không đọc được mã thành tiếng; hãy cài nó, hoặc xem mã trên nhãn",
                device=False,
            )
        raw = target.with_suffix(".raw.wav")
        try:
            process = await asyncio.create_subprocess_exec(
                program, "-v", "vi", "-s", "130", "-w", str(raw), text, stderr=asyncio.subprocess.DEVNULL
            )
            async with asyncio.timeout(PATIENCE_S):
                code = await process.wait()
            if code != 0:
                raise SoundError(f"{PROGRAM} ended with code {code}", device=False)
            await asyncio.to_thread(_resampled, raw, target)
        except (OSError, TimeoutError, wave.Error, EOFError) as error:
            raise SoundError(f"{PROGRAM} could not speak ({error})", device=False) from error
        finally:
            raw.unlink(missing_ok=True)


def _resampled(raw: Path, target: Path) -> None:
    """At the rate of every other sound of the box; for a voice that was never above 11 kHz, straight lines will do."""
    with wave.open(str(raw), "rb") as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.float32) / 32_768
        rate = file.getframerate()
    places = np.arange(len(samples) * RATE_HZ // rate) * (rate / RATE_HZ)
    soundfile.write(target, np.interp(places, np.arange(len(samples)), samples), RATE_HZ, subtype="PCM_16")
