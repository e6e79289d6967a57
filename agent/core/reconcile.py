"""Wanted, have, steps: what to do next so that the box holds what it should. Pure.

A box drops content only by a newer generation that is complete: nothing here removes what is in force.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from protocol.manifest import Assignment, Manifest


@dataclass(frozen=True)
class FetchManifest:
    hash: bytes
    size: int


@dataclass(frozen=True)
class FetchBlob:
    hash: bytes
    size: int


@dataclass(frozen=True)
class Adopt:
    """Everything of the wanted assignment is here: it comes into force."""

    assignment: Assignment
    manifest: Manifest


@dataclass(frozen=True)
class Purge:
    """Blobs that neither the programme in force, nor the one before it, nor the wanted one names."""

    hashes: tuple[bytes, ...]


Step = FetchManifest | FetchBlob | Adopt | Purge


@dataclass(frozen=True)
class Have:
    """What lies in the box."""

    generation: int
    """Of the assignment in force; 0 for none."""
    manifest: Manifest | None
    """In force."""
    manifest_hash: bytes | None
    blobs: Mapping[bytes, int]
    """Complete blobs and their bytes, manifests included."""
    keep: frozenset[bytes] = frozenset()
    """Named by the manifest before, and by orders that may still sound."""


@dataclass(frozen=True)
class Want:
    """What should lie there: the newest assignment, and its manifest once that is here and verified."""

    assignment: Assignment
    manifest: Manifest | None


def steps(have: Have, want: Want | None) -> tuple[Step, ...]:
    """What to do now, in order. A fetch is repeated until it succeeds; after the last step ask again.

    Sounds of the programme in force come first: one that is missing was found damaged, and its hour may be near.
    """
    found: list[Step] = list(_missing(have.manifest, have))
    if want is None or want.assignment.generation <= have.generation:
        return tuple(found) or _purge(have, want)
    if want.manifest is None:
        return (*found, FetchManifest(want.assignment.manifest, want.assignment.manifest_size))
    missing = [step for step in _missing(want.manifest, have) if step not in found]
    if missing:
        return (*found, *missing)
    return (*found, Adopt(want.assignment, want.manifest))


def _missing(manifest: Manifest | None, have: Have) -> tuple[FetchBlob, ...]:
    if manifest is None:
        return ()
    return tuple(FetchBlob(blob.hash, blob.size) for blob in manifest.blobs if blob.hash not in have.blobs)


def _purge(have: Have, want: Want | None) -> tuple[Step, ...]:
    if have.manifest is None:
        return ()
    named = {have.manifest_hash, *(blob.hash for blob in have.manifest.blobs), *have.keep}
    if want is not None:
        named.add(want.assignment.manifest)
    unwanted = tuple(sorted(name for name in have.blobs if name not in named))
    return (Purge(unwanted),) if unwanted else ()
