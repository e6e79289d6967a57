"""When people speak: an officer live from afar, or somebody at the box's own microphone (design §6).

The microphone with the emergency key turned and live voice that is attached to an alarm speak over alarms; all others
give way to them, and to locks and quiet hours. Among voices the higher kind has the speakers at once, of live voices
the one of the higher level, and of one level whoever was first keeps them. What a voice is interrupted by it waits for:
it is heard again while it lasts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from protocol.policy import EffectivePolicy, Stretch, merged
from protocol.priority import Precedence, Rank
from protocol.timeline.model import Cut, HeldOrder, Segment, SegmentKind, Voice

NO_BLOCK: Final = (1 << 62, 1 << 62, Cut.PRECEDENCE)

_Block = tuple[int, int, Cut]


@dataclass(frozen=True)
class Voices:
    """Segments in order of time, and the stretches that they take."""

    segments: tuple[Segment, ...]

    @property
    def holds(self) -> tuple[Stretch, ...]:
        return tuple(merged([Stretch(row.start_ms, row.end_ms) for row in self.segments]))


def over_alarms(
    voices: Sequence[Voice], orders: Sequence[HeldOrder], awake_ms: int, locks: Iterable[Stretch]
) -> Voices:
    """Those that speak over alarms. `orders` are those that sound."""
    alive = {held.order.id.hex(): _alarm_ends_ms(held) for held in orders}
    speaking = []
    for voice in voices:
        if voice.rank is Rank.KEYED_MICROPHONE:
            speaking.append((voice, voice.until_ms))
        elif voice.attached in alive:
            speaking.append((voice, min(voice.until_ms, alive[voice.attached])))
    stopped = [(lock.start_ms, lock.end_ms, Cut.STOPPED) for lock in locks]
    return _spoken(speaking, awake_ms, {Rank.KEYED_MICROPHONE: stopped})


def under_alarms(
    voices: Sequence[Voice],
    awake_ms: int,
    *,
    above: Iterable[Stretch],
    alarms: Iterable[Stretch],
    locks: Iterable[Stretch],
    policy: EffectivePolicy,
) -> Voices:
    """The others. `above` are the voices that speak over alarms."""
    blocks = [
        *((start, end, Cut.PRECEDENCE) for start, end in above),
        *((start, end, Cut.EMERGENCY) for start, end in alarms),
        *((start, end, Cut.STOPPED) for start, end in locks),
    ]
    speaking = [(voice, voice.until_ms) for voice in voices if voice.rank is not Rank.KEYED_MICROPHONE]
    quiet: dict[str, list[_Block]] = {}
    for voice, until_ms in speaking:
        if not voice.in_quiet_hours:
            stretches = policy.quiet(voice.from_ms, until_ms)
            quiet[voice.name] = [(start, end, Cut.QUIET) for start, end in stretches]
    return _spoken(speaking, awake_ms, dict.fromkeys(Rank, blocks), quiet)


def _spoken(
    speaking: Sequence[tuple[Voice, int]],
    awake_ms: int,
    blocks: dict[Rank, list[_Block]],
    of_voice: dict[str, list[_Block]] | None = None,
) -> Voices:
    """Each as soon as nothing that is above it has the speakers. The highest is served first."""
    taken: list[Segment] = []
    for voice, until_ms in sorted(speaking, key=lambda row: _precedence(row[0]), reverse=True):
        others = [(row.start_ms, row.end_ms, Cut.PRECEDENCE) for row in taken]
        in_the_way = [*others, *blocks.get(voice.rank, []), *(of_voice or {}).get(voice.name, [])]
        taken += _parts(voice, max(voice.from_ms, awake_ms), until_ms, sorted(in_the_way))
    return Voices(tuple(sorted(taken, key=lambda row: row.start_ms)))


def _parts(voice: Voice, start_ms: int, until_ms: int, in_the_way: list[_Block]) -> list[Segment]:
    parts = []
    for begin, end, by in [*in_the_way, NO_BLOCK]:
        if begin > start_ms and start_ms < until_ms:
            cut = by if begin < until_ms else None
            parts.append(_segment(voice, start_ms, min(begin, until_ms), cut))
        start_ms = max(start_ms, end)
    return parts


def _segment(voice: Voice, start_ms: int, end_ms: int, cut: Cut | None) -> Segment:
    return Segment(
        play=voice.play,
        kind=SegmentKind.VOICE,
        cause=voice.name,
        bulletin="",
        sound=None,
        station=None,
        planned_ms=voice.from_ms,
        start_ms=start_ms,
        end_ms=end_ms,
        offset_ms=max(0, start_ms - voice.from_ms),
        gain_cb=voice.gain_cb,
        precedence=_precedence(voice),
        cut=cut,
    )


def _precedence(voice: Voice) -> Precedence:
    return Precedence(voice.rank, 0, -voice.level, -voice.from_ms, 0, voice.name)


def _alarm_ends_ms(held: HeldOrder) -> int:
    """Live voice may go on while its alarm is in force, also when all of its passes have sounded."""
    expires_ms = held.order.expires * 1000
    return expires_ms if held.ended_ms is None else min(expires_ms, held.ended_ms)
