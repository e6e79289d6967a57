"""What is heard of a station: its own sound, and files in its place while it cannot be received.

It counts as received while sound comes that is not silence. After `patience_ms` without, the fallback begins; when the
station has come back for two seconds, it takes over again. Both changes are short fades, and both are remembered for
the play log: nobody may think that the village heard the news of the province when it heard a song.
"""

import contextlib
import os
import select
import threading
import time
from collections.abc import Callable
from typing import Final

import numpy as np

from agent.drivers.audio.engine.feeds import Store, from_pcm, padded
from agent.drivers.audio.engine.mixer import Feed
from agent.drivers.audio.paced import not_received
from agent.drivers.audio.source import Samples, frames, milliseconds
from agent.ports.sound import RelaySound

HELD: Final = frames(3_000)
"""So much of the station is kept at most."""
BEGIN: Final = frames(500)
"""With so much in store it may begin, and begins again after it ran dry: networks stutter."""
BACK: Final = frames(2_000)
"""So long it must have been heard before it takes over from the fallback."""
NOBODY_S: Final = 0.2
"""While nobody writes the pipe it is looked at so often."""
PAUSE: Final = frames(1_000)
"""Whoever speaks is silent for no longer than this."""
SILENCE: Final = 10 ** (-60 / 20)
WITHOUT_FALLBACK_MS: Final = 30_000
"""After so much silence, with nothing to put in its place, the slot ends."""


class Station:
    """A Feed. `pump` fills it, in a thread."""

    def __init__(self, relay: RelaySound, fallback: Callable[[], Feed] | None) -> None:
        """`fallback` opens what sounds in its place; None where there is nothing."""
        self._relay = relay
        self._open_fallback = fallback
        self._fallback: Feed | None = None
        self._store = Store()
        self._lock = threading.Lock()
        self._gone = False
        """Whether nobody will receive it any more."""
        self._lost = False
        """Whether nobody receives it at this moment."""
        self.closed = False
        self._dry = True
        self._silent = 0
        """Samples since the station was heard last."""
        self._heard = 0
        """Samples of the station, since the fallback sounds, without a silence between that is longer than a pause."""
        self._pause = 0
        """For so many samples it has sent silence."""
        self._taken = 0
        self._away: list[tuple[int, int | None]] = []
        """From when to when the fallback sounded, in samples of this track."""

    ready = True
    ended = False

    @property
    def detail(self) -> str:
        """When it was not the station that sounded."""
        spans = [f"{_clock(begin)}-{_clock(self._taken if end is None else end)}" for begin, end in self._away]
        return f"fallback: station {self._relay.station} not received at {', '.join(spans)}" if spans else ""

    def put(self, samples: Samples) -> None:
        """The station has come so much further."""
        with self._lock:
            self._lost = False
            self._store.put(samples)
            self._store.keep_newest(HELD)
            self._note(samples)

    def _note(self, samples: Samples) -> None:
        """Speech is silent between its words, digitally so from some studios: that is still the station."""
        if not _is_silent(samples):
            self._heard += len(samples)
            self._pause = 0
            return
        self._pause += len(samples)
        if self._pause > PAUSE:
            self._heard = 0

    def lose(self) -> None:
        """The process that received it has died; another may follow."""
        with self._lock:
            self._lost = True
            self._heard = 0

    def give_up(self) -> None:
        """Nothing will come any more."""
        with self._lock:
            self._gone = True

    def take(self, count: int) -> Samples:
        with self._lock:
            samples = self._take_station(count)
            self._silent = self._silent + count if _is_silent(samples) else 0
            patience = 0 if self._gone or self._lost else frames(self._relay.patience_ms)
            given_up = self._fallback is None and self._silent > patience
            back = self._fallback is not None and self._heard >= BACK
        if given_up:
            self._begin_fallback()
        elif back:
            samples = self._end_fallback(count)
        elif self._fallback is not None:
            samples = padded(self._fallback.take(count), count)
        self._taken += count
        return samples

    def close(self) -> None:
        self.closed = True
        if self._fallback is not None:
            self._fallback.close()

    def _take_station(self, count: int) -> Samples:
        if self._fallback is not None:
            self._store.keep_newest(BEGIN)
            return np.zeros(count, np.float32)
        if self._dry and self._store.held < BEGIN:
            return np.zeros(count, np.float32)
        samples = self._store.take(count)
        self._dry = len(samples) < count
        return padded(samples, count)

    def _begin_fallback(self) -> None:
        """Raises SoundError when nothing can sound in its place."""
        if self._open_fallback is None:
            if self._gone or self._silent > frames(WITHOUT_FALLBACK_MS):
                raise not_received(self._relay.station)
            return
        self._fallback = self._open_fallback()
        self._heard = 0
        self._away.append((self._taken, None))

    def _end_fallback(self, count: int) -> Samples:
        """The station again, over the last samples of what stood in for it."""
        assert self._fallback is not None
        last = padded(self._fallback.take(count), count)
        self._fallback.close()
        self._fallback = None
        self._dry, self._silent = False, 0
        self._away[-1] = (self._away[-1][0], self._taken)
        with self._lock:
            now = padded(self._store.take(count), count)
        fade = np.linspace(0.0, 1.0, count, dtype=np.float32)
        return last * (1 - fade) + now * fade


def pump(pipe: str, station: Station) -> None:
    """Read the pipe, whoever writes it, until the station is closed."""
    with contextlib.suppress(OSError):
        descriptor = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        try:
            _pump(descriptor, station)
        finally:
            os.close(descriptor)
    station.give_up()


def _pump(descriptor: int, station: Station) -> None:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    rest = b""
    while not station.closed:
        events = poll.poll(200)
        if not events:
            continue
        if not events[0][1] & select.POLLIN:
            rest = b""
            station.lose()
            time.sleep(NOBODY_S)
            continue
        chunk = rest + os.read(descriptor, 1 << 14)
        whole = len(chunk) // 2 * 2
        rest = chunk[whole:]
        station.put(from_pcm(chunk[:whole]))


def _is_silent(samples: Samples) -> bool:
    return len(samples) == 0 or float(np.dot(samples, samples)) < SILENCE**2 * len(samples)


def _clock(samples: int) -> str:
    """Minutes and seconds into the track."""
    seconds = milliseconds(samples) // 1000
    return f"{seconds // 60}:{seconds % 60:02d}"
