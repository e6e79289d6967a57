"""What may happen to a bulletin in which state, and by whom. Pure; the table is the law of the workflow.

    draft ──► rendering ──► ready ──► approved
      ▲           │          │  ▲         │
      └───────────┘          ▼  └─ edit   ▼
      no sound made       refused      withdrawn

Every edit leads back to `rendering`; an approval counts for exactly the words and the sound that it names. An approved
one is approved again where its signatures do not count any more.
"""

import enum
from typing import Final

from controller.library.models import State


class Step(enum.Enum):
    EDIT = "edit"
    RENDERED = "rendered"
    """The sound is there."""
    NOT_RENDERED = "not-rendered"
    """No sound could be made."""
    APPROVE = "approve"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"


NEXT: Final[dict[tuple[State, Step], State]] = {
    **{(state, Step.EDIT): State.RENDERING for state in State},
    **{(state, Step.WITHDRAW): State.WITHDRAWN for state in State if state is not State.WITHDRAWN},
    (State.RENDERING, Step.RENDERED): State.READY,
    (State.RENDERING, Step.NOT_RENDERED): State.DRAFT,
    (State.READY, Step.APPROVE): State.APPROVED,
    (State.APPROVED, Step.APPROVE): State.APPROVED,
    (State.READY, Step.REFUSE): State.REFUSED,
    (State.APPROVED, Step.REFUSE): State.REFUSED,
}


def after(state: str, step: Step) -> State | None:
    """The state after this step; None when the step is not possible in this state."""
    return NEXT.get((State(state), step))


def may_approve(person: int, author: int, edited_by: int) -> bool:
    """Whoever wrote or last changed it never approves it. Numbers of persons."""
    return person not in {author, edited_by}
