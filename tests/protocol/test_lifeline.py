"""The lifeline's answer: what is in it when not everything fits."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import ProtocolError
from protocol.lifeline import MAX_BYTES, MAX_MESSAGES, MAX_ORDERS, pack, unpack
from protocol.order import MAX_ORDER_BYTES
from protocol.roles import MAX_ROOTS_BYTES

SIZES = st.sampled_from((0, 1, 23, 24, 255, 256, 65_535, 65_536, 700_000, MAX_ROOTS_BYTES))


def test_the_longest_roots_fit_beside_as_many_orders_as_are_carried() -> None:
    """So every answer leads a box at least one version further."""
    roots = [bytes([number]) * MAX_ROOTS_BYTES for number in range(3)]
    orders = [bytes([number]) * MAX_ORDER_BYTES for number in range(MAX_ORDERS)]
    assert unpack(pack(roots, orders)) == (roots[0], *orders)


def test_of_too_many_orders_the_last_stay() -> None:
    orders = [b"%d" % number for number in range(MAX_ORDERS + 5)]
    assert unpack(pack((), orders)) == tuple(orders[5:])


def test_papers_take_all_places_that_no_order_needs() -> None:
    papers = [b"%d" % number for number in range(MAX_MESSAGES + 5)]
    assert unpack(pack(papers)) == tuple(papers[:MAX_MESSAGES])
    assert unpack(pack(papers, [b"order"])) == (*papers[: MAX_MESSAGES - 1], b"order")


def test_what_is_longer_than_an_answer_may_be_is_not_read() -> None:
    with pytest.raises(ProtocolError):
        unpack(b"\0" * (MAX_BYTES + 1))


@given(st.lists(SIZES, max_size=8), st.integers(0, MAX_MESSAGES), st.integers(0, MAX_ORDERS + 3))
def test_every_answer_can_be_read_carries_the_orders_and_leaves_no_gap(
    sizes: list[int], small: int, number: int
) -> None:
    papers = [b"p" * size for size in [*sizes, *[40] * small]]
    orders = [b"o" * MAX_ORDER_BYTES] * number
    data = pack(papers, orders)
    assert len(data) <= MAX_BYTES
    messages = unpack(data)
    carried = min(number, MAX_ORDERS)
    assert messages[len(messages) - carried :] == tuple(orders[:carried])
    assert list(messages[: len(messages) - carried]) == papers[: len(messages) - carried]


def test_a_box_that_asks_on_from_where_it_is_gets_everything() -> None:
    roots = [number.to_bytes(2, "big") * 10_000 for number in range(500)]
    held = [0]
    while held[-1] < len(roots):
        *newer, order = unpack(pack(roots[held[-1] :], [b"order"]))
        assert order == b"order"
        assert newer == roots[held[-1] : held[-1] + len(newer)]
        held.append(held[-1] + len(newer))
    assert all(after > before for before, after in pairwise(held))
