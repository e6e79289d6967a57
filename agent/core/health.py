"""What a beat says, and when the next one is due. Pure."""

from collections.abc import Collection
from typing import Final

from protocol.manifest import PlaceInOrder
from protocol.quantities import MINUTE_MS, SECOND_MS
from protocol.report import Beat, ClockQuality, Doing, FaultCode

PERIOD_MS: Final = MINUTE_MS
AT_MOST_EVERY_MS: Final = SECOND_MS


def doing(*, sounding: bool, emergency: bool, knows_time: bool, stopped: bool = False) -> Doing:
    """What the box is about: what is heard comes before what is not known."""
    if emergency:
        return Doing.EMERGENCY
    if sounding:
        return Doing.SOUNDING
    if stopped:
        return Doing.STOPPED
    return Doing.SILENT if knows_time else Doing.WITHOUT_TIME


def fault_bits(active: Collection[FaultCode]) -> int:
    return sum(1 << int(code) for code in set(active))


def beat(
    now_ms: int,
    digest: bytes,
    *,
    now_doing: Doing,
    clock: ClockQuality,
    active: Collection[FaultCode],
    place: PlaceInOrder,
) -> Beat:
    era, epoch, generation = place
    return Beat(now_ms // SECOND_MS, digest, now_doing, clock, fault_bits(active), generation, epoch, era)


def says_the_same(one: Beat, other: Beat) -> bool:
    """Whether nothing but the time differs."""
    return (one.digest, one.doing, one.clock, one.faults, one.place_in_force) == (
        other.digest,
        other.doing,
        other.clock,
        other.faults,
        other.place_in_force,
    )


def due_ms(last_sent_ms: int | None, changed: bool, now_ms: int) -> int:
    """Milliseconds until a beat should go out; 0 for now. All on the boot clock."""
    if last_sent_ms is None:
        return 0
    wait = AT_MOST_EVERY_MS if changed else PERIOD_MS
    return max(0, last_sent_ms + wait - now_ms)
