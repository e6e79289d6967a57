"""When emergency orders sound: worked out first and alone, for nothing else can hold them up.

The highest order holds the speakers from its first pass to its last, its gaps included. A higher one (severity, then
authority) takes them at once; the interrupted pass then starts again from its beginning. Among equals the older goes
first, but does not interrupt.
"""

from dataclasses import dataclass, replace
from typing import Final

from protocol.order import MessageType, Status
from protocol.policy import Stretch, merged
from protocol.priority import Precedence, Rank
from protocol.timeline.model import Carry, Cut, HeldOrder, Segment, SegmentKind

_REPLACING: Final = (MessageType.UPDATE, MessageType.CANCEL)
"""What ends an alarm that it refers to."""


@dataclass(frozen=True)
class Emergencies:
    """The passes in order of time, and the stretches during which no programme may sound."""

    segments: tuple[Segment, ...]
    holds: tuple[Stretch, ...]


@dataclass(eq=False)
class _Running:
    """One order on its way through its passes."""

    held: HeldOrder
    start_ms: int
    stop_ms: int | None
    """Cancelled, superseded or ended at this instant."""
    next_pass: int
    ready_ms: int = 0
    """When the next pass may start: after the gap."""

    @property
    def expires_ms(self) -> int:
        return self.held.order.expires * 1000

    @property
    def precedence(self) -> Precedence:
        order = self.held.order
        return Precedence(Rank.EMERGENCY, order.severity, -self.held.level, -order.issued * 1000, 0, order.id.hex())

    def outranks(self, other: "_Running") -> bool:
        mine, theirs = self.precedence, other.precedence
        return (mine.severity, mine.level) > (theirs.severity, theirs.level)

    def live(self, now_ms: int, finished: frozenset[str]) -> bool:
        """Whether it still holds or will hold the speakers: another pass can start, and nobody has ended it."""
        while self.next_pass <= self.held.last_pass and self.play in finished:
            self.next_pass += 1
        if self.next_pass > self.held.last_pass:
            return False
        begin = max(now_ms, self.start_ms)
        # Until the instant of a cancel the gap is kept: what has been must not change when it arrives.
        return max(begin, self.ready_ms) < self.expires_ms and (self.stop_ms is None or begin < self.stop_ms)

    @property
    def play(self) -> str:
        return f"{self.held.order.id.hex()}#{self.next_pass}"


def emergencies(
    orders: tuple[HeldOrder, ...],
    awake_ms: int,
    finished: frozenset[str],
    carry: Carry | None,
    voices: tuple[Stretch, ...] = (),
) -> Emergencies:
    """What the orders sound from `awake_ms` on. `carry` is a pass that was sounding then; `voices` speak over alarms:
    the pass that one interrupts starts again from its beginning."""
    waiting = [
        _Running(held, _begin_ms(held, awake_ms), _stop_ms(held, orders), held.first_pass)
        for held in orders
        if _sounds(held)
    ]
    run = _Run(waiting, awake_ms, finished, voices)
    if carry is not None and carry.segment.kind is SegmentKind.EMERGENCY:
        run.resume(carry.segment)
    return run.to_the_end()


class _Run:
    def __init__(
        self, orders: list[_Running], awake_ms: int, finished: frozenset[str], voices: tuple[Stretch, ...]
    ) -> None:
        self.orders = orders
        self.voices = voices
        self.finished = finished
        self.now_ms = awake_ms
        self.segments: list[Segment] = []
        self.holds: list[Stretch] = []

    def resume(self, segment: Segment) -> None:
        """Go on with a pass that began before, as it was."""
        for running in self.orders:
            if running.held.order.id.hex() == segment.cause and segment.play not in self.finished:
                if self._voice_until_ms() is not None:
                    return
                begun = [other for other in self.orders if other.start_ms <= self.now_ms]
                if running in begun and not any(other.outranks(running) for other in begun):
                    running.next_pass = int(segment.play.rpartition("#")[2])
                    self._pass(running, replace(segment, end_ms=segment.start_ms + running.held.tape_ms))
                return

    def to_the_end(self) -> Emergencies:
        while live := [running for running in self.orders if running.live(self.now_ms, self.finished)]:
            if (until_ms := self._voice_until_ms()) is not None:
                self.now_ms = until_ms
                continue
            begun = [running for running in live if running.start_ms <= self.now_ms]
            if not begun:
                self.now_ms = min(running.start_ms for running in live)
                continue
            holding = [running for running in begun if running.next_pass > running.held.first_pass or running.ready_ms]
            self._hold(self._choose(begun, holding))
        return Emergencies(tuple(self.segments), tuple(merged(self.holds)))

    def _choose(self, begun: list[_Running], holding: list[_Running]) -> _Running:
        best = max(begun, key=lambda running: running.precedence)
        for running in sorted(holding, key=lambda running: running.precedence, reverse=True):
            if not best.outranks(running):
                return running
        return best

    def _hold(self, running: _Running) -> None:
        """One step: the gap before the next pass, or the pass."""
        if running.ready_ms > self.now_ms:
            stop = [] if running.stop_ms is None else [running.stop_ms]
            end = min([running.ready_ms, *stop, *self._takeovers(running), *self._voices_to_come()])
            self.holds.append(Stretch(self.now_ms, end))
            self.now_ms = end
            return
        sound = running.held.order.sound
        assert sound is not None
        start = self.now_ms
        self._pass(
            running,
            Segment(
                play=running.play,
                kind=SegmentKind.EMERGENCY,
                cause=running.held.order.id.hex(),
                bulletin="",
                sound=sound.message,
                station=None,
                planned_ms=running.start_ms,
                start_ms=start,
                end_ms=start + running.held.tape_ms,
                offset_ms=0,
                gain_cb=sound.gain_cb,
                precedence=running.precedence,
                chime=sound.chime,
                drill=running.held.order.status is Status.EXERCISE,
            ),
        )

    def _pass(self, running: _Running, whole: Segment) -> None:
        sound = running.held.order.sound
        assert sound is not None
        end, cut = whole.end_ms, None
        for instant in self._takeovers(running):
            if instant < end:
                end, cut = instant, Cut.EMERGENCY
        for instant in self._voices_to_come():
            if instant < end:
                end, cut = instant, Cut.PRECEDENCE
        if running.stop_ms is not None and running.stop_ms < end:
            end, cut = running.stop_ms, Cut.ENDED
        if cut is None:
            running.next_pass += 1
            running.ready_ms = end + sound.gap_s * 1000
        if end > self.now_ms:
            self.segments.append(replace(whole, end_ms=end, cut=cut))
            self.holds.append(Stretch(self.now_ms, end))
        self.now_ms = end

    def _voice_until_ms(self) -> int | None:
        """Until when somebody speaks who speaks at this moment."""
        return next((voice.end_ms for voice in self.voices if voice.start_ms <= self.now_ms < voice.end_ms), None)

    def _voices_to_come(self) -> list[int]:
        return [voice.start_ms for voice in self.voices if voice.start_ms > self.now_ms]

    def _takeovers(self, running: _Running) -> list[int]:
        """When higher orders will begin."""
        return [
            other.start_ms
            for other in self.orders
            if other.start_ms > self.now_ms and other.outranks(running) and other.live(other.start_ms, self.finished)
        ]


def _sounds(held: HeldOrder) -> bool:
    order = held.order
    return order.sound is not None and order.status is not Status.TEST


def _begin_ms(held: HeldOrder, awake_ms: int) -> int:
    return max(held.order.not_before * 1000, held.accepted_ms, awake_ms)


def _stop_ms(held: HeldOrder, orders: tuple[HeldOrder, ...]) -> int | None:
    """When it was ended, by the box's own account or by an order that refers to it."""
    stops = [held.ended_ms] if held.ended_ms is not None else []
    for other in orders:
        order = other.order
        if order.type not in _REPLACING or order.status is Status.TEST or held.order.id not in order.references:
            continue
        takes_over = other.accepted_ms
        if order.type is MessageType.UPDATE:
            takes_over = max(takes_over, order.not_before * 1000)
        stops.append(takes_over)
    return min(stops, default=None)
