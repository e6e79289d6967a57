"""From windows that were heard or not to the grade of a row, and why it is not a better one. Pure."""

from dataclasses import dataclass

from protocol.report import Grade

MOSTLY = 4
"""Of so many windows that were heard, one may be lost in noise."""
CLIPPED = 0.01
"""Share of samples at full scale from which on the row says it."""


@dataclass
class Findings:
    """What one ear has found of one track."""

    name: str
    """"acoustic" or "electrical", for the log."""
    threshold: float
    heard: int = 0
    mute: int = 0
    """Windows in which it should have been heard and was not."""
    score: float | None = None
    """Of the last window that could be judged."""
    last: bool | None = None
    """Whether the last window was heard; None: it cannot be told."""
    deaf: bool = False
    """Whether the ear gives nothing, not even noise."""
    trouble: str = ""
    """What is wrong with the ear itself; then its silence means nothing."""

    def judge(self, score: float, heard: bool, comparable: bool, *, deaf: bool) -> None:
        """One more window. `deaf`: the ear gave nothing, not even noise."""
        self.last = None
        if heard:
            self.heard += 1
            self.score, self.last = score, True
            self.deaf = False
        elif comparable and deaf:
            self.deaf = True
        elif comparable and not self.trouble:
            self.deaf = False
            self.mute += 1
            self.score, self.last = score, False

    @property
    def judged(self) -> bool:
        return self.heard + self.mute > 0

    @property
    def proven(self) -> bool:
        return self.heard > 0 and self.heard >= MOSTLY * self.mute

    @property
    def said(self) -> str:
        """Why it is no proof; empty when it is."""
        if self.proven:
            return ""
        if self.trouble:
            return f"{self.name}: {self.trouble.replace('; ', ', ')}"  # a semicolon parts the notes of a row
        if self.deaf:
            return f"{self.name}: the microphone gives silence, not even noise"
        if self.heard:
            return f"{self.name}: heard in {self.heard} of {self.heard + self.mute} parts"
        if self.mute and self.score is not None:
            return f"{self.name} {self.score:.2f} < {self.threshold:g}"
        return f"{self.name}: too short or too even to tell"


def graded(grade: Grade, acoustic: Findings | None, electrical: Findings | None, clipped: float) -> tuple[Grade, str]:
    """The best that is proven, and what is missing to the best that is fitted. `clipped`: 0 to 1."""
    notes = [findings.said for findings in (acoustic, electrical) if findings is not None]
    if electrical is not None and electrical.proven:
        grade = max(grade, Grade.ELECTRICAL)
    if acoustic is not None and acoustic.proven:
        grade, notes = max(grade, Grade.ACOUSTIC), []
    if clipped >= CLIPPED:
        notes.append(f"clipped: {clipped:.1%} of it at full scale")
    return grade, "; ".join(filter(None, notes))
