"""What stands on the board: the alarm while it is in force, the bulletin that sounds, else the time."""

from collections.abc import Sequence
from dataclasses import replace as changed

import pytest
from msgspec.structs import replace

from agent.core.pages import CANCELLED_MS, Alarm, alarms_of, shows
from agent.services.board import Light
from protocol.approval import judge_manifest
from protocol.board.film import Frame
from protocol.board.page import BLACK, Look, Page
from protocol.bulletin import MAX_WORDS, Bulletin
from protocol.gate import Ending
from protocol.ids import sha256
from protocol.manifest import Assignment, Hours, Level, Line, Manifest, Policy
from protocol.messages import BY_CODE
from protocol.order import MessageType, Order, Severity, Sound, Status
from protocol.quantities import MINUTE_MS
from protocol.report import ClockQuality
from protocol.timeline import HeldOrder, Holdings, Lock, Segment, at
from protocol.trust import Trust
from tests.support.box_parts import BOX, NOW_MS, NOW_S
from tests.support.small_controller import AN_PHU, Programme, alert, approval, roots

TEXT = "Trạm y tế tiêm chủng vào thứ Năm."
HOUR_MS = 60 * MINUTE_MS
ONE_PM = "2026-11-24T13:00:00"
"""NOW_MS, on the clocks of Vietnam, is 13:00 on a Tuesday."""


def programme(**changes: object) -> Manifest:
    made = Programme()
    made.add("tiem-chung", ONE_PM, b"sound", 60_000)
    return replace(made.manifest(), **changes)


def holdings(manifest: Manifest | None = None, locks: tuple[Lock, ...] = (), orders: Sequence[Order] = ()) -> Holdings:
    assignment = Assignment(BOX, 1, bytes(32), 100, AN_PHU, NOW_S, NOW_S + 86_400 * 50, site="Nhà văn hóa thôn 3")
    held = tuple(HeldOrder(order, NOW_MS, 1, 10_000) for order in orders)
    return Holdings(manifest, assignment, held, locks, awake_ms=NOW_MS - HOUR_MS)


def page(
    box: Holdings | None = None,
    alarms: Sequence[Alarm] = (),
    after_ms: int = 0,
    *,
    quality: ClockQuality = ClockQuality.NTP,
    code: str | None = None,
    sounding: Segment | None = None,
) -> Page:
    return shows(
        holdings(programme()) if box is None else box,
        alarms,
        NOW_MS + after_ms,
        quality=quality,
        name="Nhà văn hóa thôn 3",
        code=code,
        sounding=sounding,
    )


def flood(sequence: int = 1, **changes: object) -> Order:
    return alert(sequence, at_s=NOW_S, **changes)


def test_the_bulletin_that_sounds_stands_there_while_it_sounds_and_then_the_time() -> None:
    made = programme()
    spoken = replace(made, bulletins=(replace(made.bulletins[0], title="Lịch tiêm chủng", text=TEXT),))
    assert page(holdings(spoken)) == Page(Look.BULLETIN, "Lịch tiêm chủng", TEXT, "tiem-chung", "b-tiem-chung")
    assert page(holdings(spoken), after_ms=60_000) == Page(Look.CLOCK, "13:01", "Thứ Ba 24/11\nNhà văn hóa thôn 3")


def test_what_the_player_has_in_the_air_is_what_is_read_also_where_a_new_plan_would_not_begin_it() -> None:
    """A bulletin goes on when another programme comes, and the new plan tells only of what begins from now on."""
    made = Programme()
    made.add("tiem-chung", ONE_PM, b"sound", 600_000)
    box = holdings(made.manifest())
    segment = at(box, NOW_MS)
    anew = changed(box, awake_ms=NOW_MS + 400_000)
    assert page(anew, after_ms=410_000).look is Look.CLOCK
    assert page(anew, after_ms=410_000, sounding=segment).look is Look.BULLETIN


def test_an_alarm_stands_from_its_beginning_to_its_expiry_above_whatever_sounds() -> None:
    order = flood(not_before=NOW_S + 60, expires=NOW_S + 660)
    alarms = [Alarm(order, 0)]
    assert page(alarms=alarms, after_ms=59_999).look is Look.BULLETIN
    told = Page(Look.ALARM, "Lũ, ngập lụt", BY_CODE[1].text_vi, order.id.hex())
    assert page(alarms=alarms, after_ms=60_000) == told
    assert page(alarms=alarms, after_ms=659_999) == told
    assert page(alarms=alarms, after_ms=660_000).look is Look.CLOCK


def test_its_words_for_boards_go_before_those_of_its_recording() -> None:
    order = flood(board="Xả lũ hồ An Phú lúc 15 giờ")
    assert page(alarms=[Alarm(order, 0)]).text == "Xả lũ hồ An Phú lúc 15 giờ"
    recorded = flood(sound=Sound(bytes(32)))
    assert page(alarms=[Alarm(recorded, 0)]) == Page(Look.ALARM, "Lũ, ngập lụt", "", recorded.id.hex())
    unknown = flood(sound=Sound(bytes(32)), event="quake")
    assert page(alarms=[Alarm(unknown, 0)]).title == "Báo động khẩn cấp"


def test_a_drill_is_marked_and_a_test_is_not_shown() -> None:
    assert page(alarms=[Alarm(flood(status=Status.EXERCISE), 0)]).look is Look.DRILL
    assert alarms_of([(flood(status=Status.TEST), 0, NOW_MS)], {}) == []


def test_a_cancelled_alarm_is_said_to_be_for_ten_minutes() -> None:
    order = flood()
    alarm = Alarm(order, 0, ended_ms=NOW_MS + MINUTE_MS)
    assert page(alarms=[alarm], after_ms=MINUTE_MS - 1).look is Look.ALARM
    over = page(alarms=[alarm], after_ms=MINUTE_MS)
    assert over == Page(Look.CANCELLED, "Lũ, ngập lụt", "Lệnh “Lũ, ngập lụt” đã được hủy.", order.id.hex())
    assert page(alarms=[alarm], after_ms=MINUTE_MS + CANCELLED_MS - 1).look is Look.CANCELLED
    assert page(alarms=[alarm], after_ms=MINUTE_MS + CANCELLED_MS).look is Look.CLOCK
    assert page(alarms=[changed(alarm, replaced=True)], after_ms=MINUTE_MS).look is Look.CLOCK
    drill = Alarm(flood(status=Status.EXERCISE), 0, ended_ms=NOW_MS)
    assert page(alarms=[drill]).text == "Lệnh diễn tập “Lũ, ngập lụt” đã được hủy."


def test_that_an_alarm_was_cancelled_gives_way_after_a_minute_to_the_bulletin_that_sounds_and_comes_back() -> None:
    made = Programme()
    made.add("tiem-chung", ONE_PM, b"sound", 300_000)
    box, alarms = holdings(made.manifest()), [Alarm(flood(), 0, ended_ms=NOW_MS)]
    looks_ = [
        page(box, alarms, after_ms=after_ms).look for after_ms in (59_999, 60_000, 299_999, 300_000, CANCELLED_MS)
    ]
    assert looks_ == [Look.CANCELLED, Look.BULLETIN, Look.BULLETIN, Look.CANCELLED, Look.CLOCK]


def test_what_ends_an_alarm_is_found_among_the_orders_that_count() -> None:
    order = flood()
    cancel = flood(2, type=MessageType.CANCEL, sound=None, references=(order.id,))
    update = flood(3, type=MessageType.UPDATE, references=(order.id,), not_before=NOW_S + 60)
    accepted = [(order, 1, NOW_MS), (cancel, 0, NOW_MS + 5_000), (update, 0, NOW_MS + 6_000)]
    by_cancel = {order.id: (Ending(0, Status.ACTUAL, MessageType.CANCEL),)}
    by_update = {order.id: (Ending(0, Status.ACTUAL, MessageType.UPDATE),)}
    assert alarms_of(accepted, by_cancel)[0] == Alarm(order, 1, NOW_MS + 5_000, replaced=False)
    assert alarms_of(accepted, by_update)[0] == Alarm(order, 1, NOW_MS + 60_000, replaced=True)
    assert alarms_of(accepted, {})[0] == Alarm(order, 1), "a cancel that was reinstated ends nothing"
    drill = {order.id: (Ending(0, Status.EXERCISE, MessageType.CANCEL),)}
    assert alarms_of(accepted, drill)[0] == Alarm(order, 1), "a drill's cancel ends no real alarm"


def test_of_two_alarms_the_one_that_sounds_stands_there_and_else_the_graver() -> None:
    small = flood(1, severity=Severity.MODERATE)
    grave = flood(2, severity=Severity.EXTREME, sound=Sound(5, repeats=1, gap_s=0), event="tsunami")
    alarms = [Alarm(small, 1), Alarm(grave, 1)]
    both = holdings(None, orders=(small, grave))
    assert page(both, alarms, 1_000).title == "Sóng thần"
    assert page(both, alarms, 12_000).title == "Lũ, ngập lụt", "the second pass in the air is what people ask about"
    assert page(both, alarms, 60_000).title == "Sóng thần"


@pytest.mark.parametrize(("level", "look"), [(0, Look.CLOCK), (1, Look.CLOCK), (2, Look.ALARM)])
def test_a_stop_takes_alarms_of_its_level_and_below_from_the_board_too(level: int, look: Look) -> None:
    lock = Lock(NOW_MS, NOW_MS + MINUTE_MS, "sai", level)
    box = holdings(programme(), (lock,))
    assert page(box, [Alarm(flood(), 1)], 1_000).look is look
    assert page(box, [Alarm(flood(), 1)], MINUTE_MS).look is Look.ALARM


def test_quiet_hours_are_dark_but_for_alarms() -> None:
    quiet = programme(policies=(Policy(Level.PROVINCE, quiet=(Hours(12 * 3600, 14 * 3600),)),))
    assert page(holdings(quiet)) == BLACK
    assert page(holdings(quiet), [Alarm(flood(), 0)]).look is Look.ALARM
    assert page(holdings(quiet), after_ms=HOUR_MS).look is Look.CLOCK


def test_a_box_that_does_not_know_the_time_shows_no_programme_and_no_alarm_that_may_be_over() -> None:
    for quality in (ClockQuality.NONE, ClockQuality.FLOOR):
        assert page(quality=quality, alarms=[Alarm(flood(), 0)]) == Page(Look.CLOCK, "--:--", "Nhà văn hóa thôn 3")
    assert page(quality=ClockQuality.NITZ).look is Look.CLOCK
    assert page(quality=ClockQuality.NITZ, alarms=[Alarm(flood(), 0)]).look is Look.ALARM


def test_an_alarm_that_sounds_stands_there_though_the_box_knows_no_time_and_no_book_has_it() -> None:
    """As one of the box's own button, with a disk that takes nothing."""
    order = flood()
    box = holdings(None, orders=(order,))
    segment = at(box, NOW_MS)
    assert segment is not None
    assert page(box, quality=ClockQuality.NONE).look is Look.CLOCK
    told = page(box, quality=ClockQuality.NONE, sounding=segment)
    assert told == Page(Look.ALARM, "Lũ, ngập lụt", BY_CODE[1].text_vi, order.id.hex())


def test_an_alarm_of_the_boxs_own_button_stands_between_its_passes_too_where_the_box_knows_no_time() -> None:
    order = flood()
    held = HeldOrder(order, NOW_MS, 1, 10_000, needs_no_clock=True)
    box = changed(holdings(None), orders=(held,))
    assert page(box, [Alarm(order, 1)], quality=ClockQuality.NONE).look is Look.ALARM


def test_a_box_that_waits_for_approval_shows_its_code() -> None:
    empty = Holdings(None, None)
    assert page(empty, code="ABCD-2EFG") == Page(Look.CODE, "ABCD-2EFG", "Nhà văn hóa thôn 3")


def test_an_alarm_of_before_the_clock_was_set_back_stands() -> None:
    assert page(alarms=[Alarm(flood(), 0)], after_ms=-HOUR_MS).look is Look.ALARM


# What is still to be read


def kept(board_s: int, **changes: object) -> Holdings:
    """Two bulletins of a minute each at one o'clock, whose words stay; it is five minutes later."""
    made = Programme()
    made.add("tiem-chung", ONE_PM, b"sound", 60_000, board_s=board_s)
    made.add("cup-dien", "2026-11-24T13:01:00", b"other", 60_000, board_s=board_s)
    return holdings(replace(made.manifest(), **changes))


def looks(box: Holdings, from_ms: int, minutes: int = 3) -> list[tuple[Look, str]]:
    """What stands there one after the other."""
    seen: list[tuple[Look, str]] = []
    for at_ms in range(from_ms, from_ms + minutes * MINUTE_MS, 5_000):
        now = page(box, after_ms=at_ms)
        told = (now.look, now.bulletin)
        if told not in seen[-1:]:
            seen.append(told)
    return seen


def test_the_words_of_what_sounded_stand_in_turn_with_the_time_for_as_long_as_the_schedule_says() -> None:
    box = kept(3_600)
    both = {(Look.NOTICE, "b-tiem-chung"), (Look.NOTICE, "b-cup-dien"), (Look.CLOCK, "")}
    assert set(looks(box, 5 * MINUTE_MS)) == both
    assert page(box).look is Look.BULLETIN, "what sounds goes before"
    assert set(looks(box, 56 * MINUTE_MS)) == both
    assert set(looks(box, HOUR_MS)) >= {(Look.NOTICE, "b-cup-dien"), (Look.CLOCK, "")}
    assert set(looks(box, HOUR_MS + MINUTE_MS)) == {(Look.CLOCK, "")}
    assert set(looks(kept(0), 5 * MINUTE_MS)) == {(Look.CLOCK, "")}


def test_each_notice_stands_a_minute_and_the_time_a_quarter() -> None:
    box = kept(3_600)
    stands = [page(box, after_ms=5 * MINUTE_MS + second * 1_000).bulletin for second in range(135)]
    assert sorted((name, stands.count(name)) for name in set(stands)) == [
        ("", 15),
        ("b-cup-dien", 60),
        ("b-tiem-chung", 60),
    ]


def test_notices_give_way_to_alarms_quiet_hours_stops_and_the_end_of_the_programme() -> None:
    at_ms = 5 * MINUTE_MS
    assert page(kept(3_600), [Alarm(flood(), 0)], at_ms).look is Look.ALARM
    quiet = kept(3_600, policies=(Policy(Level.PROVINCE, quiet=(Hours(13 * 3600 + 200, 14 * 3600),)),))
    assert set(looks(quiet, at_ms)) == {(Look.BLACK, "")}
    stopped = changed(kept(3_600), locks=(Lock(NOW_MS + 2 * MINUTE_MS, None, "sai", 1),))
    assert set(looks(stopped, at_ms)) == {(Look.CLOCK, "")}
    box = kept(3_600)
    assert box.assignment is not None
    over = changed(box, assignment=replace(box.assignment, valid_until=NOW_S + 240))
    assert set(looks(over, at_ms)) == {(Look.CLOCK, "")}
    assert page(box, after_ms=at_ms, quality=ClockQuality.NITZ).look is Look.CLOCK


def test_a_notice_whose_words_nobody_has_signed_for_is_left_out() -> None:
    box = kept(3_600)
    assert box.manifest is not None
    bare = replace(box.manifest.bulletins[0], title="", text="")
    silent = changed(box, manifest=replace(box.manifest, bulletins=(bare, box.manifest.bulletins[1])))
    assert set(looks(silent, 5 * MINUTE_MS)) == {(Look.NOTICE, "b-cup-dien"), (Look.CLOCK, "")}


# The line beside the time of day


def test_the_line_stands_beside_the_time_until_its_end_and_not_a_moment_longer() -> None:
    box = holdings(programme(entries=(), line=Line("28–34 °C, chiều có dông", NOW_S + 60)))
    assert page(box).line == "28–34 °C, chiều có dông"
    assert page(box, after_ms=59_999).line == "28–34 °C, chiều có dông"
    assert page(box, after_ms=60_000) == page(holdings(programme(entries=())), after_ms=60_000)


def test_the_line_is_not_shown_where_the_time_is_not_known_nor_in_an_alarm_nor_in_quiet_hours() -> None:
    told = programme(line=Line("28–34 °C, chiều có dông", NOW_S + 86_400))
    assert page(holdings(told), quality=ClockQuality.NONE).line == ""
    assert page(holdings(told), alarms=[Alarm(flood(), 0)]).line == ""
    assert page(holdings(told), after_ms=30_000).line == ""
    quiet = replace(told, policies=(Policy(Level.PROVINCE, quiet=(Hours(0, 86_400),)),))
    assert page(holdings(quiet), after_ms=HOUR_MS).look is Look.BLACK


# One bulletin goes to voice and board: its words are signed for like its sound


def judged(bulletin: Bulletin, *approvals: bytes) -> Bulletin:
    trust = Trust(roots(at_s=NOW_S))
    manifest = replace(programme(), bulletins=(bulletin,), approvals=approvals)
    return judge_manifest(manifest, trust, AN_PHU, NOW_S).manifest.bulletins[0]


def test_words_that_nobody_has_signed_for_are_not_shown() -> None:
    bulletin = Bulletin("b1", "Lịch tiêm chủng", "vi", bytes(32), TEXT)
    signed_text = sha256(TEXT.encode())
    assert judged(bulletin, approval(bulletin, text=signed_text)) == bulletin
    assert judged(bulletin, approval(bulletin)) == replace(bulletin, text="")
    assert judged(bulletin, approval(bulletin, text=signed_text, title="Khác")) == replace(bulletin, title="")
    assert judged(bulletin, approval(bulletin, "stranger", text=signed_text)) == replace(bulletin, title="", text="")
    assert judged(bulletin) == replace(bulletin, title="", text="")
    assert judged(replace(bulletin, text=TEXT + "!"), approval(bulletin, text=signed_text)).text == ""
    made = programme()
    silent = replace(made, bulletins=(replace(made.bulletins[0], title="", text=""),))
    assert page(holdings(silent)).look is Look.CLOCK
    assert len(TEXT) <= MAX_WORDS


# Light


def test_nights_are_dim_and_alarms_are_not() -> None:
    light = Light(day=90, night=20, night_from_s=18 * 3600, night_until_s=6 * 3600)
    hours = {hour: light.at(hour * 3600, Look.CLOCK) for hour in (0, 5, 6, 12, 17, 18, 23)}
    assert hours == {0: 20, 5: 20, 6: 90, 12: 90, 17: 90, 18: 20, 23: 20}
    assert light.at(0, Look.ALARM) == 90
    noon = Light(day=90, night=20, night_from_s=12 * 3600, night_until_s=13 * 3600)
    assert [noon.at(hour * 3600, Look.CLOCK) for hour in (11, 12, 13)] == [90, 20, 90]
    assert Frame(1, 1, bytes([200, 100, 51])).dimmed(50).rgb == bytes([100, 50, 25])
