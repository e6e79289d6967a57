"""People who speak: over the programme, under alarms, inside the alarm that they belong to, and within the hours."""

from protocol.priority import Precedence, Rank
from protocol.timeline import Carry, Holdings, Lock, Segment, SegmentKind, at, explain, plan
from protocol.timeline.model import HeldOrder
from tests.protocol.timeline.house import box, emergency, ms, priority, programme, relay, sounds, voice

MICROPHONE, KEYED = Rank.MICROPHONE, Rank.KEYED_MICROPHONE


def only(*orders: HeldOrder, **more: object) -> Holdings:
    return Holdings(None, None, orders=orders, **more)  # type: ignore[arg-type]


def flood(accepted: str = "06:00", **more: object) -> HeldOrder:
    return emergency(7, accepted, repeats=2, gap_s=10, **more)  # type: ignore[arg-type]


def test_live_voice_interrupts_the_programme_which_goes_on_afterwards() -> None:
    held = box(priority("s1", "06:00", "3m"), voices=(voice("v1", "06:01", "06:02"),))
    assert sounds(held) == ["06:00-06:01 s1#1.1 | precedence", "06:01-06:02 voice:v1", "06:02-06:04 s1#1.1 +60s"]


def test_a_relay_is_joined_where_it_would_be() -> None:
    held = box(relay("r1", "06:00", 10), voices=(voice("v1", "06:01", "06:02"),))
    assert sounds(held)[2] == "06:02-06:10 r1#1 +120s"


def test_an_alarm_silences_live_voice_and_the_microphone_which_are_heard_again_while_they_last() -> None:
    for rank in (Rank.LIVE, MICROPHONE):
        held = only(flood("06:01"), voices=(voice("v1", "06:00", "06:04", rank),))
        assert sounds(held) == [
            "06:00-06:01 voice:v1 | emergency",
            "06:01-06:02 e7#1",
            "06:02:10-06:03:10 e7#2",
            "06:03:10-06:04 voice:v1 +190s",
        ]


def test_the_microphone_with_the_emergency_key_turned_outranks_an_alarm_which_then_starts_its_pass_again() -> None:
    held = only(flood(), voices=(voice("v1", "06:00:30", "06:01", KEYED),))
    assert sounds(held) == [
        "06:00-06:00:30 e7#1 | precedence",
        "06:00:30-06:01 voice:v1",
        "06:01-06:02 e7#1",
        "06:02:10-06:03:10 e7#2",
    ]


def test_live_voice_that_is_attached_speaks_inside_its_alarm_and_in_its_gaps() -> None:
    held = only(flood(), voices=(voice("v1", "06:01:02", "06:01:30", attached=flood().order.id.hex()),))
    assert sounds(held) == ["06:00-06:01 e7#1", "06:01:02-06:01:30 voice:v1", "06:01:30-06:02:30 e7#2"]


def test_attached_voice_ends_with_its_alarm_and_speaks_at_night_while_that_is_in_force() -> None:
    order = flood("23:00", expires="23:30")
    attached = order.order.id.hex()
    held = box(orders=(order,), voices=(voice("v1", "23:05", "23:45", attached=attached),))
    assert sounds(held)[2:] == ["23:05-23:30 voice:v1"]
    cancelled = box(orders=(flood("23:00", ended="23:10"),), voices=(voice("v1", "23:05", "23:45", attached=attached),))
    assert sounds(cancelled)[2:] == ["23:05-23:10 voice:v1"]


def test_voice_that_is_attached_to_no_alarm_that_is_here_is_live_voice_like_any_other() -> None:
    attached = flood().order.id.hex()
    assert sounds(box(voices=(voice("v1", "22:00", "22:10", attached=attached),))) == []
    assert sounds(box(voices=(voice("v1", "08:00", "08:10", attached=attached),))) == ["08:00-08:10 voice:v1"]


def test_quiet_hours_hold_for_voices_but_for_the_turned_key_and_a_box_without_time() -> None:
    for rank in (Rank.LIVE, MICROPHONE):
        assert sounds(box(voices=(voice("v1", "20:59", "21:10", rank),))) == ["20:59-21:00 voice:v1 | quiet"]
    assert sounds(box(voices=(voice("v1", "21:30", "21:31", KEYED),))) == ["21:30-21:31 voice:v1"]
    without_time = voice("v1", "21:30", "21:31", MICROPHONE, in_quiet_hours=True)
    assert sounds(box(voices=(without_time,))) == ["21:30-21:31 voice:v1"]


def test_the_microphone_outranks_live_voice_and_the_first_of_one_kind_keeps_the_speakers() -> None:
    held = only(voices=(voice("v1", "06:00", "06:10"), voice("v2", "06:02", "06:03", MICROPHONE)))
    assert sounds(held) == [
        "06:00-06:02 voice:v1 | precedence",
        "06:02-06:03 voice:v2",
        "06:03-06:10 voice:v1 +180s",
    ]
    two = only(voices=(voice("v1", "06:00", "06:10"), voice("v2", "06:02", "06:12")))
    assert sounds(two) == ["06:00-06:10 voice:v1", "06:10-06:12 voice:v2 +480s"]


def test_a_lock_silences_every_voice_but_one_inside_an_alarm() -> None:
    locked = (Lock(ms("06:01"), None, "thợ đang làm việc"),)
    for rank in (Rank.LIVE, MICROPHONE, KEYED):
        held = only(locks=locked, voices=(voice("v1", "06:00", "06:10", rank),))
        assert sounds(held) == ["06:00-06:01 voice:v1 | stopped"]
    attached = voice("v1", "06:02", "06:03", attached=flood().order.id.hex())
    assert "06:02-06:03 voice:v1" in sounds(only(flood(), locks=locked, voices=(attached,)))


def test_a_voice_that_has_ended_is_not_heard_again_and_a_new_plan_goes_on_with_one_that_speaks() -> None:
    voices = (voice("v1", "06:00", "06:10"),)
    assert sounds(only(voices=voices, finished=frozenset({"voice:v1"}))) == []
    row = at(only(voices=voices), ms("06:01"))
    assert row is not None
    held = box(programme("s1", "06:00", "3m"), voices=voices, awake_ms=ms("06:01"), carry=Carry(row))
    assert sounds(held)[0] == "06:01-06:10 voice:v1 +60s"


def test_a_pass_that_was_sounding_does_not_go_on_while_the_turned_key_speaks() -> None:
    row = at(only(flood()), ms("06:00:20"))
    assert row is not None
    held = only(
        flood(), voices=(voice("v1", "06:00:20", "06:00:40", KEYED),), awake_ms=ms("06:00:20"), carry=Carry(row)
    )
    assert sounds(held)[:2] == ["06:00:20-06:00:40 voice:v1", "06:00:40-06:01:40 e7#1"]


def test_an_interrupted_session_of_the_programme_lasts_as_long_as_before() -> None:
    held = box(programme("s1", "06:00", "3m", "3m"), voices=(voice("v1", "06:01", "06:02"),))
    assert [row.partition(" ")[2] for row in sounds(held)] == [
        "s1#1.1 | precedence",
        "voice:v1",
        "s1#1.1 +60s",
        "s1#1.2",
    ]


def test_explain_names_who_speaks_and_what_comes_next() -> None:
    held = box(programme("s1", "06:00", "3m"), voices=(voice("Tuấn", "05:59", "06:01", KEYED),))
    english = explain(held, ms("06:00"), "en")
    assert "the microphone at the box, with the emergency key turned (Tuấn), from 05:59" in english
    assert "live session Tuấn, opened at 05:59" in english
    vietnamese = explain(held, ms("05:58"), "vi")
    assert "Tiếp theo: micrô tại cụm loa, khóa khẩn cấp đang mở lúc 05:59." in vietnamese


def test_voices_are_a_kind_of_their_own() -> None:
    row = at(only(voices=(voice("v1", "06:00", "06:10", gain_cb=-60),)), ms("06:05"))
    assert row is not None
    assert (row.kind, row.play, row.cause, row.gain_cb) == (SegmentKind.VOICE, "voice:v1", "v1", -60)


def test_of_two_live_voices_the_one_of_the_higher_level_is_heard_and_the_other_afterwards() -> None:
    commune = voice("commune", "06:00", "06:04", level=1)
    province = voice("province", "06:01", "06:02", level=0)
    assert sounds(only(voices=(commune, province))) == [
        "06:00-06:01 voice:commune | precedence",
        "06:01-06:02 voice:province",
        "06:02-06:04 voice:commune +120s",
    ]
    first = voice("first", "06:00", "06:04", level=1)
    second = voice("second", "06:01", "06:05", level=1)
    assert sounds(only(voices=(first, second))) == ["06:00-06:04 voice:first", "06:04-06:05 voice:second +180s"]


def test_inside_an_alarm_too_the_province_speaks_over_the_commune() -> None:
    alarm = flood().order.id.hex()
    voices = (
        voice("commune", "06:00", "06:02", attached=alarm, level=1),
        voice("province", "06:01", "06:02", attached=alarm, level=0),
    )
    spoken = [row for row in sounds(only(flood(), voices=voices)) if "voice" in row]
    assert spoken == ["06:00-06:01 voice:commune | precedence", "06:01-06:02 voice:province"]


def test_a_voice_is_planned_with_all_that_is_known_of_it() -> None:
    (row,) = plan(only(voices=(voice("v1", "06:00", "06:10", gain_cb=-60),)), ms("06:00"), ms("06:10")).segments
    assert row == Segment(
        play="voice:v1",
        kind=SegmentKind.VOICE,
        cause="v1",
        bulletin="",
        sound=None,
        station=None,
        planned_ms=ms("06:00"),
        start_ms=ms("06:00"),
        end_ms=ms("06:10"),
        offset_ms=0,
        gain_cb=-60,
        precedence=Precedence(Rank.LIVE, 0, 0, -ms("06:00"), 0, "v1"),
    )


def test_what_begins_where_a_voice_ends_cuts_nothing() -> None:
    held = only(emergency(7, "06:01", repeats=1), voices=(voice("v1", "06:00", "06:01"),))
    assert sounds(held) == ["06:00-06:01 voice:v1", "06:01-06:02 e7#1"]


def test_a_voice_that_an_alarm_leaves_no_time_is_not_heard_for_a_moment_either() -> None:
    for begin, end in (("06:00", "06:01"), ("06:00", "06:00:30"), ("06:00:30", "06:01")):
        held = only(emergency(7, "06:00", repeats=1), voices=(voice("v1", begin, end),))
        assert sounds(held) == ["06:00-06:01 e7#1"]


def test_a_turned_key_at_the_very_end_of_a_pass_takes_nothing_of_it() -> None:
    held = only(emergency(7, "06:00", repeats=2, gap_s=0), voices=(voice("v1", "06:01", "06:02", KEYED),))
    assert sounds(held) == ["06:00-06:01 e7#1", "06:01-06:02 voice:v1", "06:02-06:03 e7#2"]
