"""While a track sounds, the box listens to itself; what it finds grades the row, and raises NOT_HEARD (fault 38).

A microphone is open from a track's first sample to its last and at no other time. What it gives is compared and dropped
(`agent.core.proof`). Every 25 seconds, and at the end, a window is judged: heard, not heard, or not to be told.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import structlog

from agent.core.proof import (
    AGREES,
    AHEAD_MS,
    HEARD,
    RATE_HZ,
    TICK_MS,
    WINDOW_MS,
    AcousticProof,
    ElectricalProof,
    Fullness,
    Samples,
)
from agent.core.testimony import Findings, graded
from agent.ports.clock import Clock
from agent.ports.ear import Block, EarError, Line, Listening, Microphone
from agent.ports.sound import Mixed, SoundError, Track
from agent.services.unheard import Unheard
from protocol.report import Grade

MUTE: Final = "mute"
"""Why NOT_HEARD stands: nothing comes out of the horn."""

PIECE: Final = RATE_HZ // 10
"""So much of what was mixed is taken at once."""
BEHIND_MS: Final = 300
"""So far behind a line's measurement what was mixed is surely known."""
SLIP_MS: Final = 200
"""A microphone's instants wander less than this; more is a gap."""
LOST_MS: Final = 60_000
"""More than this is no gap, and the microphone of no use for this track."""
MISSED: Final = 30 * RATE_HZ
"""So far what was played may be ahead of a microphone that is away; then its silence is taken for heard."""
RETRY_MS: Final = 2_000
WINDOWS: Final = 3
"""So many windows in a row that were not heard are a fault: 75 s."""
TRACKS: Final = 2

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Ears:
    """What a box can hear of itself. None for what it has not."""

    microphone: Microphone | None = None
    line: Line | None = None
    threshold: float = HEARD
    """Score from which on the microphone has heard it."""

    @property
    def fitted(self) -> bool:
        return self.microphone is not None or self.line is not None


class Witness:
    """Hears every track, and remembers over tracks whether the box is heard at all."""

    def __init__(self, clock: Clock, ears: Ears, unheard: Unheard, on_mute_alarm: Callable[[str], None]) -> None:
        """`on_mute_alarm` is told the cause of an emergency that should be heard and is not."""
        self._clock = clock
        self._ears = ears
        self._unheard = unheard
        self._on_mute_alarm = on_mute_alarm
        self._mute_windows = self._mute_tracks = 0
        self._has_heard = False
        """Since the daemon started; until then a fault of before may stand."""

    @property
    def listens(self) -> bool:
        """Whether tracks are to be witnessed."""
        return self._ears.fitted

    def began(self, track: Track, mixed: Callable[[], Mixed], first_sample_ms: int, *, emergency: bool) -> "Testimony":
        """The first sample of this track left at this wall instant. The testimony must be closed."""
        since_ms = self._clock.boot_ms() - (self._clock.now_ms() - first_sample_ms)
        return Testimony(self._clock, self._ears, self, track, mixed, since_ms, emergency=emergency)

    def window(self, track: Track, heard: bool, said: str, *, emergency: bool) -> None:
        """A window was judged."""
        if heard:
            self._mute_windows = self._mute_tracks = 0
            if self._unheard.has(MUTE) or not self._has_heard:
                self._has_heard = True
                self._unheard.cleared(MUTE, "it is heard again")
            return
        self._mute_windows += 1
        log.warning("not heard", play=track.name, detail=said)
        if emergency:
            self._on_mute_alarm(track.cause)
        if emergency or self._mute_windows >= WINDOWS:
            self._raise(track, said)

    def track_over(self, track: Track, findings: Findings, said: str) -> None:
        """A track has ended."""
        if findings.mute and not findings.heard:
            self._mute_tracks += 1
            if self._mute_tracks >= TRACKS:
                self._raise(track, said)

    def _raise(self, track: Track, said: str) -> None:
        if not self._unheard.has(MUTE):
            self._unheard.raised(MUTE, f"{track.name}: {said}"[:200])


class Testimony:
    """What is heard of one track. Errors in it are a poorer grade, never a trouble of the sound."""

    def __init__(  # noqa: PLR0917 - made in one place
        self,
        clock: Clock,
        ears: Ears,
        witness: Witness,
        track: Track,
        mixed: Callable[[], Mixed],
        since_ms: int,
        *,
        emergency: bool,
    ) -> None:
        """`since_ms`: first sample on the boot clock."""
        self._clock = clock
        self._ears = ears
        self._witness = witness
        self._track = track
        self._mixed = mixed
        self._since_ms = since_ms
        self._emergency = emergency
        self._acoustic = Findings("acoustic", ears.threshold) if ears.microphone is not None else None
        self._electrical = Findings("electrical", AGREES) if ears.line is not None else None
        self._fullness = Fullness()
        self._air, self._wire = AcousticProof(), ElectricalProof()
        self._fed = self._heard = 0
        """Samples that were played and heard."""
        self._tasks: list[asyncio.Task[None]] = []
        self._lock = asyncio.Lock()
        if ears.fitted:
            self._tasks.append(asyncio.create_task(self._attend(), name=f"ear {track.name}"))

    def verdict(self, grade: Grade) -> tuple[Grade, str]:
        """The track has ended: the better grade, and why it is not better still. `grade`: what the player can say."""
        if not self._ears.fitted or grade is Grade.NONE:
            return grade, ""
        try:
            return self._verdict(grade)
        except Exception as error:  # a proof that fails must not break a sound
            log.exception("the comparison failed")
            return grade, f"the comparison failed: {error!r}"[:200]

    def _verdict(self, grade: Grade) -> tuple[Grade, str]:
        self._judge(last=True)
        clipped = self._fullness.clipped
        found, why = graded(grade, self._acoustic, self._electrical, clipped)
        for findings in (self._acoustic, self._electrical):
            if findings is not None:
                self._witness.track_over(self._track, findings, findings.said)
                break
        return found, why

    def close(self) -> None:
        """Stop listening."""
        for task in self._tasks:
            task.cancel()

    async def _attend(self) -> None:
        try:
            played = self._mixed()
        except SoundError as error:
            self._cannot(f"what was played is not known: {error}")
            return
        try:
            async with asyncio.TaskGroup() as group:
                if self._ears.microphone is not None:
                    group.create_task(self._listen(self._ears.microphone, played))
                if self._ears.line is not None:
                    group.create_task(self._measure(self._ears.line, played))
        except* SoundError as errors:
            self._cannot(f"what was played is not known: {errors.exceptions[0]}")
        except* Exception as errors:  # a proof that fails must not break a sound
            log.exception("the comparison failed")
            self._cannot(f"the comparison failed: {errors.exceptions[0]!r}")
        finally:
            played.close()

    def _cannot(self, why: str) -> None:
        for findings in (self._acoustic, self._electrical):
            if findings is not None:
                findings.trouble = why

    # The microphone

    async def _listen(self, microphone: Microphone, played: Mixed) -> None:
        assert self._acoustic is not None
        while True:
            try:
                listening = await microphone.listen()
                self._acoustic.trouble = ""
                try:
                    await self._follow(listening, played)
                finally:
                    await listening.close()
            except EarError as error:
                self._acoustic.trouble = str(error)
            await self._clock.sleep_ms(RETRY_MS)

    async def _follow(self, listening: Listening, played: Mixed) -> None:
        while True:
            samples = self._in_step(await listening.read())
            if len(samples) == 0:
                continue
            await self._feed(played, self._heard + len(samples) + AHEAD_MS * RATE_HZ // 1000)
            self._air.hear(samples)
            self._heard += len(samples)
            self._judge()

    def _in_step(self, block: Block) -> Samples:
        """This block's part since the first sample, with silence where blocks were lost."""
        gap_ms = block.at_ms - self._since_ms - self._heard * 1000 // RATE_HZ
        if abs(gap_ms) > LOST_MS:
            raise EarError(f"the microphone is {gap_ms} ms out of step")
        gap = gap_ms * RATE_HZ // 1000
        if self._heard and abs(gap_ms) <= SLIP_MS:
            return block.samples
        if gap <= 0:
            return block.samples[-gap:]
        return np.concatenate((np.zeros(gap, np.float32), block.samples))

    # The line

    async def _measure(self, line: Line, played: Mixed) -> None:
        assert self._electrical is not None
        ticks = 0
        while True:
            due_ms = self._since_ms + ticks * TICK_MS
            await self._clock.sleep_ms(due_ms - self._clock.boot_ms())
            behind = (self._clock.boot_ms() - due_ms) // TICK_MS
            try:
                level = await line.level()
            except EarError as error:
                self._electrical.trouble = str(error)
                level = 0.0
            await self._feed(played, ((ticks + behind + 1) * TICK_MS - BEHIND_MS) * RATE_HZ // 1000)
            for _ in range(behind + 1):
                self._wire.feel(level)
            ticks += behind + 1
            if self._ears.microphone is None:
                self._judge()

    # What was played, and what follows

    async def _feed(self, played: Mixed, until: int) -> None:
        """Take what was mixed up to this sample, once it is; after the track's end comes silence."""
        async with self._lock:
            while self._fed < until:
                samples = await played.read(PIECE)
                self._fullness.note(samples)
                if len(samples) < PIECE:
                    samples = np.concatenate((samples, np.zeros(PIECE - len(samples), np.float32)))
                if self._acoustic is not None:
                    self._air.play(samples)
                if self._electrical is not None:
                    self._wire.play(samples)
                self._fed += len(samples)
                if self._acoustic is not None and self._fed - self._heard > MISSED:
                    self._air.hear(np.zeros(PIECE, np.float32))
                    self._heard += PIECE

    def _judge(self, *, last: bool = False) -> None:
        """Judge the windows that are full; `last`: also those that are not."""
        acoustic, electrical = self._acoustic, self._electrical
        if acoustic is not None and (last or self._air.window_ms >= WINDOW_MS):
            score = self._air.score
            heard, rest = self._air.heard_at(acoustic.threshold), self._air.window_ms < WINDOW_MS // 2
            comparable = self._air.comparable and not (rest and acoustic.judged)
            acoustic.judge(score, heard, comparable, deaf=self._air.deaf)
            self._tell(acoustic)
            self._air.begin_window()
        if electrical is not None and (last or self._wire.felt_ms >= WINDOW_MS):
            score = self._wire.score
            electrical.judge(score, score >= electrical.threshold, self._wire.comparable, deaf=False)
            if acoustic is None:
                self._tell(electrical)
            self._wire.begin_window()

    def _tell(self, findings: Findings) -> None:
        if findings.last is not None:
            self._witness.window(self._track, findings.last, findings.said, emergency=self._emergency)
