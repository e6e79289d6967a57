"""What is with the speaker: from the hand-over of a track to the row of the play log that says how it ended."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from agent.core.cueing import FADE_MS, Cue, Ending
from agent.ports.clock import Clock
from agent.ports.journal import Play
from agent.ports.sound import Sounded, SoundError, Speaker, Track
from agent.services.content import DAMAGED, Content, Ready
from agent.services.device_health import DeviceHealth
from agent.services.lately import Lately
from agent.services.play_log import OnFault, PlayLog
from agent.services.playing import Closing, Playing
from agent.services.proof import Testimony, Witness
from agent.services.stages import Stages
from agent.services.stumbles import STUMBLED
from agent.services.unfinished import Unfinished
from agent.services.unheard import Unheard
from protocol.report import FaultCode, Grade, Result
from protocol.timeline import Plan, RefusalCode, Segment, SegmentKind

WITHOUT_POWER: Final = "the amplifier did not go on"
SILENCE: Final = "silence"
"""Why NOT_HEARD stands: a file was silence, and nothing good has sounded since."""
BEGINS_S: Final = 3.0
"""A device that has begun nothing so long after its instant does not work, whatever it says; the player process
notices a stuck one sooner."""
LOOK_S: Final = 0.5
LAST_FADE_MS: Final = 1_000
"""How long the end of the daemon waits for its sounds to fade."""


class Performance:
    """Every track is watched by a task of its own until it has ended and is written down."""

    def __init__(
        self,
        speaker: Speaker,
        clock: Clock,
        content: Content,
        log: PlayLog,
        *,
        stages: Stages,
        device: DeviceHealth,
        witness: Witness,
        unheard: Unheard,
        on_fault: OnFault,
        on_change: Callable[[], None],
        on_shorter: Callable[[], None],
    ) -> None:
        """`on_change` is told when something begins to be heard, and when it ends; `on_shorter` when that is an alarm
        taken up in its middle, which ends before its planned end."""
        self._speaker = speaker
        self._clock = clock
        self._content = content
        self._log = log
        self._stages = stages
        self._device = device
        self._witness = witness
        self._unheard = unheard
        self._on_fault = on_fault
        self._on_change = on_change
        self._on_shorter = on_shorter
        self._unfinished = Unfinished(clock)
        self._stalled = Lately(clock)
        """Sounds of which nothing came in time; they are tried once more."""
        self._playing: list[Playing] = []
        self._waiting: Play | None = None
        """Its row is open, and the device has not taken it yet."""

    @property
    def playing(self) -> Sequence[Playing]:
        return self._playing

    # What begins

    async def hand_over(  # noqa: PLR0917 - a segment with all that is known of it
        self,
        segment: Segment,
        cue: Cue,
        content: Ready,
        row: Play,
        after: Segment | None,
        latest_ms: int,
        *,
        wait: bool,
    ) -> bool:
        """Give a track, whose row is open, to the speaker. From `latest_ms` on (wall time) it will not begin.

        `wait`: not now, since nobody would hear it. True: look again at once; False: the device is ill.
        """
        taken_up_ms = self._unfinished.offset_ms(segment.play, content.sources)
        cue = replace(cue, offset_ms=cue.offset_ms + taken_up_ms)
        track = Track(
            sources=content.sources,
            offset_ms=content.offset_ms + taken_up_ms,
            start_ms=cue.start_ms,
            length_ms=cue.length_ms,
            gain_cb=segment.gain_cb,
            fade_out_ms=cue.fade_out_ms,
            name=segment.play,
            cause=segment.cause,
            latest_ms=latest_ms,
            message_ms=content.message_ms,
            witnessed=self._witness.listens,
        )
        self._waiting = row
        if wait:
            return False
        try:
            sounding = await self._speaker.start(track)
        except SoundError as error:
            if error.device:
                self._device.failed(error)
                return False
            if not self._avoid(segment, error):
                self._waiting = None
                self._log.end(row.play, None, Result.MISSED, Grade.NONE, _why(segment, error), final=True)
            return True
        self._waiting = None
        detail = "; ".join(filter(None, (content.detail, _taken_up(taken_up_ms))))
        playing = Playing(segment, cue, detail, sounding, row, after, segment.cut)
        playing.watch = asyncio.create_task(self._watch(playing, track, latest_ms), name=f"watch {segment.play}")
        self._playing.append(playing)
        return True

    def goes_on(self, segment: Segment) -> bool:
        """Whether it was broken off and is taken up in its middle, without its chime."""
        return self._unfinished.goes_on(segment.play)

    def is_waiting(self, row: Play) -> bool:
        """Whether this row is open, and the device has not taken its track yet."""
        return self._waiting is not None and self._waiting.play == row.play

    def hold_back(self, due_ms: int) -> None:
        """Nothing that begins until then may begin: the amplifier has no power, and nobody would hear it."""
        for playing in self._playing:
            if not playing.audible and playing.cue.start_ms <= due_ms:
                playing.stop(Ending(WITHOUT_POWER, final=False), 0)

    def wait_no_more(self, row: Play) -> None:
        """It turned out to be missing: its row is closed by whoever found that."""
        self._waiting = None if self.is_waiting(row) else self._waiting

    def miss(self, row: Play, detail: str) -> None:
        """It will not sound, whether its row is open already or not."""
        if self.is_waiting(row):
            self._waiting = None
            self._log.end(row.play, None, Result.MISSED, Grade.NONE, detail, final=True)
        else:
            self._log.missed(row, detail)

    def give_up_waiting(self, around: Plan | None) -> None:
        """Close the row of a sound that the device did not take in its time.

        A pass of an alarm may have its turn yet: it was not heard, so the order is not done by it.
        """
        waiting = self._waiting
        if waiting is None or (around is not None and any(row.play == waiting.play for row in around.segments)):
            return
        self._waiting = None
        detail = "the sound device did not answer"
        self._log.end(waiting.play, None, Result.MISSED, Grade.NONE, detail, final=not waiting.emergency)

    def take_over_the_time(self, jump_ms: int) -> None:
        """The clock was set by so much; 0: it was not."""
        now, boot = self._clock.now_ms(), self._clock.boot_ms()
        for playing in self._playing if jump_ms else ():
            playing.take_over_the_time(now, boot, back=jump_ms < 0)

    # What ends

    def reap(self) -> None:
        """Let go of tracks that have ended; what broke in their watch breaks here."""
        ended = [playing for playing in self._playing if playing.watch is not None and playing.watch.done()]
        self._playing = [playing for playing in self._playing if playing not in ended]
        for playing in ended:
            assert playing.watch is not None
            if (error := playing.watch.exception()) is not None:
                playing.sounding.stop(FADE_MS)
                self._log.end(
                    playing.row.play, None, Result.CUT, Grade.NONE, f"{STUMBLED}: {error!r}"[:200], final=False
                )
                raise error

    async def wind_down(self) -> None:
        """The daemon ends: fade, and write it down."""
        for playing in self._playing:
            playing.stop(Ending("the daemon was stopped", final=False), FADE_MS)
        watches = [playing.watch for playing in self._playing if playing.watch is not None]
        if watches:
            _, slow = await asyncio.wait(watches, timeout=LAST_FADE_MS / 1000)
            for watch in slow:
                watch.cancel()

    async def _watch(self, playing: Playing, track: Track, latest_ms: int) -> None:
        """Follow one track to its end and write it down."""
        row = playing.row
        testimony: Testimony | None = None
        try:
            first = await self._first_sample(playing)
            if first is None and playing.ending is None and self._clock.now_ms() >= latest_ms:
                playing.ending = Ending(str(RefusalCode.LATE), final=False)
            if first is not None:
                playing.begins_to_sound(first, self._clock.now_ms(), self._clock.boot_ms())
                self._device.works(self._speaker.trouble)
                testimony = self._witness.began(track, playing.sounding.mixed, first, emergency=row.emergency)
                self._log.started(row.play, first)
                if row.emergency:
                    self._stages.sounded(row.cause, first)
                self._unfinished.sounds(row.play)
                if playing.taken_up_ms:
                    self._on_shorter()
                self._on_change()
            sounded = await playing.sounding.ended()
            self._stalled.discard(playing.segment.sound)
            self._judge(playing, sounded)
            closing = self._proved(row, testimony, playing.closing(sounded))
            self._log.end(
                row.play, closing.ended_ms, closing.result, closing.grade, closing.detail, final=closing.final
            )
        except SoundError as error:
            self._broke_off(playing, track, error)
        finally:
            if testimony is not None:
                testimony.close()
            playing.first_sample_ms = None
            self._on_change()

    async def _first_sample(self, playing: Playing) -> int | None:
        """Wait for it. Raises SoundError, also when none comes: a hung device says nothing, and nothing is heard."""
        started = asyncio.ensure_future(playing.sounding.started())
        overdue_s = 0.0
        try:
            while not started.done():
                if overdue_s >= BEGINS_S:
                    playing.sounding.stop(0)
                    raise _never_began()
                due = self._is_due(playing)
                await asyncio.wait({started}, timeout=LOOK_S)
                overdue_s = overdue_s + LOOK_S if due else 0.0
            return started.result()
        finally:
            started.cancel()

    def _is_due(self, playing: Playing) -> bool:
        """Whether it would be heard, or would have ended, if the device worked."""
        if playing.ending is not None:
            return True
        return self._clock.now_ms() >= playing.cue.start_ms and not any(other.audible for other in self._playing)

    def _judge(self, playing: Playing, sounded: Sounded) -> None:
        """Silence in a file is a fault until something is rendered as it should be (fault 39)."""
        if sounded.silent:
            self._unheard.raised(SILENCE, f"{playing.row.sound}: {sounded.reason}")
        elif self._unheard.has(SILENCE) and sounded.grade >= Grade.RENDERED:
            self._unheard.cleared(SILENCE, "what sounds is no silence any more")

    def _broke_off(self, playing: Playing, track: Track, error: SoundError) -> None:
        heard = playing.first_sample_ms is not None
        if error.device:
            self._device.failed(error)
            if not heard:
                self._waiting = playing.row
                return
            self._unfinished.broke_off(track, playing.sounding.sentence_ms)
            self._end_broken(playing, f"sound device: {error}", final=False)
            return
        again = self._avoid(playing.segment, error)
        self._end_broken(playing, _why(playing.segment, error), final=not again)

    def _end_broken(self, playing: Playing, detail: str, *, final: bool) -> None:
        heard = playing.first_sample_ms is not None
        self._log.end(
            playing.row.play,
            self._clock.now_ms() if heard else None,
            Result.CUT if heard or not final else Result.MISSED,
            Grade.CLAIMED if heard else Grade.NONE,
            detail,
            final=final,
        )

    def _proved(self, row: Play, testimony: Testimony | None, closing: Closing) -> Closing:
        """The same with the grade that the box's own ears give, and with what is missing to a better one."""
        if testimony is None:
            return closing
        grade, why = testimony.verdict(closing.grade)
        if row.emergency:
            self._stages.proved(row.cause, grade)
        return replace(closing, grade=grade, detail="; ".join(filter(None, (closing.detail, why))))

    def _avoid(self, segment: Segment, error: SoundError) -> bool:
        """A file that no decoder reads; whether something else can sound in its place. A station that is not on the
        air is nobody's damage, nor is a card that stands still once."""
        if segment.kind is SegmentKind.RELAY:
            return False
        if error.stalled and segment.sound not in self._stalled:
            self._stalled.add(segment.sound)
            return True
        self._on_fault(FaultCode.CONTENT_DAMAGED, True, str(error))
        again = self._content.avoid(segment, error)
        return segment.kind is SegmentKind.EMERGENCY and again


def _taken_up(offset_ms: int) -> str:
    """What the log says of an alarm that did not begin at its beginning."""
    return f"taken up {offset_ms / 1000:.1f} s into it, where its sentence began" if offset_ms else ""


def _never_began() -> SoundError:
    return SoundError(
        f"it took the sound and did not begin within {BEGINS_S:.0f} s",
        vi=f"đã nhận âm thanh nhưng không phát trong {BEGINS_S:.0f} giây",
        device=True,
    )


def _why(segment: Segment, error: SoundError) -> str:
    """What the log says of a sound that cannot be had."""
    return str(error) if segment.kind is SegmentKind.RELAY or error.stalled else f"{DAMAGED}: {error}"
