"""Lan speaks to An Phú by one signature; nobody speaks elsewhere, over a higher alarm, or for somebody else."""

import asyncio
import datetime as dt
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from controller.accounts.models import Audit
from controller.accounts.signing import to_base64url
from controller.boxes.models import Box, Stage
from controller.cli.roots import sign_roots
from controller.core.errors import NotAllowed, Refused
from controller.live import rules, services, signatures
from controller.live.hub import WAITING, Hub
from controller.live.models import Speech
from controller.live.rules import Standing, Wanted
from controller.live.sockets import FORBIDDEN, speak
from controller.live.views import SHOWN
from controller.orders import services as orders
from controller.orders.composing import Alarm
from controller.orders.models import EmergencyOrder
from controller.outbox.models import Message
from controller.trust.services import import_roots
from protocol import topics
from protocol.codec import decode, encode
from protocol.ids import box_id
from protocol.live import MAX_BOXES, MAX_SESSION_BYTES, SILENCE_S, WARM_MS, LiveSession, VoiceGroup, signed_group
from protocol.roles import Role, Threshold
from protocol.signing import Family, open_signed, signed_by
from tests.support import province, signing_kit, virtual_time
from tests.support.installation import install
from tests.support.province import AN_PHU, BINH_MINH, DOMAIN, NOW, Province, key

pytestmark = pytest.mark.django_db
MINUTE = dt.timedelta(minutes=1)
PAGE = key("a page that speaks").public_key


@pytest.fixture
def here(settings: LazySettings, tmp_path: Path) -> Province:
    install(settings, tmp_path)
    return province.make(NOW)


def as_(here: Province, who: str) -> Client:
    client = Client()
    client.force_login(here.people[who])
    return client


def wanted(
    area: str = AN_PHU, minutes: int = 10, attached: str = "", key: bytes = PAGE, boxes: tuple[str, ...] = ()
) -> Wanted:
    return Wanted((area,), key, minutes, attached, "họp thôn", boxes)


def signed(speech: Speech, here: Province, who: str = "lan", *, by: str = "", at: dt.datetime = NOW) -> Speech:
    made = signed_by(key(by or who), bytes(speech.payload), Family.LIVE, DOMAIN)
    return signatures.sign(speech, here.people[who], made, now=at)


def speaking(here: Province, *, at: dt.datetime = NOW, attached: str = "") -> Speech:
    return signed(services.prepare(here.people["lan"], wanted(attached=attached), now=at), here, at=at)


def talks(speech: Speech, at: dt.datetime, *frames: bytes, by: str = "a page that speaks") -> None:
    """One group comes, with these frames, signed by the session's key."""
    said = services.said_in(speech.pk)
    said.take(signed_group(VoiceGroup(bytes.fromhex(speech.pk), 0, frames, last=False), DOMAIN, key(by)), at)
    services.note(said)


def alarm(here: Province, *names: str) -> EmergencyOrder:
    role = Role.COMMUNE if names == ("lan",) else Role.EMERGENCY
    order = orders.prepare(here.people[names[0]], Alarm(message=1, area=(AN_PHU,), role=role), now=NOW)
    for name in names:
        order = province.signed(order, here, name)
    return order


def test_lan_speaks_to_her_commune_by_one_signature(here: Province) -> None:
    speech = speaking(here)
    assert services.standing(speech, NOW) is Standing.ON
    message = Message.objects.get(kind="order")
    assert (message.topic, message.expires) == (topics.orders(AN_PHU), speech.expires)
    envelope = open_signed(bytes(message.payload), Family.LIVE, DOMAIN)
    record = decode(envelope.payload, LiveSession)
    assert (record.key, record.area, record.expires - record.issued) == (PAGE, (AN_PHU,), 600)
    done = [row.action for row in Audit.objects.filter(action__startswith="live.").order_by("pk")]
    assert done == ["live.prepared", "live.signed", "live.sent"]


def test_nothing_is_sent_before_it_is_signed(here: Province) -> None:
    speech = services.prepare(here.people["lan"], wanted(), now=NOW)
    assert services.standing(speech, NOW) is Standing.WAITING
    assert not Message.objects.filter(kind="order").exists()
    assert not services.speaks(speech.pk, here.people["lan"], NOW)


@pytest.mark.parametrize(("who", "area"), [("lan", BINH_MINH), ("lan", "77"), ("tuan", AN_PHU)])
def test_nobody_speaks_where_they_may_not(here: Province, who: str, area: str) -> None:
    with pytest.raises(NotAllowed):
        services.prepare(here.people[who], wanted(area), now=NOW)


def test_nobody_signs_for_somebody_else(here: Province) -> None:
    speech = services.prepare(here.people["lan"], wanted(), now=NOW)
    with pytest.raises(NotAllowed):
        signed(speech, here, "hoa")
    with pytest.raises(Refused):
        signed(speech, here, "lan", by="hoa")


def test_a_session_has_one_of_the_lengths_and_a_key_of_its_page(here: Province) -> None:
    for wrong in (wanted(minutes=31), wanted(key=b""), wanted(key=bytes(33))):
        with pytest.raises(Refused):
            services.prepare(here.people["lan"], wrong, now=NOW)
    assert max(rules.MINUTES) * 60 == 1_800


def test_where_a_commune_takes_two_persons_one_does_not_speak(here: Province) -> None:
    record = province.roots(here, NOW, 2)
    two = msgspec.structs.replace(record, thresholds=(*record.thresholds, Threshold(Role.COMMUNE, 2)))
    import_roots(sign_roots(two, key("root")), now=NOW)
    speech = signed(services.prepare(here.people["lan"], wanted(), now=NOW), here)
    assert services.standing(speech, NOW) is Standing.WAITING
    assert signatures.missing(speech) == 1
    three = msgspec.structs.replace(
        record, version=3, thresholds=(Threshold(Role.COMMUNE, 4), Threshold(Role.EMERGENCY, 4))
    )
    import_roots(sign_roots(three, key("root")), now=NOW)
    with pytest.raises(Refused, match="cần 4 người ký, mà ở đó chỉ có: Lê Minh, Nguyễn Lan, Trần Thị Hoa"):
        services.prepare(here.people["lan"], wanted(), now=NOW)


def test_she_speaks_inside_her_communes_alarm_and_not_inside_the_provinces(here: Province) -> None:
    with pytest.raises(Refused, match="cấp cao hơn"):
        services.prepare(here.people["lan"], wanted(attached=alarm(here, "hoa", "minh").pk), now=NOW)
    own = alarm(here, "lan")
    assert services.read(speaking(here, attached=own.pk)).attached == bytes.fromhex(own.pk)


def test_it_is_over_at_its_end_and_when_somebody_ends_it(here: Province) -> None:
    speech = speaking(here)
    assert services.is_on(speech.pk, NOW + 9 * MINUTE)
    assert not services.is_on(speech.pk, NOW + 10 * MINUTE)
    with pytest.raises(NotAllowed):
        services.end(speech, here.people["tuan"], now=NOW)
    services.end(speech, here.people["minh"], now=NOW + MINUTE)
    assert not services.is_on(speech.pk, NOW + 2 * MINUTE)
    assert Audit.objects.filter(action="live.ended", person=here.people["minh"]).exists()


def test_it_is_over_when_her_page_has_gone_and_a_page_that_comes_back_in_time_goes_on(here: Province) -> None:
    speech, second = speaking(here), dt.timedelta(seconds=1)
    lan, gone = here.people["lan"], dt.timedelta(seconds=SILENCE_S + 2)
    assert services.is_on(speech.pk, NOW + MINUTE), "her page has still to open"
    talks(speech, NOW + MINUTE)
    assert services.speaks(speech.pk, lan, NOW + MINUTE + SILENCE_S * second), "she has loaded it anew"
    talks(speech, NOW + MINUTE + SILENCE_S * second, b"a frame")
    assert services.is_on(speech.pk, NOW + MINUTE + gone)
    late = NOW + MINUTE + SILENCE_S * second + gone
    speech.refresh_from_db()
    assert not services.is_on(speech.pk, late), "whichever process asks, the row alone says so"
    assert not services.speaks(speech.pk, lan, late)
    assert services.standing(speech, late) is Standing.OVER
    ended = rules.stopped(speech.ended_at, speech.heard_at, speech.expires, late)
    assert ended is not None
    assert NOW + MINUTE < ended < late


def test_the_home_page_and_the_session_page_say_that_it_is_over_once_her_page_has_gone(here: Province) -> None:
    at = timezone.now() - MINUTE
    speech = speaking(here, at=at)
    talks(speech, at, b"a frame")
    assert "đang phát trực tiếp" not in as_(here, "minh").get(reverse("console:home")).text
    page = as_(here, "lan").get(reverse("live:session", args=[speech.pk])).text
    assert "Dừng lúc" in page
    assert "Tự dừng lúc" not in page
    assert 'id="talk-button"' not in page


def test_who_was_there_and_said_nothing_has_not_spoken_nor_has_anybody_with_another_key(here: Province) -> None:
    speech = speaking(here)
    talks(speech, NOW)
    talks(speech, NOW, b"a frame", by="another page")
    speech.refresh_from_db()
    assert (speech.heard_at, speech.began_at) == (NOW, None)
    talks(speech, NOW + dt.timedelta(seconds=2), b"a frame")
    talks(speech, NOW + dt.timedelta(seconds=3), b"a frame")
    speech.refresh_from_db()
    assert speech.began_at == NOW + dt.timedelta(seconds=2)


def test_only_who_signed_sends_groups_and_only_boxes_of_the_area_hear_them(here: Province) -> None:
    speech = speaking(here)
    assert services.speaks(speech.pk, here.people["lan"], NOW)
    assert not services.speaks(speech.pk, here.people["hoa"], NOW)
    box = here.boxes["an phú 1"].pk
    assert services.concerns(speech.pk, box, AN_PHU, NOW)
    assert services.concerns(speech.pk, box, f"{AN_PHU}-01", NOW)
    assert not services.concerns(speech.pk, box, BINH_MINH, NOW)
    assert not services.concerns(speech.pk, box, "77", NOW)


def test_only_the_boxes_that_she_chose_are_named_and_hear_her(here: Province) -> None:
    first, second = here.boxes["an phú 1"], here.boxes["an phú 2"]
    speech = signed(services.prepare(here.people["lan"], wanted(boxes=(first.pk,)), now=NOW), here)
    assert services.read(speech).boxes == (first.pk,)
    assert services.concerns(speech.pk, first.pk, AN_PHU, NOW)
    assert not services.concerns(speech.pk, second.pk, AN_PHU, NOW)
    assert [box.pk for box in services.meant(speech)] == [first.pk]


def test_who_chooses_all_boxes_speaks_to_those_too_that_come_meanwhile(here: Province) -> None:
    both = tuple(here.boxes[name].pk for name in ("an phú 1", "an phú 2"))
    speech = signed(services.prepare(here.people["lan"], wanted(boxes=both), now=NOW), here)
    assert services.read(speech).boxes == ()
    assert services.concerns(speech.pk, "a" * 16, AN_PHU, NOW)


def test_a_box_that_stands_elsewhere_cannot_be_chosen(here: Province) -> None:
    with pytest.raises(Refused, match="bình minh không ở khu vực đã chọn"):
        services.prepare(here.people["lan"], wanted(boxes=(here.boxes["bình minh"].pk,)), now=NOW)
    with pytest.raises(Refused, match=r"a{16} không ở khu vực đã chọn"):
        services.prepare(here.people["lan"], wanted(boxes=("a" * 16,)), now=NOW)


def test_more_single_boxes_than_a_session_may_name_are_refused_with_the_way_out(here: Province) -> None:
    unit = here.boxes["an phú 1"].unit
    many = [box_id(number.to_bytes(32, "big")) for number in range(MAX_BOXES + 1)]
    for name in many:
        box = Box(id=name, public_key=name.encode(), name=name, unit=unit, state=Stage.APPROVED, enrolled_at=NOW)
        box.save()
    with pytest.raises(Refused, match=f"nhiều nhất {MAX_BOXES} hộp") as refused:
        services.prepare(here.people["lan"], wanted(boxes=tuple(many)), now=NOW)
    assert "chọn thôn" in str(refused.value)
    assert services.prepare(here.people["lan"], wanted(boxes=tuple(many[:-1])), now=NOW).boxes == sorted(many[:-1])


def test_a_session_with_every_box_and_word_that_fits_is_not_too_long(here: Province) -> None:
    record = services.read(services.prepare(here.people["lan"], wanted(), now=NOW))
    full = msgspec.structs.replace(
        record, boxes=("a" * 16,) * MAX_BOXES, area=("77-1001-12",) * 32, reason="ế" * 200, attached=bytes(16)
    )
    assert len(encode(full)) + 2 * 600 <= MAX_SESSION_BYTES  # two passkeys sign with less than 600 bytes each


def test_the_page_offers_the_boxes_of_the_area_all_of_them_chosen(here: Province) -> None:
    client = as_(here, "lan")
    page = client.get(reverse("live:new")).text
    assert page.count('name="boxes"') == page.count(" checked>") - 1 == 2  # and the area itself
    assert "bình minh" not in page
    assert "bình minh" not in client.get(reverse("live:boxes"), {"area": BINH_MINH}).text
    answer = client.post(
        reverse("live:new"), {"area": [AN_PHU], "minutes": "10", "key": to_base64url(PAGE), "offered": "1"}
    )
    assert "ít nhất một hộp" in answer.text
    assert not Speech.objects.exists()


def test_an_area_of_too_many_boxes_is_heard_as_a_whole(here: Province) -> None:
    unit = here.boxes["an phú 1"].unit
    for number in range(SHOWN):
        name = box_id(number.to_bytes(32, "big"))
        Box.objects.create(
            id=name, public_key=name.encode(), name=name, unit=unit, state=Stage.APPROVED, enrolled_at=NOW
        )
    page = as_(here, "lan").get(reverse("live:boxes"), {"area": AN_PHU}).text
    assert f"có {SHOWN + 2} hộp, tất cả sẽ nghe" in page
    assert 'name="boxes"' not in page


def test_the_session_page_and_the_home_page_say_how_many_boxes_and_which(here: Province) -> None:
    chosen = (here.boxes["an phú 2"].pk,)
    at = timezone.now()
    speech = signed(services.prepare(here.people["lan"], wanted(boxes=chosen), now=at), here, at=at)
    page = as_(here, "lan").get(reverse("live:session", args=[speech.pk])).text
    assert "</b> / 1 hộp đang nghe" in page
    assert "chỉ những hộp này: an phú 2" in page
    assert "tới 1 hộp" in as_(here, "minh").get(reverse("console:home")).text


def test_the_pages_lead_from_the_area_to_the_button(here: Province) -> None:
    province_now = timezone.now()
    client = as_(here, "lan")
    page = client.get(reverse("live:new"))
    assert "Xã An Phú" in page.text
    assert "Xã Bình Minh" not in page.text
    answer = client.post(reverse("live:new"), {"area": [AN_PHU], "minutes": "10", "key": to_base64url(PAGE)})
    speech = Speech.objects.get()
    assert answer.headers["Location"] == reverse("live:session", args=[speech.pk])
    assert 'id="talk-button"' not in client.get(answer.headers["Location"]).text
    fields = signing_kit.fields(key("lan"), bytes(speech.payload), Family.LIVE, DOMAIN)
    assert client.post(reverse("live:sign", args=[speech.pk]), fields).status_code == 302
    page = client.get(reverse("live:session", args=[speech.pk]))
    assert 'id="talk-button"' in page.text
    assert f'data-key="{to_base64url(PAGE)}"' in page.text
    assert f'data-warm="{WARM_MS}"' in page.text
    assert 'id="talk-button"' not in as_(here, "minh").get(reverse("live:session", args=[speech.pk])).text
    assert speech.created >= province_now


def test_a_page_without_a_key_is_told_what_is_needed(here: Province) -> None:
    page = as_(here, "lan").post(reverse("live:new"), {"area": [AN_PHU], "minutes": "10", "key": "?"})
    assert "Ed25519" in page.text
    assert not Speech.objects.exists()


def test_the_home_page_says_who_speaks_since_when_and_stops_it(here: Province) -> None:
    speech = speaking(here, at=timezone.now())
    client = as_(here, "minh")
    assert "Nguyễn Lan đang phát trực tiếp" in client.get(reverse("console:home")).text
    assert "chưa nói" in client.get(reverse("live:new")).text
    talks(speech, timezone.now(), b"a frame")
    assert "chưa nói" not in client.get(reverse("live:new")).text
    assert "nói từ" in client.get(reverse("console:home")).text
    client.post(reverse("live:end", args=[speech.pk]))
    assert "đang phát trực tiếp" not in client.get(reverse("console:home")).text


async def _all(hub: Hub, session: str, box: str) -> tuple[list[bytes], int]:
    listener = hub.join(session, box)
    for number in range(WAITING + 10):
        hub.say(session, bytes([number]))
    hub.end(session)
    return [group async for group in listener.groups()], listener.dropped


def test_a_slow_box_loses_the_oldest_and_holds_nobody_up() -> None:
    groups, dropped = asyncio.run(_all(Hub(), "s", "a"))
    assert dropped == 10
    assert groups == [bytes([number]) for number in range(10, WAITING + 10)]


def test_a_session_is_heard_by_its_own_boxes_and_by_each_once() -> None:
    hub = Hub()
    first, second, other = hub.join("s", "a"), hub.join("s", "a"), hub.join("t", "b")
    assert hub.listening("s") == 1
    hub.leave("s", first)  # whose place was taken
    assert hub.listening("s") == 1
    hub.leave("s", second)
    hub.leave("t", other)
    assert (hub.listening("s"), hub.listening("t")) == (0, 0)


def test_the_page_says_that_quiet_hours_hold_and_until_when(here: Province) -> None:
    evening, morning = NOW.replace(hour=15), NOW.replace(hour=22)  # 22:00, and 05:00 of the next day, in Việt Nam
    assert services.quiet_until((AN_PHU,), NOW) is None
    until = services.quiet_until((AN_PHU,), evening)
    assert until is not None
    assert until >= morning


def test_it_is_asked_once_for_all_boxes_whether_a_session_is_on_and_not_when_nobody_listens() -> None:
    async def story() -> list[str]:
        hub, asked = Hub(), list[str]()

        async def is_on(session: str) -> bool:
            asked.append(session)
            return len(asked) < 2

        first, second = hub.join("s", "a"), hub.join("s", "b")
        for _ in range(2):
            hub.watch("s", is_on)
        async for _ in first.groups():
            pass
        async for _ in second.groups():
            pass
        hub.leave("t", hub.join("t", "a"))
        hub.watch("t", is_on)
        await asyncio.sleep(0)
        return asked

    assert virtual_time.run(story()) == ["s", "s"]


@pytest.mark.parametrize("origin", ["https://evil.example", ""])
def test_another_sites_page_opens_no_socket_though_the_browser_sends_our_cookie(origin: str) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", b"nguon.example"), (b"cookie", b"sessionid=x"), (b"origin", origin.encode())]
    scope = {"type": "websocket", "path": f"/truc-tiep/{'0' * 32}/noi/", "headers": headers}
    virtual_time.run(speak(scope, receive, send))
    assert sent == [{"type": "websocket.close", "code": FORBIDDEN}]
