"""Downloads: resumed, checked, applied whole or not at all."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from protocol.codec import encode
from protocol.ids import sha256
from protocol.manifest import Hours, Level, Policy
from protocol.report import FaultCode
from protocol.signing import Family, sign1
from tests.support import virtual_time
from tests.support.box_parts import Parts, assignment, parts, signed_manifest
from tests.support.small_controller import DOMAIN, Programme, key, tone


def programme(*names: str) -> Programme:
    made = Programme()
    for number, name in enumerate(names):
        made.add(name, f"2026-12-24T06:{number:02d}:00", tone(200, 300 + sum(name.encode())), 200)
    return made


async def settle(box: Parts) -> None:
    """Run the fetcher until it has had a while in which to come to rest."""
    task = asyncio.create_task(box.fetcher.run())
    await asyncio.sleep(600)
    task.cancel()


def generation(box: Parts) -> int:
    force = box.store.desired.in_force()
    return 0 if force is None else force.assignment.generation


def test_a_programme_comes_into_force_once_everything_of_it_is_here(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            made = programme("a", "b")
            missing = next(iter(made.sounds))
            box.trusts().assigned(made)
            held_back = box.office.files.pop(missing)
            await settle(box)
            assert generation(box) == 0
            assert FaultCode.FETCH in box.faults.active()
            box.office.files[missing] = held_back
            await settle(box)
            assert generation(box) == 1
            assert FaultCode.FETCH not in box.faults.active()
            assert box.keeper.holdings().manifest == made.manifest()

    virtual_time.run(main())


def test_a_download_that_breaks_off_goes_on_where_it_stopped(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            made = programme("a")
            name = next(iter(made.sounds))
            box.trusts().assigned(made)
            manifest_size = len(signed_manifest(made.manifest()))
            box.office.cuts = [manifest_size, 500, 700, 0]
            await settle(box)
            assert generation(box) == 1
            assert [start for served, start in box.office.served if served == name] == [0, 500, 1200, 1200]

    virtual_time.run(main())


def test_bytes_that_are_not_what_they_should_be_are_fetched_anew_and_never_kept(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            made = programme("a")
            name = next(iter(made.sounds))
            box.trusts().assigned(made)
            good = box.office.files[name]
            box.office.files[name] = bytes(len(good))
            await settle(box)
            assert box.store.shelf.path(name) is None
            box.office.files[name] = good
            await settle(box)
            assert generation(box) == 1

    virtual_time.run(main())


def test_a_damaged_sound_is_fetched_again(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            made = programme("a")
            name = next(iter(made.sounds))
            box.trusts().assigned(made)
            await settle(box)
            path = box.store.shelf.path(name)
            assert path is not None
            path.write_bytes(b"rot")
            box.fetcher.damaged(name)
            assert FaultCode.CONTENT_DAMAGED in box.faults.active()
            await settle(box)
            path = box.store.shelf.path(name)
            assert path is not None
            assert path.read_bytes() == made.sounds[name]
            assert FaultCode.CONTENT_DAMAGED not in box.faults.active()

    virtual_time.run(main())


@pytest.mark.parametrize(
    ("signer", "changes"),
    [("Hoa", {}), ("controller", {"zone": "Asia/Nowhere"}), ("controller", {"policies": ()})],
    ids=["unsigned", "unplannable", "without rules"],
)
def test_a_manifest_that_nobody_may_sound_is_refused_and_the_programme_in_force_stays(
    tmp_path: Path, signer: str, changes: dict[str, Any]
) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.trusts().assigned(programme("a"))
            await settle(box)
            raw = signed_manifest(replace(programme("b").manifest(), **changes), signer)
            box.office.files[sha256(raw)] = raw
            record = assignment(2, raw)
            box.inbox.take(sign1(encode(record), Family.ASSIGNMENT, DOMAIN, key("controller")))
            await settle(box)
            assert generation(box) == 1
            assert FaultCode.MANIFEST_REFUSED in box.faults.active()
            box.assigned(programme("c"), generation=3)
            await settle(box)
            assert generation(box) == 3
            assert FaultCode.MANIFEST_REFUSED not in box.faults.active()

    virtual_time.run(main())


def test_the_programme_before_is_kept_and_the_one_before_that_is_not(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.trusts()
            made = [programme(name) for name in "abc"]
            for number, each in enumerate(made):
                box.assigned(each, generation=number + 1)
                await settle(box)
            names = [next(iter(each.sounds)) for each in made]
            assert [box.store.shelf.path(name) is not None for name in names] == [False, True, True]
            assert len(box.store.shelf.sizes()) == 4

    virtual_time.run(main())


def test_a_new_programme_counts_as_held_from_the_moment_it_comes_into_force(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.trusts().assigned(programme("a"))
            box.keeper.changed.clear()
            await asyncio.sleep(100)
            await settle(box)
            force = box.store.desired.in_force()
            assert force is not None
            assert box.keeper.holdings().awake_ms == force.adopted_ms
            assert box.keeper.changed.is_set()

    virtual_time.run(main())


def test_a_withdrawal_comes_into_force_although_a_sound_of_the_old_programme_is_damaged(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            made = programme("a", "b")
            box.trusts().assigned(made)
            await settle(box)
            name = next(iter(made.sounds))
            box.assigned(programme("c"), generation=2)
            for sound in made.sounds:
                del box.office.files[sound]  # the controller serves what the newest assignment names
            path = box.store.shelf.path(name)
            assert path is not None
            path.write_bytes(b"rot")
            box.fetcher.damaged(name)
            await settle(box)
            assert generation(box) == 2
            assert box.faults.active() == frozenset()

    virtual_time.run(main())


def test_what_is_withdrawn_falls_silent_before_the_new_sounds_are_here_and_a_restart_does_not_bring_it_back(
    tmp_path: Path,
) -> None:
    new = programme("b", "c")
    new.entries[0] = programme("a", "b").entries[1]

    async def first() -> None:
        with parts(tmp_path) as box:
            box.trusts().assigned(programme("a", "b"))
            await settle(box)
            box.assigned(new, generation=2)
            for sound in list(new.sounds)[1:]:
                del box.office.files[sound]
            box.keeper.changed.clear()
            await settle(box)
            assert generation(box) == 1
            assert _entries(box) == ["b"]
            assert box.keeper.changed.is_set()

    async def second() -> None:
        with parts(tmp_path) as box:
            assert (generation(box), _entries(box)) == (1, ["b"])
            box.office.files.update(new.sounds)
            await settle(box)
            assert (generation(box), _entries(box)) == (2, ["b", "c"])

    virtual_time.run(first())
    virtual_time.run(second())


def test_stricter_quiet_hours_hold_before_the_new_sounds_are_here(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.trusts().assigned(programme("a"))
            await settle(box)
            new = programme("a", "b")
            night = Policy(Level.PROVINCE, (Hours(20 * 3600, 7 * 3600),))
            signed = signed_manifest(replace(new.manifest(), policies=(night,)))
            hospital = Policy(Level.BOX, (Hours(12 * 3600, 14 * 3600),))
            record = replace(assignment(2, signed), policy=hospital)
            box.office.files[sha256(signed)] = signed
            box.inbox.take(sign1(encode(record), Family.ASSIGNMENT, DOMAIN, key("controller")))
            await settle(box)
            assert generation(box) == 1
            manifest = box.keeper.holdings().manifest
            assert manifest is not None
            assert (_entries(box), manifest.policies) == (["a"], (night, hospital))
            box.office.files.update(new.sounds)
            await settle(box)
            manifest = box.keeper.holdings().manifest
            assert manifest is not None
            assert (generation(box), manifest.policies) == (2, (night,))

    virtual_time.run(main())


def _entries(box: Parts) -> list[str]:
    manifest = box.keeper.holdings().manifest
    return [] if manifest is None else [entry.id for entry in manifest.entries]


def test_one_file_that_cannot_be_had_does_not_keep_back_the_others(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            made = programme(*"abcd")
            box.trusts().assigned(made)
            lost = next(iter(made.sounds))
            held_back = box.office.files.pop(lost)
            await settle(box)
            assert all(box.store.shelf.path(name) is not None for name in made.sounds if name != lost)
            box.office.files[lost] = held_back
            await settle(box)
            assert generation(box) == 1

    virtual_time.run(main())


def test_a_damaged_sound_on_a_disk_that_takes_no_writing_is_given_to_nobody_and_the_box_says_so(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            made = programme("a")
            name = next(iter(made.sounds))
            box.trusts().assigned(made)
            await settle(box)
            with _no_writing(tmp_path / "blobs"):
                box.fetcher.damaged(name)
                await settle(box)
                assert box.store.shelf.path(name) is None
                assert FaultCode.STORE in box.faults.active()
            await settle(box)
            assert box.store.shelf.path(name) is not None

    virtual_time.run(main())


@contextlib.contextmanager
def _no_writing(folder: Path) -> Iterator[None]:
    """Where the folder was, there is a file: nothing can be removed from it and nothing added."""
    aside = folder.with_name("aside")
    folder.rename(aside)
    folder.write_bytes(b"")
    try:
        yield
    finally:
        folder.unlink()
        aside.rename(folder)
