"""The announcer's folder: prepared messages that a person has read, in files named by the message's code."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from agent.drivers.audio.source import RATE_HZ, File, milliseconds
from agent.ports.sound import SoundError
from protocol.messages import BY_CODE

ENDINGS: Final = (".opus", ".ogg", ".flac", ".wav", ".mp3")
SHORTEST_MS: Final = 1_000
LONGEST_MS: Final = 120_000


@dataclass(frozen=True)
class Announcer:
    """What was found."""

    recordings: Mapping[str, tuple[Path, int]] = field(default_factory=dict)
    """File and length in milliseconds by message code."""
    complaints: tuple[SoundError, ...] = ()
    """Files that will not sound, and why."""


def look(folder: Path | None) -> Announcer:
    """What the announcer has recorded; None: nothing. What cannot be sounded leaves the shipped recording in place."""
    if folder is None:
        return Announcer()
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS)
    except OSError as error:
        return Announcer(complaints=(_refused(folder, f"{error.strerror}", f"không mở được ({error.strerror})"),))
    good: dict[str, tuple[Path, int]] = {}
    complaints = []
    for path in found:
        try:
            _must_be_one_of_a_message(path, found)
            good[path.stem] = path, _length_ms(path)
        except SoundError as error:
            complaints.append(error)
    return Announcer(good, tuple(complaints))


def _must_be_one_of_a_message(path: Path, found: list[Path]) -> None:
    if not path.stem.isdecimal() or int(path.stem) not in BY_CODE or path.stem != str(int(path.stem)):
        codes = ", ".join(str(code) for code in BY_CODE)
        raise _refused(
            path, f"no message has this number; there are {codes}", f"không có bản tin mang số này; chỉ có {codes}"
        )
    if sum(other.stem == path.stem for other in found) > 1:
        raise _refused(
            path, "there are two recordings of this message; leave one", "bản tin này có hai bản ghi; hãy giữ một"
        )


def _length_ms(path: Path) -> int:
    """Its first second is decoded: what is damaged further on is found when it sounds."""
    with contextlib.closing(File(path)) as file:
        length_ms = milliseconds(file.length)
        if not SHORTEST_MS <= length_ms <= LONGEST_MS:
            raise _refused(
                path,
                f"it is {length_ms / 1000:.1f} s long; 1 to {LONGEST_MS // 1000} s are possible",
                f"dài {length_ms / 1000:.1f} giây; phải từ 1 đến {LONGEST_MS // 1000} giây",
            )
        file.read(RATE_HZ)
    return length_ms


def _refused(path: Path, why: str, vi: str) -> SoundError:
    return SoundError(f"{path.name}: {why}", vi=f"{path.name}: {vi}", device=False)
