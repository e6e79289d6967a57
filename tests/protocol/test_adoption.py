"""Everything that is asked of a manifest's bytes before they may come into force."""

from typing import Any

import msgspec
import pytest

from protocol.adoption import MAX_MANIFEST_BYTES, open_programme
from protocol.codec import encode
from protocol.errors import ProtocolError
from protocol.manifest import Manifest
from protocol.signing import Family, KeySigner, sign, sign1
from tests.protocol.examples import APPROVAL, ASSIGNMENT, MANIFEST
from tests.protocol.people import CONTROLLER, DOMAIN, HOA, NOW_S, TRUST

RECORD = msgspec.structs.replace(MANIFEST, exceptions=())


def signed(signer: KeySigner = CONTROLLER, **changes: Any) -> bytes:
    return sign1(encode(msgspec.structs.replace(RECORD, **changes)), Family.MANIFEST, DOMAIN, signer)


def approved(**changes: Any) -> bytes:
    return sign(encode(msgspec.structs.replace(APPROVAL, **changes)), Family.APPROVAL, DOMAIN, HOA)


def opened(raw: bytes, at_s: int = NOW_S) -> Manifest:
    return open_programme(raw, TRUST, ASSIGNMENT, at_s)


def refused(raw: bytes, at_s: int = NOW_S) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        opened(raw, at_s)
    return caught.value


def test_what_is_signed_whole_and_approved_may_come_into_force() -> None:
    assert opened(signed()) == RECORD


def test_the_server_signs_a_manifest_and_nobody_else() -> None:
    assert refused(signed(HOA)).code == "bad-signature"
    as_assignment = sign1(encode(RECORD), Family.ASSIGNMENT, DOMAIN, CONTROLLER)
    assert refused(as_assignment).code == "bad-header"


def test_a_manifest_without_the_provinces_rules_is_refused_whoever_signed_it() -> None:
    assert refused(signed(policies=())).code == "no-policy"


def test_what_nobody_approved_is_named_five_at_most() -> None:
    error = refused(signed(approvals=()))
    assert (error.code, error.field) == ("unapproved", "Manifest.bulletins")
    assert error.message == "nobody who is trusted has approved b7"
    names = [f"c{number}" for number in range(6)]
    bulletins = tuple(msgspec.structs.replace(RECORD.bulletins[0], id=name, language="en") for name in names)
    entry = msgspec.structs.replace(RECORD.entries[0], id="many", playlist=tuple(names))
    error = refused(signed(bulletins=(*RECORD.bulletins, *bulletins), entries=(*RECORD.entries, entry)))
    assert error.message == "nobody who is trusted has approved c0, c1, c2, c3, c4"


def test_what_a_clock_ahead_approved_keeps_nothing_out_once_the_assignment_is_as_late() -> None:
    ahead = signed(approvals=(approved(issued=ASSIGNMENT.issued),))
    assert opened(ahead, ASSIGNMENT.issued - 3_600) is not None
    later = signed(approvals=(approved(issued=ASSIGNMENT.issued + 301),))
    assert refused(later, ASSIGNMENT.issued - 3_600).code == "unapproved"
    assert opened(later, ASSIGNMENT.issued + 1) is not None


def test_a_manifest_is_4_mib_at_most() -> None:
    assert MAX_MANIFEST_BYTES == 4 * 1024 * 1024
    assert refused(bytes(MAX_MANIFEST_BYTES + 1)).code == "too-long"
    long = signed(approvals=(*RECORD.approvals, *(bytes([number]) * 2_048 for number in range(64))))
    assert len(long) > 128 * 1_024
    assert len(opened(long).approvals) == 65
