"""Which function does which kind of job, and what is left to do when one is given up."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from controller.jobs import services as jobs
from controller.jobs.models import Job
from controller.library import services as library
from controller.schedules import compiling


@dataclass(frozen=True)
class Work:
    do: Callable[[Job], object]
    """Raises `Refused` when trying again cannot help."""
    give_up: Callable[[Job], object] = lambda _job: None
    """Called once it will not be tried again, after errors that nobody foresaw."""
    attempts: int | None = jobs.MAX_ATTEMPTS
    """How many are made; None: until it succeeds, also after a `Refused`."""


TABLE: Final[Mapping[str, Work]] = {
    library.RENDER: Work(library.render, library.give_up_rendering),
    # As long as it fails, what was withdrawn stays on air.
    compiling.COMPILE: Work(compiling.compile_now, attempts=None),
}
