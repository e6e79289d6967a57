"""A bulletin as a box knows it: sound and picture named by their hash."""

import enum
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from protocol.ids import Language, Name, Sha256, Text
from protocol.quantities import DurationMs, SizeBytes

MAX_WORDS: Final = 1_000
"""Characters of a bulletin's text that travel to boards; a longer one stays behind, whole."""

MAX_PICTURE_BYTES: Final = 256 * 1024
"""Of a picture's file; what `board.picture` takes fits into it whatever it shows."""


class BulletinClass(enum.IntEnum):
    """The classes of Circular 39/2020/TT-BTTTT; an emergency is never scheduled, it is ordered."""

    ORDINARY = 1
    PRIORITY = 2


class Blob(msgspec.Struct, frozen=True, array_like=True):
    """A file: of sound (Opus in Ogg, mono, 48 kHz), or of a picture for boards (`board.picture`)."""

    hash: Sha256
    size: SizeBytes
    duration_ms: DurationMs
    """0 for a picture."""

    @property
    def is_sound(self) -> bool:
        return self.duration_ms > 0


class Bulletin(msgspec.Struct, frozen=True, array_like=True):
    """One approved piece of content, in one language, with its sound."""

    id: Name
    title: Text
    language: Language
    sound: Sha256
    text: Annotated[str, Meta(max_length=MAX_WORDS)] = ""
    """What is spoken, for boards; empty where a recording speaks, or where the text is too long for them."""
    picture: Sha256 | None = None
    """For boards: one of the manifest's blobs without a length."""
