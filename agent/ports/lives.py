"""What must outlive the loss of power that it tells of."""

from typing import Protocol

from agent.core.brownout import Lives


class LivesKept(Protocol):
    @property
    def boot(self) -> str:
        """The kernel's id of this boot; empty where it has none."""
        ...

    def load(self) -> Lives:
        """What the last life left; a new one where there is none, or none that can be read."""
        ...

    def keep(self, lives: Lives) -> None:
        """On the disk when this returns, where the disk takes it: else the log says so."""
        ...
