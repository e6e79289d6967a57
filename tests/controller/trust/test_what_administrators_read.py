"""What two administrators read of a list before they sign it: from its bytes, and all that it does."""

from msgspec.structs import replace

from controller.trust import wording
from protocol.delegation import Delegation
from protocol.ids import sha256
from tests.protocol.people import LAN, NOW_S

BEFORE = Delegation("77-26506", 0, 1, 7, NOW_S, NOW_S + 999, (), (sha256(LAN.public_key),))


def test_a_list_that_gives_a_lost_key_back_says_so_and_not_that_nothing_changes() -> None:
    after = replace(BEFORE, version=2, revoked=())
    (line,) = wording.changes(BEFORE, after)
    assert wording.mark(sha256(LAN.public_key)) in line
    assert "không còn bị thu hồi" in line
    assert "chỉ kéo dài thời hạn" in wording.changes(BEFORE, replace(BEFORE, version=2))[0]
