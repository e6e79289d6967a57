"""Wanted, have, steps: what to do next so that the box holds what it should. Pure.

A newer generation comes into force when its sounds are complete, and what is in force is removed by nothing else; but
what the newer one withdraws falls silent as soon as its manifest is here (`core.withdrawal`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from agent.core.withdrawal import what_stays
from protocol.manifest import Assignment, Manifest, Policy


@dataclass(frozen=True)
class FetchManifest:
    hash: bytes
    size: int


@dataclass(frozen=True)
class FetchBlob:
    hash: bytes
    size: int


@dataclass(frozen=True)
class Withdraw:
    """The programme in force goes on without what the wanted one does not name or not allow any more."""

    manifest: Manifest
    """What is left of it."""


@dataclass(frozen=True)
class Adopt:
    """Every sound of the wanted assignment is here: it comes into force."""

    assignment: Assignment
    manifest: Manifest


@dataclass(frozen=True)
class Purge:
    """Blobs that neither the programme in force, nor the one before it, nor the wanted one names."""

    hashes: tuple[bytes, ...]


Step = FetchManifest | FetchBlob | Withdraw | Adopt | Purge


NOTHING: Final = (0, 0, 0)


@dataclass(frozen=True)
class Have:
    """What lies in the box."""

    order: tuple[int, int, int]
    """`Assignment.place_in_order` of the one in force; NOTHING for none."""
    manifest: Manifest | None
    """In force, less what was withdrawn from it."""
    manifest_hash: bytes | None
    blobs: Mapping[bytes, int]
    """Complete blobs and their bytes, manifests included."""
    keep: frozenset[bytes] = frozenset()
    """Named by the manifest before, and by orders that may still sound."""
    policy: Policy | None = None
    """The box's own, of the assignment in force."""


@dataclass(frozen=True)
class Want:
    """What should lie there: the newest assignment, and its manifest once that is here and verified."""

    assignment: Assignment
    manifest: Manifest | None


def steps(have: Have, want: Want | None) -> tuple[Step, ...]:
    """What to do now; after each step ask again. Those that fail may be put off: none of them waits for another.

    Sounds of the programme in force that were found damaged are fetched only while nothing newer is wanted: the
    controller serves what the newest assignment names, and nothing else. Those that both name come first, since their
    hour may be near. Pictures come last, and into the room that the purge has made: none holds up a sound.
    """
    if want is None or want.assignment.place_in_order <= have.order:
        return _missing(have.manifest, have) or _purge(have, want) or _missing(have.manifest, have, sounds=False)
    if want.manifest is None:
        return (FetchManifest(want.assignment.manifest, want.assignment.manifest_size),)
    own = want.assignment.policy if want.assignment.policy != have.policy else None
    if have.manifest is not None and (left := what_stays(have.manifest, want.manifest, own)) != have.manifest:
        return (Withdraw(left),)
    sounding = frozenset() if have.manifest is None else {blob.hash for blob in have.manifest.blobs}
    missing = sorted(_missing(want.manifest, have), key=lambda step: step.hash not in sounding)
    return tuple(missing) or (Adopt(want.assignment, want.manifest),)


def _missing(manifest: Manifest | None, have: Have, *, sounds: bool = True) -> tuple[FetchBlob, ...]:
    """Sounds, or pictures."""
    blobs = () if manifest is None else manifest.blobs
    return tuple(
        FetchBlob(blob.hash, blob.size) for blob in blobs if blob.is_sound is sounds and blob.hash not in have.blobs
    )


def _purge(have: Have, want: Want | None) -> tuple[Step, ...]:
    if have.manifest is None:
        return ()
    named = {have.manifest_hash, *(blob.hash for blob in have.manifest.blobs), *have.keep}
    if want is not None:
        named.add(want.assignment.manifest)
    unwanted = tuple(sorted(name for name in have.blobs if name not in named))
    return (Purge(unwanted),) if unwanted else ()
