"""Which sound wins: one total order, used by the planner, the player and the console."""

import enum
from dataclasses import dataclass
from typing import Final

OWN_LEVEL: Final = 99
"""The level of what a box's own button raises or stops: below every unit of any tree."""


class Rank(enum.IntEnum):
    """Kinds of sound, the higher wins (design §6). Live voice that is attached to an alarm speaks inside it."""

    FILLER = 0
    ORDINARY = 1
    PRIORITY = 2
    LIVE = 3
    MICROPHONE = 4
    EMERGENCY = 5
    KEYED_MICROPHONE = 6


@dataclass(frozen=True, order=True)
class Precedence:
    """Compares as (rank, severity, level, age, order of the commune, name): of two sounds the greater one is heard.

    `severity` counts only among emergencies, `level` among them and among live voices; `age_ms` is minus the instant at
    which it was issued or planned, so the older wins; `commune_order` is minus the place that the commune gave it;
    `name` breaks what is left.
    """

    rank: Rank
    severity: int
    level: int
    age_ms: int
    commune_order: int
    name: str
