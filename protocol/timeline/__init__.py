"""The planner: (what a box holds, a moment) → what sounds, why, and until when.

Pure. Used by the box's player, by the console's preview and by the simulator, so that all three give the same answer.
"""

from protocol.timeline.explain import explain, refusal_sentence
from protocol.timeline.model import (
    HORIZON_MS,
    RESUME_WITHIN_MS,
    SESSION_PAUSE_MS,
    Carry,
    Cut,
    HeldOrder,
    Holdings,
    Lock,
    Plan,
    Refusal,
    RefusalCode,
    Segment,
    SegmentKind,
    Track,
    Voice,
)
from protocol.timeline.planner import at, next_change, plan, refusals_within
from protocol.timeline.validation import validate_entry, validate_manifest

__all__ = [
    "HORIZON_MS",
    "RESUME_WITHIN_MS",
    "SESSION_PAUSE_MS",
    "Carry",
    "Cut",
    "HeldOrder",
    "Holdings",
    "Lock",
    "Plan",
    "Refusal",
    "RefusalCode",
    "Segment",
    "SegmentKind",
    "Track",
    "Voice",
    "at",
    "explain",
    "next_change",
    "plan",
    "refusal_sentence",
    "refusals_within",
    "validate_entry",
    "validate_manifest",
]
