"""What a box's answers come to: only what is known to have sounded is good, and silence is never shown as well."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.orders import rules
from controller.orders.rules import Answer, Level
from protocol.order import MessageType, Status
from protocol.refusals import RejectCode
from protocol.report import Grade, Stage

SENT = 1_000_000
ALERT, CANCEL = MessageType.ALERT, MessageType.CANCEL
answers = st.lists(
    st.builds(
        Answer,
        stage=st.sampled_from(Stage),
        code=st.sampled_from(["", *RejectCode]),
        first_sample_ms=st.none() | st.integers(SENT, SENT + 60_000),
        at_ms=st.integers(SENT, SENT + 60_000),
        grade=st.sampled_from(Grade),
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
    assert (line.stage, line.level, line.after_ms) == (Stage.DONE, Level.PLAYED, 640)


@pytest.mark.parametrize(
    ("grade", "level"),
    [
        (Grade.CLAIMED, Level.PLAYED),
        (Grade.RENDERED, Level.PLAYED),
        (Grade.ELECTRICAL, Level.GOOD),
        (Grade.ACOUSTIC, Level.GOOD),
    ],
)
def test_only_what_is_proven_is_as_green_as_proven(grade: Grade, level: Level) -> None:
    heard = [Answer(Stage.STARTED, "", SENT + 640), Answer(Stage.DONE, grade=grade)]
    assert rules.line(ALERT, Status.ACTUAL, heard, SENT).level is level


def test_fault_38_what_the_box_itself_does_not_hear_is_bad_until_it_is_proven() -> None:
    began = [Answer(Stage.ACCEPTED), Answer(Stage.STARTED, "", SENT + 640, grade=Grade.CLAIMED)]
    mute = [*began, Answer(Stage.NOT_HEARD, "", SENT + 640, SENT + 26_000, Grade.CLAIMED)]
    line = rules.line(ALERT, Status.ACTUAL, mute, SENT)
    assert (line.stage, line.level, line.not_heard) == (Stage.STARTED, Level.BAD, True)
    done = [*mute, Answer(Stage.DONE, "", SENT + 640, grade=Grade.CLAIMED)]
    line = rules.line(ALERT, Status.ACTUAL, done, SENT)
    assert (line.stage, line.level, line.not_heard) == (Stage.DONE, Level.BAD, True)
    heard_later = [*mute, Answer(Stage.DONE, "", SENT + 640, grade=Grade.ACOUSTIC)]
    line = rules.line(ALERT, Status.ACTUAL, heard_later, SENT)
    assert (line.level, line.not_heard) == (Level.GOOD, False)


def test_an_end_without_a_first_sample_is_bad_however_sure_the_box_is() -> None:
    silent = [Answer(Stage.ACCEPTED), Answer(Stage.DONE, grade=Grade.ACOUSTIC)]
    assert rules.line(ALERT, Status.ACTUAL, silent, SENT).level is Level.BAD


def test_a_box_that_has_the_order_already_has_not_sounded_it_by_that() -> None:
    again = [Answer(Stage.REJECTED, RejectCode.DUPLICATE)]
    assert rules.line(ALERT, Status.ACTUAL, again, SENT).level is Level.BUSY
    assert rules.line(CANCEL, Status.ACTUAL, again, SENT).level is Level.GOOD


def test_a_cancel_and_a_test_are_good_once_they_are_accepted() -> None:
    assert rules.line(CANCEL, Status.ACTUAL, [Answer(Stage.ACCEPTED)], SENT).level is Level.GOOD
    assert rules.line(ALERT, Status.TEST, [Answer(Stage.ACCEPTED)], SENT).level is Level.GOOD


def test_what_a_stop_with_an_end_had_silenced_counts_as_heard_once_it_sounded_after_it() -> None:
    began = [Answer(Stage.STARTED, "", SENT + 640, SENT + 640)]
    silenced = [*began, Answer(Stage.CANCELLED, at_ms=SENT + 1_000)]
    assert rules.line(ALERT, Status.ACTUAL, silenced, SENT).stage is Stage.CANCELLED
    line = rules.line(ALERT, Status.ACTUAL, [*silenced, Answer(Stage.DONE, at_ms=SENT + 90_000)], SENT)
    assert (line.stage, line.level) == (Stage.DONE, Level.PLAYED)


def test_an_order_that_expired_before_it_sounded_is_bad() -> None:
    assert rules.line(ALERT, Status.ACTUAL, [Answer(Stage.ACCEPTED), Answer(Stage.EXPIRED)], SENT).level is Level.BAD


@given(answers=answers)
def test_good_means_proven_or_stopped_as_told(answers: list[Answer]) -> None:
    line = rules.line(ALERT, Status.ACTUAL, answers, SENT)
    measured = any(answer.grade >= Grade.ELECTRICAL for answer in answers)
    assert not line.proven or (measured and line.first_sample_ms is not None)
    if line.level is Level.GOOD:
        assert line.proven or line.stage is Stage.CANCELLED
    if line.level is Level.PLAYED:
        assert line.first_sample_ms is not None


def test_an_order_that_a_wrong_clock_refused_is_owed_while_it_lives() -> None:
    assert rules.owed([Answer(Stage.REJECTED, RejectCode.FUTURE)])
    assert rules.owed([Answer(Stage.REJECTED, RejectCode.EXPIRED, left_s=600)])
    assert not rules.owed([Answer(Stage.REJECTED, RejectCode.EXPIRED, left_s=-1)])


@given(answers=answers)
def test_an_order_is_owed_exactly_while_nothing_final_was_said(answers: list[Answer]) -> None:
    final = [a for a in answers if a.stage is not Stage.REJECTED or a.code not in rules.RETRIED]
    assert rules.owed(answers) is (not final)
