"""Batches of messages into the database, and the answers: only what is missing, acknowledged only when it is stored."""

import datetime as dt
import itertools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse

from controller.accounts.models import Person, PersonKey
from controller.boxes import rules
from controller.boxes.models import BoxState, FaultEvent
from controller.bridge.absorb import Incoming, Outgoing, absorb, absorb_patiently, resend
from controller.cli.roots import sign_roots
from controller.live import services as live
from controller.live import signatures
from controller.live.rules import Wanted
from controller.orders import rollcall, services
from controller.orders.composing import Alarm
from controller.orders.models import EmergencyOrder
from controller.reports.models import ChainAnomaly, PlayLogRow
from controller.schedules.compiling import compile_now
from controller.schedules.models import AssignmentRow
from controller.schedules.signing import schedule_signer
from controller.trust import delegating
from controller.trust.services import import_roots
from protocol import topics
from protocol.codec import decode, pack
from protocol.ids import box_id
from protocol.manifest import PlaceInOrder
from protocol.report import Ack, Fault, FaultCode, Stage
from protocol.roles import Bound, Era, Holder, Role, Roots
from protocol.signing import Family, Signer, family_of, sign1, signed_by, verify1
from tests.support import province
from tests.support.boxes import SmallBox
from tests.support.installation import install
from tests.support.province import AN_PHU, NOW, Province, key

pytestmark = pytest.mark.django_db
NOW_MS = int(NOW.timestamp() * 1000)
LAST = 0xFFFF_FFFF


@pytest.fixture
def here(settings: LazySettings, tmp_path: Path) -> Province:
    install(settings, tmp_path)
    return province.make()


def box_of(here: Province, name: str) -> SmallBox:
    return SmallBox(here.box_key(name), province.DOMAIN)


def say(box: SmallBox, kind: str, payload: bytes) -> Incoming:
    return Incoming(box.topic(kind), payload)


def take(*messages: Incoming, at: dt.datetime = NOW) -> list[Outgoing]:
    return absorb(messages, province.DOMAIN, schedule_signer(), at)


def families(out: list[Outgoing]) -> list[Family]:
    return [family_of(message.payload) for message in out]


def ack_in(out: list[Outgoing]) -> Ack:
    (payload,) = [message.payload for message in out if family_of(message.payload) is Family.ACK]
    return decode(verify1(payload, Family.ACK, province.DOMAIN, schedule_signer().public_key), Ack)


def sent_order(here: Province) -> EmergencyOrder:
    order = services.prepare(here.people["hoa"], Alarm(message=1, area=(AN_PHU,)), now=NOW)
    for who in ("hoa", "minh"):
        order = province.signed(order, here, who)
    return order


def test_a_box_that_says_hello_is_told_what_it_lacks_and_nothing_else(here: Province) -> None:
    order = sent_order(here)
    box = box_of(here, "an phú 1")
    out = take(say(box, "hello", box.hello(NOW_MS)))
    assert families(out) == [Family.ROOTS, Family.ORDER, Family.ACK]
    assert {message.topic for message in out} == {topics.down(box.id)}
    box.roots_version, box.orders = 1, (bytes.fromhex(order.pk),)
    assert families(take(say(box, "hello", box.hello(NOW_MS)))) == [Family.ACK]


def test_a_box_that_comes_back_while_somebody_speaks_is_told_of_the_session(here: Province) -> None:
    chosen = (here.boxes["an phú 1"].pk,)
    speech = live.prepare(here.people["lan"], Wanted((AN_PHU,), key("a page").public_key, boxes=chosen), now=NOW)
    signatures.sign(
        speech, here.people["lan"], signed_by(key("lan"), bytes(speech.payload), Family.LIVE, province.DOMAIN), now=NOW
    )
    for name, told in (("an phú 1", [Family.LIVE]), ("an phú 2", []), ("bình minh", [])):
        box = box_of(here, name)
        box.roots_version = 1
        out = families(take(say(box, "hello", box.hello(NOW_MS))))
        assert [family for family in out if family is Family.LIVE] == told
    box = box_of(here, "an phú 1")
    box.roots_version = 1
    live.end(speech, here.people["lan"], now=NOW)
    assert Family.LIVE not in families(take(say(box, "hello", box.hello(NOW_MS + 1_000))))


def test_a_box_outside_the_area_is_not_told_of_the_order(here: Province) -> None:
    sent_order(here)
    box = box_of(here, "bình minh")
    assert families(take(say(box, "hello", box.hello(NOW_MS)))) == [Family.ROOTS, Family.ACK]


def test_a_log_batch_is_stored_once_and_acknowledged_to_its_last_row(here: Province) -> None:
    box = box_of(here, "an phú 1")
    for n in range(5):
        box.play(NOW_MS + n * 10_000)
    take(say(box, "hello", box.hello(NOW_MS)))
    assert ack_in(take(say(box, "log", box.log(1, 3)))).log_seq == 3
    assert ack_in(take(say(box, "log", box.log(1, 3)), say(box, "log", box.log(2, 5)))).log_seq == 5
    assert list(PlayLogRow.objects.order_by("seq").values_list("seq", flat=True)) == [1, 2, 3, 4, 5]
    assert not ChainAnomaly.objects.exists()


def test_rows_before_a_hello_are_acknowledged_by_their_own_chain(here: Province) -> None:
    box = box_of(here, "an phú 1")
    box.play(NOW_MS)
    ack = ack_in(take(say(box, "log", box.log(1, 1))))
    assert (ack.chain, ack.log_seq) == (box.chain, 1)


def test_receipts_and_faults_are_acknowledged_when_they_are_stored_also_the_second_time(here: Province) -> None:
    order = sent_order(here)
    box = box_of(here, "an phú 1")
    identity = bytes.fromhex(order.pk)
    messages = [
        say(box, "receipt", box.receipt(identity, Stage.ACCEPTED, NOW_MS + 200)),
        say(box, "receipt", box.receipt(identity, Stage.STARTED, NOW_MS + 300, first_sample=NOW_MS + 290)),
        say(box, "fault", box.fault(FaultCode.FETCH, NOW_MS)),
    ]
    for _ in range(2):
        ack = ack_in(take(*messages))
        assert set(ack.receipts) == {(identity, Stage.ACCEPTED), (identity, Stage.STARTED)}
        assert ack.faults == ((FaultCode.FETCH, NOW_MS),)
    assert FaultEvent.objects.count() == 1
    line = next(row.line for row in rollcall.sheet(order, NOW).rows if row.box.pk == box.id)
    assert (line.stage, line.first_sample_ms, line.after_ms) == (Stage.STARTED, NOW_MS + 290, 290)


def test_an_order_goes_out_again_until_the_box_has_answered(here: Province) -> None:
    order = sent_order(here)
    first, second = box_of(here, "an phú 1"), box_of(here, "an phú 2")
    assert {message.topic for message in resend(NOW)} == {topics.down(first.id), topics.down(second.id)}
    take(say(first, "receipt", first.receipt(bytes.fromhex(order.pk), Stage.ACCEPTED, NOW_MS)))
    take(say(second, "receipt", second.receipt(bytes.fromhex(order.pk), Stage.REJECTED, NOW_MS, code="NO_TIME")))
    assert [message.topic for message in resend(NOW)] == [topics.down(second.id)], "it may learn the time"
    take(say(second, "receipt", second.receipt(bytes.fromhex(order.pk), Stage.REJECTED, NOW_MS, code="AREA")))
    assert resend(NOW) == []


def test_an_expired_order_is_not_sent_again(here: Province) -> None:
    order = sent_order(here)
    assert resend(order.expires) == []


def test_a_cancelled_order_is_not_sent_again_but_its_cancel_is(here: Province) -> None:
    order = sent_order(here)
    cancel = services.cancel_prepare(order, here.people["hoa"], now=NOW)
    cancel = province.signed(cancel, here, "hoa")
    assert {message.payload for message in resend(NOW)} == {bytes(cancel.envelope or b"")}


def test_a_beat_that_shows_the_box_in_step_is_not_answered(here: Province) -> None:
    box = box_of(here, "an phú 1")
    take(say(box, "hello", box.hello(NOW_MS)))
    box.roots_version = 1
    assert take(say(box, "beat", box.beat(NOW_MS))) == []
    state = BoxState.objects.get(box_id=box.id)
    assert state.roots_version == 1, "the digest proves that it took the new roots"
    assert state.last_seen == NOW


def test_a_beat_out_of_step_is_answered_with_what_may_have_been_lost(here: Province) -> None:
    box = box_of(here, "an phú 1")
    box.roots_version = 1
    take(say(box, "hello", box.hello(NOW_MS)))
    sent_order(here)
    assert families(take(say(box, "beat", box.beat(NOW_MS)))) == [Family.ORDER, Family.ACK]
    box.play(NOW_MS)
    assert Family.ACK in families(take(say(box, "beat", box.beat(NOW_MS + 1000))))


def test_a_beat_that_somebody_kept_is_neither_believed_nor_answered(here: Province) -> None:
    """It was unsigned when it was said, and would show a box as living that was taken from its pole."""
    box = box_of(here, "an phú 1")
    take(say(box, "hello", box.hello(NOW_MS)))
    kept = say(box, "beat", box.beat(NOW_MS + 60_000))
    take(kept, at=NOW + dt.timedelta(seconds=60))
    hour = NOW + dt.timedelta(hours=1)
    assert take(kept, say(box, "beat", box.beat(NOW_MS + 30_000)), at=hour) == []
    assert BoxState.objects.get(box_id=box.id).last_seen == NOW + dt.timedelta(seconds=60)


def test_a_fault_that_only_newer_boxes_know_is_kept_and_acknowledged(here: Province) -> None:
    box = box_of(here, "an phú 1")
    unknown = box.signed(Fault(box.id, FaultCode(19), True, NOW_MS), Family.FAULT)
    assert ack_in(take(say(box, "fault", unknown))).faults == ((19, NOW_MS),)
    assert FaultEvent.objects.get().code == 19
    assert rules.fault_names(1 << 19) == ["Lỗi số 19"]
    for beyond in (32, 4_000_000_000):
        record = [box.id, beyond, True, NOW_MS, ""]
        message = sign1(pack(record), Family.FAULT, province.DOMAIN, box.signer)
        assert take(say(box, "fault", message)) == []


def test_a_box_cannot_speak_for_another(here: Province) -> None:
    box, victim = box_of(here, "an phú 1"), box_of(here, "an phú 2")
    box.play(NOW_MS)
    assert take(Incoming(victim.topic("log"), box.log(1, 1))) == []
    liar = replace(box, signer=key("liar"))
    assert take(Incoming(box.topic("hello"), liar.hello(NOW_MS))) == []
    assert not PlayLogRow.objects.exists()


def test_a_stranger_is_not_answered_and_a_bad_message_spoils_no_batch(here: Province) -> None:
    stranger = SmallBox(key("stranger"), province.DOMAIN)
    assert box_id(key("stranger").public_key) == stranger.id
    box = box_of(here, "an phú 1")
    out = take(
        say(stranger, "hello", stranger.hello(NOW_MS)),
        Incoming(box.topic("log"), b"\x00 not a message"),
        Incoming("ll/1/box/nobody/up/hello", b""),
        say(box, "hello", box.hello(NOW_MS)),
    )
    assert {message.topic for message in out} == {topics.down(box.id)}


def test_a_box_with_a_clock_beyond_the_calendar_does_no_harm(here: Province) -> None:
    box = box_of(here, "an phú 1")
    far = 0xFFFF_FFFF_FFFF
    box.play(far - 10_000)
    ack = ack_in(take(say(box, "hello", box.hello(far)), say(box, "log", box.log(1, 1))))
    assert ack.log_seq == 1


@dataclass
class MoodySigner:
    """Fails over everything that speaks of one box."""

    signer: Signer
    dislikes: str

    @property
    def public_key(self) -> bytes:
        return self.signer.public_key

    def sign(self, message: bytes, /) -> bytes:
        if self.dislikes.encode() in message:
            raise RuntimeError("nobody foresaw this")
        return self.signer.sign(message)


def test_a_message_that_breaks_the_program_silences_no_other_box(here: Province) -> None:
    good, bad = box_of(here, "an phú 1"), box_of(here, "an phú 2")
    batch = [say(box, "hello", box.hello(NOW_MS)) for box in (bad, good)]
    signer = MoodySigner(schedule_signer(), bad.id)
    with pytest.raises(RuntimeError):
        absorb(batch, province.DOMAIN, signer, NOW)
    out = absorb_patiently(batch, province.DOMAIN, signer, NOW)
    assert families(out) == [Family.ROOTS, Family.ACK]
    assert {message.topic for message in out} == {topics.down(good.id)}


# Lists of people


def administered(here: Province, version: int = 2, **changes: Any) -> Roots:
    """Sơn and Thủy may appoint; they become persons of the console too."""
    record = province.roots(here, NOW, version=version)
    for username, name in (("son", "Đỗ Sơn"), ("thuy", "Bùi Thủy")):
        person, _made = Person.objects.get_or_create(username=username, defaults={"display_name": name})
        PersonKey.objects.get_or_create(
            public_key=key(username).public_key, defaults={"person": person, "label": "1", "created": NOW}
        )
        here.people[username] = person
    admins = tuple(
        Holder(key(name).public_key, here.people[name].display_name, (Role.DELEGATION,), ("77",))
        for name in ("son", "thuy")
    )
    bounds = (Bound(Role.STOP, ("77",), 400),)
    return msgspec.structs.replace(record, holders=(*record.holders, *admins), bounds=bounds, **changes)


def listed(here: Province, unit: str) -> bytes:
    """The next list of this unit, without anybody, signed by both: as it travels."""
    row = delegating.prepare(here.people["son"], unit, [], now=NOW)
    for name in ("son", "thuy"):
        signed = signed_by(key(name), bytes(row.payload), Family.DELEGATION, province.DOMAIN)
        row = delegating.sign(row, here.people[name], signed, now=NOW)
    return bytes(row.envelope or b"")


def of(family: Family, out: list[Outgoing]) -> list[bytes]:
    return [message.payload for message in out if family_of(message.payload) is family]


def test_a_box_that_says_hello_is_told_the_lists_of_its_place_that_it_lacks(here: Province) -> None:
    import_roots(sign_roots(administered(here), key("root")), now=NOW)
    ours, provinces, instants = listed(here, AN_PHU), listed(here, "77"), itertools.count(NOW_MS)
    box, other = box_of(here, "an phú 1"), box_of(here, "bình minh")
    box.roots_version = other.roots_version = 2

    def told(box: SmallBox, *lists: tuple[str, int]) -> list[bytes]:
        box.lists = lists
        out = take(say(box, "hello", box.hello(next(instants))))
        assert families(out) == [Family.DELEGATION] * (len(out) - 1) + [Family.ACK], "before what they verify"
        return sorted(of(Family.DELEGATION, out))

    assert told(box) == sorted([ours, provinces])
    assert told(box, ("77", 1)) == [ours]
    assert told(box, ("77", 1), (AN_PHU, 1)) == []
    assert told(other) == [provinces], "nothing of another commune"
    newer = listed(here, AN_PHU)
    assert told(box, ("77", 1), (AN_PHU, 1)) == [newer]
    assert told(box, ("77", 1), (AN_PHU, 2)) == []


def test_the_digest_says_whether_a_box_has_its_lists(here: Province) -> None:
    import_roots(sign_roots(administered(here), key("root")), now=NOW)
    box = box_of(here, "an phú 1")
    box.roots_version = 2
    take(say(box, "hello", box.hello(NOW_MS)))
    assert take(say(box, "beat", box.beat(NOW_MS))) == []
    first = listed(here, AN_PHU)
    assert of(Family.DELEGATION, take(say(box, "beat", box.beat(NOW_MS + 1000)))) == [first]
    box.lists = ((AN_PHU, 1),)
    assert take(say(box, "beat", box.beat(NOW_MS + 2000))) == []
    second = listed(here, AN_PHU)
    assert of(Family.DELEGATION, take(say(box, "beat", box.beat(NOW_MS + 3000)))) == [second]


def test_a_list_of_an_older_era_passes_for_none_of_the_new_one(here: Province) -> None:
    import_roots(sign_roots(administered(here), key("root")), now=NOW)
    listed(here, AN_PHU)
    anew = administered(here, 3, eras=(Era(Role.DELEGATION, 1),))
    import_roots(sign_roots(anew, key("root")), now=NOW)
    box = box_of(here, "an phú 1")
    box.roots_version = 3
    assert families(take(say(box, "hello", box.hello(NOW_MS)))) == [Family.ACK], "the old one is in force no more"
    mine = listed(here, AN_PHU)
    assert of(Family.DELEGATION, take(say(box, "hello", box.hello(NOW_MS + 1)))) == [mine]


# Assignments


def assigned(here: Province, **place: int) -> SmallBox:
    """A box of An Phú whose assignment, by the controller's account, is this one of era 1 and epoch 2."""
    compile_now()
    box = box_of(here, "an phú 1")
    AssignmentRow.objects.filter(box=box.id).update(**{"era": 1, "epoch": 2, "generation": 5} | place)
    box.roots_version = 1
    return box


@pytest.mark.parametrize(
    ("held", "lacks"),
    [
        ((0, 1, 0), True),
        ((0, LAST, LAST), True),
        ((1, 1, LAST), True),
        ((1, 2, 4), True),
        ((0, 2, 5), True),
        ((1, 1, 5), True),
        ((1, 2, 5), False),
        ((1, 2, 6), False),
        ((2, 1, 1), False),
    ],
)
def test_an_assignment_is_sent_to_a_box_that_has_none_as_late_whatever_its_number(
    here: Province, held: PlaceInOrder, lacks: bool
) -> None:
    box = assigned(here)
    box.era, box.epoch, box.generation = held
    assert (Family.ASSIGNMENT in families(take(say(box, "hello", box.hello(NOW_MS))))) is lacks
    assert (Family.ASSIGNMENT in families(take(say(box, "beat", box.beat(NOW_MS))))) is lacks
    state = BoxState.objects.get(box=box.id)
    assert state.place_in_force == state.place_wanted == held


def test_the_same_number_of_another_era_or_epoch_is_not_in_step(here: Province) -> None:
    box = assigned(here)
    for second, place in enumerate([(0, 2, 5), (1, 1, 5), (1, 2, 5)]):
        box.era, box.epoch, box.generation = place
        take(say(box, "hello", box.hello(NOW_MS + 1000 * second)))
        answer = take(say(box, "beat", box.beat(NOW_MS + 1000 * second)))
        assert (answer == []) is (place == (1, 2, 5))


def test_the_list_s_page_names_the_boxes_that_it_has_not_reached_and_the_box_s_what_it_holds(
    here: Province, client: Client
) -> None:
    import_roots(sign_roots(administered(here), key("root")), now=NOW)
    listed(here, AN_PHU)
    boxes = [box_of(here, name) for name in ("an phú 1", "an phú 2")]
    for box in boxes:
        box.roots_version = 2
        take(say(box, "hello", box.hello(NOW_MS)))
    client.force_login(here.people["tuan"])
    unit, page = reverse("trust:unit", args=[AN_PHU]), reverse("boxes:box", args=[boxes[0].id])
    assert "Danh sách này đã đến 0/2 hộp." in client.get(unit).text
    assert "mới nhất là bản 1" in client.get(page).text
    boxes[0].lists = boxes[1].lists = ((AN_PHU, 1),)
    take(say(boxes[0], "hello", boxes[0].hello(NOW_MS + 1)))
    found = client.get(unit).text
    assert "Danh sách này đã đến 1/2 hộp. Chưa đến: " in found
    assert "an phú 2</a>" in found
    take(say(boxes[1], "beat", boxes[1].beat(NOW_MS + 2000)))
    assert "Danh sách này đã đến 2/2 hộp." in client.get(unit).text, "the digest proves it"
    assert "mới nhất là" not in client.get(page).text
