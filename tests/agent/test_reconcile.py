"""Wanted, have, steps."""

from collections.abc import Callable, Sequence

from hypothesis import given
from hypothesis import strategies as st

from agent.core.backoff import Backoff
from agent.core.reconcile import Adopt, FetchBlob, FetchManifest, Have, Purge, Want, Withdraw, steps
from protocol.bulletin import Blob
from protocol.manifest import Assignment, Manifest

BLOBS = st.sets(st.integers(0, 9), max_size=6)


def name(number: int) -> bytes:
    return bytes([number]) * 32


def manifest(blobs: set[int]) -> Manifest:
    return Manifest("Asia/Ho_Chi_Minh", (), (), (), tuple(Blob(name(each), 100 + each, 1000) for each in sorted(blobs)))


def assignment(generation: int, manifest_number: int) -> Assignment:
    return Assignment("a" * 16, generation, name(manifest_number), 300, ("77",), 1, 2)


def settle(have: Have, want: Want | None, found: Callable[[bytes], Manifest]) -> tuple[Have, list[object]]:
    """Do every step, as the fetcher does, until there is none."""
    done: list[object] = []
    for _ in range(100):
        todo: Sequence[object] = steps(have, want)
        if not todo:
            return have, done
        step = todo[0]
        done.append(step)
        blobs = dict(have.blobs)
        match step:
            case FetchManifest(hash_, size):
                blobs[hash_] = size
                assert want is not None
                want = Want(want.assignment, found(hash_))
                have = Have(have.order, have.manifest, have.manifest_hash, blobs, have.keep)
            case FetchBlob(hash_, size):
                blobs[hash_] = size
                have = Have(have.order, have.manifest, have.manifest_hash, blobs, have.keep)
            case Withdraw(manifest_left):
                have = Have(have.order, manifest_left, have.manifest_hash, blobs, have.keep)
            case Adopt(adopted, its):
                have = Have(adopted.place_in_order, its, adopted.manifest, blobs, have.keep)
            case Purge(hashes):
                left = {hash_: size for hash_, size in blobs.items() if hash_ not in hashes}
                have = Have(have.order, have.manifest, have.manifest_hash, left, have.keep)
    raise AssertionError("the steps never end")


@given(old=BLOBS, new=BLOBS, here=BLOBS, kept=BLOBS)
def test_the_steps_lead_to_the_newest_programme_whole_and_nothing_that_sounds_is_ever_dropped(
    old: set[int], new: set[int], here: set[int], kept: set[int]
) -> None:
    blobs = {name(each): 100 + each for each in here}
    have = Have((0, 1, 1), manifest(old), name(100), {**blobs, name(100): 300}, frozenset(name(each) for each in kept))
    after, done = settle(have, Want(assignment(2, 101), None), lambda _: manifest(new))
    assert after.order == (0, 1, 2)
    assert {name(each) for each in new} <= after.blobs.keys()
    adopted = next(index for index, step in enumerate(done) if isinstance(step, Adopt))
    assert not any(isinstance(step, Purge) for step in done[:adopted])
    assert {name(each) for each in here & kept} <= after.blobs.keys()
    assert after.blobs.keys() <= {name(each) for each in new | kept} | {name(101)}


@given(old=BLOBS, here=BLOBS)
def test_an_older_or_missing_assignment_changes_nothing_but_mends_what_is_missing(
    old: set[int], here: set[int]
) -> None:
    have = Have((0, 1, 5), manifest(old), name(100), {name(each): 1 for each in here})
    for want in (None, Want(assignment(5, 101), None), Want(assignment(4, 101), manifest({1}))):
        after, done = settle(have, want, lambda _: manifest(set()))
        assert after.order == (0, 1, 5)
        assert {step.hash for step in done if isinstance(step, FetchBlob)} == {name(each) for each in old - here}


def test_a_damaged_sound_that_the_newer_programme_names_too_comes_first_and_one_that_it_does_not_name_never() -> None:
    have = Have((0, 1, 1), manifest({1, 9}), name(100), {})
    asked = steps(have, Want(assignment(2, 101), manifest({0, 9})))
    assert asked == (FetchBlob(name(9), 109), FetchBlob(name(0), 100))


@given(failures=st.integers(0, 100), draw=st.floats(0, 1))
def test_the_wait_before_the_next_attempt_is_never_zero_and_never_more_than_half_a_minute(
    failures: int, draw: float
) -> None:
    backoff = Backoff()
    for _ in range(failures):
        backoff = backoff.failed()
    assert 1 <= backoff.wait_ms(draw) <= 30_000


def test_a_programme_comes_into_force_without_its_pictures_and_they_are_fetched_after_the_room_is_made() -> None:
    sound, picture = Blob(name(1), 101, 1000), Blob(name(2), 102, 0)
    its = Manifest("Asia/Ho_Chi_Minh", (), (), (), (picture, sound))
    have = Have((0, 1, 1), manifest({5}), name(15), {name(15): 300, name(5): 105})
    _have, done = settle(have, Want(assignment(2, 12), None), lambda _: its)
    assert done[0] == FetchManifest(name(12), 300)
    assert [step for step in done if isinstance(step, FetchBlob | Adopt | Purge)] == [
        FetchBlob(name(1), 101),
        Adopt(assignment(2, 12), its),
        Purge((name(5), name(15))),
        FetchBlob(name(2), 102),
    ]


def test_a_picture_that_a_programme_names_is_not_purged() -> None:
    its = Manifest("Asia/Ho_Chi_Minh", (), (), (), (Blob(name(2), 102, 0),))
    have = Have((0, 1, 1), its, name(12), {name(12): 300, name(2): 102})
    assert steps(have, None) == ()
