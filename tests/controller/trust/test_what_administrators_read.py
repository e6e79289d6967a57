"""What two administrators read of a list before they sign it: from its bytes, and all that it does."""

from msgspec.structs import replace

from controller.trust import wording
from protocol.delegation import Delegation
from protocol.ids import sha256
from protocol.roles import Holder, Role
from tests.protocol.people import LAN, NOW_S

BEFORE = Delegation("77-26506", 0, 1, 7, NOW_S, NOW_S + 999, (), (sha256(LAN.public_key),))


def test_a_list_that_gives_a_lost_key_back_says_so_and_not_that_nothing_changes() -> None:
    after = replace(BEFORE, version=2, revoked=())
    (line,) = wording.changes(BEFORE, after)
    assert wording.mark(sha256(LAN.public_key)) in line
    assert "không còn bị thu hồi" in line
    assert "chỉ kéo dài thời hạn" in wording.changes(BEFORE, replace(BEFORE, version=2))[0]


def test_of_two_lines_of_one_key_none_hides_the_other() -> None:
    stop = Holder(LAN.public_key, "Nguyễn Lan", (Role.STOP,), ("77-26506",))
    approve = replace(stop, roles=(Role.CONTENT,))
    before = replace(BEFORE, holders=(stop,), revoked=())
    (line,) = wording.changes(before, replace(before, version=2, holders=(approve, stop)))
    assert line.startswith("Đổi Nguyễn Lan")
    assert "nay duyệt bản tin" in line


def test_a_line_that_becomes_another_is_read_as_it_was_and_as_it_will_be() -> None:
    was = Holder(LAN.public_key, "Nguyễn Lan", (Role.CONTENT,), ("77-26506-1",), not_after=NOW_S)
    before = replace(BEFORE, holders=(was,), revoked=())
    for now in (replace(was, scope=("77-26506",)), replace(was, not_after=NOW_S + 9 * 86_400)):
        gone, come = wording.changes(before, replace(before, version=2, holders=(now,)))
        assert "thôi duyệt bản tin" in gone
        assert "nay duyệt bản tin" in come
        assert now.scope[0] in come.split(" · ")
        assert wording.dates(now) in come.split(" · ")
        assert gone.partition("thôi")[2] != come.partition("nay")[2]
    (left,) = wording.changes(before, replace(before, version=2, holders=()))
    assert left.startswith("Bỏ Nguyễn Lan")
    assert wording.fingerprint(LAN.public_key) in left
