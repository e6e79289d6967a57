"""A sound device through PortAudio: opened when first needed, kept open, fed by a thread in blocks of 10 ms.

A stream that runs knows to the millisecond when the next block will be heard (what the device has not played yet lies
before it), so a track begins inside a block at the very sample of its instant. PortAudio, unlike players of higher
level, raises when the device is gone (design §6); then everything with it ends, and the next track opens it anew.
"""

import asyncio
import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final, TypeVar

import numpy as np

from agent.drivers.audio.device import Device, try_device
from agent.drivers.audio.paced import NEVER, gone
from agent.drivers.audio.source import BLOCK_FRAMES, Samples, Source, frames, milliseconds
from agent.ports.clock import Clock
from agent.ports.sound import Sounded, SoundError, Track

T = TypeVar("T")

IDLE_S: Final = 5.0
"""A stream without tracks is paused after this; starting it again takes a millisecond."""
PRIORITY: Final = -15
"""Nice value of the thread that feeds the device: it does little, but in time."""
JOIN_MS: Final = 40
"""A track whose instant is at most so far from the end of the one before follows it without a gap: the instant of a
sample is known to a few milliseconds only, and a pause of that length inside a programme would be heard as a crack."""
HUNG_S: Final = 2.0
"""A device that has not taken a block for so long is gone."""


class PortAudioSpeaker:
    """A Speaker; `device` is part of an output's name, None the default."""

    def __init__(self, clock: Clock, device: str | None = None) -> None:
        self._clock = clock
        self._device = device
        self._line: Line | None = None

    async def start(self, track: Track) -> "PortAudioSounding":
        source = Source(track)
        try:
            if self._line is None or self._line.dead:
                self._line = Line(await asyncio.to_thread(Device, self._device), self._clock.now_ms)
        except SoundError:
            source.close()
            raise
        sounding = PortAudioSounding(track, source, self._line)
        self._line.take(sounding)
        return sounding

    async def probe(self) -> str:
        if self._line is not None and not self._line.dead:
            return self._line.name
        return await asyncio.to_thread(try_device, self._device)

    async def close(self) -> None:
        if self._line is not None:
            await asyncio.to_thread(self._line.close)


class Line:
    """An open device, the thread that feeds it, and the tracks that it still has to sound."""

    def __init__(self, device: Device, now_ms: Callable[[], int]) -> None:
        self.name = device.name
        self.dead = False
        self._device = device
        self._now_ms = now_ms
        self._tracks: deque[PortAudioSounding] = deque()
        self._wake = threading.Condition()
        self._took_s = time.monotonic()
        self._resting = False
        self._joins = False
        self._thread = threading.Thread(target=self._feed, name="sound", daemon=True)
        self._thread.start()

    def take(self, track: "PortAudioSounding") -> None:
        with self._wake:
            if self.dead:
                track.fail(gone("it went away just now"))
                return
            self._took_s = time.monotonic()
            self._tracks.append(track)
            self._wake.notify()

    def close(self) -> None:
        """End what sounds and let the device go; waits for the thread unless that hangs."""
        self.give_up(gone("the speaker was closed"))
        self._thread.join(HUNG_S)

    def give_up(self, error: SoundError) -> None:
        """Nothing sounds here any more. The thread, wherever it is, does no harm when it comes back."""
        with self._wake:
            self.dead = True
            for track in self._tracks:
                track.fail(error)
            self._tracks.clear()
            self._wake.notify()

    @property
    def hangs(self) -> bool:
        """Whether the device takes nothing although there is something to sound."""
        return not self._resting and time.monotonic() - self._took_s > HUNG_S

    def _feed(self) -> None:
        with contextlib.suppress(OSError):  # only where the unit allows it (LimitNICE=)
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), PRIORITY)
        try:
            while not self.dead:
                if not self._tracks and time.monotonic() - self._took_s > IDLE_S:
                    self._rest()
                    continue
                self._device.write(self._next_block(self._now_ms() + self._device.ahead_ms()))
                if self._tracks:
                    self._took_s = time.monotonic()
        except SoundError as error:
            self.give_up(error)
        finally:
            self._device.close()

    def _rest(self) -> None:
        """Nothing to do: the stream stands still, and costs nothing, until there is."""
        self._device.pause()
        with self._wake:
            self._resting = True
            self._wake.wait_for(lambda: self._tracks or self.dead)
            self._took_s = time.monotonic()
            self._resting = False
        self._device.go_on()

    def _next_block(self, heard_ms: int) -> Samples:
        """10 ms of sound, whose first sample will be heard at this instant."""
        block = np.zeros(BLOCK_FRAMES, np.float32)
        filled = 0
        while filled < BLOCK_FRAMES and self._tracks:
            track = self._tracks[0]
            if not (self._joins and track.is_due(heard_ms + milliseconds(filled) + JOIN_MS)):
                filled += track.silence_before(heard_ms + milliseconds(filled), BLOCK_FRAMES - filled)
            self._joins = False
            samples = track.read(BLOCK_FRAMES - filled, heard_ms + milliseconds(filled))
            block[filled : filled + len(samples)] = samples
            filled += len(samples)
            if track.over:
                with self._wake:
                    if self._tracks:
                        self._tracks.popleft()
                self._joins = True
        if not self._tracks and filled < BLOCK_FRAMES:
            self._joins = False
        return block


class PortAudioSounding:
    """One track with the device. Futures belong to the event loop, everything else to the thread."""

    def __init__(self, track: Track, source: Source, line: Line) -> None:
        self.over = False
        self._track = track
        self._source = source
        self._line = line
        self._loop = asyncio.get_running_loop()
        self._first: asyncio.Future[int | None] = self._loop.create_future()
        self._end: asyncio.Future[Sounded] = self._loop.create_future()
        self._first_ms: int | None = None
        self._frames = 0
        self._stop_ms: int | None = None
        self._fading = False

    # On the event loop

    async def started(self) -> int | None:
        return await self._watched(self._first)

    async def ended(self) -> Sounded:
        return await self._watched(self._end)

    def stop(self, fade_ms: int) -> None:
        self._stop_ms = fade_ms

    async def _watched(self, future: "asyncio.Future[T]") -> T:
        while not future.done():
            await asyncio.wait({future}, timeout=HUNG_S)
            if not future.done() and self._line.hangs:
                self._line.give_up(gone(f"it has taken no sound for {HUNG_S:.0f} s"))
        return future.result()

    # On the thread

    def is_due(self, heard_ms: int) -> bool:
        """Whether its instant has come at this one."""
        return self._track.start_ms <= heard_ms

    def silence_before(self, heard_ms: int, room: int) -> int:
        """Samples of silence until it begins, at most `room`."""
        if self._first_ms is not None or self._stop_ms is not None:
            return 0
        return min(room, max(0, frames(self._track.start_ms - heard_ms)))

    def read(self, count: int, heard_ms: int) -> Samples:
        """Its next samples, the first of which will be heard at this instant; fewer than asked only at its end."""
        if count == 0:
            return np.zeros(0, np.float32)
        stop_ms = self._stop_ms
        if self._first_ms is None and (stop_ms is not None or not self._track.may_begin(heard_ms)):
            self._finish(NEVER)
            return np.zeros(0, np.float32)
        if stop_ms is not None and not self._fading:
            self._fading = True
            self._source.fade_out(stop_ms)
        try:
            samples = self._source.read(count)
        except SoundError as error:
            self.fail(error)
            return np.zeros(0, np.float32)
        if self._first_ms is None:
            self._first_ms = heard_ms
            self._tell(self._first, heard_ms)
        self._frames += len(samples)
        if len(samples) < count:
            self._finish(Sounded(self._first_ms, milliseconds(self._frames), complete=not self._fading))
        return samples

    def fail(self, error: SoundError) -> None:
        self.over = True
        self._source.close()
        for future in (self._first, self._end):
            self._tell(future, error)

    def _finish(self, sounded: Sounded) -> None:
        self.over = True
        self._source.close()
        self._tell(self._first, sounded.first_sample_ms)
        self._tell(self._end, sounded)

    def _tell(self, future: "asyncio.Future[Any]", outcome: object) -> None:
        with contextlib.suppress(RuntimeError):  # the event loop has ended before the thread
            self._loop.call_soon_threadsafe(_settle, future, outcome)


def _settle(future: "asyncio.Future[Any]", outcome: object) -> None:
    if future.done():
        return
    if isinstance(outcome, SoundError):
        future.set_exception(outcome)
        future.exception()  # whoever awaits it is told; nobody may
    else:
        future.set_result(outcome)
