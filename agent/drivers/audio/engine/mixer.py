"""Voices become blocks of 10 ms. Pure: no device, no clock, no thread of its own.

Tracks sound one after another, the next at the very sample of its instant; one that was stopped fades under the one
that follows. A voice that sounds *over* the others waits for nobody, and lowers them meanwhile.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np

from agent.drivers.audio.engine.rendered import Ask, Rendered
from agent.drivers.audio.engine.sentences import Sentences
from agent.drivers.audio.paced import stalled
from agent.drivers.audio.source import BLOCK_FRAMES, RATE_HZ, Envelope, Samples, factor, frames, limited, milliseconds
from agent.ports.sound import Sounded, SoundError, Track

JOIN_MS: Final = 40
"""A track whose instant is at most so far from the end of the one before follows it without a gap: the instant of a
sample is known to a few milliseconds only, and a pause of that length inside a programme would be heard as a crack."""
FADE_IN_MS: Final = 5
"""Of a track that begins in the middle of a sound: it would crack."""
DUCK_CB: Final = -180
"""So much lower is what sounds under a voice: 18 dB, as announcement systems have it."""
DUCK_DOWN_MS: Final = 60
DUCK_UP_MS: Final = 400
STARVED: Final = frames(2_000)
"""A voice of which nothing comes for so long ends: others wait behind it."""
TOLD_BLOCKS: Final = 10
NEVER: Final = Sounded(None, 0, complete=False)


class Feed(Protocol):
    """Where a voice's samples come from. Nothing here ever waits."""

    @property
    def ready(self) -> bool:
        """Whether there is enough to begin with. Raises SoundError when there will never be."""
        ...

    @property
    def ended(self) -> bool:
        """Whether nothing is left and nothing will come."""
        ...

    @property
    def detail(self) -> str:
        """What sounded otherwise than asked for; empty for nothing."""
        ...

    def take(self, count: int) -> Samples:
        """What is there, at most so many samples. Raises SoundError."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Began:
    """The first sample leaves at this wall instant, device latency included."""

    first_sample_ms: int


@dataclass(frozen=True)
class SentenceBegan:
    """A sentence of the message begins in this block, so far into the track."""

    offset_ms: int


@dataclass(frozen=True)
class WasMixed:
    """What a witnessed voice and all that sounded with it came to, since the last of these."""

    samples: Samples


Happening = Began | SentenceBegan | WasMixed | Sounded | SoundError
Tell = Callable[[Happening], None]


@dataclass(eq=False)
class Voice:
    """One track on its way through the mixer."""

    track: Track
    feed: Feed
    tell: Tell
    live: bool = False
    """Somebody speaks or a station is received: silence is natural."""
    ask: Ask | None = None
    """Who reads a second of it anew, now and then."""
    first_ms: int | None = None
    over: bool = False
    stop_ms: int | None = None
    underruns: int = 0
    _count: int = 0
    _starved: int = 0
    """For so many samples it has had nothing to give."""
    _fading: bool = False

    def __post_init__(self) -> None:
        self._envelope = Envelope(self.track.gain_cb, self.track.length_ms, self.track.fade_out_ms)
        self._soft = frames(FADE_IN_MS) if self.track.offset_ms else 0
        self._mixed: list[Samples] = []
        message_ms, begin = self.track.message_ms, frames(self.track.offset_ms)
        self._sentences = None if message_ms is None else Sentences(message_ms, begin)
        self.rendered = Rendered(live=self.live, ask=self.ask)

    @property
    def begun(self) -> bool:
        return self.first_ms is not None

    def begin(self, heard_ms: float) -> None:
        self.first_ms = round(heard_ms)
        self.tell(Began(self.first_ms))

    def is_due(self, heard_ms: float) -> bool:
        return self.track.start_ms <= heard_ms

    def next(self, count: int) -> "Span":
        """Its next samples, as the feed has them and as they are to sound; fewer than asked at its end, or where
        the feed is late."""
        if self.stop_ms is not None and not self._fading:
            self._fading = True
            self._envelope.fade_out(self.stop_ms)
        room = self._envelope.room(count)
        try:
            raw = self.feed.take(room)
        except SoundError as error:
            self.end(error)
            return Span(self, 0, _NOTHING, _NOTHING)
        if self._sentences is not None and (begins_ms := self._sentences.note(raw)) is not None:
            self.tell(SentenceBegan(begins_ms))
        shaped = self._softly(self._envelope.shaped(raw))
        self._count += len(raw)
        if self._fading:  # by the wall: a fade ends, whatever comes
            self._envelope.shaped(np.zeros(room - len(raw), np.float32))
        if room < count or self.feed.ended:
            self.end(self._sounded())
        elif len(raw) < room:
            self.underruns += 1
        self.starve(0 if len(raw) else count)
        return Span(self, 0, raw, shaped)

    def starve(self, count: int) -> None:
        """For so many samples more it has nothing to give; 0: it had something."""
        self._starved = self._starved + count if count else 0
        if self._starved >= STARVED and not self.over:
            self.end(stalled(milliseconds(STARVED)))

    def end(self, how: Sounded | SoundError) -> None:
        """Once; what is told is told after the block in which it ends was looked at."""
        self.over = True
        self._how = how

    def hand_on(self, mixed: Samples) -> None:
        """So it was mixed, with all that sounds beside it; told every tenth of a second, where somebody compares."""
        if self.track.witnessed:
            self._mixed.append(mixed)
            if len(self._mixed) >= TOLD_BLOCKS:
                self._tell_what_was_mixed()

    def _tell_what_was_mixed(self) -> None:
        if self._mixed:
            self.tell(WasMixed(np.concatenate(self._mixed)))
            self._mixed = []

    def conclude(self) -> None:
        """Say how it ended."""
        self.feed.close()
        self._tell_what_was_mixed()
        how = self._how
        if isinstance(how, Sounded) and how is not NEVER:
            how = self._with_proof(how)
        self.tell(how)

    def _sounded(self) -> Sounded:
        return Sounded(self.first_ms, milliseconds(self._count), complete=not self._fading)

    def _with_proof(self, how: Sounded) -> Sounded:
        proof = self.rendered.verdict(underruns=self.underruns)
        return Sounded(
            how.first_sample_ms,
            how.sounded_ms,
            how.complete,
            grade=proof.grade,
            score=proof.score,
            reason=proof.reason,
            silent=proof.silent,
            detail=self.feed.detail,
            rendered=proof.envelope,
        )

    def _softly(self, samples: Samples) -> Samples:
        if self._count >= self._soft:
            return samples
        places = np.arange(self._count, self._count + len(samples), dtype=np.float32)
        return samples * np.minimum(1.0, places / self._soft).astype(np.float32)


@dataclass(eq=False)
class Span:
    """What one voice gave to one block."""

    voice: Voice
    start: int
    raw: Samples
    shaped: Samples


@dataclass
class Mixer:
    """`block` is asked by one thread; `add` and `stop` may be called by another."""

    _waiting: deque[Voice] = field(default_factory=deque)
    """In turn; the first may sound."""
    _fading: list[Voice] = field(default_factory=list)
    _above: list[Voice] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _joins: bool = False
    _duck: float = 1.0
    underruns: int = 0
    """Blocks in which a feed was late."""

    @property
    def empty(self) -> bool:
        return not (self._waiting or self._fading or self._above)

    @property
    def sounds(self) -> bool:
        """Whether anything is to be heard now."""
        return any(voice.begun for voice in (*self._waiting, *self._fading, *self._above))

    def add(self, voice: Voice) -> None:
        with self._lock:
            (self._above if voice.track.over else self._waiting).append(voice)

    def drop_all(self, error: SoundError) -> None:
        """Nothing sounds any more."""
        with self._lock:
            voices = [*self._waiting, *self._fading, *self._above]
            self._waiting.clear()
            self._fading, self._above = [], []
        for voice in voices:
            voice.end(error)
            voice.conclude()

    def block(self, heard_ms: float) -> Samples:
        """10 ms of sound, whose first sample will be heard at this wall instant."""
        with self._lock:
            self._let_the_stopped_fade()
            spans = [self._part(voice, BLOCK_FRAMES) for voice in self._fading]
            spans += self._in_turn(heard_ms)
            above = self._over_all(heard_ms)
            mixed = self._sum(spans, above)
            over = [voice for voice in (*self._fading, *self._above, *_of(spans)) if voice.over]
            self._fading = [voice for voice in self._fading if not voice.over]
            self._above = [voice for voice in self._above if not voice.over]
        for span in (*spans, *above):
            if span.voice.stop_ms is None:  # what fades under another is not what it was
                span.voice.rendered.note(span.raw, mixed[span.start : span.start + len(span.raw)])
            if span.voice.begun:
                end = span.start + len(span.raw) if span.voice.over else BLOCK_FRAMES
                span.voice.hand_on(mixed[span.start : end])
        for voice in dict.fromkeys(over):
            voice.conclude()
        return mixed

    def _let_the_stopped_fade(self) -> None:
        """What was stopped is nobody's predecessor any more."""
        stopped = [voice for voice in self._waiting if voice.stop_ms is not None]
        for voice in stopped:
            self._waiting.remove(voice)
            self._joins = False
            if not voice.begun:
                voice.end(NEVER)
            self._fading.append(voice)
        for voice in self._above:
            if voice.stop_ms is not None and not voice.begun:
                voice.end(NEVER)

    def _in_turn(self, heard_ms: float) -> list[Span]:
        spans: list[Span] = []
        at = 0
        while at < BLOCK_FRAMES and self._waiting:
            voice = self._waiting[0]
            instant = heard_ms + at * 1000 / RATE_HZ
            if not voice.begun:
                joins = self._joins and voice.is_due(instant + JOIN_MS)
                wait = 0 if joins else _silence_before(voice, instant)
                if at + wait >= BLOCK_FRAMES or not self._may_begin(voice, instant + wait * 1000 / RATE_HZ):
                    self._joins = False
                    if voice.over:
                        self._waiting.popleft()
                        spans.append(Span(voice, 0, _NOTHING, _NOTHING))
                        continue
                    break
                at += wait
            self._joins = False
            span = self._part(voice, BLOCK_FRAMES - at)
            span.start = at
            spans.append(span)
            at += len(span.raw)
            if not voice.over:
                break
            self._waiting.popleft()
            self._joins = True
        if not self._waiting and at < BLOCK_FRAMES:
            self._joins = False
        return spans

    def _over_all(self, heard_ms: float) -> list[Span]:
        spans = []
        for voice in self._above:
            wait = 0 if voice.begun else _silence_before(voice, heard_ms)
            if voice.over or wait >= BLOCK_FRAMES:
                continue
            if not voice.begun and not self._may_begin(voice, heard_ms + wait * 1000 / RATE_HZ):
                continue
            span = self._part(voice, BLOCK_FRAMES - wait)
            span.start = wait
            spans.append(span)
        return spans

    def _may_begin(self, voice: Voice, instant: float) -> bool:
        if not voice.track.may_begin(round(instant)):
            voice.end(NEVER)
            return False
        try:
            if not voice.feed.ready:
                voice.starve(BLOCK_FRAMES)
                return False
        except SoundError as error:
            voice.end(error)
            return False
        voice.begin(instant)
        return True

    def _part(self, voice: Voice, count: int) -> Span:
        if voice.over:
            return Span(voice, 0, _NOTHING, _NOTHING)
        before = voice.underruns
        span = voice.next(count)
        self.underruns += voice.underruns - before
        return span

    def _sum(self, spans: list[Span], above: list[Span]) -> Samples:
        mixed = np.zeros(BLOCK_FRAMES, np.float32)
        for span in spans:
            mixed[span.start : span.start + len(span.shaped)] += span.shaped
        self._follow_the_duck(mixed, lowered=any(len(span.raw) for span in above))
        for span in above:
            mixed[span.start : span.start + len(span.shaped)] += span.shaped
        return limited(mixed)

    def _follow_the_duck(self, mixed: Samples, *, lowered: bool) -> None:
        """Gain glides, in this block by what its speed allows."""
        goal, way_ms = (factor(DUCK_CB), DUCK_DOWN_MS) if lowered else (1.0, DUCK_UP_MS)
        if self._duck == 1.0 == goal:
            return
        step = (1.0 - factor(DUCK_CB)) * milliseconds(BLOCK_FRAMES) / way_ms
        reached = max(goal, self._duck - step) if goal < self._duck else min(goal, self._duck + step)
        mixed *= np.linspace(self._duck, reached, len(mixed), dtype=np.float32)
        self._duck = reached


_NOTHING: Final = np.zeros(0, np.float32)


def _of(spans: list[Span]) -> list[Voice]:
    return [span.voice for span in spans]


def _silence_before(voice: Voice, instant: float) -> int:
    """Samples until it is due."""
    return max(0, round((voice.track.start_ms - instant) * RATE_HZ / 1000))
