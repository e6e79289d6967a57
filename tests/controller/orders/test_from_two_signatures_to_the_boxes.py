"""An emergency from its preparation to the message in the outbox; who may sign, and who counts."""

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import LazySettings

from controller.accounts.models import Audit, PersonKey
from controller.cli.roots import sign_roots
from controller.core.errors import NotAllowed, Refused
from controller.orders import composing, rules, services
from controller.orders.capacity import Missing
from controller.orders.composing import Alarm, Slot
from controller.orders.models import EmergencyOrder, OrderSignature, State
from controller.outbox.models import Message
from controller.trust.models import RootsFile
from controller.trust.services import import_roots
from protocol import topics
from protocol.clock import ClockReading
from protocol.gate import Accept, Me, Reject, judge
from protocol.order import MessageType, Severity, Status
from protocol.report import ClockQuality
from protocol.roles import Role
from protocol.signing import Family, signed_by
from protocol.trust import Trust
from tests.support import province
from tests.support.installation import install
from tests.support.province import AN_PHU, BINH_MINH, NOW, Province, key, signed

pytestmark = pytest.mark.django_db
FLOOD = Alarm(message=1, area=(AN_PHU,), severity=Severity.EXTREME)


@pytest.fixture
def here(settings: LazySettings, tmp_path: Path) -> Province:
    install(settings, tmp_path)
    return province.make()


def test_two_persons_send_an_order_that_a_box_there_accepts(here: Province) -> None:
    order = services.prepare(here.people["hoa"], FLOOD, now=NOW)
    signed(order, here, "hoa")
    assert not Message.objects.filter(kind="order").exists()
    order = signed(order, here, "minh", at=NOW + dt.timedelta(seconds=40))
    assert order.state == State.SENT
    assert order.sent_at == NOW + dt.timedelta(seconds=40)
    assert Message.objects.get(kind="order").topic == topics.orders(AN_PHU)
    verdict = judged_by_a_box(here, NOW + dt.timedelta(seconds=41))
    assert isinstance(verdict, Accept)
    assert verdict.first_signer_key == key("hoa").public_key
    assert {holder.person for holder in verdict.signers} == {"Trần Thị Hoa", "Lê Minh"}


def judged_by_a_box(here: Province, at: dt.datetime) -> Accept | Reject:
    """What a healthy box of An Phú says of the one order in the outbox."""
    message = Message.objects.get(kind="order")
    at_ms = int(at.timestamp() * 1000)
    me = Me(province.DOMAIN, ("77", AN_PHU), (), {}, {}, {}, (), lambda sound: sound == 1)
    return judge(bytes(message.payload), Trust(province.roots(here)), ClockReading(at_ms, at_ms, ClockQuality.NTP), me)


def test_where_the_second_person_signs_first_a_box_still_counts_it_in_the_preparers_sequence(here: Province) -> None:
    order = services.prepare(here.people["hoa"], FLOOD, now=NOW)
    signed(order, here, "minh")
    assert not Message.objects.filter(kind="order").exists()
    order = signed(order, here, "hoa")
    assert order.state == State.SENT
    verdict = judged_by_a_box(here, NOW + dt.timedelta(seconds=1))
    assert isinstance(verdict, Accept)
    assert verdict.first_signer_key == key("hoa").public_key
    assert [holder.person for holder in verdict.signers] == ["Trần Thị Hoa", "Lê Minh"]


def test_enough_persons_without_the_preparer_are_not_enough_and_the_preparer_is_named(here: Province) -> None:
    order = services.prepare(here.people["hoa"], FLOOD, now=NOW)
    assert services.missing(order, Trust(province.roots(here))) == Missing(2, "Trần Thị Hoa")
    signed(order, here, "minh")
    order = signed(order, here, "lan")
    assert order.state == State.WAITING
    assert services.missing(order, Trust(province.roots(here))) == Missing(1, "Trần Thị Hoa")
    order = signed(order, here, "hoa")
    assert order.state == State.SENT
    assert not services.missing(order, Trust(province.roots(here)))


def test_one_person_cannot_sign_twice(here: Province) -> None:
    order = services.prepare(here.people["hoa"], FLOOD, now=NOW)
    signed(order, here, "hoa")
    with pytest.raises(Refused) as refused:
        signed(order, here, "hoa")
    assert refused.value.field == "key"
    assert EmergencyOrder.objects.get(pk=order.pk).state == State.WAITING


def test_nobody_signs_with_the_key_of_somebody_else(here: Province) -> None:
    order = services.prepare(here.people["hoa"], FLOOD, now=NOW)
    signed(order, here, "hoa")
    with pytest.raises(Refused) as refused:
        signed(order, here, "minh", by="hoa")
    assert refused.value.field == "public_key"


def test_a_signature_over_other_bytes_is_refused_and_not_kept(here: Province) -> None:
    order = services.prepare(here.people["hoa"], FLOOD, now=NOW)
    other = services.prepare(here.people["hoa"], replace(FLOOD, message=2), now=NOW)
    value = signed_by(key("hoa"), bytes(other.payload), Family.ORDER, province.DOMAIN)
    with pytest.raises(Refused) as refused:
        services.sign(order, here.people["hoa"], value, now=NOW)
    assert refused.value.field == "signature"
    assert not OrderSignature.objects.exists()


def test_a_technician_can_neither_prepare_nor_sign(here: Province) -> None:
    with pytest.raises(NotAllowed):
        services.prepare(here.people["tuan"], FLOOD, now=NOW)
    order = services.prepare(here.people["hoa"], FLOOD, now=NOW)
    with pytest.raises(NotAllowed):
        signed(order, here, "tuan")


def test_somebody_of_one_commune_does_not_count_in_another(here: Province) -> None:
    order = services.prepare(here.people["hoa"], replace(FLOOD, area=(BINH_MINH,)), now=NOW)
    with pytest.raises(NotAllowed):
        signed(order, here, "lan")


def test_a_commune_and_the_province_together_may_sign_for_the_commune(here: Province) -> None:
    order = services.prepare(here.people["lan"], FLOOD, now=NOW)
    signed(order, here, "lan")
    assert signed(order, here, "minh").state == State.SENT


def test_a_key_that_was_revoked_no_longer_signs(here: Province) -> None:
    order = services.prepare(here.people["hoa"], FLOOD, now=NOW)
    PersonKey.objects.filter(person=here.people["minh"]).update(revoked=NOW)
    with pytest.raises(Refused) as refused:
        signed(order, here, "minh")
    assert refused.value.field == "public_key"


def test_an_order_that_nobody_finished_in_time_lapses(here: Province) -> None:
    order = services.prepare(here.people["hoa"], replace(FLOOD, lifetime_s=600), now=NOW)
    signed(order, here, "hoa")
    late = NOW + dt.timedelta(minutes=10)
    assert rules.standing(order.state, order.expires.timestamp(), late.timestamp()) is rules.Standing.LAPSED
    with pytest.raises(Refused) as refused:
        signed(order, here, "minh", at=late)
    assert refused.value.field == "order"
    assert not Message.objects.filter(kind="order").exists()


def test_a_dropped_order_can_no_longer_be_signed(here: Province) -> None:
    order = services.prepare(here.people["hoa"], FLOOD, now=NOW)
    services.drop(order, here.people["minh"])
    with pytest.raises(Refused):
        signed(order, here, "hoa")


@pytest.mark.parametrize(
    ("alarm", "field"),
    [
        (replace(FLOOD, area=("77-9999",)), "area"),
        (replace(FLOOD, area=()), "area"),
        (replace(FLOOD, message=90), "message"),
        (replace(FLOOD, repeats=0), "repeats"),
        (replace(FLOOD, lifetime_s=60), "lifetime"),
        (replace(FLOOD, lifetime_s=7201), "lifetime"),
        (replace(FLOOD, reason="x" * 201), "reason"),
    ],
)
def test_what_cannot_be_ordered_names_its_field(here: Province, alarm: Alarm, field: str) -> None:
    with pytest.raises(Refused) as refused:
        services.prepare(here.people["hoa"], alarm, now=NOW)
    assert refused.value.field == field
    assert refused.value.way_out
    assert not EmergencyOrder.objects.exists()


def test_an_area_without_boxes_is_refused(here: Province) -> None:
    here.boxes["bình minh"].state = "retired"
    here.boxes["bình minh"].save()
    with pytest.raises(Refused) as refused:
        services.prepare(here.people["hoa"], replace(FLOOD, area=(BINH_MINH,)), now=NOW)
    assert refused.value.field == "area"


def test_without_roots_nothing_can_be_prepared_and_the_way_out_is_said(here: Province) -> None:
    RootsFile.objects.all().delete()
    with pytest.raises(Refused) as refused:
        services.prepare(here.people["hoa"], FLOOD, now=NOW)
    assert "loalang roots import" in refused.value.way_out


def test_one_person_cancels_and_the_order_is_cancelled_in_the_same_moment(here: Province) -> None:
    order = services.prepare(here.people["hoa"], FLOOD, now=NOW)
    signed(order, here, "hoa")
    signed(order, here, "minh")
    cancel = services.cancel_prepare(order, here.people["minh"], "nhầm", now=NOW)
    cancel = signed(cancel, here, "minh")
    assert cancel.state == State.SENT
    assert cancel.type == MessageType.CANCEL
    order.refresh_from_db()
    assert order.state == State.CANCELLED
    assert Message.objects.filter(kind="order").count() == 2


def test_a_commune_cannot_cancel_what_the_province_ordered_and_is_told_who_can(here: Province) -> None:
    order = services.prepare(here.people["hoa"], FLOOD, now=NOW)
    signed(order, here, "hoa")
    signed(order, here, "minh")
    with pytest.raises(NotAllowed) as refused:
        services.cancel_prepare(order, here.people["lan"], now=NOW)
    assert "cấp cao hơn" in refused.value.message
    assert "Lê Minh, Trần Thị Hoa" in refused.value.way_out
    assert "Nguyễn Lan" not in refused.value.way_out
    order.refresh_from_db()
    assert order.state == State.SENT
    assert not order.ended_by.exists()


def test_a_drill_is_cancelled_as_a_drill(here: Province) -> None:
    order = services.prepare(here.people["hoa"], replace(FLOOD, status=Status.EXERCISE), now=NOW)
    signed(order, here, "hoa")
    signed(order, here, "minh")
    cancel = signed(services.cancel_prepare(order, here.people["hoa"], now=NOW), here, "hoa")
    assert cancel.status == Status.EXERCISE
    assert cancel.state == State.SENT


def test_a_cancel_that_waits_is_not_made_twice(here: Province) -> None:
    order = services.prepare(here.people["hoa"], FLOOD, now=NOW)
    signed(order, here, "hoa")
    signed(order, here, "minh")
    first = services.cancel_prepare(order, here.people["hoa"], now=NOW)
    assert services.cancel_prepare(order, here.people["hoa"], now=NOW).pk == first.pk


def test_minh_cancels_although_hoa_began_a_cancel_and_was_called_away(here: Province) -> None:
    order = services.prepare(here.people["hoa"], FLOOD, now=NOW)
    signed(order, here, "hoa")
    signed(order, here, "minh")
    left = services.cancel_prepare(order, here.people["hoa"], now=NOW)
    mine = services.cancel_prepare(order, here.people["minh"], now=NOW)
    assert mine.pk != left.pk
    assert signed(mine, here, "minh").state == State.SENT
    order.refresh_from_db()
    left.refresh_from_db()
    assert (order.state, left.state) == (State.CANCELLED, State.DROPPED)
    assert Audit.objects.get(action="order.dropped").object == f"order:{left.pk}"
    with pytest.raises(Refused):
        signed(left, here, "hoa")


def test_a_cancel_says_nothing_of_the_sound_that_it_ends(here: Province) -> None:
    trust = Trust(province.roots(here))
    of = composing.alert(FLOOD, trust, Slot(bytes(16), 7, 1_700_000_000))
    cancel = composing.cancel(of, Role.CANCEL, trust, Slot(b"c" * 16, 8, 1_700_000_100), reason="nhầm")
    assert (cancel.sound, cancel.cap, cancel.board, cancel.references) == (None, None, "", (of.id,))
    assert (cancel.area, cancel.status, cancel.event) == (of.area, of.status, of.event)


def test_every_step_is_audited_and_no_row_holds_a_private_key(here: Province) -> None:
    order = services.prepare(here.people["hoa"], FLOOD, now=NOW)
    signed(order, here, "hoa")
    signed(order, here, "minh")
    actions = list(Audit.objects.filter(object=f"order:{order.pk}").order_by("id").values_list("action", flat=True))
    assert actions == ["order.prepared", "order.signed", "order.signed", "order.sent"]


def test_roots_only_go_up_and_only_by_the_same_root_keys(here: Province) -> None:
    second = sign_roots(province.roots(here, version=2), key("root"))
    assert import_roots(second, now=NOW).version == 2
    with pytest.raises(Refused):
        import_roots(sign_roots(province.roots(here, version=1), key("root")), now=NOW)
    with pytest.raises(Refused):
        import_roots(sign_roots(province.roots(here, version=3), key("thief")), now=NOW)
    assert Message.objects.filter(kind="roots").count() == 6, "two versions for three boxes"


def test_a_signers_sequences_never_fall_behind_those_that_boxes_have_seen() -> None:
    assert composing.next_sequence(0, 0, 1_700_000_000) == 1_700_000_000
    assert composing.next_sequence(1_700_000_000, 1_700_003_600, 1_700_000_100) == 1_700_000_001
    assert composing.next_sequence(1_700_000_005, 1_700_003_600, 1_700_009_000) == 1_700_009_000
    assert composing.next_sequence(1_900_000_000, 1_700_003_600, 1_700_009_000) == 1_900_000_001
    assert composing.next_sequence(1_700_000_000, 1_700_003_600, 1_700_000_100, contested=True) == 1_700_000_100


def test_roots_from_a_machine_whose_clock_is_ahead_are_refused_with_the_way_out(here: Province) -> None:
    """Every box would learn from them that it is already December."""
    ahead = sign_roots(province.roots(here, NOW + dt.timedelta(days=30), version=2), key("root"))
    with pytest.raises(Refused, match="máy không nối mạng"):
        import_roots(ahead, now=NOW)
    assert not RootsFile.objects.filter(version=2).exists()
    slightly = sign_roots(province.roots(here, NOW + dt.timedelta(minutes=4), version=2), key("root"))
    assert import_roots(slightly, now=NOW).version == 2
