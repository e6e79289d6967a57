"""What waits in a box: bounded, the most urgent first."""

from agent.core.waiting import MAX_LISTS, MAX_SIGNED, MAX_UNSIGNED, WaitingRoom
from protocol.order import Severity
from tests.support.small_controller import alert


def test_of_more_orders_than_there_are_places_the_most_severe_and_of_these_the_newest_stay() -> None:
    room = WaitingRoom()
    for number in range(100):
        severity = Severity.EXTREME if number < 10 else Severity.MINOR
        room.put(b"%d" % number, alert(1, at_s=1_000 + number, severity=severity), is_signed=True)
    severe = [b"%d" % number for number in range(9, -1, -1)]
    newest = [b"%d" % number for number in range(99, 99 - (MAX_SIGNED - 10), -1)]
    assert room.take() == severe + newest
    assert room.take() == []


def test_lists_of_people_come_before_all_orders_and_stay() -> None:
    room = WaitingRoom()
    room.put_list(b"list")
    for number in range(100):
        room.put(b"%d" % number, alert(1, at_s=1_000 + number, severity=Severity.EXTREME), is_signed=True)
    assert room.take()[0] == b"list"


def test_however_many_lists_come_they_take_no_place_from_an_alarm_and_the_last_stay() -> None:
    room = WaitingRoom()
    room.put(b"alarm", alert(1, at_s=1, severity=Severity.MINOR), is_signed=True)
    for number in range(100):
        room.put_list(b"%d" % number)
    assert room.take() == [b"%d" % number for number in range(99, 99 - MAX_LISTS, -1)] + [b"alarm"]


def test_what_nobody_has_signed_has_few_places_of_its_own() -> None:
    room = WaitingRoom()
    room.put(b"signed", alert(1, at_s=1, severity=Severity.MINOR), is_signed=True)
    for number in range(100):
        room.put(b"%d" % number, alert(1, at_s=1_000, severity=Severity.EXTREME), is_signed=False)
    taken = room.take()
    assert len(taken) == 1 + MAX_UNSIGNED
    assert b"signed" in taken


def test_what_is_due_is_taken_at_its_instant_and_the_rest_stays() -> None:
    room = WaitingRoom()
    room.put(b"later", alert(1, at_s=1), is_signed=True, due_ms=2_000)
    room.put(b"now", alert(1, at_s=1), is_signed=True, due_ms=1_000)
    room.put(b"for newer roots", alert(1, at_s=1), is_signed=True)
    assert room.take(due_ms=999) == []
    assert room.take(due_ms=1_000) == [b"now"]
    assert sorted(room.take()) == [b"for newer roots", b"later"]


def test_the_same_bytes_wait_once() -> None:
    room = WaitingRoom()
    for _ in range(3):
        room.put(b"one", alert(1, at_s=1), is_signed=True)
    assert room.take() == [b"one"]
