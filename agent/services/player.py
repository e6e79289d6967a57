"""Makes the world match the plan: the only one who starts and stops sound.

Every turn asks `protocol.timeline` what should sound around now, compares it with what does, and takes the steps
between: hand a track to the speaker ahead of its instant, stop what the plan no longer wants, switch the amplifier,
write the play log. Between turns it sleeps until the plan's next change, a change of holdings, or the end of a sound.
"""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from agent.core import cueing
from agent.core.cueing import FADE_MS, Cue, Ending
from agent.ports.clock import Clock, wait_for
from agent.ports.journal import Play, PlayJournal
from agent.ports.sound import Amplifier, SoundError, Speaker, Track
from agent.services.content import DAMAGED, Content, Ready, Unready
from agent.services.device_health import DeviceHealth
from agent.services.planning import Planning
from agent.services.play_log import OnFault, PlayLog
from agent.services.playing import Playing
from agent.services.power import Power
from agent.services.recordings import Recordings
from agent.services.refusals import Refusals
from agent.services.stages import OnOrder, Stages
from protocol.report import FaultCode, Grade, Result
from protocol.timeline import Carry, Holdings, Plan, Segment, SegmentKind, at, plan

COMMIT_MS: Final = 1_000
"""So long before its first sample a track is checked, written down and handed over."""
MARGIN_MS: Final = 50
STUMBLE_MS: Final = 1_000
"""How long a turn that failed is not tried again."""
TICK_MS: Final = 10_000
"""A clock that jumps is noticed within this time."""
LAST_FADE_MS: Final = 1_000
"""How long the end of the daemon waits for its sounds to fade."""

STUMBLED: Final = "the player failed"

log = structlog.get_logger(__name__)


class Player:
    """`run` until cancelled; then it ends what sounds with a fade."""

    def __init__(
        self,
        *,
        clock: Clock,
        speaker: Speaker,
        amplifier: Amplifier,
        journal: PlayJournal,
        shelf: Callable[[bytes], Path | None],
        recordings: Recordings,
        holdings: Callable[[], Holdings],
        changed: asyncio.Event,
        on_order: OnOrder,
        on_fault: OnFault,
        on_damaged: Callable[[bytes], None],
        on_doing: Callable[[], None],
        lead_in_ms: int,
    ) -> None:
        """`holdings` gives the same object until they change; `changed` wakes the player and is cleared by it.

        `on_damaged` is told the hash of a blob that must be fetched again, `on_doing` that `sounding` has changed;
        `lead_in_ms` is the time from the amplifier's power to its first clean sound.
        """
        self._clock = clock
        self._speaker = speaker
        self._changed = changed
        self._on_fault = on_fault
        self._on_doing = on_doing
        self._lead_in_ms = lead_in_ms
        self._ahead_ms = max(lead_in_ms, COMMIT_MS) + MARGIN_MS
        self._chime_ms = recordings.lengths_ms.get("chime", 0)
        self._content = Content(shelf, recordings, on_damaged)
        self._planning = Planning(clock, holdings)
        self._power = Power(clock, amplifier, lead_in_ms)
        self._log = PlayLog(journal, clock, on_fault)
        self._stages = Stages(on_order)
        self._refusals = Refusals(self._planning, self._log)
        self._device = DeviceHealth(clock, on_fault)
        self._playing: list[Playing] = []
        self._hopeless: set[tuple[str, int]] = set()
        """Segments (play, start) of which nothing is left that could sound."""
        self._waiting: Play | None = None
        """Its row is open, and the device has not taken it yet."""
        self._attempt: Segment | None = None
        """What is being taken a step on."""
        self._has_stumbled = False
        self._wake_ms = 0

    @property
    def sounding(self) -> Segment | None:
        """What is to be heard at this moment."""
        return next((playing.segment for playing in self._playing if playing.audible), None)

    async def run(self) -> None:
        """Play until cancelled."""
        self._log.close_interrupted()
        try:
            while True:
                self._changed.clear()
                await self._guarded_turn()
                await wait_for(self._clock, self._changed, min(TICK_MS, self._wake_ms - self._clock.now_ms()))
        finally:
            await self._wind_down()

    async def _guarded_turn(self) -> None:
        """One turn; what goes wrong in it is a fault and never the end of the player: an alarm may come next."""
        try:
            await self._turn()
        except Exception as error:
            log.exception("a turn of the player failed")
            self._stumbled(error)
            self._wake_ms = self._clock.now_ms() + STUMBLE_MS
        else:
            if self._has_stumbled and not self._device.ill:
                self._has_stumbled = False
                self._on_fault(FaultCode.AUDIO_DEVICE, False, "the player goes on")

    async def _turn(self) -> None:
        """Bring the world in step with the plan, once."""
        self._reap()
        now = self._clock.now_ms()
        self._look_at_the_time_and_the_programme(now)
        holdings = self._planning.holdings
        around = plan(holdings, now, now + self._ahead_ms + 1)
        self._stop_what_is_not_wanted(around, holdings, now)
        while True:
            following = self._following(around, now)
            await self._power.follow(needed=self._needs_power(following, now))
            self._attempt = following
            if following is None or not await self._advance(following, holdings):
                break
            now = self._clock.now_ms()
        self._attempt = None
        self._give_up_waiting(around)
        causes = {playing.segment.cause for playing in self._playing}
        self._stages.review(holdings, holdings.finished | self._log.ended, causes, now)
        self._wake_ms = self._next_wake_ms(around, holdings, now)

    # What is planned

    def _look_at_the_time_and_the_programme(self, now_ms: int) -> None:
        another_time = self._planning.has_another_time()
        if not another_time:
            self._refusals.note_until(now_ms)
        if self._planning.has_another_programme() or another_time:
            self._log.forget_old()
            self._hopeless.clear()
            self._plan_anew(now_ms + self._power.settles_in_ms)

    def _plan_anew(self, ready_ms: int) -> None:
        """What sounds goes on as it was unless it was withdrawn; everything else may begin from `ready_ms` on."""
        carry = None
        going_on = [playing for playing in self._playing if playing.ending is None]
        if going_on:
            ready_ms = self._clock.now_ms()
            manifest = self._planning.given.manifest
            if going_on[0].audible and not going_on[0].withdrawn_from(manifest):
                carry = Carry(going_on[0].as_it_sounds)
        self._refusals.begin_at(ready_ms)
        self._planning.begin_at(ready_ms, self._log.ended, carry)

    def _following(self, around: Plan, now_ms: int) -> Segment | None:
        """The first segment that is not with the speaker yet and may sound."""
        with_speaker = {playing.segment.play for playing in self._playing}
        for segment in around.segments:
            if segment.end_ms <= now_ms or segment.play in with_speaker or self._log.is_over(segment.play):
                continue
            if (segment.play, segment.start_ms) in self._hopeless:
                continue
            if cueing.may_sound(segment.kind, self._planning.quality):
                return segment
        return None

    def _next_wake_ms(self, around: Plan, holdings: Holdings, now_ms: int) -> int:
        instants = []
        for segment in around.segments:
            instants += [segment.start_ms - COMMIT_MS, segment.start_ms - self._lead_in_ms - MARGIN_MS]
            instants += [segment.end_ms - FADE_MS, segment.end_ms]
        change = self._planning.next_change(now_ms + self._ahead_ms)
        if change is not None:
            instants.append(change - self._ahead_ms)
        if (conclusion := self._stages.next_ms(holdings, now_ms)) is not None:
            instants.append(conclusion)
        if (tail := self._power.tail_left_ms) is not None:
            instants.append(now_ms + tail)
        if self._device.ill:
            instants.append(now_ms + self._device.retry_in_ms)
        return min((instant for instant in instants if instant > now_ms), default=now_ms + TICK_MS)

    # What ends

    def _stop_what_is_not_wanted(self, around: Plan, holdings: Holdings, now_ms: int) -> None:
        current = next((row for row in around.segments if row.start_ms <= now_ms < row.end_ms), None)
        for playing in self._playing:
            if playing.ending is not None:
                continue
            wanted = playing.in_plan(around, now_ms)
            if wanted is not None:
                playing.segment = wanted
                cut_soon = wanted.cut is not None and wanted.end_ms - FADE_MS <= now_ms
                if cut_soon and wanted.end_ms < playing.agreed_end_ms:
                    assert wanted.cut is not None
                    playing.stop(cueing.planned_ending(wanted.kind, wanted.cut, _after(wanted, holdings)), FADE_MS)
            elif not playing.may_finish(current, holdings, now_ms):
                ending = cueing.sudden_ending(playing.segment, current, holdings, now_ms)
                log.info("stopping", play=playing.segment.play, reason=ending.detail)
                playing.stop(ending, FADE_MS)

    def _reap(self) -> None:
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

    async def _watch(self, playing: Playing) -> None:
        """Follow one track to its end and write it down."""
        row = playing.row
        try:
            first = await playing.sounding.started()
            if first is not None:
                playing.first_sample_ms = first
                self._device.works()
                self._log.started(row.play, first)
                if row.emergency:
                    self._stages.sounded(row.cause, first)
                self._on_doing()
                self._changed.set()
            closing = playing.closing(await playing.sounding.ended())
            self._log.end(
                row.play, closing.ended_ms, closing.result, closing.grade, closing.detail, final=closing.final
            )
        except SoundError as error:
            self._broke_off(playing, error)
        finally:
            playing.first_sample_ms = None
            self._on_doing()
            self._changed.set()

    def _broke_off(self, playing: Playing, error: SoundError) -> None:
        row, segment = playing.row, playing.segment
        heard = playing.first_sample_ms is not None
        if error.device:
            self._device.failed(error)
            if not heard:
                self._waiting = row
                return
            self._end_broken(playing, f"sound device: {error}", final=False)
            return
        again = self._avoid(segment, error)
        self._end_broken(playing, f"{DAMAGED}: {error}", final=not again)

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

    async def _wind_down(self) -> None:
        """The daemon ends: fade, write, switch off."""
        for playing in self._playing:
            playing.stop(Ending("the daemon was stopped", final=False), FADE_MS)
        watches = [playing.watch for playing in self._playing if playing.watch is not None]
        if watches:
            _, slow = await asyncio.wait(watches, timeout=LAST_FADE_MS / 1000)
            for watch in slow:
                watch.cancel()
        await self._power.off()

    # What begins

    async def _advance(self, segment: Segment, holdings: Holdings) -> bool:
        """Take this segment one step on. True: look again at once; False: nothing more to do for now."""
        now = self._clock.now_ms()
        if segment.start_ms - COMMIT_MS > now or self._device.retry_in_ms:
            return False
        free = max([now, *(playing.busy_until_ms for playing in self._playing)])
        ready = max(free, now + self._settles_in_ms(segment))
        begun = self._log.has_begun(segment.play)
        cue = cueing.cue(segment, ready, begun=begun)
        expires = cueing.expires_ms(segment, holdings)
        if cue is None or (expires is not None and cue.start_ms >= expires):
            if ready == free > now:
                return False  # something that began late is not over; its end asks again
            self._hopeless.add((segment.play, segment.start_ms))
            if segment.kind is SegmentKind.PROGRAMME and not begun:
                self._plan_anew(ready)
                self._changed.set()
                return False
            return True
        content = await self._content.of(segment, cue, cueing.event(segment, holdings))
        row = _row(segment, cue)
        if isinstance(content, Unready):
            self._waiting = None if self._is_waiting(row) else self._waiting
            self._log.missed(row, content.detail)
            return True
        if not self._is_waiting(row):
            self._give_up_waiting(None)
            self._log.begin(row)
        return await self._hand_over(segment, cue, content, row, _after(segment, holdings))

    async def _hand_over(self, segment: Segment, cue: Cue, content: Ready, row: Play, after: Segment | None) -> bool:
        track = Track(
            sources=content.sources,
            offset_ms=content.offset_ms,
            start_ms=cue.start_ms,
            length_ms=cue.length_ms,
            gain_cb=segment.gain_cb,
            fade_out_ms=cue.fade_out_ms,
            name=segment.play,
            cause=segment.cause,
        )
        self._waiting = row
        try:
            sounding = await self._speaker.start(track)
        except SoundError as error:
            if error.device:
                self._device.failed(error)
                return False
            if not self._avoid(segment, error):
                self._waiting = None
                self._log.end(row.play, None, Result.MISSED, Grade.NONE, f"{DAMAGED}: {error}", final=True)
            return True
        self._waiting = None
        playing = Playing(segment, cue, content.detail, sounding, row, after, segment.cut)
        playing.watch = asyncio.create_task(self._watch(playing), name=f"watch {segment.play}")
        self._playing.append(playing)
        return True

    def _settles_in_ms(self, segment: Segment) -> int:
        """How long this segment must wait for the amplifier; the chime of an alarm may sound while it settles."""
        settles = self._power.settles_in_ms
        if segment.kind is SegmentKind.EMERGENCY and segment.chime:
            return max(0, settles - self._chime_ms)
        return settles

    def _needs_power(self, following: Segment | None, now_ms: int) -> bool:
        soon = now_ms + self._lead_in_ms + MARGIN_MS
        if any(playing.audible or playing.cue.start_ms <= soon for playing in self._playing):
            return True
        return following is not None and following.start_ms <= soon and not self._device.ill

    # What fails

    def _stumbled(self, error: Exception) -> None:
        """Say so; and a programme's sound that cannot even be tried must not stand in the way of the next one."""
        self._has_stumbled = True
        self._on_fault(FaultCode.AUDIO_DEVICE, True, f"{STUMBLED}: {error!r}"[:200])
        attempt, self._attempt = self._attempt, None
        if attempt is not None and attempt.kind is not SegmentKind.EMERGENCY:
            self._hopeless.add((attempt.play, attempt.start_ms))
            planned = Cue(attempt.start_ms, attempt.offset_ms, None, 0, attempt.start_ms)
            with contextlib.suppress(Exception):  # what failed may have been the log
                self._log.missed(_row(attempt, planned), f"{STUMBLED}: {error!r}"[:200])

    def _avoid(self, segment: Segment, error: SoundError) -> bool:
        """A file that no decoder reads; whether something else can sound in its place."""
        self._on_fault(FaultCode.CONTENT_DAMAGED, True, str(error))
        if segment.sound is None:
            return False
        known = self._content.avoid(segment.sound)
        return segment.kind is SegmentKind.EMERGENCY and not known

    def _is_waiting(self, row: Play) -> bool:
        return self._waiting is not None and self._waiting.play == row.play

    def _give_up_waiting(self, around: Plan | None) -> None:
        """Close the row of a sound that the device did not take in its time."""
        waiting = self._waiting
        if waiting is None or (around is not None and any(row.play == waiting.play for row in around.segments)):
            return
        self._waiting = None
        detail = "the sound device did not answer"
        self._log.end(waiting.play, None, Result.MISSED, Grade.NONE, detail, final=True)


def _row(segment: Segment, cue: Cue) -> Play:
    return Play(
        play=segment.play,
        cause=segment.cause,
        bulletin=segment.bulletin,
        sound=cueing.sound_name(segment),
        planned_ms=segment.planned_ms,
        intended_ms=cue.intended_ms,
        emergency=segment.kind is SegmentKind.EMERGENCY,
    )


def _after(segment: Segment, holdings: Holdings) -> Segment | None:
    """What takes over where this segment is cut."""
    return at(holdings, segment.end_ms) if segment.cut is not None else None
