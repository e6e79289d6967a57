"""The pages through Django's client: a whole emergency, and what people see when it is not theirs."""

import datetime as dt
import io
import json
import shutil
import wave
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from controller.accounts.models import Audit
from controller.core.errors import NotAllowed
from controller.orders import composing, people, rollcall, services
from controller.orders.composing import Alarm, Stop
from controller.orders.models import EmergencyOrder, State
from controller.outbox import services as outbox
from controller.units.models import Unit
from protocol.codec import encode
from protocol.messages import OWN_WORDS
from protocol.order import MAX_ORDER_BYTES, Chime, Sound, Status
from protocol.refusals import RejectCode
from protocol.report import Grade, Receipt, Stage
from protocol.signing import Family, to_be_signed
from tests.support import province, signing_kit
from tests.support.installation import install
from tests.support.province import AN_PHU, Province, key

pytestmark = pytest.mark.django_db


@pytest.fixture
def here(settings: LazySettings, tmp_path: Path) -> Province:
    install(settings, tmp_path)
    return province.make(timezone.now())


def as_(here: Province, who: str) -> Client:
    client = Client()
    client.force_login(here.people[who])
    return client


def prepared(here: Province, **choices: str) -> EmergencyOrder:
    answer = as_(here, "hoa").post(
        reverse("orders:new"),
        {"message": "1", "area": [AN_PHU], "status": "0", "severity": "4", "repeats": "3", "lifetime": "60"} | choices,
    )
    assert answer.status_code == 302
    return EmergencyOrder.objects.get()


def hand_in(client: Client, order: EmergencyOrder, who: str) -> int:
    fields = signing_kit.fields(key(who), bytes(order.payload), Family.ORDER, province.DOMAIN)
    return client.post(reverse("orders:sign", args=[order.pk]), fields).status_code


def test_an_emergency_from_the_form_to_the_roll_call(here: Province) -> None:
    order = prepared(here)
    page = as_(here, "hoa").get(reverse("orders:order", args=[order.pk])).content.decode()
    assert signing_kit.base64url(to_be_signed(bytes(order.payload), Family.ORDER, province.DOMAIN)) in page
    assert "Báo động lũ" in page
    assert hand_in(as_(here, "hoa"), order, "hoa") == 302
    assert hand_in(as_(here, "minh"), order, "minh") == 302
    order.refresh_from_db()
    assert order.state == State.SENT
    page = as_(here, "minh").get(reverse("orders:order", args=[order.pk])).content.decode()
    assert "0/2" in page
    assert page.count("Chưa trả lời") == 2
    live = as_(here, "minh").get(reverse("orders:order", args=[order.pk]), headers={"HX-Request": "true"})
    assert "<html" not in live.content.decode()


WORDS = "Nước sông lên nhanh ở thôn An Phú. Bà con lên nhà cao."


def test_an_alarm_in_an_officers_own_words_is_shown_in_full_and_sent(here: Province) -> None:
    order = prepared(here, message=f"{OWN_WORDS}", words=f"  {WORDS[:20]}\r\n\u200b{WORDS[20:]}\n", event="flood")
    content = services.read(order)
    assert content.sound == Sound(OWN_WORDS, chime=Chime.WAIL)
    assert (content.event, content.board) == ("flood", WORDS)
    page = as_(here, "minh").get(reverse("orders:order", args=[order.pk])).text
    assert "Lũ, ngập lụt (lời tự soạn)" in page
    assert f"“{WORDS}”" in page
    assert "Hộp không đọc được thì hú còi thay lời." in page
    assert "Báo động lũ" not in page, "the prepared message of this event is not what is said"
    assert "Trên bảng tin" in page
    assert hand_in(as_(here, "hoa"), order, "hoa") == 302
    assert hand_in(as_(here, "minh"), order, "minh") == 302
    order.refresh_from_db()
    assert order.state == State.SENT
    cancel = services.cancel_prepare(order, here.people["hoa"])
    assert f"“{WORDS}”" in as_(here, "hoa").get(reverse("orders:order", args=[cancel.pk])).text


def test_the_page_knows_beforehand_how_many_bytes_of_own_words_fit(here: Province) -> None:
    page = as_(here, "hoa").get(reverse("orders:new")).text
    room = int(page.partition('data-room="')[2].partition('"')[0])
    trust = people.trust_of([AN_PHU])
    for more, fits in ((0, True), (1, False)):
        words = "ế" * (room // 3) + "x" * (room % 3 + more)
        alarm = Alarm(OWN_WORDS, (AN_PHU,), lifetime_s=7200, words=words, event="x" * 12)
        order = composing.alert(alarm, trust, composing.Slot(bytes(16), 2**32 - 1, 2**31))
        size = composing.size_signed(encode(order), 2, trust)
        assert (size <= MAX_ORDER_BYTES) is fits


def test_own_words_about_nothing_that_was_prepared_are_called_just_that(here: Province) -> None:
    order = prepared(here, message=f"{OWN_WORDS}", words=WORDS)
    assert services.read(order).event == "other"
    assert "<h1>Lời tự soạn</h1>" in as_(here, "hoa").get(reverse("orders:order", args=[order.pk])).text


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="apt-get install espeak-ng: the voice is not here")
def test_whoever_signs_own_words_may_listen_to_them_first(here: Province) -> None:
    order = prepared(here, message=f"{OWN_WORDS}", words=WORDS)
    minh = as_(here, "minh")
    url = reverse("orders:voice", args=[order.pk])
    assert f'src="{url}"' in minh.get(reverse("orders:order", args=[order.pk])).text
    answer = minh.get(url)
    assert answer["Content-Type"] == "audio/wav"
    with wave.open(io.BytesIO(answer.content)) as said:
        seconds = said.getnframes() / said.getframerate()
        heard = memoryview(said.readframes(said.getnframes())).cast("h")
    assert 3 < seconds < 8
    assert max(heard) > 3_000
    assert Client().get(url).status_code == 302, "nobody else listens"


def test_there_is_nothing_to_listen_to_where_a_prepared_message_is_sounded(here: Province) -> None:
    order = prepared(here)
    url = reverse("orders:voice", args=[order.pk])
    assert url not in as_(here, "hoa").get(reverse("orders:order", args=[order.pk])).text
    assert as_(here, "hoa").get(url).status_code == 404


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"words": ""}, "Chưa có lời nào để đọc. Viết điều bà con cần nghe, hoặc chọn một bản tin soạn sẵn."),
        ({"words": " … ! "}, "Chưa có lời nào để đọc."),
        ({"words": "ơ" * 303}, "Lời dài 303 ký tự; nhiều nhất 300. Bớt đi 3 ký tự."),
        ({"message": "1", "words": WORDS}, "Chọn “Tự soạn nội dung” để loa đọc lời này, hoặc xóa lời đi."),
        ({"words": "ế" * 300, "reason": "ế" * 20}, "Bớt lời khoảng "),
    ],
)
def test_own_words_that_no_box_could_say_are_refused_at_their_field(
    here: Province, choices: dict[str, str], said: str
) -> None:
    fields = {"message": f"{OWN_WORDS}", "area": [AN_PHU], "status": "0", "severity": "4", "repeats": "3"}
    page = as_(here, "hoa").post(reverse("orders:new"), fields | {"lifetime": "60"} | choices).text
    assert not EmergencyOrder.objects.exists()
    assert said in page.partition('id="id_words_error"')[2].partition("<textarea")[0]


@pytest.mark.parametrize(
    ("choices", "chime", "said"),
    [
        ({}, Chime.WAIL, "còi hú"),
        ({"chime": ""}, Chime.WAIL, "còi hú"),
        ({"severity": "3"}, Chime.TWO_TONE, "còi hai giọng"),
        ({"severity": "2"}, Chime.ATTENTION, "chuông chú ý"),
        ({"status": "1"}, Chime.ATTENTION, "chuông chú ý"),
        ({"status": "1", "chime": "3"}, Chime.YELP, "còi gấp"),
        ({"chime": "0"}, Chime.NONE, "không có"),
    ],
)
def test_the_officer_chooses_what_goes_before_the_message_or_its_severity_does(
    here: Province, choices: dict[str, str], chime: Chime, said: str
) -> None:
    order = prepared(here, **choices)
    sound = services.read(order).sound
    assert sound is not None
    assert sound.chime == chime
    page = as_(here, "hoa").get(reverse("orders:order", args=[order.pk])).content.decode()
    assert f"<dt>Âm báo trước nội dung</dt><dd>{said}</dd>" in page


def test_a_chime_that_nobody_knows_is_not_taken(here: Province) -> None:
    wanted = {"message": "1", "area": [AN_PHU], "status": "0", "severity": "4", "repeats": "3", "lifetime": "60"}
    assert as_(here, "hoa").post(reverse("orders:new"), wanted | {"chime": "5"}).status_code == 200
    assert not EmergencyOrder.objects.exists()


def test_real_drill_or_test_is_asked_and_never_presumed(here: Province) -> None:
    answer = as_(here, "hoa").post(
        reverse("orders:new"),
        {"message": "1", "area": [AN_PHU], "severity": "4", "repeats": "3", "lifetime": "60"},
    )
    assert answer.status_code == 200
    assert not EmergencyOrder.objects.exists()


def test_a_signature_by_file_counts_like_one_by_the_page(here: Province) -> None:
    order = prepared(here)
    fields = signing_kit.fields(key("hoa"), bytes(order.payload), Family.ORDER, province.DOMAIN)
    text = json.dumps({"loalang": "signature/2"} | fields | {"alg": int(fields["alg"])})
    file = SimpleUploadedFile("sig.json", text.encode(), "application/json")
    answer = as_(here, "hoa").post(reverse("orders:sign", args=[order.pk]), {"signature_file": file})
    assert answer.status_code == 302
    assert order.signatures.get().person == here.people["hoa"]


def test_a_signature_that_does_not_count_is_explained_on_the_page(here: Province) -> None:
    order = prepared(here)
    fields = signing_kit.fields(key("hoa"), b"other bytes", Family.ORDER, province.DOMAIN)
    answer = as_(here, "hoa").post(reverse("orders:sign", args=[order.pk]), fields)
    assert answer.status_code == 422
    assert "Chữ ký không đúng với nội dung này." in answer.content.decode()
    answer = as_(here, "hoa").post(reverse("orders:sign", args=[order.pk]), {})
    assert answer.status_code == 422


def test_a_technician_sees_the_order_but_no_place_to_sign(here: Province) -> None:
    order = prepared(here)
    page = as_(here, "tuan").get(reverse("orders:order", args=[order.pk])).content.decode()
    assert "signing.js" not in page
    assert hand_in(as_(here, "tuan"), order, "tuan") == 422


def test_somebody_of_another_commune_does_not_see_the_order(here: Province) -> None:
    order = services.prepare(here.people["hoa"], Alarm(message=2, area=(province.BINH_MINH,)))
    assert as_(here, "lan").get(reverse("orders:order", args=[order.pk])).status_code == 404
    assert as_(here, "lan").get(reverse("orders:order", args=["0" * 32])).status_code == 404


def test_the_page_offers_only_areas_that_the_person_may_alarm(here: Province) -> None:
    page = as_(here, "lan").get(reverse("orders:new")).content.decode()
    assert AN_PHU in page
    assert province.BINH_MINH not in page


def test_cancel_drop_and_list_pages(here: Province) -> None:
    order = prepared(here)
    hoa = as_(here, "hoa")
    hand_in(hoa, order, "hoa")
    hand_in(as_(here, "minh"), order, "minh")
    answer = hoa.post(reverse("orders:cancel", args=[order.pk]), {"reason": "hết nguy hiểm"})
    cancel = EmergencyOrder.objects.get(ends=order)
    assert answer["Location"] == reverse("orders:order", args=[cancel.pk])
    assert hand_in(hoa, cancel, "hoa") == 302
    assert hoa.post(reverse("orders:cancel", args=[order.pk])).status_code == 422
    page = hoa.get(reverse("orders:list")).content.decode()
    assert "đã hủy" in page
    waiting = services.prepare(here.people["hoa"], Alarm(message=1, area=(AN_PHU,)))
    assert hoa.post(reverse("orders:drop", args=[waiting.pk])).status_code == 302
    waiting.refresh_from_db()
    assert waiting.state == State.DROPPED


def test_dropping_an_order_is_asked_once_more_and_keeps_its_reason(here: Province) -> None:
    order, hoa = prepared(here), as_(here, "hoa")
    page = hoa.get(reverse("orders:order", args=[order.pk])).text
    assert "<details><summary>Bỏ lệnh này, không phát</summary>" in page
    assert "Bỏ hẳn" in page
    hoa.post(reverse("orders:drop", args=[order.pk]), {"reason": "Nước đã rút"})
    assert Audit.objects.get(action="order.dropped").detail["reason"] == "Nước đã rút"


def test_the_way_to_the_boxes_is_never_good_on_old_news(here: Province) -> None:
    now = timezone.now()
    assert not outbox.link_health(now).good
    outbox.note_link(True, now)
    assert outbox.link_health(now).good
    assert not outbox.link_health(now + outbox.LINK_STALE).good
    outbox.note_link(False, now, "refused")
    assert not outbox.link_health(now).good


@pytest.mark.parametrize("language", ["vi", "en"])
def test_every_page_speaks_one_language(here: Province, language: str) -> None:
    client = as_(here, "hoa")
    client.cookies["loalang_language"] = language
    order = prepared(here)
    for page in (reverse("orders:list"), reverse("orders:new"), reverse("orders:order", args=[order.pk])):
        text = client.get(page).content.decode()
        assert ("Khu vực" in text or "Khẩn cấp" in text) is (language == "vi"), page


def test_the_page_names_the_preparer_who_has_not_signed(here: Province) -> None:
    order = prepared(here)
    for who in ("minh", "lan"):
        assert hand_in(as_(here, who), order, who) == 302
    page = as_(here, "minh").get(reverse("orders:order", args=[order.pk])).content.decode()
    assert "còn thiếu 1 chữ ký</span> của người soạn, Trần Thị Hoa" in page
    assert "Gọi Trần Thị Hoa mở trang này" in page


def test_what_boxes_only_claim_is_counted_as_not_proven_and_is_not_green(here: Province) -> None:
    order = prepared(here)
    for who in ("hoa", "minh"):
        assert hand_in(as_(here, who), order, who) == 302
    at_ms = int(timezone.now().timestamp() * 1000)
    claims = [
        Receipt(here.boxes[name].pk, bytes.fromhex(order.pk), Stage.STARTED, at_ms, first_sample=at_ms, grade=grade)
        for name, grade in (("an phú 1", Grade.CLAIMED), ("an phú 2", Grade.ELECTRICAL))
    ]

    def page() -> str:
        return as_(here, "minh").get(reverse("orders:order", args=[order.pk])).content.decode()

    rollcall.record(claims[:1], timezone.now())
    assert "Đang phát, chưa chứng minh" in page()
    assert "đã ra tiếng (chưa chứng minh)" in page()
    assert 'class="tally good"' not in page()
    assert 'class="badge played"' in page()
    rollcall.record(claims[1:], timezone.now())
    assert '<span class="tally good"><b>1</b> đã chứng minh' in page()


def test_an_alarm_that_is_still_sounding_is_green_once_a_pass_of_it_was_proven(here: Province) -> None:
    order = prepared(here)
    for who in ("hoa", "minh"):
        assert hand_in(as_(here, who), order, who) == 302
    at_ms = int(timezone.now().timestamp() * 1000)
    box = here.boxes["an phú 1"].pk
    for grade in (Grade.CLAIMED, Grade.ACOUSTIC, Grade.RENDERED):  # the last one comes late
        started = Receipt(box, bytes.fromhex(order.pk), Stage.STARTED, at_ms, first_sample=at_ms, grade=grade)
        rollcall.record([started], timezone.now())
    page = as_(here, "minh").get(reverse("orders:order", args=[order.pk])).text
    assert '<span class="badge good">Đang phát</span>' in page


def test_seconds_have_a_comma_in_vietnamese_and_a_point_in_english(here: Province) -> None:
    order = prepared(here)
    for who in ("hoa", "minh"):
        assert hand_in(as_(here, who), order, who) == 302
    order.refresh_from_db()
    assert order.sent_at is not None
    at_ms = int(order.sent_at.timestamp() * 1000) + 1250
    box = here.boxes["an phú 1"].pk
    started = Receipt(box, bytes.fromhex(order.pk), Stage.STARTED, at_ms, first_sample=at_ms, grade=Grade.ELECTRICAL)
    rollcall.record([started], timezone.now())
    browser = as_(here, "minh")
    page = reverse("orders:order", args=[order.pk])
    assert 'data-title="Ra tiếng sau (giây)">1,25</td>' in browser.get(page).text
    browser.cookies["loalang_language"] = "en"
    assert ">1.25</td>" in browser.get(page).text


def test_a_cancel_is_sent_and_boxes_stop_and_nothing_speaks_of_sounding(here: Province) -> None:
    order = prepared(here)
    hoa = as_(here, "hoa")
    for who in ("hoa", "minh"):
        assert hand_in(as_(here, who), order, who) == 302
    hoa.post(reverse("orders:cancel", args=[order.pk]), {"reason": "hết nguy hiểm"})
    cancel = EmergencyOrder.objects.get(ends=order)
    path = reverse("orders:order", args=[cancel.pk])
    waiting = hoa.get(path).text
    assert "còn thiếu 1 chữ ký" in waiting
    assert "khác nhau" not in waiting
    assert "Bỏ lệnh này, không gửi" in waiting
    assert hand_in(hoa, cancel, "hoa") == 302
    at_ms = int(timezone.now().timestamp() * 1000)
    stopped = Receipt(here.boxes["an phú 1"].pk, bytes.fromhex(cancel.pk), Stage.DONE, at_ms)
    rollcall.record([stopped], timezone.now())
    sent = hoa.get(path).text
    for sentence in ("Lệnh hủy đã gửi.", "lệnh hủy đã gửi</dd>", "Đã dừng"):
        assert sentence in sent
    for sentence in ("phát đi", "đã phát lệnh", "Đã phát xong", "phát lệnh</dt>"):
        assert sentence not in sent
    assert "lệnh hủy đã gửi" in hoa.get(reverse("orders:list")).text


def test_a_cancel_that_is_dropped_stops_nothing_and_says_so(here: Province) -> None:
    order = prepared(here)
    hoa = as_(here, "hoa")
    for who in ("hoa", "minh"):
        assert hand_in(as_(here, who), order, who) == 302
    hoa.post(reverse("orders:cancel", args=[order.pk]))
    cancel = EmergencyOrder.objects.get(ends=order)
    hoa.post(reverse("orders:drop", args=[cancel.pk]))
    page = hoa.get(reverse("orders:order", args=[cancel.pk])).text
    assert "các hộp không dừng" in page
    assert "đã bỏ, không gửi" in page


@pytest.mark.parametrize(
    ("status", "said", "unsaid"),
    [
        (Status.ACTUAL, ["<dd>4 lần, cách nhau 5 giây</dd>"], ["Đây là diễn tập"]),
        (Status.EXERCISE, ["<dd>4 lần, cách nhau 5 giây</dd>", "Trước mỗi lượt, hộp báo", "Đây là diễn tập."], []),
        (Status.TEST, ["<dd>không ra loa</dd>"], ["Đây là diễn tập", "4 lần"]),
    ],
)
def test_whoever_signs_sees_all_that_is_signed(
    here: Province, status: Status, said: list[str], unsaid: list[str]
) -> None:
    order = services.prepare(here.people["hoa"], Alarm(message=1, area=(AN_PHU,), repeats=4, status=status))
    page = as_(here, "hoa").get(reverse("orders:order", args=[order.pk])).text
    for sentence in ("<dd>2 hộp thiết bị</dd>", "<dt>Hiệu lực đến</dt>", *said):
        assert sentence in page
    for sentence in unsaid:
        assert sentence not in page


def test_the_roll_call_of_a_test_speaks_of_no_sound(here: Province) -> None:
    order = services.prepare(here.people["hoa"], Alarm(message=1, area=(AN_PHU,), status=Status.TEST))
    for who in ("hoa", "minh"):
        assert hand_in(as_(here, who), order, who) == 302
    at_ms = int(timezone.now().timestamp() * 1000)
    done = Receipt(here.boxes["an phú 1"].pk, bytes.fromhex(order.pk), Stage.DONE, at_ms)
    rollcall.record([done], timezone.now())
    page = as_(here, "hoa").get(reverse("orders:order", args=[order.pk])).text
    assert "Đã kiểm tra xong, không ra loa" in page
    assert "Đã phát xong" not in page


def test_the_list_says_when_every_box_has_ended_its_passes(here: Province) -> None:
    order, hoa = prepared(here), as_(here, "hoa")
    for who in ("hoa", "minh"):
        assert hand_in(as_(here, who), order, who) == 302
    for name, over in (("an phú 1", False), ("an phú 2", True)):
        at_ms = int(timezone.now().timestamp() * 1000)
        done = Receipt(here.boxes[name].pk, bytes.fromhex(order.pk), Stage.DONE, at_ms, first_sample=at_ms)
        rollcall.record([done], timezone.now())
        assert ("mọi hộp đã xong các lượt phát" in hoa.get(reverse("orders:list")).text) is over


def test_a_refusal_names_the_unit_and_not_its_code(here: Province) -> None:
    order = prepared(here)
    with pytest.raises(NotAllowed) as refused:
        services.drop(order, here.people["tuan"])
    assert AN_PHU not in refused.value.message
    assert Unit.objects.get(code=AN_PHU).name in refused.value.message


def test_an_alarm_that_is_done_without_a_sample_is_said_to_be_silent(here: Province) -> None:
    order = prepared(here)
    for who in ("hoa", "minh"):
        assert hand_in(as_(here, who), order, who) == 302
    at_ms = int(timezone.now().timestamp() * 1000)
    rollcall.record([Receipt(here.boxes["an phú 1"].pk, bytes.fromhex(order.pk), Stage.DONE, at_ms)], timezone.now())
    page = as_(here, "hoa").get(reverse("orders:order", args=[order.pk])).text
    assert "Báo đã phát xong nhưng không có tiếng nào" in page


FAST = "đồng hồ của hộp chạy nhanh; khởi động lại loalang-agent ở đó"


@pytest.mark.parametrize(("stage", "code"), [(Stage.EXPIRED, ""), (Stage.REJECTED, RejectCode.EXPIRED)])
@pytest.mark.parametrize(("before_the_end", "is_fast"), [(600, True), (1, False), (-1, False)])
def test_a_box_that_takes_an_order_for_over_before_its_end_has_a_fast_clock(
    here: Province, stage: Stage, code: str, before_the_end: int, is_fast: bool
) -> None:
    order = prepared(here)
    for who in ("hoa", "minh"):
        assert hand_in(as_(here, who), order, who) == 302
    order.refresh_from_db()
    at_ms = int(order.expires.timestamp() * 1000)
    said = Receipt(here.boxes["an phú 1"].pk, bytes.fromhex(order.pk), stage, at_ms, code)
    rollcall.record([said], order.expires - dt.timedelta(seconds=before_the_end))
    page = as_(here, "hoa").get(reverse("orders:order", args=[order.pk])).text
    assert (FAST in page) is is_fast


def test_who_opens_the_speakers_again_reads_that_what_goes_on_is_a_drill(here: Province) -> None:
    order = services.prepare(here.people["hoa"], Alarm(1, (AN_PHU,), status=Status.EXERCISE))
    for who in ("hoa", "minh"):
        hand_in(as_(here, who), order, who)
    stop = services.stop_prepare(here.people["hoa"], Stop((AN_PHU,)))
    hand_in(as_(here, "hoa"), stop, "hoa")
    opened = services.reinstate_prepare(stop, here.people["hoa"])
    page = as_(here, "hoa").get(reverse("orders:order", args=[opened.pk])).text
    assert '<span class="badge">Diễn tập</span>' in page.partition("Sẽ phát tiếp")[2]


def test_who_signs_sees_what_boards_will_show_and_of_a_test_they_show_nothing(here: Province) -> None:
    order = prepared(here)
    shown = as_(here, "hoa").get(reverse("orders:order", args=[order.pk])).content.decode()
    assert "Trên bảng tin" in shown
    assert "nháy mỗi giây một lần" in shown
    drill = services.prepare(here.people["hoa"], Alarm(message=1, area=(AN_PHU,), status=Status.EXERCISE))
    part = as_(here, "hoa").get(reverse("orders:board", args=[drill.pk]) + "?bang=256x128").content.decode()
    assert "data:image/png" in part
    assert "nháy" not in part
    test = services.prepare(here.people["hoa"], Alarm(message=1, area=(AN_PHU,), status=Status.TEST))
    assert "Trên bảng tin" not in as_(here, "hoa").get(reverse("orders:order", args=[test.pk])).content.decode()
    assert as_(here, "hoa").get(reverse("orders:board", args=[test.pk])).status_code == 404
