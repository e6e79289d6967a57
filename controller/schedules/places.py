"""The places that somebody may address, as a form shows them: units with boxes in them, groups, and single boxes."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controller.accounts.models import Person
from controller.accounts.rules import Action
from controller.accounts.services import where
from controller.boxes.models import Box, Group, Stage
from controller.schedules.services import Aimed
from controller.units.models import Unit
from controller.units.rules import above, covers

UNIT, GROUP, BOX = "unit", "group", "box"


@dataclass(frozen=True)
class Choice:
    """One line of the form."""

    key: str
    """`unit:79-26506`, `group:3`, `box:abc…`."""
    name: str
    depth: int
    boxes: int
    """How many it means now."""


@dataclass(frozen=True)
class Choices:
    units: tuple[Choice, ...]
    groups: tuple[Choice, ...]
    boxes: tuple[Choice, ...]


def choices(scope: Iterable[str]) -> Choices:
    """What may be addressed by somebody who may schedule in these units (codes). Units without boxes are left out."""
    scope = tuple(scope)
    boxes = [
        box
        for box in Box.objects.filter(state=Stage.APPROVED).exclude(unit=None).select_related("unit")
        if box.unit is not None and _within(scope, box.unit.code)
    ]
    count = Counter(code for box in boxes if box.unit for code in above(box.unit.code) if _within(scope, code))
    units = list(Unit.objects.filter(code__in=count).order_by("code"))
    least = min((unit.code.count("-") for unit in units), default=0)
    groups = [group for group in Group.objects.select_related("unit") if _within(scope, group.unit.code)]
    used = Counter(Group.boxes.through.objects.filter(box__state=Stage.APPROVED).values_list("group_id", flat=True))
    return Choices(
        tuple(
            Choice(f"{UNIT}:{unit.code}", unit.name, unit.code.count("-") - least, count[unit.code]) for unit in units
        ),
        tuple(Choice(f"{GROUP}:{group.pk}", group.name, 0, used[group.pk]) for group in groups),
        tuple(Choice(f"{BOX}:{box.pk}", f"{box.name} · {box.unit}", 0, 1) for box in boxes),
    )


def aimed(keys: Iterable[str]) -> Aimed:
    """What these keys of choices name; what is no key of ours is kept as a unit's code, for the service to refuse."""
    sorted_out: Mapping[str, list[str]] = {UNIT: [], GROUP: [], BOX: []}
    for key in keys:
        kind, _colon, value = key.partition(":")
        known = kind in sorted_out and (kind != GROUP or value.isdecimal())
        sorted_out[kind if known else UNIT].append(value if known else key)
    return Aimed(
        units=tuple(sorted_out[UNIT]), groups=tuple(int(n) for n in sorted_out[GROUP]), boxes=tuple(sorted_out[BOX])
    )


def _within(scope: Iterable[str], code: str) -> bool:
    return any(covers(unit, code) for unit in scope)


def own_unit(person: Person) -> str:
    """The first unit for which the person makes schedules, as a form offers it; empty for none."""
    codes = where(person, Action.SCHEDULE)
    unit = Unit.objects.filter(code=codes[0]).first() if codes else None
    return f"{unit.code} {unit.name}" if unit else ""
