"""A box whose power drops whenever its amplifier starts: seen in how its lives ended, answered step by step. Pure.

Three lives in ten minutes that ended with the amplifier on: 6 dB lower. Three more: nothing but emergencies, which are
tried to the last. Six hours without such an end take one step back (fault 47).
"""

import enum
from dataclasses import dataclass, replace
from typing import Final

from agent.errors import Told
from protocol.quantities import MINUTE_MS

ENDS: Final = 3
WITHIN_MS: Final = 10 * MINUTE_MS
CALM_MS: Final = 360 * MINUTE_MS
LOWER_CB: Final = -60


class Measure(enum.IntEnum):
    """What the power allows."""

    FULL = 0
    LOWER = 1
    ORDERS_ONLY = 2
    """And those lower, too."""

    @property
    def gain_cb(self) -> int:
        return 0 if self is Measure.FULL else LOWER_CB

    @property
    def words(self) -> str:
        """What is to be said of it; empty for nothing."""
        return {
            Measure.FULL: "",
            Measure.LOWER: Told(
                "the power drops when the amplifier starts: sound is 6 dB lower",
                "nguồn điện sụt khi âm ly bật: loa phát nhỏ hơn 6 dB; hãy xem nguồn và ắc quy",
            ),
            Measure.ORDERS_ONLY: Told(
                "the power drops when the amplifier starts: nothing but emergencies is tried",
                "nguồn điện sụt khi âm ly bật: chỉ phát lệnh khẩn cấp; hãy xem nguồn và ắc quy",
            ),
        }[self]


@dataclass(frozen=True)
class Lives:
    """How the lives of this box have ended, as far as it matters."""

    boot: str = ""
    """Which life wrote this: the kernel's id of the boot."""
    amplifier_on: bool = False
    ends_ms: tuple[int, ...] = ()
    """When it woke after a life that ended with the amplifier on, by its clock; since the last step."""
    measure: Measure = Measure.FULL


def woke(kept: Lives, boot: str, now_ms: int) -> Lives:
    """This life begins. A daemon that is started again in one life tells nothing.

    A clock that does not know the time stands near where it was: such ends count as near, too.
    """
    if boot == kept.boot or not kept.amplifier_on:
        return replace(kept, boot=boot, amplifier_on=False)
    ends = (*(at for at in kept.ends_ms if abs(now_ms - at) < WITHIN_MS), now_ms)
    if len(ends) < ENDS:
        return replace(kept, boot=boot, amplifier_on=False, ends_ms=ends)
    return Lives(boot, measure=Measure(min(kept.measure + 1, Measure.ORDERS_ONLY)))


def calm(kept: Lives) -> Lives:
    """CALM_MS have passed in this life."""
    return replace(kept, measure=Measure(max(kept.measure - 1, Measure.FULL)), ends_ms=())
