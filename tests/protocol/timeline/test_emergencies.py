"""Emergency orders: at once over everything, the higher first, as often as said, and never after their time."""

from dataclasses import replace
from typing import Any

from protocol.order import MessageType, Severity, Sound, Status
from protocol.priority import Precedence, Rank
from protocol.timeline import Carry, HeldOrder, Holdings, Lock, Segment, SegmentKind, at, plan
from tests.protocol.timeline.house import box, emergency, ms, programme, refused, sounds

FLOOD_ID = bytes([7]) * 16


def only(*orders: HeldOrder, **more: Any) -> Holdings:
    return Holdings(None, None, orders=orders, **more)


def whole_pass(held: Holdings, moment: str) -> Segment:
    row = at(held, ms(moment))
    assert row is not None
    return row


def names(*plays: str) -> frozenset[str]:
    """ "e7#1" as the box keeps it."""
    return frozenset(f"{bytes([int(play[1])]).hex() * 16}{play[2:]}" for play in plays)


def test_an_order_sounds_as_often_as_it_says_with_its_gap() -> None:
    assert sounds(only(emergency(7, "03:00", repeats=3, gap_s=10))) == [
        "03:00-03:01 e7#1",
        "03:01:10-03:02:10 e7#2",
        "03:02:20-03:03:20 e7#3",
    ]


def test_it_waits_for_its_not_before() -> None:
    assert sounds(only(emergency(7, "03:00", not_before="04:00", repeats=1))) == ["04:00-04:01 e7#1"]


def test_what_arrives_after_its_not_before_sounds_when_it_arrives_and_not_in_the_past() -> None:
    assert sounds(only(emergency(7, "03:00", not_before="02:00", repeats=1))) == ["03:00-03:01 e7#1"]


def test_an_expired_order_never_sounds() -> None:
    assert sounds(only(emergency(7, "03:00", expires="03:00"))) == []
    late = only(emergency(7, "03:00", expires="03:30"), awake_ms=ms("03:30"))
    assert sounds(late) == []


def test_when_it_expires_while_sounding_the_message_ends_and_does_not_come_again() -> None:
    assert sounds(only(emergency(7, "03:00", expires="03:01:30", gap_s=5))) == [
        "03:00-03:01 e7#1",
        "03:01:05-03:02:05 e7#2",
    ]


def test_no_pass_starts_on_the_stroke_of_its_expiry() -> None:
    assert sounds(only(emergency(7, "03:00", expires="03:01:05", gap_s=5))) == ["03:00-03:01 e7#1"]


def test_the_speakers_are_free_at_once_when_no_pass_can_follow() -> None:
    held = box(programme("s1", "06:00", "5m"), orders=(emergency(7, "06:01", expires="06:02:30", gap_s=300),))
    assert sounds(held) == ["06:00-06:01 s1#1.1 | emergency", "06:01-06:02 e7#1", "06:02-06:06 s1#1.1 +60s"]


def test_the_more_severe_interrupts_and_the_other_starts_its_message_again() -> None:
    held = only(
        emergency(1, "03:00", severity=Severity.MODERATE, repeats=1),
        emergency(2, "03:00:30", severity=Severity.EXTREME, repeats=1),
    )
    assert sounds(held) == ["03:00-03:00:30 e1#1 | emergency", "03:00:30-03:01:30 e2#1", "03:01:30-03:02:30 e1#1"]


def test_of_equal_severity_the_higher_authority_interrupts() -> None:
    held = only(emergency(1, "03:00", level=1, repeats=1), emergency(2, "03:00:30", level=0, repeats=1))
    assert sounds(held) == ["03:00-03:00:30 e1#1 | emergency", "03:00:30-03:01:30 e2#1", "03:01:30-03:02:30 e1#1"]


def test_severity_counts_more_than_authority() -> None:
    held = only(
        emergency(1, "03:00", level=1, severity=Severity.EXTREME, repeats=1), emergency(2, "03:00", level=0, repeats=1)
    )
    assert sounds(held) == ["03:00-03:01 e1#1", "03:01-03:02 e2#1"]


def test_of_equals_the_older_goes_first_and_none_interrupts() -> None:
    held = only(
        emergency(1, "03:00:20", repeats=2), emergency(2, "03:00:10", repeats=1), emergency(3, "03:00", repeats=1)
    )
    assert sounds(held) == ["03:00-03:01 e3#1", "03:01-03:02 e2#1", "03:02-03:03 e1#1", "03:03:05-03:04:05 e1#2"]


def test_an_older_one_that_arrives_late_waits_until_the_younger_has_sounded_all_its_passes() -> None:
    young = emergency(1, "03:00", repeats=2)
    old = emergency(2, "03:00:30", repeats=1, issued=ms("02:50") // 1000)
    assert sounds(only(young, old)) == ["03:00-03:01 e1#1", "03:01:05-03:02:05 e1#2", "03:02:05-03:03:05 e2#1"]
    again = only(young, old, awake_ms=ms("03:01:02"), finished=names("e1#1"))
    assert sounds(again) == ["03:01:02-03:02:02 e1#2", "03:02:02-03:03:02 e2#1"]


def test_a_higher_one_with_passes_to_come_keeps_the_speakers_from_one_it_interrupted_in_its_gap() -> None:
    held = only(
        emergency(1, "03:00", severity=Severity.MINOR, repeats=2, gap_s=60), emergency(2, "03:01:10", repeats=2)
    )
    assert sounds(held) == [
        "03:00-03:01 e1#1",
        "03:01:10-03:02:10 e2#1",
        "03:02:15-03:03:15 e2#2",
        "03:03:15-03:04:15 e1#2",
    ]


def test_of_equals_that_had_both_begun_before_a_restart_the_older_goes_on_first() -> None:
    young, old = emergency(1, "03:00:20", repeats=2), emergency(2, "03:00", repeats=2)
    for orders in ((young, old), (old, young)):
        held = only(*orders, awake_ms=ms("03:04"), finished=names("e1#1", "e2#1"))
        assert sounds(held) == ["03:04-03:05 e2#2", "03:05-03:06 e1#2"]


def test_a_higher_one_that_begins_as_a_pass_ends_cuts_nothing_off_it() -> None:
    held = only(
        emergency(1, "03:00", severity=Severity.MINOR, repeats=2),
        emergency(2, "03:01", repeats=1),
    )
    assert sounds(held) == ["03:00-03:01 e1#1", "03:01-03:02 e2#1", "03:02-03:03 e1#2"]


def test_an_order_that_ends_on_the_stroke_of_its_pass_has_sounded_it_whole() -> None:
    assert sounds(only(emergency(7, "03:00", ended="03:01"))) == ["03:00-03:01 e7#1"]


def test_a_lower_one_waits_through_the_gaps_too() -> None:
    held = only(
        emergency(1, "03:00", repeats=2, gap_s=30),
        emergency(2, "03:00", severity=Severity.MINOR, repeats=1),
    )
    assert sounds(held) == ["03:00-03:01 e1#1", "03:01:30-03:02:30 e1#2", "03:02:30-03:03:30 e2#1"]


def test_a_higher_one_does_not_wait_for_a_gap_to_end() -> None:
    held = only(
        emergency(1, "03:00", repeats=2, gap_s=60, severity=Severity.MINOR),
        emergency(2, "03:01:10", repeats=1),
    )
    assert sounds(held) == ["03:00-03:01 e1#1", "03:01:10-03:02:10 e2#1", "03:02:10-03:03:10 e1#2"]


def test_a_cancel_ends_what_it_names_at_once() -> None:
    cancel = emergency(8, "03:00:20", type=MessageType.CANCEL, references=(FLOOD_ID,), sound=None)
    assert sounds(only(emergency(7, "03:00"), cancel)) == ["03:00-03:00:20 e7#1 | ended"]


def test_a_cancel_that_came_before_its_alert_keeps_it_silent() -> None:
    cancel = emergency(8, "02:59", type=MessageType.CANCEL, references=(FLOOD_ID,), sound=None)
    assert sounds(only(emergency(7, "03:00"), cancel)) == []


def test_an_update_takes_the_place_of_what_it_names() -> None:
    update = emergency(8, "03:00:20", type=MessageType.UPDATE, references=(FLOOD_ID,), repeats=1)
    assert sounds(only(emergency(7, "03:00"), update)) == ["03:00-03:00:20 e7#1 | ended", "03:00:20-03:01:20 e8#1"]


def test_what_can_end_no_alert_ends_none_though_it_names_one() -> None:
    for kind in (MessageType.REINSTATE, MessageType.STOP):
        other = emergency(8, "03:00:20", type=kind, references=(FLOOD_ID,), sound=None)
        assert sounds(only(emergency(7, "03:00", repeats=1), other)) == ["03:00-03:01 e7#1"]


def test_an_update_that_came_before_its_alert_sounds_alone() -> None:
    update = emergency(8, "02:59", type=MessageType.UPDATE, references=(FLOOD_ID,), repeats=1)
    assert sounds(only(update, emergency(7, "03:00"))) == ["02:59-03:00 e8#1"]


def test_an_update_for_later_lets_the_alert_go_on_until_then() -> None:
    update = emergency(8, "03:00:20", type=MessageType.UPDATE, references=(FLOOD_ID,), repeats=1, not_before="03:01:30")
    assert sounds(only(emergency(7, "03:00"), update)) == [
        "03:00-03:01 e7#1",
        "03:01:05-03:01:30 e7#2 | ended",
        "03:01:30-03:02:30 e8#1",
    ]


def test_a_test_never_sounds_and_ends_nothing() -> None:
    held = only(
        emergency(7, "03:00", repeats=1),
        emergency(8, "03:00:20", type=MessageType.CANCEL, references=(FLOOD_ID,), sound=None, status=Status.TEST),
        emergency(9, "04:00", status=Status.TEST),
    )
    assert sounds(held) == ["03:00-03:01 e7#1"]


def test_a_drill_sounds_and_says_that_it_is_one() -> None:
    row = at(only(emergency(7, "10:00", status=Status.EXERCISE)), ms("10:00"))
    assert row is not None
    assert row.drill


def test_the_message_the_chime_and_the_gain_are_the_orders_own() -> None:
    row = at(only(emergency(7, "10:00", sound=Sound(5, chime=2, gain_cb=-30))), ms("10:00"))
    assert row is not None
    assert (row.sound, row.chime, row.gain_cb, row.drill) == (5, 2, -30, False)


def test_a_pass_is_told_with_its_order_its_place_and_the_instants_to_the_millisecond() -> None:
    held = emergency(7, "03:00", level=2, not_before="02:59", sound=Sound(5, repeats=2, gap_s=300))
    first, second = plan(only(held), ms("02:00"), ms("04:00")).segments
    assert first == Segment(
        play=f"{FLOOD_ID.hex()}#1",
        kind=SegmentKind.EMERGENCY,
        cause=FLOOD_ID.hex(),
        bulletin="",
        sound=5,
        station=None,
        planned_ms=ms("03:00"),
        start_ms=ms("03:00"),
        end_ms=ms("03:01"),
        offset_ms=0,
        gain_cb=0,
        precedence=Precedence(Rank.EMERGENCY, Severity.SEVERE, -2, -ms("03:00"), 0, FLOOD_ID.hex()),
        chime=first.chime,
        drill=False,
    )
    shifted = ms("03:06") - ms("03:00")
    play = f"{FLOOD_ID.hex()}#2"
    assert second == replace(first, play=play, start_ms=first.start_ms + shifted, end_ms=first.end_ms + shifted)


def test_after_a_restart_a_pass_was_planned_for_no_earlier_than_the_restart() -> None:
    row = whole_pass(only(emergency(7, "03:00"), awake_ms=ms("03:10")), "03:10")
    assert (row.planned_ms, row.start_ms) == (ms("03:10"), ms("03:10"))


def test_a_lock_does_not_hold_an_emergency() -> None:
    held = only(emergency(7, "10:00", repeats=1), locks=(Lock(ms("09:00"), None, "khóa"),))
    assert sounds(held) == ["10:00-10:01 e7#1"]


def test_after_a_restart_finished_passes_do_not_come_again() -> None:
    finished = frozenset({f"{FLOOD_ID.hex()}#1"})
    held = only(emergency(7, "03:00", gap_s=10), awake_ms=ms("03:01:40"), finished=finished)
    assert sounds(held) == ["03:01:40-03:02:40 e7#2", "03:02:50-03:03:50 e7#3"]


def test_after_a_restart_an_order_that_was_done_never_starts_again() -> None:
    finished = frozenset(f"{FLOOD_ID.hex()}#{number}" for number in (1, 2, 3))
    assert sounds(only(emergency(7, "03:00"), awake_ms=ms("03:10"), finished=finished)) == []


def test_an_order_that_was_reinstated_sounds_all_its_passes_again_numbered_on() -> None:
    done = names("e7#1", "e7#2", "e7#3")
    again = only(replace(emergency(7, "03:10", gap_s=10), rounds=1), awake_ms=ms("03:10"), finished=done)
    assert sounds(again) == ["03:10-03:11 e7#4", "03:11:10-03:12:10 e7#5", "03:12:20-03:13:20 e7#6"]
    twice = only(replace(emergency(7, "03:10", repeats=1), rounds=2))
    assert sounds(twice) == ["03:10-03:11 e7#3"]


def test_one_that_was_reinstated_has_not_begun_and_waits_for_an_equal_that_is_older() -> None:
    young = replace(emergency(1, "03:00:20", repeats=2), rounds=1)
    assert sounds(only(young, emergency(2, "03:00", repeats=1), awake_ms=ms("03:05"))) == [
        "03:05-03:06 e2#1",
        "03:06-03:07 e1#3",
        "03:07:05-03:08:05 e1#4",
    ]


def test_an_order_without_a_sound_has_no_passes() -> None:
    cancel = emergency(8, "03:00", type=MessageType.CANCEL, references=(FLOOD_ID,), sound=None)
    assert (cancel.first_pass, cancel.last_pass) == (1, 0)


def test_of_equals_of_the_same_second_the_greater_name_goes_first_whatever_order_they_came_in() -> None:
    one, two = emergency(1, "03:00", repeats=1), emergency(2, "03:00", repeats=1)
    assert sounds(only(one, two)) == sounds(only(two, one)) == ["03:00-03:01 e2#1", "03:01-03:02 e1#1"]


def test_the_older_is_the_one_that_was_signed_first_not_the_one_for_sooner() -> None:
    held = only(
        emergency(1, "03:00", issued=ms("02:50") // 1000, not_before="02:55", repeats=1),
        emergency(2, "03:00", issued=ms("02:40") // 1000, not_before="02:58", repeats=1),
    )
    assert sounds(held) == ["03:00-03:01 e2#1", "03:01-03:02 e1#1"]


def test_a_cancel_in_a_gap_does_not_change_what_was_before_it() -> None:
    entries = programme("s1", "06:00", "5m")
    before = box(entries, orders=(emergency(7, "06:01", gap_s=60),))
    after = box(entries, orders=(emergency(7, "06:01", gap_s=60, ended="06:02:30"),))
    assert at(before, ms("06:02:20")) is None
    assert sounds(after)[1:] == ["06:01-06:02 e7#1", "06:02:30-06:06:30 s1#1.1 +60s"]
    assert refused(after) == []


def test_the_pass_that_goes_on_is_that_of_its_own_order() -> None:
    low, high = emergency(1, "03:00", severity=Severity.MINOR, repeats=1), emergency(2, "03:00", repeats=2)
    carry = Carry(whole_pass(only(low, high), "03:00"))
    assert sounds(only(low, high, awake_ms=ms("03:00:30"), carry=carry)) == [
        "03:00-03:01 e2#1",
        "03:01:05-03:02:05 e2#2",
        "03:02:05-03:03:05 e1#1",
    ]


def test_a_pass_does_not_go_on_against_a_higher_order_that_came_with_the_change() -> None:
    low, high = emergency(1, "03:00", severity=Severity.MINOR, repeats=1), emergency(2, "03:00:30", repeats=1)
    carry = Carry(whole_pass(only(low), "03:00"))
    assert sounds(only(low, high, awake_ms=ms("03:00:30"), carry=carry)) == [
        "03:00:30-03:01:30 e2#1",
        "03:01:30-03:02:30 e1#1",
    ]


def test_a_pass_that_had_ended_does_not_go_on() -> None:
    order = emergency(7, "03:00", repeats=2)
    carry = Carry(whole_pass(only(order), "03:00"))
    held = only(order, awake_ms=ms("03:00:30"), carry=carry, finished=names("e7#1"))
    assert sounds(held) == ["03:00:30-03:01:30 e7#2"]


def test_a_pass_that_was_to_be_interrupted_goes_on_whole_when_the_higher_order_is_cancelled_first() -> None:
    low = emergency(1, "03:00", severity=Severity.MINOR, repeats=1)
    high = emergency(2, "03:00", not_before="03:00:40", repeats=1)
    carry = Carry(whole_pass(only(low, high), "03:00"))
    assert sounds(only(low, awake_ms=ms("03:00:20"), carry=carry)) == ["03:00-03:01 e1#1"]
