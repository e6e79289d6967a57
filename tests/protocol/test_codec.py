"""Records to bytes and back, and what is refused on the way in."""

from contextlib import suppress
from typing import Any

import cbor2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.codec import decode, encode, pack, unpack
from protocol.errors import ProtocolError
from protocol.manifest import Assignment
from protocol.order import Order
from protocol.report import MAX_BEAT_BYTES, Beat, Hello
from tests.protocol.examples import ASSIGNMENT, BEAT, FAMILIES, HELLO
from tests.protocol.people import FLOOD, changed
from tests.protocol.strategies import records


@pytest.mark.parametrize("family", FAMILIES)
@given(data=st.data())
def test_every_record_comes_back_as_it_went(family: type[msgspec.Struct], data: st.DataObject) -> None:
    record = data.draw(records(family))
    assert decode(encode(record), family) == record


@pytest.mark.parametrize("family", FAMILIES)
@given(data=st.binary(max_size=300))
def test_any_bytes_are_a_record_or_a_protocol_error(family: type[msgspec.Struct], data: bytes) -> None:
    with suppress(ProtocolError):
        assert isinstance(decode(data, family), family)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.text(max_size=8) | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.integers(0, 99) | st.text(max_size=3), inner),
    max_leaves=12,
)


@given(PLAIN)
def test_plain_values_come_back_as_they_went(value: Any) -> None:
    assert unpack(pack(value), max_bytes=100_000) == value


@given(st.binary(max_size=60))
def test_what_is_read_has_no_second_spelling(data: bytes) -> None:
    try:
        value = unpack(data, max_bytes=60)
    except ProtocolError:
        return
    assert pack(value) == data


@given(records(Beat))
def test_no_beat_is_longer_than_64_bytes(beat: Beat) -> None:
    assert len(encode(beat)) <= MAX_BEAT_BYTES


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("", "nothing"),
        ("1800", "a longer integer than needed"),
        ("9fff", "an array of indefinite length"),
        ("5f4100ff", "a byte string of indefinite length"),
        ("a2020001f6", "keys out of order"),
        ("a201000101", "a key twice"),
        ("c000", "a date"),
        ("c24101", "a large number"),
        ("d81c80", "a shared value"),
        ("d82364612e2a62", "a regular expression"),
        ("d9d9f700", "self-described CBOR"),
        ("f93c00", "a float"),
        ("f97e00", "not a number"),
        ("a1f9440000", "a float as a key"),
        ("a1f500", "true as a key"),
        ("a1410000", "bytes as a key"),
        ("f7", "undefined"),
        ("e0", "a simple value"),
        ("62c328", "broken UTF-8"),
        ("0000", "something behind the end"),
        ("9b00000000ffffffff", "a length of four thousand million"),
        ("5b7fffffffffffffff", "a string longer than memory"),
        ("81" * 40 + "00", "a depth of 40"),
    ],
)
def test_cbor_that_is_not_ours_is_refused(data: str, why: str) -> None:
    with pytest.raises(ProtocolError):
        unpack(bytes.fromhex(data), max_bytes=1_000)
    assert why


def test_bytes_above_the_limit_are_not_looked_at() -> None:
    with pytest.raises(ProtocolError, match="11 bytes, the limit is 10") as caught:
        unpack(b"\xff" * 11, max_bytes=10)
    assert caught.value.code == "too-long"


def test_an_error_names_the_field_that_is_wrong() -> None:
    plain = cbor2.loads(encode(ASSIGNMENT))
    plain[1] = 0
    with pytest.raises(ProtocolError) as caught:
        decode(pack(plain), Assignment)
    assert (caught.value.code, caught.value.field) == ("bad-record", "Assignment[1]")


def test_an_older_reader_ignores_what_was_appended_later() -> None:
    assert decode(pack([*cbor2.loads(encode(HELLO)), "new", [1, 2]]), Hello) == HELLO


def test_an_order_with_an_unknown_element_is_refused() -> None:
    with pytest.raises(ProtocolError):
        decode(pack([*cbor2.loads(encode(FLOOD)), None]), Order)


def test_an_order_has_one_spelling_so_no_default_may_be_left_out() -> None:
    assert FLOOD.reason == ""
    with pytest.raises(ProtocolError) as caught:
        decode(pack(cbor2.loads(encode(FLOOD))[:-1]), Order)
    assert caught.value.code == "not-canonical"


@pytest.mark.parametrize(
    "fields",
    [
        {"sequence": 0},
        {"id": b"short"},
        {"area": ()},
        {"area": ("77\n",)},
        {"area": ("77-",)},
        {"board": "x" * 301},
        {"board": "\ud800"},
        {"environment": "Test"},
        {"expires": 2**32},
        {"event": "two words"},
        {"province": 77},
    ],
)
def test_nothing_leaves_that_a_reader_would_refuse(fields: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        encode(changed(FLOOD, **fields))


def test_an_idle_beat_is_30_bytes_and_the_fullest_one_fits() -> None:
    assert len(encode(BEAT)) == 30
    top = 0xFFFF_FFFF_FFFF
    fullest = msgspec.structs.replace(BEAT, at=0xFFFF_FFFF, faults=0xFFFF_FFFF, generation=top, epoch=top, era=top)
    assert len(encode(fullest)) <= MAX_BEAT_BYTES
