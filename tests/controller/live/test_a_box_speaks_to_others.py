"""What a box hands in whose microphone speaks to others: judged as boxes judge it, kept, sent; and what is refused."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from controller.accounts.models import Audit
from controller.box_api.talk import MAX_CODES, _codes
from controller.boxes.models import Box, Stage
from controller.core.errors import Refused
from controller.live import relaying, services, signatures
from controller.live.models import Speech
from controller.orders import services as orders
from controller.orders.composing import Alarm
from controller.outbox.models import Message
from protocol import topics
from protocol.codec import encode
from protocol.compose import order_id
from protocol.ids import enrolment_code
from protocol.live import LiveSession
from protocol.refusals import RejectCode
from protocol.roles import Role
from protocol.signing import Family, sign
from tests.support import province
from tests.support.installation import install
from tests.support.province import AN_PHU, BINH_MINH, DOMAIN, NOW, Province, key

pytestmark = pytest.mark.django_db
ID = order_id(key("lan").public_key, b"at the hall.")


@pytest.fixture
def here(settings: LazySettings, tmp_path: Path) -> Province:
    """Lan's key is the token of An Phú's panel."""
    install(settings, tmp_path)
    return province.make(NOW)


def session(at: dt.datetime = NOW, **changes: Any) -> LiveSession:
    at_s = int(at.timestamp())
    given: dict[str, Any] = {
        "id": ID,
        "province": "77",
        "environment": "test",
        "role": Role.COMMUNE,
        "epoch": 1,
        "issued": at_s,
        "not_before": at_s,
        "expires": at_s + 130,
        "area": (AN_PHU,),
        "boxes": (),
        "key": key("a press").public_key,
        "attached": None,
        "reason": "",
    }
    return LiveSession(**(given | changes))


def signed(record: LiveSession, *who: str) -> bytes:
    return sign(encode(record), Family.LIVE, DOMAIN, *(key(name) for name in who or ("lan",)))


def taken(here: Province, record: LiveSession | None = None, *who: str, box: str = "an phú 1") -> Speech:
    record = record or session()
    return relaying.take(signed(record, *who), record.id.hex(), here.boxes[box], NOW)


def test_it_is_kept_and_sent_to_the_commune_and_its_boxes_hear_it_but_the_one_that_speaks(here: Province) -> None:
    speech = taken(here)
    message = Message.objects.get(kind="order")
    assert (message.topic, bytes(message.payload)) == (topics.orders(AN_PHU), signed(session()))
    first, second = here.boxes["an phú 1"], here.boxes["an phú 2"]
    assert services.concerns(speech.pk, second.pk, AN_PHU, NOW)
    assert not services.concerns(speech.pk, first.pk, AN_PHU, NOW)
    assert not services.concerns(speech.pk, here.boxes["bình minh"].pk, BINH_MINH, NOW)
    assert list(services.meant(speech)) == [second]
    assert Audit.objects.get(action="live.from-box").person is None


@pytest.mark.parametrize(
    ("changes", "who", "code"),
    [
        ({}, ("minh",), RejectCode.SIGNATURE),
        ({"area": (BINH_MINH,)}, ("lan",), RejectCode.SCOPE),
        ({"area": ("77",)}, ("lan",), RejectCode.SCOPE),
        ({"role": Role.EMERGENCY}, ("hoa", "minh"), RejectCode.SHAPE),
        ({"boxes": ("a" * 16,)}, ("lan",), RejectCode.AREA),
        ({"attached": bytes(16)}, ("lan",), RejectCode.AUTHORITY),
        ({"issued": int(NOW.timestamp()) - 900, "expires": int(NOW.timestamp())}, ("lan",), RejectCode.EXPIRED),
        ({"province": "79", "area": (AN_PHU,)}, ("lan",), RejectCode.DOMAIN),
    ],
)
def test_what_boxes_would_refuse_is_refused_and_not_sent(
    here: Province, changes: dict[str, Any], who: tuple[str, ...], code: RejectCode
) -> None:
    with pytest.raises(relaying.Rejected) as rejected:
        taken(here, session(**changes), *who)
    assert rejected.value.code is code
    assert not Speech.objects.exists()
    assert not Message.objects.filter(kind="order").exists()


@pytest.mark.parametrize(
    ("area", "boxes", "code"),
    [
        (AN_PHU, (), None),
        (BINH_MINH, (), RejectCode.AUTHORITY),
        ("77", (), RejectCode.AUTHORITY),
        ("77", ("an phú 1",), None),
        ("77", ("an phú 1", "bình minh"), RejectCode.AUTHORITY),
    ],
)
def test_it_speaks_in_an_alarm_only_where_that_alarm_is_in_force(
    here: Province, area: str, boxes: tuple[str, ...], code: RejectCode | None
) -> None:
    alarm = orders.prepare(here.people["lan"], Alarm(message=1, area=(AN_PHU,), role=Role.COMMUNE), now=NOW)
    alarm = province.signed(alarm, here, "lan")
    record = session(
        id=order_id(key("hoa").public_key, b"at the hall."),
        role=Role.EMERGENCY,
        area=(area,),
        boxes=tuple(sorted(here.boxes[name].pk for name in boxes)),
        attached=bytes.fromhex(alarm.pk),
    )
    speech = Speech(payload=encode(record))
    assert signatures.refusal(speech, signed(record, "hoa", "minh"), NOW) is code


def test_bytes_that_are_no_session_and_a_session_under_another_name_are_refused(here: Province) -> None:
    for raw, name in ((b"", ID.hex()), (bytes(5_000), ID.hex()), (signed(session()), "0" * 32)):
        with pytest.raises(relaying.Rejected) as rejected:
            relaying.take(raw, name, here.boxes["an phú 1"], NOW)
        assert rejected.value.code is RejectCode.MALFORMED


def test_the_same_box_may_come_again_with_it_and_no_other_box_and_not_when_it_is_over(here: Province) -> None:
    speech = taken(here)
    assert taken(here) == speech
    assert Message.objects.filter(kind="order").count() == 1
    with pytest.raises(relaying.Rejected) as rejected:
        taken(here, box="an phú 2")
    assert rejected.value.code is RejectCode.DUPLICATE
    relaying.end(speech.pk, NOW)
    assert not services.is_on(speech.pk, NOW)
    with pytest.raises(relaying.Rejected):
        taken(here)


def test_another_press_ends_the_one_before(here: Province) -> None:
    first = taken(here)
    second = taken(here, session(id=order_id(key("lan").public_key, b"once again..")))
    assert [row.pk for row in services.on_air(NOW)] == [second.pk]
    assert not services.is_on(first.pk, NOW)


def test_boxes_are_found_by_their_codes_and_the_one_that_speaks_is_left_out(here: Province) -> None:
    first, second = here.boxes["an phú 1"], here.boxes["an phú 2"]
    codes = [enrolment_code(box.pk) for box in (first, second)]
    assert relaying.boxes_of([code.lower() for code in codes], first.pk) == (second.pk,)
    with pytest.raises(Refused, match="ABCD-EFGH"):
        relaying.boxes_of([codes[1], "ABCD-EFGH"], first.pk)
    with pytest.raises(Refused):
        relaying.boxes_of([codes[0]], first.pk)
    Box.objects.filter(pk=second.pk).update(state=Stage.RETIRED)
    with pytest.raises(Refused, match=codes[1]):
        relaying.boxes_of([codes[1]], first.pk)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"codes": []}', '{"codes": 5}', "[" * 100_000])
def test_a_question_for_boxes_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        _codes(text)
    with pytest.raises(Refused):
        _codes(json.dumps({"codes": ["ABCD-EFGH"] * (MAX_CODES + 1)}))


def test_everybody_is_told_at_whose_microphone_it_is_and_the_communes_officer_ends_it(here: Province) -> None:
    at = timezone.now()
    record = session(at)
    speech = relaying.take(signed(record), record.id.hex(), here.boxes["an phú 1"], at)
    client = Client()
    client.force_login(here.people["lan"])
    home = client.get(reverse("console:home")).text
    assert "Nguyễn Lan đang phát trực tiếp" in home
    assert "micrô của hộp an phú 1" in home
    assert "tới 1 hộp" in home
    page = client.get(reverse("live:session", args=[speech.pk])).text
    assert "micrô của hộp an phú 1" in page
    assert 'id="talk-button"' not in page
    client.post(reverse("live:end", args=[speech.pk]))
    assert not services.is_on(speech.pk, timezone.now())


def test_groups_of_it_come_from_no_page(here: Province) -> None:
    speech = taken(here)
    assert not any(services.speaks(speech.pk, person, NOW) for person in here.people.values())


def test_a_session_longer_than_half_an_hour_is_refused_from_a_box_too(here: Province) -> None:
    long = msgspec.structs.replace(session(), expires=int(NOW.timestamp()) + 1_801)
    with pytest.raises(relaying.Rejected) as rejected:
        taken(here, long)
    assert rejected.value.code is RejectCode.LIFETIME
