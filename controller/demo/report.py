"""What `make demo CHECK=1` leaves behind: a table for people and one JSON object for machines."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Step:
    """One step of the journey."""

    name: str
    seconds: float
    ok: bool
    remark: str = ""


@dataclass
class Report:
    """The figures of one journey; None where it did not come so far."""

    ok: bool = False
    boxes: int = 0
    bulletin_correlation: float | None = None
    """Peak of the normalised cross-correlation between the real agent's recording and the bulletin's audio, 0 to 1."""
    start_error_ms: float | None = None
    """Largest distance between planned start and first sample, over both items and all boxes."""
    offline_item_sounded: bool = False
    log_rows_expected: int | None = None
    """Plays that the output devices really took, counted there."""
    log_rows_received: int | None = None
    log_duplicates: int | None = None
    rows_heard: int | None = None
    """Of the real agent's plays, those that its own ear has heard (grade ACOUSTIC)."""
    live_boxes_sounded: int | None = None
    """Boxes of the commune whose outputs took the officer's voice."""
    live_boxes_outside: int | None = None
    live_tone_hz: float | None = None
    """The loudest note in what the real agent wrote of it."""
    live_delay_ms: float | None = None
    """First group sent by the page → first sample, slowest box."""
    emergency_boxes_expected: int | None = None
    emergency_boxes_sounded: int | None = None
    emergency_boxes_outside: int | None = None
    emergency_p50_ms: float | None = None
    """Second signature stored → first sample, over the boxes of the commune."""
    emergency_max_ms: float | None = None
    unheard_boxes: int | None = None
    """Boxes that the roll call showed in red while the wire to the horn was cut; one was."""
    button_ms: float | None = None
    """Three seconds of holding the button over → first sample."""
    frames_shown: int | None = None
    """Pages of the real agent's board in the play log, each with its hash."""
    broker: str = ""
    seconds: float = 0.0
    steps: list[Step] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[list[str]]:
        """Run a step: it is printed with its time when it ends, also when it fails; remarks go into the list."""
        remarks: list[str] = []
        begun = time.monotonic()
        ok = False
        try:
            yield remarks
            ok = True
        finally:
            done = Step(name, round(time.monotonic() - begun, 2), ok, "; ".join(remarks))
            self.steps.append(done)
            print(
                f"{'✓' if ok else '✗'} {done.seconds:7.2f} s  {name}{'  — ' + done.remark if done.remark else ''}",
                flush=True,
            )

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
