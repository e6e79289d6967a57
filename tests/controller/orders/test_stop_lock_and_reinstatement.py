"""One person stops and locks speakers, and one act takes a stop or a cancel back; what stays, and who may."""

import datetime as dt
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from controller.bridge.absorb import resend
from controller.core.errors import NotAllowed, Refused
from controller.orders import capacity, cards, locking, rollcall, rules, services
from controller.orders.capacity import Reach
from controller.orders.composing import Alarm, Stop
from controller.orders.models import EmergencyOrder, State
from controller.outbox.models import Message
from protocol import topics
from protocol.order import MessageType
from protocol.refusals import RejectCode
from protocol.report import Receipt, Stage
from protocol.roles import Role
from protocol.signing import Family
from tests.support import province, signing_kit
from tests.support.installation import install
from tests.support.province import AN_PHU, BINH_MINH, NOW, Province, key, signed

pytestmark = pytest.mark.django_db
MINUTE = dt.timedelta(minutes=1)
HTMX = {"HX-Request": "true"}


@pytest.fixture
def here(settings: LazySettings, tmp_path: Path) -> Province:
    install(settings, tmp_path)
    return province.make(NOW)


def as_(here: Province, who: str) -> Client:
    client = Client()
    client.force_login(here.people[who])
    return client


def alarm(here: Province, area: str = AN_PHU, *, at: dt.datetime = NOW) -> EmergencyOrder:
    """Of the province: Hoa and Minh sign."""
    order = services.prepare(here.people["hoa"], Alarm(message=1, area=(area,)), now=at)
    signed(order, here, "hoa", at=at)
    return signed(order, here, "minh", at=at)


def own_alarm(here: Province, *, at: dt.datetime = NOW) -> EmergencyOrder:
    """Of An Phú: Lan alone."""
    order = services.prepare(here.people["lan"], Alarm(message=1, area=(AN_PHU,), role=Role.COMMUNE), now=at)
    return signed(order, here, "lan", at=at)


def stopped(
    here: Province, who: str, area: str = AN_PHU, *, at: dt.datetime = NOW, lock_s: int | None = None
) -> EmergencyOrder:
    order = services.stop_prepare(here.people[who], Stop((area,), lock_s, "đám tang"), now=at)
    return signed(order, here, who, at=at)


def answers(here: Province, name: str, order: EmergencyOrder, *stages: Stage, at: dt.datetime, code: str = "") -> None:
    at_ms = int(at.timestamp() * 1000)
    said = [Receipt(here.boxes[name].pk, bytes.fromhex(order.pk), stage, at_ms, code) for stage in stages]
    rollcall.record(said, at)


def line(order: EmergencyOrder, here: Province, name: str, now: dt.datetime) -> rules.Line:
    order.refresh_from_db()
    return next(row.line for row in rollcall.sheet(order, now).rows if row.box.pk == here.boxes[name].pk)


def test_lan_stops_the_speakers_of_her_commune_by_one_signature(here: Province) -> None:
    stop = stopped(here, "lan")
    assert (stop.state, stop.type, stop.until) == (State.SENT, MessageType.STOP, None)
    assert Message.objects.get(kind="order").topic == topics.orders(AN_PHU)
    assert locking.locks(stop, NOW + dt.timedelta(days=20)), "until somebody opens them"


def test_a_lock_with_an_end_ends_by_itself(here: Province) -> None:
    stop = stopped(here, "lan", lock_s=1800)
    assert locking.locks(stop, NOW + 29 * MINUTE)
    assert not locking.locks(stop, NOW + 30 * MINUTE)
    assert cards.card(stop, NOW + 30 * MINUTE).standing is rules.Standing.ENDED


def test_nobody_stops_what_is_not_theirs(here: Province) -> None:
    for who, area in (("lan", BINH_MINH), ("lan", "77"), ("tuan", AN_PHU)):
        with pytest.raises(NotAllowed):
            services.stop_prepare(here.people[who], Stop((area,)), now=NOW)
    with pytest.raises(Refused) as refused:
        services.stop_prepare(here.people["lan"], Stop((AN_PHU,), 10), now=NOW)
    assert refused.value.field == "until"


def test_reopening_is_one_act_and_the_lock_is_gone(here: Province) -> None:
    stop = stopped(here, "lan")
    opened = signed(services.reinstate_prepare(stop, here.people["lan"], now=NOW), here, "lan")
    stop.refresh_from_db()
    assert (opened.state, opened.type, stop.state) == (State.SENT, MessageType.REINSTATE, State.LIFTED)
    assert not locking.locks(stop, NOW)
    assert {message.payload for message in resend(NOW)} == {bytes(opened.envelope or b"")}
    with pytest.raises(Refused):
        services.reinstate_prepare(stop, here.people["lan"], now=NOW)


def test_a_commune_does_not_open_what_the_province_locked_and_is_told_who_can(here: Province) -> None:
    stop = stopped(here, "hoa")
    with pytest.raises(NotAllowed) as refused:
        services.reinstate_prepare(stop, here.people["lan"], now=NOW)
    assert "Lê Minh, Trần Thị Hoa" in refused.value.way_out
    assert locking.locks(stop, NOW)


def test_a_box_that_slept_over_the_reopening_stays_listed_until_it_has_heard_it(here: Province) -> None:
    stop = stopped(here, "lan")
    for name in ("an phú 1", "an phú 2"):
        answers(here, name, stop, Stage.ACCEPTED, Stage.DONE, at=NOW)
    opened = signed(
        services.reinstate_prepare(stop, here.people["lan"], now=NOW + MINUTE), here, "lan", at=NOW + MINUTE
    )
    answers(here, "an phú 1", opened, Stage.ACCEPTED, Stage.DONE, at=NOW + MINUTE)
    later = NOW + dt.timedelta(hours=3)
    (lock,) = cards.locks(here.people["lan"], later)
    assert (lock.left, lock.may_open) == (1, True)
    once_more = signed(services.reinstate_prepare(stop, here.people["lan"], now=later), here, "lan", at=later)
    answers(here, "an phú 2", once_more, Stage.ACCEPTED, at=later)
    assert cards.locks(here.people["lan"], later) == []


@pytest.mark.parametrize(
    ("stop_level", "stop_area", "alarm_level", "alarm_area", "reach"),
    [
        (1, [AN_PHU], 1, [AN_PHU], Reach.WHOLE),
        (1, [AN_PHU], 0, [AN_PHU], Reach.ABOVE),
        (0, [AN_PHU], 0, [AN_PHU, BINH_MINH], Reach.PART),
        (0, [AN_PHU], 0, ["77"], Reach.PART),
        (0, ["77"], 1, [AN_PHU], Reach.WHOLE),
        (0, [AN_PHU], 0, [BINH_MINH], Reach.NONE),
        (0, ["77-1"], 0, ["77-10"], Reach.NONE),
    ],
)
def test_a_stop_reaches_alarms_of_its_level_or_a_lower_one(
    stop_level: int, stop_area: list[str], alarm_level: int, alarm_area: list[str], reach: Reach
) -> None:
    assert capacity.reach(stop_level, stop_area, alarm_level, alarm_area) is reach


def test_before_lan_stops_she_reads_which_alarms_fall_silent_and_which_go_on(here: Province) -> None:
    now = timezone.now()
    own_alarm(here, at=now)
    alarm(here, at=now)
    page = as_(here, "lan").get(reverse("orders:stop")).text
    assert "vẫn phát: lệnh của cấp cao hơn" in page
    assert "sẽ im hoàn toàn" in page
    stop = services.stop_prepare(here.people["lan"], Stop((AN_PHU,)), now=now)
    page = as_(here, "lan").get(reverse("orders:order", args=[stop.pk])).text
    assert page.count("sẽ im hoàn toàn") == 1
    assert page.count("vẫn phát: lệnh của cấp cao hơn") == 1
    assert "Ký và dừng loa ngay" in page


def test_a_stop_through_the_pages_is_listed_with_who_and_age_and_opened_with_one_press(here: Province) -> None:
    lan = as_(here, "lan")
    assert reverse("orders:stop") in lan.get("/").text
    answer = lan.post(reverse("orders:stop"), {"area": [AN_PHU], "until": "0", "reason": "đám tang"})
    stop = EmergencyOrder.objects.get()
    fields = signing_kit.fields(key("lan"), bytes(stop.payload), Family.ORDER, province.DOMAIN)
    assert lan.post(reverse("orders:sign", args=[stop.pk]), fields).status_code == 302
    assert "Lệnh dừng đã gửi." in lan.get(answer["Location"]).text
    for who in ("lan", "hoa"):
        for page in ("/", reverse("orders:list")):
            text = as_(here, who).get(page, headers=HTMX).text
            assert "Loa đang bị khóa: Xã An Phú" in text
            assert "Xã An Phú · Nguyễn Lan · " in text
            assert "đám tang" in text
            assert "2 hộp chưa báo đã nhận lệnh dừng." in text
    opening = lan.post(reverse("orders:reinstate", args=[stop.pk]))["Location"]
    assert "Ký và mở lại loa" in lan.get(opening).text
    opened = EmergencyOrder.objects.get(ends=stop)
    fields = signing_kit.fields(key("lan"), bytes(opened.payload), Family.ORDER, province.DOMAIN)
    assert lan.post(reverse("orders:sign", args=[opened.pk]), fields).status_code == 302
    assert "Loa đang bị khóa" not in lan.get("/").text


def test_an_alarm_under_a_stop_says_where_it_is_not_heard(here: Province) -> None:
    now = timezone.now()
    running = own_alarm(here, at=now)
    stop = stopped(here, "lan", at=now)
    answers(here, "an phú 1", running, Stage.ACCEPTED, at=now)
    answers(here, "an phú 1", stop, Stage.ACCEPTED, Stage.DONE, at=now)
    page = as_(here, "lan").get(reverse("orders:order", args=[running.pk])).text
    assert "đang bị khóa (Nguyễn Lan): lệnh này không phát ở đó" in page
    assert "Đang khóa theo lệnh dừng loa" in page


def test_an_alarm_that_a_stop_had_ended_on_a_box_is_heard_again_when_that_box_was_opened(here: Province) -> None:
    order = alarm(here)
    answers(here, "an phú 1", order, Stage.ACCEPTED, Stage.STARTED, at=NOW)
    stop = stopped(here, "hoa", at=NOW + MINUTE)
    answers(here, "an phú 1", stop, Stage.ACCEPTED, Stage.DONE, at=NOW + MINUTE)
    answers(here, "an phú 1", order, Stage.CANCELLED, at=NOW + MINUTE)
    assert line(order, here, "an phú 1", NOW + MINUTE).level is rules.Level.GOOD, "it is silent, as it was told"
    later = NOW + 2 * MINUTE
    opened = signed(services.reinstate_prepare(stop, here.people["hoa"], now=later), here, "hoa", at=later)
    assert line(order, here, "an phú 1", later).still_ended
    answers(here, "an phú 1", opened, Stage.ACCEPTED, Stage.DONE, at=later)
    assert line(order, here, "an phú 1", later).stage is Stage.STARTED


def test_what_was_cancelled_by_mistake_goes_on_with_its_roll_call(here: Province) -> None:
    order = alarm(here)
    answers(here, "an phú 1", order, Stage.ACCEPTED, Stage.STARTED, at=NOW)
    cancel = signed(services.cancel_prepare(order, here.people["hoa"], now=NOW + MINUTE), here, "hoa", at=NOW + MINUTE)
    answers(here, "an phú 1", order, Stage.CANCELLED, at=NOW + MINUTE)
    answers(here, "an phú 2", order, Stage.REJECTED, at=NOW + MINUTE, code=RejectCode.CANCELLED)
    assert line(order, here, "an phú 1", NOW + MINUTE).level is rules.Level.GOOD
    back_at = NOW + 2 * MINUTE
    back = signed(services.reinstate_prepare(cancel, here.people["minh"], now=back_at), here, "minh", at=back_at)
    order.refresh_from_db()
    cancel.refresh_from_db()
    assert (order.state, cancel.state, back.state) == (State.SENT, State.LIFTED, State.SENT)
    for name in ("an phú 1", "an phú 2"):
        said = line(order, here, name, back_at)
        assert (said.level, said.still_ended) == (rules.Level.BAD, True), "it has not heard of it yet"
        answers(here, name, back, Stage.ACCEPTED, Stage.DONE, at=back_at)
    assert line(order, here, "an phú 1", back_at).stage is Stage.STARTED
    assert line(order, here, "an phú 2", back_at).stage is None
    told_again = [out.topic for out in resend(back_at) if out.payload == bytes(order.envelope or b"")]
    assert told_again == [topics.down(here.boxes["an phú 2"].pk)], "which had refused it as cancelled"


def test_what_was_reinstated_can_be_cancelled_once_more(here: Province) -> None:
    order = alarm(here)
    cancel = signed(services.cancel_prepare(order, here.people["hoa"], now=NOW), here, "hoa")
    back = signed(services.reinstate_prepare(cancel, here.people["hoa"], now=NOW), here, "hoa")
    answers(here, "an phú 1", order, Stage.CANCELLED, at=NOW)
    answers(here, "an phú 1", back, Stage.ACCEPTED, at=NOW + MINUTE)
    order.refresh_from_db()
    second = signed(services.cancel_prepare(order, here.people["minh"], now=NOW), here, "minh")
    order.refresh_from_db()
    assert (order.state, second.state) == (State.CANCELLED, State.SENT)
    answers(here, "an phú 1", order, Stage.CANCELLED, at=NOW + 2 * MINUTE)
    said = line(order, here, "an phú 1", NOW + 2 * MINUTE)
    assert (said.stage, said.level) == (Stage.CANCELLED, rules.Level.GOOD)


def test_what_is_over_is_not_reinstated(here: Province) -> None:
    order = alarm(here)
    cancel = signed(services.cancel_prepare(order, here.people["hoa"], now=NOW), here, "hoa")
    with pytest.raises(Refused) as refused:
        services.reinstate_prepare(cancel, here.people["hoa"], now=order.expires)
    assert "ra lệnh mới" in refused.value.way_out
    with pytest.raises(Refused):
        services.reinstate_prepare(order, here.people["hoa"], now=NOW)


def test_lan_is_not_offered_to_cancel_or_reinstate_for_the_province_and_reads_whom_to_call(here: Province) -> None:
    now = timezone.now()
    order = alarm(here, at=now)
    lan = as_(here, "lan")
    page = lan.get(reverse("orders:order", args=[order.pk])).text
    assert "Hủy lệnh này (một người ký)" not in page
    assert "chỉ cấp đó hoặc cấp trên mới hủy được" in page
    assert "Gọi: Lê Minh, Trần Thị Hoa." in page
    assert "Hủy lệnh này (một người ký)" in as_(here, "hoa").get(reverse("orders:order", args=[order.pk])).text
    cancel = signed(services.cancel_prepare(order, here.people["hoa"], now=now), here, "hoa", at=now)
    page = lan.get(reverse("orders:order", args=[cancel.pk])).text
    assert "Khôi phục lệnh đã hủy" not in page
    assert "chỉ cấp đó hoặc cấp trên mới khôi phục được" in page
    assert "Khôi phục lệnh đã hủy" in as_(here, "minh").get(reverse("orders:order", args=[cancel.pk])).text


@pytest.mark.parametrize(("stage", "said"), [(Stage.ACCEPTED, "Đã nhận"), (Stage.DONE, "Đã dừng và khóa loa")])
def test_the_roll_call_of_a_stop_is_of_boxes_that_obey(here: Province, stage: Stage, said: str) -> None:
    now = timezone.now()
    stop = stopped(here, "lan", at=now)
    answers(here, "an phú 1", stop, stage, at=now)
    page = as_(here, "lan").get(reverse("orders:order", args=[stop.pk])).text
    assert "1/2</b> đã nhận lệnh dừng" in page
    assert said in page
    assert "đã ra tiếng" not in page


def test_two_controllers_that_count_for_one_person_are_seen_and_the_way_out_works(here: Province) -> None:
    """Fault 40: another controller has used Hoa's number; a box refuses an order that it has never had."""
    now = timezone.now()
    order = alarm(here, at=now)
    answers(here, "an phú 1", order, Stage.REJECTED, at=now, code=RejectCode.REPLAY)
    hoa = as_(here, "hoa")
    page = hoa.get(reverse("orders:order", args=[order.pk])).text
    assert "Xung đột: 1 hộp từ chối" in page
    assert "Xung đột: hộp đã nhận một lệnh khác mang số này của cùng người ký" in page
    later = now + MINUTE
    made = services.again(order, here.people["hoa"], now=later)
    assert made.sequence >= int(later.timestamp()), "above whatever anybody has counted until now"
    assert (made.area, made.message, made.role) == (order.area, order.message, order.role)
    assert made.expires - made.issued == order.expires - order.issued
    signed(made, here, "hoa", at=later)
    assert signed(made, here, "minh", at=later).state == State.SENT
    order.refresh_from_db()
    assert (order.state, services.read(made).references) == (State.REPLACED, (bytes.fromhex(order.pk),))
    assert "đã được thay bằng lệnh mới" in hoa.get(reverse("orders:order", args=[order.pk])).text
    assert hoa.post(reverse("orders:again", args=[order.pk])).status_code == 422, "once is enough"


def test_an_order_that_no_box_contests_is_not_composed_again(here: Province) -> None:
    with pytest.raises(Refused):
        services.again(alarm(here), here.people["hoa"], now=NOW)


def test_hoa_signs_with_the_key_for_which_it_was_composed_though_she_has_two(here: Province) -> None:
    from controller.accounts.models import PersonKey

    order = services.prepare(here.people["hoa"], Alarm(message=1, area=(AN_PHU,)))
    PersonKey.objects.create(
        person=here.people["hoa"], public_key=key("hoa 2").public_key, label="2", created=timezone.now()
    )
    page = as_(here, "hoa").get(reverse("orders:order", args=[order.pk])).text
    assert signing_kit.base64url(key("hoa").public_key) in page
    assert signing_kit.base64url(key("hoa 2").public_key) not in page


def test_a_box_that_obeys_an_order_from_elsewhere_is_named_on_the_home_page(here: Province) -> None:
    now, box = timezone.now(), here.boxes["an phú 1"].pk
    at_ms = int(now.timestamp() * 1000)
    refused = Receipt(box, bytes(15) + b"1", Stage.REJECTED, at_ms, RejectCode.SIGNATURE)
    rollcall.record([refused], now)
    assert "không do máy chủ này gửi" not in as_(here, "hoa").get("/").text
    for number in (b"2", b"3"):
        rollcall.record([Receipt(box, bytes(15) + number, Stage.ACCEPTED, at_ms)], now)
    page = as_(here, "hoa").get("/").text
    assert page.count("không do máy chủ này gửi") == 1, "one row a box, whatever it says"
    assert "Hộp an phú 1 (Xã An Phú) đã nhận lệnh 00000000" in page


# Stopped twice


def test_whoever_stops_what_is_locked_is_told_who_locked_it_and_since_when(here: Province) -> None:
    now = timezone.now()
    stopped(here, "hoa", at=now)
    answer = as_(here, "lan").post(reverse("orders:stop"), {"area": [AN_PHU], "until": "60", "reason": "đám tang"})
    assert "Loa ở đây đang bị khóa rồi: Trần Thị Hoa, từ " in answer.text
    assert "đến khi có người mở lại." in answer.text
    assert EmergencyOrder.objects.count() == 1


@pytest.mark.parametrize(
    ("who", "area", "lock_s", "later"),
    [
        pytest.param("hoa", AN_PHU, 3600, dt.timedelta(), id="of a higher level"),
        pytest.param("lan", AN_PHU, 7200, dt.timedelta(), id="for longer"),
        pytest.param("lan", AN_PHU, None, dt.timedelta(), id="until it is opened"),
        pytest.param("hoa", "77", 60 * 60, dt.timedelta(), id="in a larger area"),
        pytest.param("lan", AN_PHU, 3600, 61 * MINUTE, id="when the first has ended"),
    ],
)
def test_a_stop_that_locks_more_than_the_one_in_force_is_another_one(
    here: Province, who: str, area: str, lock_s: int | None, later: dt.timedelta
) -> None:
    stopped(here, "lan", lock_s=3600)
    assert stopped(here, who, area, at=NOW + later, lock_s=lock_s).state == State.SENT


def test_a_box_that_slept_over_a_stop_may_be_stopped_again_when_that_is_not_sent_any_more(here: Province) -> None:
    stop = stopped(here, "lan")
    answers(here, "an phú 1", stop, Stage.ACCEPTED, at=NOW)
    later = NOW + dt.timedelta(hours=3)
    again = stopped(here, "lan", at=later)
    (lock,) = cards.locks(here.people["lan"], later)
    assert (set(lock.orders), lock.missing) == ({stop.pk, again.pk}, 1)
    answers(here, "an phú 2", again, Stage.ACCEPTED, at=later)
    assert cards.locks(here.people["lan"], later)[0].missing == 0, "each box obeys one of them"
    answers(here, "an phú 1", again, Stage.ACCEPTED, at=later)
    with pytest.raises(Refused, match="đang bị khóa rồi"):
        stopped(here, "lan", at=later + dt.timedelta(hours=3))


def test_a_stop_that_waits_for_its_signature_is_given_back_and_goes_with_the_one_that_is_sent(here: Province) -> None:
    lan = here.people["lan"]
    first = services.stop_prepare(lan, Stop((AN_PHU,), 3600, "đám tang"), now=NOW)
    assert services.stop_prepare(lan, Stop((AN_PHU,), 3600, "đám tang"), now=NOW + MINUTE) == first
    longer = services.stop_prepare(lan, Stop((AN_PHU,), None, "đám tang"), now=NOW)
    assert longer != first
    signed(longer, here, "lan")
    first.refresh_from_db()
    assert first.state == State.DROPPED


def composed_again(here: Province, stop: EmergencyOrder) -> EmergencyOrder:
    """One box refused the number of this stop: Lan signs it once more."""
    answers(here, "an phú 1", stop, Stage.ACCEPTED, Stage.DONE, at=NOW)
    answers(here, "an phú 2", stop, Stage.REJECTED, at=NOW, code=RejectCode.REPLAY)
    return signed(services.again(stop, here.people["lan"], now=NOW), here, "lan")


def test_a_stop_that_was_composed_again_is_one_lock_and_one_act_opens_it(here: Province) -> None:
    first = stopped(here, "lan")
    second = composed_again(here, first)
    lan = here.people["lan"]
    (lock,) = cards.locks(lan, NOW)
    assert set(lock.orders) == {first.pk, second.pk}
    opened = services.reinstate_prepare(first, lan, now=NOW)
    assert set(services.read(opened).references) == {bytes.fromhex(first.pk), bytes.fromhex(second.pk)}
    assert services.reinstate_prepare(second, lan, now=NOW) != opened, "each names first what was pressed"
    page = as_(here, "lan").get(reverse("orders:order", args=[opened.pk])).text
    assert "Cũng thu hồi 1 lệnh khác cùng làm im ở đây" in page
    signed(opened, here, "lan")
    for stop in (first, second):
        stop.refresh_from_db()
        assert stop.state == State.LIFTED
    answers(here, "an phú 1", opened, Stage.ACCEPTED, at=NOW)
    assert not locking.still_locked(second).exists()
    assert cards.locks(lan, NOW) == []


def test_opening_a_commune_leaves_what_the_province_locked_there_and_says_so(here: Province) -> None:
    now = timezone.now()
    own = stopped(here, "lan", at=now)
    above = stopped(here, "hoa", "77", at=now)
    opened = services.reinstate_prepare(own, here.people["lan"], now=now)
    assert services.read(opened).references == (bytes.fromhex(own.pk),)
    page = as_(here, "lan").get(reverse("orders:order", args=[opened.pk])).text
    assert "Sau đó loa ở Tỉnh Bà Rịa – Vũng Tàu vẫn bị khóa bởi lệnh dừng của Trần Thị Hoa." in page
    whole = services.reinstate_prepare(above, here.people["hoa"], now=now)
    assert set(services.read(whole).references) == {bytes.fromhex(above.pk), bytes.fromhex(own.pk)}


def test_an_alarm_that_was_cancelled_twice_is_heard_again_by_one_act(here: Province) -> None:
    running = own_alarm(here)
    lan = here.people["lan"]
    first = signed(services.cancel_prepare(running, lan, now=NOW), here, "lan")
    second = composed_again(here, first)
    opened = signed(services.reinstate_prepare(second, lan, now=NOW), here, "lan")
    assert set(services.read(opened).references) == {bytes.fromhex(first.pk), bytes.fromhex(second.pk)}
    running.refresh_from_db()
    assert running.state == State.SENT
    answers(here, "an phú 1", running, Stage.ACCEPTED, Stage.CANCELLED, at=NOW)
    answers(here, "an phú 1", opened, Stage.ACCEPTED, at=NOW + MINUTE)
    assert line(running, here, "an phú 1", NOW + MINUTE).level is rules.Level.BUSY, "it goes on there"
