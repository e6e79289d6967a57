"""What really sounded, measured from recordings and not from anybody's log."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray


@dataclass(frozen=True)
class Heard:
    """One stretch of sound that a box's output device took."""

    box: str
    play: str
    first_sample_ms: int
    """Wall instant, epoch milliseconds."""
    recording: "Recording | None"
    """The samples, where the device keeps them."""


@dataclass(frozen=True)
class Recording:
    """A stretch of a WAV file."""

    path: Path
    at_ms: int = 0
    length_ms: int | None = None
    """None: to its end."""

    def samples(self) -> tuple[NDArray[np.float64], int]:
        """One channel, and samples a second."""
        with soundfile.SoundFile(self.path) as file:
            rate = int(file.samplerate)
            file.seek(min(self.at_ms * rate // 1000, file.frames))
            count = -1 if self.length_ms is None else self.length_ms * rate // 1000
            samples = file.read(count, dtype="float64", always_2d=True)
        return np.asarray(samples.mean(axis=1), dtype=np.float64), rate


def heard_by_recorder(box: str, folder: Path) -> list[Heard]:
    """What a real agent wrote instead of sounding it: one sidecar a recording, several plays in some of them."""
    found = []
    for sidecar in sorted(folder.glob("*.json")):
        wav = sidecar.with_name(f"{sidecar.stem}.wav")
        found += [
            Heard(box, play["name"], play["first_sample_ms"], Recording(wav, play["at_ms"], play["sounded_ms"]))
            for play in json.loads(sidecar.read_text())["plays"]
        ]
    return found


def heard_by_fake(box: str, log: Path) -> list[Heard]:
    """What the speaker of a simulated box took: one JSON line a sound."""
    if not log.exists():
        return []
    rows = (json.loads(line) for line in log.read_text().splitlines() if line.endswith("}"))
    return [
        Heard(box, row["play"], row["first_sample_ms"], None) for row in rows if row.get("first_sample_ms") is not None
    ]


def correlation(recording: Recording, sound: Path) -> tuple[float, float]:
    """How alike a recording is to the sound it should hold, and where in this stretch the sound begins.

    Returns the peak of the normalised cross-correlation (0 to 1; 1 is the same samples at any volume) and its lag in
    milliseconds.
    """
    heard, rate = recording.samples()
    expected, expected_rate = Recording(sound).samples()
    if rate != expected_rate:
        raise ValueError(f"{recording.path.name} has {rate} Hz, {sound.name} {expected_rate} Hz")
    size = 1 << (heard.size + expected.size - 1).bit_length()
    product = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(expected, size)), size)
    peak = int(np.argmax(product))
    lag = peak if peak < heard.size else peak - size
    energy = float(np.sqrt(np.sum(heard**2) * np.sum(expected**2)))
    return (max(0.0, float(product[peak])) / energy if energy > 0 else 0.0), lag * 1000 / rate


def loudest_hz(recording: Recording) -> float:
    """The loudest note of it, by FFT."""
    samples, rate = recording.samples()
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(samples.size)))
    return float(np.argmax(spectrum) * rate / samples.size) if samples.any() else 0.0
