"""Whom the demo listens to: every box's output device, real or simulated, by the box's id."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from controller.boxes.models import Box, Stage
from controller.demo.layout import REAL, Layout
from controller.demo.measure import Heard, heard_by_fake, heard_by_recorder


@dataclass(frozen=True)
class Ears:
    """What has sounded so far, from the devices themselves."""

    layout: Layout

    @cached_property
    def names(self) -> Mapping[str, str]:
        """Names by box id, of the boxes in use."""
        return dict(Box.objects.filter(state=Stage.APPROVED).values_list("id", "name"))

    @cached_property
    def real(self) -> str:
        """Id of the real agent's box."""
        return next(box for box, name in self.names.items() if name == REAL)

    def heard(self) -> list[Heard]:
        """Everything that every device took and has finished with."""
        found: list[Heard] = []
        for box, name in self.names.items():
            if box == self.real:
                found += heard_by_recorder(box, self.layout.agent / "recordings")
            else:
                folder = f"box-{name.rsplit(' ', 1)[-1]}"
                found += heard_by_fake(box, self.layout.boxes / folder / "sounded.jsonl")
        return found

    def of(self, play: str) -> dict[str, Heard]:
        """Who has sounded the plays whose names begin like this: the earliest of each box."""
        firsts: dict[str, Heard] = {}
        for heard in sorted(self.heard(), key=lambda one: one.first_sample_ms):
            if heard.play.startswith(play):
                firsts.setdefault(heard.box, heard)
        return firsts
