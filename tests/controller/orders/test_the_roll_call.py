"""What a box's answers come to: only what is known to have sounded is good, and silence is never shown as well."""

from hypothesis import given
from hypothesis import strategies as st

from controller.orders import rules
from controller.orders.rules import Answer, Level
from protocol.order import MessageType, Status
from protocol.refusals import RejectCode
from protocol.report import Stage

SENT = 1_000_000
ALERT, CANCEL = MessageType.ALERT, MessageType.CANCEL
answers = st.lists(
    st.builds(
        Answer,
        stage=st.sampled_from(Stage),
        code=st.sampled_from(["", *RejectCode]),
        first_sample_ms=st.none() | st.integers(SENT, SENT + 60_000),
        at_ms=st.integers(SENT, SENT + 60_000),
    ),
    max_size=6,
)


def test_no_answer_is_bad_and_the_order_is_owed() -> None:
    assert rules.line(ALERT, Status.ACTUAL, [], SENT).level is Level.BAD
    assert rules.owed([])


def test_a_box_that_only_accepted_is_not_yet_good() -> None:
    line = rules.line(ALERT, Status.ACTUAL, [Answer(Stage.ACCEPTED)], SENT)
    assert (line.stage, line.level) == (Stage.ACCEPTED, Level.BUSY)


def test_the_time_to_the_first_sample_counts_from_the_last_signature() -> None:
    heard = [Answer(Stage.ACCEPTED), Answer(Stage.STARTED, "", SENT + 640), Answer(Stage.DONE)]
    line = rules.line(ALERT, Status.ACTUAL, heard, SENT)
    assert (line.stage, line.level, line.after_ms) == (Stage.DONE, Level.GOOD, 640)


def test_a_cancel_and_a_test_are_good_once_they_are_accepted() -> None:
    assert rules.line(CANCEL, Status.ACTUAL, [Answer(Stage.ACCEPTED)], SENT).level is Level.GOOD
    assert rules.line(ALERT, Status.TEST, [Answer(Stage.ACCEPTED)], SENT).level is Level.GOOD


def test_an_order_that_expired_before_it_sounded_is_bad() -> None:
    assert rules.line(ALERT, Status.ACTUAL, [Answer(Stage.ACCEPTED), Answer(Stage.EXPIRED)], SENT).level is Level.BAD


@given(answers=answers)
def test_good_means_that_something_final_is_known(answers: list[Answer]) -> None:
    line = rules.line(ALERT, Status.ACTUAL, answers, SENT)
    if line.level is Level.GOOD:
        sounded = {Stage.STARTED, Stage.DONE, Stage.CANCELLED} & {answer.stage for answer in answers}
        sampled = any(answer.first_sample_ms is not None for answer in answers)
        assert sounded or sampled or line.code == RejectCode.DUPLICATE


@given(answers=answers)
def test_an_order_is_owed_exactly_while_nothing_final_was_said(answers: list[Answer]) -> None:
    final = [a for a in answers if a.stage is not Stage.REJECTED or a.code not in rules.RETRIED]
    assert rules.owed(answers) is (not final)
