"""The jitter buffer: no frame twice, order kept, nothing lost that comes in time, and a delay with a bound."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from agent.core.jitter import MAX_MS, QUIET, START_MS, Gap, JitterBuffer, is_quiet
from protocol.live import FRAME_MS

Arrival = tuple[float, int, int]
"""At (ms), number of the first frame, frames."""


def frame(number: int) -> bytes:
    return number.to_bytes(4, "big")


def played(arrivals: Sequence[Arrival], until_ms: float) -> tuple[JitterBuffer, list[tuple[float, bytes | Gap]]]:
    """What is to be heard, and when, from the first arrival on."""
    buffer, heard, coming = JitterBuffer(), [], list(arrivals)
    at_ms = coming[0][0]
    while at_ms < until_ms:
        while coming and coming[0][0] <= at_ms:
            when, first, count = coming.pop(0)
            buffer.put(first, [frame(number) for number in range(first, first + count)], when)
        step = buffer.step(at_ms)
        heard.append((at_ms, step.play))
        at_ms += step.next_ms
    return buffer, heard


def numbers(heard: Sequence[tuple[float, bytes | Gap]]) -> list[int]:
    return [int.from_bytes(play, "big") for _, play in heard if isinstance(play, bytes)]


@st.composite
def connections(draw: st.DrawFn) -> list[Arrival]:
    """Groups of three, each as late as the connection makes it, in order; some never arrive."""
    at_ms, arrivals = 0.0, []
    for number in range(draw(st.integers(1, 120))):
        at_ms = max(at_ms, number * 3 * FRAME_MS + draw(st.integers(0, 1_500)))
        if draw(st.integers(0, 19)):
            arrivals.append((at_ms, number * 3, 3))
    return arrivals or [(0.0, 0, 3)]


@given(connections())
def test_no_frame_is_played_twice_and_their_order_is_kept(arrivals: list[Arrival]) -> None:
    _, heard = played(arrivals, arrivals[-1][0] + MAX_MS + 1_000)
    order = numbers(heard)
    assert order == sorted(set(order))


@given(connections())
def test_what_arrives_and_is_not_given_up_is_played(arrivals: list[Arrival]) -> None:
    buffer, heard = played(arrivals, arrivals[-1][0] + MAX_MS + 1_000)
    sent = {number for _, first, count in arrivals for number in range(first, first + count)}
    missing = sum(1 for number in range(min(sent), max(sent)) if number not in sent)
    assert set(numbers(heard)) <= sent
    assert len(sent) - len(numbers(heard)) == buffer.lost - missing
    assert buffer.lost == missing  # a connection that is late by 1.5 s at most keeps within MAX_MS


@given(connections(), st.integers(0, 300))
def test_the_delay_has_a_bound(arrivals: list[Arrival], burst: int) -> None:
    buffer, _ = played(arrivals, arrivals[-1][0] + 1)
    first = arrivals[-1][1] + 3
    buffer.put(first, [frame(first + number) for number in range(burst)], arrivals[-1][0] + 2)
    assert buffer.held_ms <= MAX_MS


def test_an_even_connection_is_played_as_soon_as_the_start_allows() -> None:
    arrivals = [(number * 60.0, number * 3, 3) for number in range(100)]
    buffer, heard = played(arrivals, 6_000)
    first = next(at for at, play in heard if isinstance(play, bytes))
    assert first == START_MS
    assert (buffer.lost, buffer.stalls) == (0, 0)


def test_a_connection_that_stands_still_delays_and_loses_nothing() -> None:
    """For 1.2 s nothing comes, then all of it at once: a made-up moment, silence, and every word."""
    arrivals = [(number * 60.0 if not 20 <= number < 40 else 2_400.0, number * 3, 3) for number in range(100)]
    buffer, heard = played(arrivals, 9_000)
    assert numbers(heard) == list(range(300))
    assert (buffer.lost, buffer.stalls) == (0, 2)  # the last one is the end
    gaps = [play for at, play in heard if isinstance(play, Gap) and START_MS <= at < 2_400]
    assert gaps[:4] == [Gap.CONCEAL] * 3 + [Gap.SILENCE]


def test_what_has_become_too_deep_is_played_faster_until_it_is_not() -> None:
    late = [(number * 60.0 if not 20 <= number < 40 else 2_400.0, number * 3, 3) for number in range(2_000)]
    buffer, heard = played(late, 2_000 * 60)
    when = {int.from_bytes(play, "big"): at for at, play in heard if isinstance(play, bytes)}
    delays = [when[number] - number * FRAME_MS for number in (10, 130, 5_900)]
    assert delays[1] > 1_000
    assert delays[2] < 150
    assert buffer.lost == 0


def test_a_frame_that_was_lost_on_the_way_is_made_up_and_counted() -> None:
    buffer, heard = played([(0.0, 0, 3), (60.0, 6, 3)], 300)
    assert numbers(heard) == [0, 1, 2, 6, 7, 8]
    assert buffer.lost == 3


def test_a_frame_that_comes_again_is_not_played_again() -> None:
    _, heard = played([(0.0, 0, 3), (60.0, 0, 3), (61.0, 3, 3)], 400)
    assert numbers(heard) == list(range(6))


def test_silence_may_be_left_out_while_there_is_too_much_and_only_then() -> None:
    late = [(number * 60.0 if not 20 <= number < 40 else 2_400.0, number * 3, 3) for number in range(300)]
    buffer, spare = JitterBuffer(), set[float]()
    at_ms = 0.0
    while at_ms < 18_000:
        while late and late[0][0] <= at_ms:
            when, first, count = late.pop(0)
            buffer.put(first, [frame(number) for number in range(first, first + count)], when)
        step = buffer.step(at_ms)
        spare |= {at_ms} if step.spare else set()
        at_ms += step.next_ms
    assert min(spare) > 2_400 + 5_000
    assert is_quiet(bytes(1_920))
    assert is_quiet((QUIET).to_bytes(2, "little", signed=True) * 960)
    assert not is_quiet(bytes(1_918) + (-QUIET - 1).to_bytes(2, "little", signed=True))


def test_numbers_that_leap_are_another_beginning_and_are_heard_at_once() -> None:
    _, heard = played([(0, 0, 3), (1_000, 3_000, 3)], 1_200)
    assert numbers(heard) == [0, 1, 2, 3_000, 3_001, 3_002]
    (begins_ms,) = [at_ms for at_ms, play in heard if play == frame(3_000)]
    assert begins_ms <= 1_000 + START_MS + FRAME_MS


def test_the_highest_number_costs_no_more_than_any_other() -> None:
    """A loop over all numbers between would be counted out as lost, one by one."""
    buffer, highest = JitterBuffer(), 0xFFFF_FFFF
    buffer.put(0, [b"a"], 0)
    buffer.put(highest, [b"b"], 100)
    assert buffer.held_ms == FRAME_MS
    assert buffer.lost == 1
    assert buffer.step(100 + START_MS).play == b"b"


def test_a_leap_backwards_is_never_heard() -> None:
    _, heard = played([(0, 10_000, 3), (500, 0, 3)], 1_000)
    assert numbers(heard) == [10_000, 10_001, 10_002]
