"""Where voices come from. What waits for a disk or a pipe is a thread here; whoever mixes never waits."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from agent.drivers.audio.engine.mixer import Feed
from agent.drivers.audio.source import Joined, Samples, Stream, frames
from agent.ports.sound import SoundError

AHEAD: Final = frames(2_000)
"""So much is decoded ahead: a card that stands still for a second is not heard."""
READY: Final = frames(40)
"""With so much a sound may begin."""
FIRST_CHUNK: Final = frames(20)
CHUNK: Final = frames(100)
KEPT: Final = frames(300)
"""So much of live sound is kept at most."""
NEAR: Final = frames(80)
"""Live sound that has more than this in store is played a little faster until it has not."""
HASTE: Final = 1.02

_NOTHING: Final = np.zeros(0, np.float32)


class Store:
    """Samples in order, put in at one end and taken at the other."""

    def __init__(self) -> None:
        self._parts: deque[Samples] = deque()
        self.held = 0

    def put(self, samples: Samples) -> None:
        if len(samples):
            self._parts.append(samples)
            self.held += len(samples)

    def take(self, count: int) -> Samples:
        """At most so many."""
        parts: list[Samples] = []
        while count and self._parts:
            part = self._parts.popleft()
            if len(part) > count:
                self._parts.appendleft(part[count:])
                part = part[:count]
            parts.append(part)
            count -= len(part)
            self.held -= len(part)
        if len(parts) == 1:
            return parts[0]
        return np.concatenate(parts) if parts else _NOTHING

    def keep_newest(self, count: int) -> None:
        """Drop the oldest beyond so many."""
        self.take(max(0, self.held - count))


class Ahead:
    """Sounds that are decoded by a thread, ahead of need."""

    detail = ""

    def __init__(self, make: Callable[[], Joined | Stream], opened: Callable[[SoundError | None], None]) -> None:
        """`make` opens them, in the thread; `opened` is told how that went, from the thread."""
        self._make = make
        self._opened = opened
        self._store = Store()
        self._change = threading.Condition()
        self._done = False
        self._closed = False
        self._error: SoundError | None = None
        threading.Thread(target=self._decode, name="decode", daemon=True).start()

    @property
    def ready(self) -> bool:
        with self._change:
            if self._error is not None and self._store.held == 0:
                raise self._error
            return self._done or self._store.held >= READY

    @property
    def ended(self) -> bool:
        with self._change:
            return self._done and self._error is None and self._store.held == 0

    def take(self, count: int) -> Samples:
        with self._change:
            if self._error is not None and self._store.held == 0:
                raise self._error
            samples = self._store.take(count)
            if self._store.held <= AHEAD - CHUNK:
                self._change.notify()
            return samples

    def close(self) -> None:
        with self._change:
            self._closed = self._done = True
            self._change.notify()

    def _decode(self) -> None:
        try:
            sounds = self._make()
        except Exception as error:  # whatever a decoder raises: somebody waits for an answer
            failure = _failure(error)
            self._over(failure)
            self._opened(failure)
            return
        self._opened(None)
        try:
            size = FIRST_CHUNK
            while not self._closed:
                samples = sounds.read(size)
                if len(samples) == 0:
                    self._over(None)
                    return
                size = CHUNK
                self._wait_and_put(samples)
        except Exception as error:
            self._over(_failure(error))
        finally:
            sounds.close()

    def _wait_and_put(self, samples: Samples) -> None:
        with self._change:
            self._change.wait_for(lambda: self._closed or self._store.held <= AHEAD - CHUNK)
            self._store.put(samples)

    def _over(self, error: SoundError | None) -> None:
        with self._change:
            self._error = error
            self._done = True


class Inlet:
    """What somebody pushes, with little delay: silence while nothing comes, a little faster while there is too much."""

    detail = ""
    ready = True

    def __init__(self) -> None:
        self._store = Store()
        self._lock = threading.Lock()
        self._closed = False

    @property
    def ended(self) -> bool:
        with self._lock:
            return self._closed and self._store.held == 0

    def push(self, pcm: bytes) -> None:
        with self._lock:
            self._store.put(from_pcm(pcm))
            self._store.keep_newest(KEPT)

    def finish(self) -> None:
        """There is no more."""
        with self._lock:
            self._closed = True

    def take(self, count: int) -> Samples:
        with self._lock:
            if self._store.held > NEAR + count:
                wide = self._store.take(round(count * HASTE))
                return np.interp(np.linspace(0, len(wide) - 1, count), np.arange(len(wide)), wide).astype(np.float32)
            samples = self._store.take(count)
        return samples if self._closed else padded(samples, count)

    def close(self) -> None:
        """A voice that was interrupted is taken up again: only who pushes knows when there is no more."""


class Chain:
    """Feeds one after another."""

    def __init__(self, feeds: Sequence[Feed]) -> None:
        self._feeds = list(feeds)

    @property
    def ready(self) -> bool:
        return self._feeds[0].ready

    @property
    def ended(self) -> bool:
        return all(feed.ended for feed in self._feeds)

    @property
    def detail(self) -> str:
        return "; ".join(filter(None, (feed.detail for feed in self._feeds)))

    def take(self, count: int) -> Samples:
        parts = []
        for feed in self._feeds:
            if feed.ended:
                continue
            part = feed.take(count)
            parts.append(part)
            count -= len(part)
            if count == 0 or not feed.ended:
                break
        return np.concatenate(parts) if parts else _NOTHING

    def close(self) -> None:
        for feed in self._feeds:
            feed.close()


def _failure(error: Exception) -> SoundError:
    return error if isinstance(error, SoundError) else SoundError(f"cannot be decoded: {error!r}", device=False)


def from_pcm(pcm: bytes) -> Samples:
    """16-bit little-endian as samples; half a sample at the end is dropped."""
    whole = pcm[: len(pcm) // 2 * 2]
    return np.frombuffer(whole, "<i2").astype(np.float32) / np.float32(32768)


def padded(samples: Samples, count: int) -> Samples:
    """With silence behind, so many."""
    if len(samples) == count:
        return samples
    return np.concatenate((samples, np.zeros(count - len(samples), np.float32)))
