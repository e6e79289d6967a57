"""Whether a manifest may come into force at a box: everything that is asked of its bytes, in one place. Pure."""

from typing import Final

from protocol.approval import judge_manifest
from protocol.codec import decode
from protocol.errors import ProtocolError
from protocol.manifest import Assignment, Manifest
from protocol.roles import Role
from protocol.signing import Family
from protocol.timeline.validation import validate_manifest
from protocol.trust import Trust, open_machine

MAX_MANIFEST_BYTES: Final = 4_194_304


def open_programme(raw: bytes, trust: Trust, wanted: Assignment, at_s: int) -> Manifest:
    """The manifest in these bytes, if the place of this assignment may sound it at this time (epoch seconds).

    That they are the bytes which the assignment names, the caller has seen by their hash. Raises `ProtocolError` for a
    manifest that no box may take, and "unapproved" for one that names what nobody who is trusted has approved.

    What was approved a moment ago by a clock that is ahead of the reader's is no reason to refuse the rest for good: it
    is silent until its time has come (`judge_manifest`).
    """
    payload = open_machine(raw, Family.MANIFEST, trust, Role.SCHEDULE, at_s, max_bytes=MAX_MANIFEST_BYTES)
    manifest = decode(payload, Manifest, max_bytes=MAX_MANIFEST_BYTES)
    validate_manifest(manifest)
    unapproved = judge_manifest(manifest, trust, wanted.units, max(at_s, wanted.issued)).unapproved
    if unapproved:
        names = ", ".join(unapproved[:5])
        raise ProtocolError("unapproved", f"nobody who is trusted has approved {names}", field="Manifest.bulletins")
    return manifest
