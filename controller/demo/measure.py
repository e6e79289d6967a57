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
    recording: Path | None
    """The samples, where the device keeps them."""


def heard_by_recorder(box: str, folder: Path) -> list[Heard]:
    """What the WAV writer of a real agent took: one sidecar a recording."""
    found = []
    for sidecar in sorted(folder.glob("*.json")):
        row = json.loads(sidecar.read_text())
        found.append(Heard(box, row["name"], row["first_sample_ms"], sidecar.with_suffix(".wav")))
    return found


def heard_by_fake(box: str, log: Path) -> list[Heard]:
    """What the speaker of a simulated box took: one JSON line a sound."""
    if not log.exists():
        return []
    rows = (json.loads(line) for line in log.read_text().splitlines() if line.endswith("}"))
    return [
        Heard(box, row["play"], row["first_sample_ms"], None) for row in rows if row.get("first_sample_ms") is not None
    ]


def correlation(recording: Path, sound: Path) -> tuple[float, float]:
    """How alike a recording is to the sound it should hold, and where in the recording the sound begins.

    Returns the peak of the normalised cross-correlation (0 to 1; 1 is the same samples at any volume) and its lag in
    milliseconds.
    """
    heard, rate = _samples(recording)
    expected, expected_rate = _samples(sound)
    if rate != expected_rate:
        raise ValueError(f"{recording.name} has {rate} Hz, {sound.name} {expected_rate} Hz")
    size = 1 << (heard.size + expected.size - 1).bit_length()
    product = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(expected, size)), size)
    peak = int(np.argmax(product))
    lag = peak if peak < heard.size else peak - size
    energy = float(np.sqrt(np.sum(heard**2) * np.sum(expected**2)))
    return (max(0.0, float(product[peak])) / energy if energy > 0 else 0.0), lag * 1000 / rate


def _samples(path: Path) -> tuple[NDArray[np.float64], int]:
    samples, rate = soundfile.read(path, dtype="float64", always_2d=True)
    return np.asarray(samples.mean(axis=1), dtype=np.float64), int(rate)
