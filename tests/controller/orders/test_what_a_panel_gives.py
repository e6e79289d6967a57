"""The button in An Phú's office, whose token is Lan's key here: kept, relayed to the commune, shown."""

import time
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from msgspec.structs import replace

from agent.core import own_order
from controller.accounts.models import Audit
from controller.bridge.absorb import Incoming, absorb
from controller.orders import rollcall, services
from controller.orders.models import EmergencyOrder, RollCall, State, Stranger
from controller.outbox.models import Message
from controller.schedules.signing import schedule_signer
from protocol import topics
from protocol.compose import signed_order
from protocol.order import MessageType, Order
from protocol.report import Stage
from protocol.roles import Role
from tests.support import province
from tests.support.boxes import SmallBox
from tests.support.installation import install
from tests.support.province import AN_PHU, BINH_MINH, NOW, Province, key, signed

pytestmark = pytest.mark.django_db
NOW_S = int(NOW.timestamp())
NOW_MS = NOW_S * 1000


@pytest.fixture
def here(settings: LazySettings, tmp_path: Path) -> Province:
    install(settings, tmp_path)
    return province.make()


def press(number: int = 1, kind: MessageType = MessageType.ALERT, *, by: str = "lan", **changes: Any) -> Order:
    """What the button of the panel makes."""
    values: dict[str, Any] = {
        "key": key(by).public_key,
        "domain": province.DOMAIN,
        "area": AN_PHU,
        "epoch": 1,
        "after": NOW_S + number,
        "now_s": NOW_S,
        "entropy": number.to_bytes(12, "big"),
        "message": 1 if kind is MessageType.ALERT else None,
    }
    return own_order.order(kind, **(values | changes))


def goes_up(here: Province, order: Order, by: str = "lan", box: str = "an phú 1") -> list[str]:
    """Carried by this box; the topics of what the controller has to post then."""
    carrier = SmallBox(here.box_key(box), province.DOMAIN)
    raw = signed_order(order, key(by))
    receipt = carrier.receipt(order.id, Stage.ACCEPTED, NOW_MS)
    messages = [Incoming(carrier.topic("order"), raw), Incoming(carrier.topic("receipt"), receipt)]
    absorb(messages, province.DOMAIN, schedule_signer(), NOW)
    return list(Message.objects.filter(kind="order").values_list("topic", flat=True))


def test_a_press_is_kept_relayed_to_its_commune_and_answered_for_by_its_own_box(here: Province) -> None:
    order = press()
    assert goes_up(here, order) == [topics.orders(AN_PHU)]
    row = EmergencyOrder.objects.get()
    assert (row.state, row.role, row.level, row.created_by) == (State.SENT, Role.COMMUNE, 1, None)
    assert bytes(Message.objects.get(kind="order").payload) == signed_order(order, key("lan"))
    assert [signature.holder for signature in row.signatures.all()] == ["Nguyễn Lan"]
    assert RollCall.objects.get().stage == Stage.ACCEPTED
    assert not Stranger.objects.exists()
    owed = {box for box, _ in rollcall.owed(NOW)}
    assert owed == {here.boxes["an phú 2"].pk}
    assert Audit.objects.filter(action="order.from-panel").exists()


def test_a_press_that_comes_twice_or_by_two_boxes_is_relayed_once(here: Province) -> None:
    goes_up(here, press())
    assert goes_up(here, press(), box="an phú 2") == [topics.orders(AN_PHU)]
    assert EmergencyOrder.objects.count() == 1


def test_the_province_reads_of_it_on_its_pages(here: Province) -> None:
    order = press()
    goes_up(here, order)
    goes_up(here, press(2, MessageType.CANCEL, references=(order.id,)))
    for who in ("hoa", "lan"):
        client = Client()
        client.force_login(here.people[who])
        for row in EmergencyOrder.objects.all():
            assert "nút bấm tại trụ sở" in client.get(reverse("orders:order", args=[row.pk])).text
        assert "nút bấm tại trụ sở" in client.get(reverse("orders:list")).text
        assert client.get("/").status_code == 200


def test_the_panels_own_cancel_ends_it_everywhere(here: Province) -> None:
    order = press()
    goes_up(here, order)
    goes_up(here, press(2, MessageType.CANCEL, references=(order.id,)))
    assert EmergencyOrder.objects.get(pk=order.id.hex()).state == State.CANCELLED
    assert Message.objects.filter(kind="order").count() == 2


def test_the_province_cancels_it_and_takes_that_back_like_any_other(here: Province) -> None:
    goes_up(here, press())
    alarm = EmergencyOrder.objects.get()
    cancel = signed(services.cancel_prepare(alarm, here.people["hoa"], now=NOW), here, "hoa")
    alarm.refresh_from_db()
    assert alarm.state == State.CANCELLED
    signed(services.reinstate_prepare(cancel, here.people["hoa"], now=NOW), here, "hoa")
    alarm.refresh_from_db()
    assert alarm.state == State.SENT


@pytest.mark.parametrize(
    ("order", "by"),
    [
        (press(by="box an phú 1"), "box an phú 1"),
        (press(area=BINH_MINH), "lan"),
        (press(area="77"), "lan"),
        (press(message=5), "lan"),
        (press(now_s=NOW_S - 3_601), "lan"),
        (press(kind=MessageType.STOP), "lan"),
        (press(by="lan"), "tuan"),
        (replace(press(), expires=NOW_S + 3_601), "lan"),
    ],
)
def test_fault_41_of_a_token_only_a_listed_alarm_of_its_commune_for_an_hour_is_relayed(
    here: Province, order: Order, by: str
) -> None:
    assert goes_up(here, order, by) == []
    assert not EmergencyOrder.objects.exists()


def test_a_second_order_of_one_number_and_noise_are_left_and_break_nothing(here: Province) -> None:
    goes_up(here, press())
    assert goes_up(here, press(entropy=b"x" * 12)) == [topics.orders(AN_PHU)]
    carrier = SmallBox(here.box_key("an phú 1"), province.DOMAIN)
    for noise in (b"", b"\xd8\x62", b"x" * 2_000):
        absorb([Incoming(carrier.topic("order"), noise)], province.DOMAIN, schedule_signer(), NOW)
    assert EmergencyOrder.objects.count() == 1


def home(here: Province, order: Order, *, ours: bool = False) -> str:
    """What Hoa reads when a box has obeyed this order, of which the controller has or has not heard otherwise."""
    carrier = SmallBox(here.box_key("an phú 1"), province.DOMAIN)
    receipt = carrier.receipt(order.id, Stage.STARTED, NOW_MS)
    absorb([Incoming(carrier.topic("receipt"), receipt)], province.DOMAIN, schedule_signer(), timezone.now())
    if ours:
        goes_up(here, order)
    client = Client()
    client.force_login(here.people["hoa"])
    return client.get("/").text


def test_a_boxs_own_press_is_told_as_one_and_nobody_is_sent_to_look_for_a_second_server(here: Province) -> None:
    page = home(here, press(by="box an phú 1"))
    assert "Nút tại hộp an phú 1 (Xã An Phú) đã được nhấn" in page
    assert "máy chủ thứ hai" not in page


def test_a_press_with_the_communes_token_that_has_not_come_up_is_told_as_the_communes(here: Province) -> None:
    page = home(here, press())
    assert "Nút của xã đã được nhấn" in page
    assert "không do máy chủ này gửi" not in page


def test_a_press_that_comes_up_behind_its_answer_is_no_strangers(here: Province) -> None:
    page = home(here, press(), ours=True)
    assert Stranger.objects.exists()
    assert "Nút của xã đã được nhấn" not in page


@pytest.mark.parametrize("who", ["minh", "box an phú 2"])
def test_an_order_of_another_servers_people_or_of_another_box_is_still_a_strangers(here: Province, who: str) -> None:
    assert "máy chủ thứ hai" in home(here, press(by=who))


@pytest.fixture
def today(settings: LazySettings, tmp_path: Path) -> Province:
    """By the clock of this machine, which the endpoint asks."""
    install(settings, tmp_path)
    return province.make(timezone.now())


def test_over_https_it_is_the_same_and_takes_the_boxs_signature(today: Province) -> None:
    box, stranger = (SmallBox(one, province.DOMAIN) for one in (today.box_key("an phú 1"), key("thief")))
    raw = signed_order(press(now_s=int(time.time())), key("lan"))

    def hand_in(signer: SmallBox, body: bytes) -> int:
        headers = signer.signed_headers("POST", topics.ORDER_PATH, body)
        answer = Client().post(topics.ORDER_PATH, body, content_type="application/octet-stream", headers=headers)
        return answer.status_code

    assert hand_in(stranger, raw) == 401
    assert not EmergencyOrder.objects.exists()
    assert hand_in(box, raw) == 200
    assert hand_in(box, raw) == 200
    assert EmergencyOrder.objects.count() == 1
    assert Message.objects.filter(kind="order").count() == 1
    assert hand_in(box, b"x" * 901) == 413
