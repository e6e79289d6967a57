"""Passkeys and keys of the browser sign orders like key files; what was kept of each makes an order that boxes take."""

import datetime as dt
from pathlib import Path

import msgspec
import pytest
from django.conf import LazySettings

from controller.accounts import signing
from controller.accounts.models import KeyKind, PersonKey
from controller.cli.roots import sign_roots
from controller.core.errors import Refused
from controller.orders import composing, services
from controller.orders.composing import Alarm
from controller.orders.models import State
from controller.orders.people import trust_of
from controller.trust.services import import_roots
from protocol.clock import ClockReading
from protocol.gate import Accept, Me, judge
from protocol.order import MAX_ORDER_BYTES
from protocol.report import ClockQuality
from protocol.roles import Holder
from protocol.roles import Role as Trusted
from protocol.signing import Family, SignedBy, signed_by, to_be_signed
from tests.support import province, signing_kit
from tests.support.installation import install
from tests.support.province import AN_PHU, NOW, Province, key
from tests.support.signing_kit import HERE, P256Signer, Passkey

pytestmark = pytest.mark.django_db
FLOOD = Alarm(message=1, area=(AN_PHU,))
HOA, MINH = Passkey("điện thoại của Hoa"), P256Signer("trình duyệt của Minh")


@pytest.fixture
def here(settings: LazySettings, tmp_path: Path) -> Province:
    """Hoa has a passkey on her phone besides her file, Minh a key of a browser without Ed25519."""
    install(settings, tmp_path)
    made = province.make()
    both = (Trusted.EMERGENCY, Trusted.CANCEL)
    for who, public, kind in (("hoa", HOA.public_key, KeyKind.PASSKEY), ("minh", MINH.public_key, KeyKind.DEVICE)):
        PersonKey.objects.create(
            person=made.people[who],
            public_key=public,
            kind=kind,
            label="2",
            created=NOW + dt.timedelta(seconds=1),
        )
    before = province.roots(made, version=2)
    holders = (
        *before.holders,
        Holder(HOA.public_key, "Trần Thị Hoa", both, ("77",), party=1),
        Holder(MINH.public_key, "Lê Minh", both, ("77",)),
    )
    roots = msgspec.structs.replace(before, holders=holders, parties=(HERE,))
    import_roots(sign_roots(roots, key("root")), now=NOW)
    return made


def by_phone(payload: bytes) -> SignedBy:
    signed = HOA.signs(to_be_signed(payload, Family.ORDER, province.DOMAIN, HOA.alg))
    return read_back(signed)


def by_browser(payload: bytes) -> SignedBy:
    return read_back(signed_by(MINH, payload, Family.ORDER, province.DOMAIN))


def read_back(signed: SignedBy) -> SignedBy:
    return signing.read(signing_kit.as_fields(signed))


def test_a_phone_and_a_browser_send_an_order_that_a_box_accepts(here: Province) -> None:
    order = services.prepare(here.people["hoa"], FLOOD, now=NOW)
    assert bytes(order.first_signer) == HOA.public_key, "the newest of her keys"
    services.sign(order, here.people["hoa"], by_phone(bytes(order.payload)), now=NOW)
    order = services.sign(order, here.people["minh"], by_browser(bytes(order.payload)), now=NOW)
    assert order.state == State.SENT
    raw = bytes(order.envelope or b"")
    at_ms = int(NOW.timestamp() * 1000) + 1
    me = Me(province.DOMAIN, ("77", AN_PHU), (), {}, {}, {}, (), lambda sound: sound == 1)
    verdict = judge(raw, trust_of(("77", AN_PHU)), ClockReading(at_ms, at_ms, ClockQuality.NTP), me)
    assert isinstance(verdict, Accept), verdict
    assert [holder.person for holder in verdict.signers] == ["Trần Thị Hoa", "Lê Minh"]
    estimated = composing.size_signed(bytes(order.payload), 2, trust_of((AN_PHU,)))
    assert len(raw) <= estimated <= MAX_ORDER_BYTES


def test_a_phone_that_nobody_touched_signs_nothing(here: Province) -> None:
    order = services.prepare(here.people["hoa"], FLOOD, now=NOW)
    untouched = Passkey("điện thoại của Hoa", flags=0x01)
    signed = untouched.signs(to_be_signed(bytes(order.payload), Family.ORDER, province.DOMAIN, HOA.alg))
    with pytest.raises(Refused) as refused:
        services.sign(order, here.people["hoa"], read_back(signed), now=NOW)
    assert refused.value.field == "signature"


def test_who_prepared_it_for_the_phone_is_told_that_the_file_does_not_do(here: Province) -> None:
    order = services.prepare(here.people["hoa"], FLOOD, now=NOW)
    by_file = signed_by(key("hoa"), bytes(order.payload), Family.ORDER, province.DOMAIN)
    with pytest.raises(Refused, match="khóa khác của bạn"):
        services.sign(order, here.people["hoa"], by_file, now=NOW)


def test_a_reason_for_which_there_is_no_room_is_refused_before_anybody_signs(here: Province) -> None:
    with pytest.raises(Refused) as refused:
        services.prepare(here.people["hoa"], Alarm(message=1, area=(AN_PHU,), reason="ướt " * 50), now=NOW)
    assert refused.value.field == "reason"
    assert "Rút ngắn" in refused.value.way_out


def test_what_was_composed_before_orders_named_a_role_is_still_shown(here: Province) -> None:
    order = services.prepare(here.people["hoa"], FLOOD, now=NOW)
    order.payload, order.state = b"\x91old", State.SENT
    order.save()
    content = services.read(order)
    assert (content.area, content.sound and content.sound.message) == ((AN_PHU,), 1)
