"""The jitter buffer of live voice: what arrives in bursts is played evenly, each frame once, in order. Pure.

The connection keeps order and loses nothing (TCP), but it stands still: then there is nothing to play, the buffer
waits, and is as much deeper from there on: nothing is lost. What was too deep for a while is played a little faster,
and its silences are left out, until it is not. Behind MAX_MS the oldest frames are given up: live voice that comes
late is another voice. Numbers that leap further than that are another beginning: the page was loaded again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from protocol.live import FRAME_MS

START_MS: Final = 20
"""The first frame waits so long, so that the second group may be a little late."""
MARGIN_MS: Final = 40
"""What must lie in the buffer at least when a group arrives; more is too much."""
WINDOW_MS: Final = 6_000
"""Too much is what was too much for so long."""
MAX_MS: Final = 4_000
HASTE: Final = 0.98
"""Of a frame's length: how soon the next one is played while there is too much."""
QUIET: Final = 330
"""No sample of a frame that may be left out is louder: -40 dB below full scale, of 16 bit."""
CONCEALED: Final = 3
"""So many frames are made up at most, one after another; then it is silent."""


class Gap(Enum):
    """There is no frame to play."""

    CONCEAL = "conceal"
    """Make one up from those before."""
    SILENCE = "silence"


@dataclass(frozen=True)
class Step:
    """What to play now, and when to ask again."""

    play: bytes | Gap
    next_ms: float
    """After so much the next step is due."""
    spare: bool = False
    """There is too much: if this frame is silence, it may be left out, and the next step is due at once."""


def is_quiet(pcm: bytes) -> bool:
    """Whether this sound (16 bit, little-endian) is silence to whoever listens."""
    samples = memoryview(pcm).cast("h")
    return len(samples) == 0 or (max(samples) <= QUIET and min(samples) >= -QUIET)


class JitterBuffer:
    """`put` what arrives, ask `step` whenever the step before says."""

    def __init__(self) -> None:
        self._frames: dict[int, bytes] = {}
        self._next = 0
        """Number of the frame that is to be played next."""
        self._end = 0
        """Number behind the newest frame that arrived."""
        self._ready_ms: float | None = None
        """When the first frame may be played; None before any has come."""
        self._gap = 0
        self._lows: list[tuple[float, int]] = []
        """When groups arrived, and how much lay in the buffer then."""
        self._has_too_much = False
        self.played = 0
        """Frames that were."""
        self.lost = 0
        """Frames that never came or came too late to be played."""
        self.stalls = 0
        """How often there was nothing to play."""

    @property
    def held_ms(self) -> int:
        """Length of what is still to be played."""
        return (self._end - self._next) * FRAME_MS

    def put(self, first: int, frames: Sequence[bytes], at_ms: float) -> None:
        """Frames, numbered from `first`; what was played or given up already is not played again."""
        if frames and (self._ready_ms is None or (first - self._end) * FRAME_MS > MAX_MS):
            self._begin(first, at_ms)
        self._look_at_the_depth(at_ms)
        for number, frame in enumerate(frames, first):
            if number >= self._next:
                self._frames[number] = frame
                self._end = max(self._end, number + 1)
        self._give_up_the_oldest()

    def step(self, at_ms: float) -> Step:
        """What is to be heard now."""
        if self._ready_ms is None or at_ms < self._ready_ms:
            return Step(Gap.SILENCE, FRAME_MS if self._ready_ms is None else min(FRAME_MS, self._ready_ms - at_ms))
        if self._next >= self._end:
            return self._nothing_there()
        self._gap = 0
        frame = self._frames.pop(self._next, None)
        self._next += 1
        if frame is None:
            self.lost += 1
            return Step(Gap.CONCEAL, FRAME_MS)
        self.played += 1
        return Step(frame, FRAME_MS * HASTE if self._has_too_much else FRAME_MS, self._has_too_much)

    def _begin(self, first: int, at_ms: float) -> None:
        """For the first time, or anew; what was still to be played is given up."""
        self.lost += len(self._frames)
        self._frames.clear()
        self._lows.clear()
        self._has_too_much = False
        self._ready_ms, self._next, self._end = at_ms + START_MS, first, first

    def _nothing_there(self) -> Step:
        self._gap += 1
        self.stalls += self._gap == 1
        self._lows.clear()
        self._has_too_much = False
        return Step(Gap.CONCEAL if self._gap <= CONCEALED else Gap.SILENCE, FRAME_MS)

    def _look_at_the_depth(self, at_ms: float) -> None:
        self._lows.append((at_ms, self.held_ms))
        old = [row for row in self._lows if at_ms - row[0] > WINDOW_MS]
        self._lows = self._lows[len(old) :]
        spare = min(held for _, held in self._lows) - MARGIN_MS
        self._has_too_much = spare > 0 and bool(old or self._has_too_much)

    def _give_up_the_oldest(self) -> None:
        oldest = max(self._next, self._end - MAX_MS // FRAME_MS)
        for number in [number for number in self._frames if number < oldest]:
            del self._frames[number]
        self.lost += oldest - self._next
        self._next = oldest
