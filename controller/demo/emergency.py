"""The emergency of the journey."""

from controller.demo.officer import Officer
from controller.demo.stage import Stage


class Alarm:
    def __init__(self, stage: Stage, people: dict[str, Officer]) -> None: ...
