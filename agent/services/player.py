"""Makes the world match the plan: the only one who starts and stops sound.

Every turn asks `protocol.timeline` what should sound around now, compares it with what does, and takes the steps
between: hand a track to the speaker ahead of its instant, stop what the plan no longer wants, switch the amplifier,
write the play log. Between turns it sleeps until the plan's next change, a change of holdings, or the end of a sound.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from agent.core import cueing
from agent.core.cueing import FADE_MS
from agent.core.tape import signal_ms
from agent.ports.clock import Clock, wait_for
from agent.ports.journal import PlayJournal
from agent.ports.sound import Accent, Amplifier, Speaker
from agent.services.aside import Aside
from agent.services.checks import Checks, Digest, StillReadingError, digest_here
from agent.services.content import Content, Unready
from agent.services.device_health import DeviceHealth
from agent.services.performance import Performance
from agent.services.planning import Planning
from agent.services.play_log import OnFault, PlayLog, row_of
from agent.services.power import Power
from agent.services.proof import Ears, Witness
from agent.services.recordings import Recordings
from agent.services.refusals import Refusals
from agent.services.stages import OnOrder, Stages
from agent.services.stumbles import STUMBLE_MS, Stumbles
from agent.services.unheard import Unheard
from protocol.timeline import Carry, Holdings, Plan, Segment, SegmentKind, at, plan

COMMIT_MS: Final = 1_000
"""So long before its first sample a track is checked, written down and handed over."""
MARGIN_MS: Final = 50
TICK_MS: Final = 10_000
"""A clock that jumps is noticed within this time."""
POWERED_TICK_MS: Final = 1_000
"""The same while the amplifier has power and nothing sounds: it must not wait for what may not come."""
READING_TICK_MS: Final = 250
"""While a file is read that should sound: what can do without it must not wait for it."""

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
        accent: Accent = Accent.NORTH,
        ears: Ears = Ears(),  # noqa: B008 - frozen: a box without ears
        digest: Digest = digest_here,
    ) -> None:
        """`holdings` gives the same object until they change; `changed` wakes the player and is cleared by it.

        `on_damaged` is told the hash of a blob that must be fetched again, `on_doing` that `sounding` has changed;
        `lead_in_ms` is the time from the amplifier's power to its first clean sound, `accent` how the box speaks;
        `digest` reads a whole file.
        """
        self._clock = clock
        self._changed = changed
        self._on_doing = on_doing
        self._lead_in_ms = lead_in_ms
        self._ahead_ms = max(lead_in_ms, COMMIT_MS) + MARGIN_MS
        self._checks = Checks(clock, digest, changed.set)
        self._content = Content(
            clock,
            shelf,
            recordings,
            on_damaged,
            checks=self._checks,
            on_fault=on_fault,
            accent=accent,
            is_picture=lambda name: _is_picture(holdings(), name),
        )
        self._planning = Planning(clock, holdings)
        self._power = Power(clock, amplifier, lead_in_ms)
        self._log = PlayLog(journal, clock, on_fault)
        self._stages = Stages(on_order, clock.now_ms)
        self._refusals = Refusals(self._planning, self._log)
        self._device = DeviceHealth(clock, on_fault, speaker, changed.set)
        self.aside = Aside(speaker, clock, changed)
        unheard = Unheard(on_fault)
        self._performance = Performance(
            speaker,
            clock,
            self._content,
            self._log,
            stages=self._stages,
            device=self._device,
            witness=Witness(clock, ears, unheard, self._stages.not_heard),
            unheard=unheard,
            on_fault=on_fault,
            on_change=self._heard_something,
            on_shorter=self._planning.ask_again,
        )
        self._stumbles = Stumbles(
            self._device,
            on_fault,
            miss=self._performance.miss,
            give_up=self._step_over,
            orders_only=self._planning.leave_out_the_programme,
        )
        self._hopeless: set[tuple[str, int]] = set()
        """Segments (play, start) of which nothing is left that could sound."""
        self._wake_ms = 0

    @property
    def sounding(self) -> Segment | None:
        """What is to be heard at this moment."""
        return next((playing.segment for playing in self._performance.playing if playing.audible), None)

    async def run(self) -> None:
        """Play until cancelled."""
        self._log.close_interrupted()
        try:
            while True:
                self._changed.clear()
                if not await self._stumbles.guard(self._turn):
                    self._wake_ms = self._clock.now_ms() + STUMBLE_MS
                tick_ms = POWERED_TICK_MS if self._power.is_on and self.sounding is None else TICK_MS
                await wait_for(self._clock, self._changed, min(tick_ms, self._wake_ms - self._clock.now_ms()))
        finally:
            self.aside.give_way()
            self._checks.close()
            await self._performance.wind_down()
            await self._power.off()

    def doubt_power(self) -> None:
        """Somebody else has switched the amplifier, such as the service switch."""
        self._power.doubt()
        self._changed.set()

    @property
    def planned(self) -> Holdings:
        """What plans are made of at present, with what this player knows of sounds that came late or not at all."""
        return self._planning.holdings

    def hindrance(self, segment: Segment | None) -> str:
        """Why this, or an alarm now, could not sound: "power", "device", "clock"; empty for nothing that is known."""
        if self._power.is_lacking:
            return "power"
        if self._device.is_silent:
            return "device"
        if segment is None or cueing.may_sound(segment.kind, self._planning.quality):
            return ""
        return "" if cueing.needs_no_clock(segment, self._planning.holdings) else "clock"

    async def watch_the_device(self) -> None:
        """Until cancelled: whether the sound output answers, also while nothing is due."""
        await self._device.watch(lambda: not self._performance.playing)

    async def try_the_device(self) -> str:
        """Without a sound; what it is. Raises SoundError."""
        return await self._device.probe()

    def _heard_something(self) -> None:
        self._on_doing()
        self._changed.set()

    def _give_up(self, segment: Segment) -> None:
        self._hopeless.add((segment.play, segment.start_ms))

    def _step_over(self, segment: Segment) -> None:
        """Not even tried; after an alarm the next alarm is due now, and not where the plan had the end of this one."""
        self._give_up(segment)
        if segment.kind is SegmentKind.EMERGENCY:
            self._planning.ask_again()

    async def _turn(self) -> None:
        """Bring the world in step with the plan, once."""
        self._performance.reap()
        now = self._clock.now_ms()
        self._look_at_the_time_and_the_programme(now)
        holdings = self._planning.holdings
        around = plan(holdings, now, now + self._ahead_ms + 1)
        self._stop_what_is_not_wanted(around, holdings, now)
        while True:
            following = self._following(around, now)
            needed = self._needs_power(following, now)
            if needed:
                self.aside.give_way()
            await self._power.follow(needed=needed or self.aside.is_wanted)
            self._stumbles.attempt(following)
            if self._power.is_lacking:
                self._performance.hold_back(now + self._lead_in_ms + MARGIN_MS)
            if following is None or not await self._advance(following, holdings):
                break
            now = self._clock.now_ms()
        self._stumbles.attempt(None)
        self.aside.has_power(None if self._power.is_lacking else self._power.settles_in_ms)
        self._performance.give_up_waiting(around)
        causes = {playing.segment.cause for playing in self._performance.playing}
        self._stages.review(holdings, holdings.finished | self._log.ended, causes, now)
        self._wake_ms = self._next_wake_ms(around, holdings, now)

    # What is planned

    def _look_at_the_time_and_the_programme(self, now_ms: int) -> None:
        another_time = self._planning.has_another_time()
        self._performance.take_over_the_time(self._planning.jump_ms)
        if not another_time:
            self._refusals.note_until(now_ms)
        if self._planning.has_another_programme() or another_time:
            self._log.forget_old()
            self._hopeless.clear()
            self._plan_anew(now_ms, now_ms + self._power.settles_in_ms)

    def _plan_anew(self, now_ms: int, ready_ms: int) -> None:
        """What sounds goes on as it was unless it was withdrawn; everything else may begin from `ready_ms` on.

        `now_ms` is the turn's: a plan that began a millisecond later would not have what is with the speaker.
        """
        carry = None
        going_on = [playing for playing in self._performance.playing if playing.ending is None]
        if going_on:
            ready_ms = now_ms
            manifest = self._planning.manifest
            if going_on[0].audible and not going_on[0].withdrawn_from(manifest):
                carry = Carry(going_on[0].as_it_sounds)
        self._refusals.begin_at(ready_ms)
        self._planning.begin_at(ready_ms, self._log.ended, carry)

    def _following(self, around: Plan, now_ms: int) -> Segment | None:
        """The first segment that is not with the speaker yet and may sound."""
        with_speaker = {playing.segment.play for playing in self._performance.playing}
        for segment in around.segments:
            if segment.end_ms <= now_ms or segment.play in with_speaker or self._log.is_over(segment.play):
                continue
            if (segment.play, segment.start_ms) in self._hopeless:
                continue
            quality = self._planning.quality
            if cueing.may_sound(segment.kind, quality) or cueing.needs_no_clock(segment, self._planning.holdings):
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
        if (retry := self._power.retry_in_ms) is not None:
            instants.append(now_ms + retry)
        if self._device.ill:
            instants.append(now_ms + self._device.retry_in_ms)
        if self._checks.busy:
            instants.append(now_ms + READING_TICK_MS)
        return min((instant for instant in instants if instant > now_ms), default=now_ms + TICK_MS)

    # What ends

    def _stop_what_is_not_wanted(self, around: Plan, holdings: Holdings, now_ms: int) -> None:
        current = next((row for row in around.segments if row.start_ms <= now_ms < row.end_ms), None)
        for playing in self._performance.playing:
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

    # What begins

    async def _advance(self, segment: Segment, holdings: Holdings) -> bool:
        """Take this segment one step on. True: look again at once; False: nothing more to do for now."""
        try:
            return await self._step(segment, holdings)
        except StillReadingError:
            return False  # whoever reads it wakes this

    async def _step(self, segment: Segment, holdings: Holdings) -> bool:
        """Raises StillReadingError."""
        now = self._clock.now_ms()
        if segment.start_ms - COMMIT_MS > now or self._waits_for_the_device(segment):
            return False
        free = max([now, *(playing.busy_until_ms for playing in self._performance.playing)])
        ready = max(free, now + self._settles_in_ms(segment))
        begun = self._log.has_begun(segment.play)
        cue = cueing.cue(segment, ready, begun=begun)
        expires = cueing.expires_ms(segment, holdings)
        if cue is None or (expires is not None and cue.start_ms >= expires):
            if ready == free > now:
                return False  # something that began late is not over; its end asks again
            self._give_up(segment)
            if segment.kind is SegmentKind.PROGRAMME and not begun:
                self._plan_anew(now, ready)
                self._changed.set()
                return False
            return True
        order, url = cueing.order_of(segment, holdings), cueing.station_url(segment, holdings.manifest)
        content = await self._content.of(segment, cue, order, url)
        row = row_of(segment, cue)
        if isinstance(content, Unready):
            self._performance.wait_no_more(row)
            self._log.missed(row, content.detail)
            return True
        if not self._performance.is_waiting(row):
            self._performance.give_up_waiting(None)
            self._log.begin(row)
        latest_ms = cueing.latest_ms(segment, holdings)
        after, unheard = _after(segment, holdings), self._power.is_lacking
        return await self._performance.hand_over(segment, cue, content, row, after, latest_ms, wait=unheard)

    def _waits_for_the_device(self, segment: Segment) -> bool:
        """Whether the device is left alone for now.

        Without it, or without power, an alarm is planned anew meanwhile, so that no pass is used up.
        """
        if (self._device.ill or self._power.is_lacking) and segment.kind is SegmentKind.EMERGENCY:
            self._planning.ask_again()
        return self._device.retry_in_ms > 0

    def _settles_in_ms(self, segment: Segment) -> int:
        """How long this segment must wait for the amplifier; the chime of an alarm may sound while it settles."""
        settles = self._power.settles_in_ms
        if segment.kind is SegmentKind.EMERGENCY and not self._performance.goes_on(segment):
            return max(0, settles - signal_ms(segment.chime))
        return settles

    def _needs_power(self, following: Segment | None, now_ms: int) -> bool:
        soon = now_ms + self._lead_in_ms + MARGIN_MS
        if any(playing.audible or playing.cue.start_ms <= soon for playing in self._performance.playing):
            return True
        return following is not None and following.start_ms <= soon and not self._device.ill


def _after(segment: Segment, holdings: Holdings) -> Segment | None:
    """What takes over where this segment is cut."""
    return at(holdings, segment.end_ms) if segment.cut is not None else None


def _is_picture(held: Holdings, name: bytes) -> bool:
    manifest = held.manifest
    return manifest is not None and any(blob.hash == name and not blob.is_sound for blob in manifest.blobs)
