"""A speaker for machines without sound: every track becomes a WAV file, written as fast as it would have sounded.

Beside each file lies a JSON of the same name: {"name", "cause", "sources", "first_sample_ms", "frames", "complete"}.
It appears when the track has ended, so a WAV file with its JSON is whole. Only the newest recordings are kept.
"""

import contextlib
import json
import re
from pathlib import Path
from typing import Final

import soundfile

from agent.drivers.audio.paced import PacedSounding, PacedSpeaker, fallbacks, gone
from agent.drivers.audio.source import RATE_HZ, Source, frames, limited, milliseconds
from agent.drivers.audio.speech import open_spoken
from agent.ports.clock import Clock, wait_for
from agent.ports.sound import Sounded, Track, sound_label

KEPT: Final = 50
STEP_MS: Final = 100


def wav_speaker(clock: Clock, folder: Path, kept: int = KEPT) -> PacedSpeaker:
    """Writes into `folder`, which is made when it is missing, and keeps the `kept` newest recordings there."""

    def probe() -> str:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            trial = folder / ".trial"
            trial.write_bytes(b"")
            trial.unlink()
        except OSError as error:
            raise gone(f"{folder} cannot be written: {error}; choose another sound.recordings in box.toml") from error
        return f"WAV: {folder}"

    def make(track: Track, before: PacedSounding | None) -> PacedSounding:
        probe()
        return WavSounding(clock, track, before, Source(track, open_spoken), folder=folder, kept=kept)

    return PacedSpeaker(make, probe)


class WavSounding(PacedSounding):
    """One track on its way into one file."""

    def __init__(
        self, clock: Clock, track: Track, before: PacedSounding | None, source: Source, *, folder: Path, kept: int
    ) -> None:
        super().__init__(clock, track, before)
        self._source = source
        self._folder = folder
        self._kept = kept
        self._part: Path | None = None
        self._frames = 0
        self._first_sample_ms = 0

    async def sound(self, first_sample_ms: int) -> Sounded:
        self._first_sample_ms = first_sample_ms
        self._part = self._folder / f"{_file_name(first_sample_ms, self.track.name)}.part"
        try:
            with soundfile.SoundFile(self._part, "w", RATE_HZ, 1, "PCM_16", format="WAV") as file:
                complete = await self._pour(file)
        except (OSError, soundfile.LibsndfileError) as error:
            raise gone(f"{self._part}: {error}; is the disk full?") from error
        return Sounded(first_sample_ms, milliseconds(self._frames), complete, detail=fallbacks(self.track))

    async def _pour(self, file: soundfile.SoundFile) -> bool:
        began = self.clock.boot_ms()
        fading = False
        while True:
            samples = self._source.read(frames(STEP_MS))
            file.write(limited(samples))
            self._frames += len(samples)
            due = began + milliseconds(self._frames) - self.clock.boot_ms()
            if fading:
                await self.clock.sleep_ms(max(0, due))
            elif await wait_for(self.clock, self.stopped, due):
                fading = True
                self._source.fade_out(self.fade_ms)
            if len(samples) < frames(STEP_MS):
                return not fading

    def over(self, sounded: Sounded | None) -> None:
        self._source.close()
        if self._part is None:
            return
        if sounded is None or sounded.first_sample_ms is None:
            self._part.unlink(missing_ok=True)
            return
        wav = self._part.with_suffix(".wav")
        self._part.replace(wav)
        facts = {
            "name": self.track.name,
            "cause": self.track.cause,
            "sources": [sound_label(sound) for sound in self.track.sources],
            "first_sample_ms": sounded.first_sample_ms,
            "frames": self._frames,
            "complete": sounded.complete,
        }
        sidecar = self._part.with_suffix(".json.part")
        sidecar.write_text(json.dumps(facts, ensure_ascii=False) + "\n", encoding="utf-8")
        sidecar.replace(wav.with_suffix(".json"))
        _keep_newest(self._folder, self._kept)


def _file_name(first_sample_ms: int, play: str) -> str:
    """Sorts by time; only letters that every file system takes."""
    return f"{first_sample_ms:013d}-{re.sub(r'[^0-9A-Za-z@#._+-]', '_', play)[:80]}"


def _keep_newest(folder: Path, kept: int) -> None:
    for old in sorted(folder.glob("*.wav"))[: -kept or None]:
        for path in (old.with_suffix(".json"), old):
            with contextlib.suppress(OSError):
                path.unlink()
