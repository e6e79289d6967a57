"""Whether a list has reached the boxes: what each said it holds, against what is newest."""

from dataclasses import dataclass

from controller.boxes.models import Box, BoxState, Stage
from controller.trust import services
from controller.trust.models import DelegationFile
from controller.units.rules import above
from controller.units.services import inside, names


@dataclass(frozen=True)
class Reached:
    boxes: int
    """In use in the unit."""
    missing: tuple[Box, ...]
    """Of which it is not known that they hold it."""

    @property
    def there(self) -> int:
        return self.boxes - len(self.missing)


def reached(row: DelegationFile) -> Reached:
    """Of a list that was published. A box with older roots counts as missing: its numbers may be of another era."""
    newest = services.current()
    states = {one.box_id: one for one in BoxState.objects.all()}
    boxes = list(Box.objects.filter(inside("unit__code", [row.unit]), state=Stage.APPROVED).order_by("name"))
    missing = [
        box
        for box in boxes
        if newest is None
        or box.pk not in states
        or states[box.pk].roots_version < newest.version
        or states[box.pk].delegations.get(row.unit) != row.version
    ]
    return Reached(len(boxes), tuple(missing))


@dataclass(frozen=True)
class Held:
    """One thing that a box should hold."""

    unit: str
    """Code; empty for the roots."""
    version: int
    """0: none that is known."""
    newest: int

    @property
    def name(self) -> str:
        return names([self.unit])

    @property
    def behind(self) -> bool:
        return self.version != self.newest


def held(box: Box) -> tuple[Held, ...]:
    """The roots and the lists of the box's place."""
    state = BoxState.objects.filter(box=box).first()
    roots = services.current()
    found = [Held("", state.roots_version if state else 0, roots.version if roots else 0)]
    if box.unit is not None and roots is not None:
        known = state.delegations if state else {}
        newest = services.versions(above(box.unit.code))
        found += [Held(unit, known.get(unit, 0), version) for unit, version in sorted(newest.items())]
    return tuple(found)
