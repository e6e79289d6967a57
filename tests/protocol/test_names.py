"""Names, topics, digests and the chain of the play log."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.clock import ClockReading
from protocol.compose import order_id, signed_order
from protocol.errors import ProtocolError
from protocol.ids import box_id, enrolment_code, key_id, sha256
from protocol.messages import BY_CODE, DRILL, OWN_WORDS, PREPARED
from protocol.report import ClockQuality, chain_hash, holdings_digest
from protocol.topics import UP_KINDS, down, orders, parse_up, up
from tests.protocol.examples import CHAIN, ROW
from tests.protocol.people import BOX, BOX_ID, FLOOD, HOA, MINH, changed, signed


def test_a_box_is_named_after_its_key() -> None:
    assert box_id(BOX.public_key) == BOX_ID
    assert len(BOX_ID) == 16
    assert enrolment_code("abcdefgh22222222") == "ABCD-EFGH"


@pytest.mark.parametrize("kind", UP_KINDS)
def test_a_topic_tells_the_box_and_the_kind(kind: str) -> None:
    assert parse_up(up(BOX_ID, kind)) == (BOX_ID, kind)


@pytest.mark.parametrize(
    "topic", ["", up(BOX_ID, "hello") + "\n", up(BOX_ID, "news"), up("+", "hello"), down(BOX_ID), orders("77")]
)
def test_other_topics_are_not_a_boxs(topic: str) -> None:
    with pytest.raises(ProtocolError):
        parse_up(topic)


@given(st.text(max_size=60))
def test_any_topic_is_a_boxs_or_a_protocol_error(topic: str) -> None:
    try:
        box, kind = parse_up(topic)
    except ProtocolError:
        return
    assert up(box, kind) == topic


def test_the_digest_changes_with_all_that_a_box_holds_and_with_nothing_else() -> None:
    held = (FLOOD.id, bytes(16))
    digest = holdings_digest((0, 1, 3), 7, held, CHAIN, 9, 9)
    assert len(digest) == 16
    assert holdings_digest((0, 1, 3), 7, held[::-1], CHAIN, 9, 9) == digest
    others = [
        holdings_digest((0, 1, 4), 7, held, CHAIN, 9, 9),
        holdings_digest((0, 2, 3), 7, held, CHAIN, 9, 9),
        holdings_digest((1, 1, 3), 7, held, CHAIN, 9, 9),
        holdings_digest((0, 1, 3), 8, held, CHAIN, 9, 9),
        holdings_digest((0, 1, 3), 7, held[:1], CHAIN, 9, 9),
        holdings_digest((0, 1, 3), 7, held, bytes(8), 9, 9),
        holdings_digest((0, 1, 3), 7, held, CHAIN, 8, 9),
        holdings_digest((0, 1, 3), 7, held, CHAIN, 10, 10),
    ]
    assert len({digest, *others}) == 9


def test_the_chain_of_the_log_covers_every_row_before() -> None:
    second = msgspec.structs.replace(ROW, seq=2)
    end = chain_hash(chain_hash(bytes(32), ROW), second)
    forged = chain_hash(chain_hash(bytes(32), msgspec.structs.replace(ROW, start_error_ms=0)), second)
    assert end != forged


def test_an_orders_id_begins_with_its_first_signer() -> None:
    assert order_id(HOA.public_key, bytes(12)) == key_id(HOA.public_key) + bytes(12)
    with pytest.raises(ProtocolError):
        order_id(HOA.public_key, bytes(16))


def test_an_order_too_long_to_travel_is_not_composed() -> None:
    with pytest.raises(ProtocolError, match="shorten board or reason"):
        signed_order(changed(FLOOD, board="ế" * 300, reason="ế" * 200), HOA, MINH)
    assert signed_order(FLOOD, HOA, MINH) == signed(FLOOD)


def test_every_prepared_message_has_its_own_code_and_fits_an_order() -> None:
    assert len(BY_CODE) == len(PREPARED)
    assert DRILL in BY_CODE
    assert OWN_WORDS not in BY_CODE
    for message in PREPARED:
        assert signed(changed(FLOOD, event=message.event))


def test_a_clock_reading_is_an_interval() -> None:
    assert ClockReading(5, 5, ClockQuality.NTP).tells_time
    assert not ClockReading(5, 9, ClockQuality.FLOOR).tells_time
    with pytest.raises(ValueError, match="before its beginning"):
        ClockReading(6, 5, ClockQuality.NTP)


def test_a_hash_is_sha_256() -> None:
    assert sha256(b"").hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
