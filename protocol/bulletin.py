"""A bulletin as a box knows it: sounds named by their hash."""

import enum
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from protocol.ids import Language, Name, Sha256, Text
from protocol.quantities import DurationMs, SizeBytes

MAX_WORDS: Final = 1_000
"""Characters of a bulletin's text that travel to boards; a longer one stays behind, whole."""


class BulletinClass(enum.IntEnum):
    """The classes of Circular 39/2020/TT-BTTTT; an emergency is never scheduled, it is ordered."""

    ORDINARY = 1
    PRIORITY = 2


class Blob(msgspec.Struct, frozen=True, array_like=True):
    """A file of sound: Opus in Ogg, mono, 48 kHz."""

    hash: Sha256
    size: SizeBytes
    duration_ms: DurationMs


class Bulletin(msgspec.Struct, frozen=True, array_like=True):
    """One approved piece of content, in one language, with its sound."""

    id: Name
    title: Text
    language: Language
    sound: Sha256
    text: Annotated[str, Meta(max_length=MAX_WORDS)] = ""
    """What is spoken, for boards; empty where a recording speaks, or where the text is too long for them."""
