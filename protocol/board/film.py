"""What a board is handed: frames of dots, and how they follow one another. Pure, and knows no drawing."""

import hashlib
import zlib
from dataclasses import dataclass, field
from typing import Final

STEP_DOTS: Final = 2
STEP_MS: Final = 50
"""A text that runs goes on by STEP_DOTS every STEP_MS: 40 dots a second, about six letters of a sign 16 dots high."""
FLASH_MS: Final = 500
"""So long each of the two faces of a scene that flashes: one flash a second. WCAG 2.3.1 allows three."""
LARGE_BYTES: Final = 1 << 20


class Frame:
    """Dots, row by row from the top left, three bytes each: red, green, blue. Never changed.

    A large frame is kept packed: the pages of a text for a whole screen would else take 75 MB, and letters on a plain
    ground take a hundredth of that.
    """

    __slots__ = ("_dots", "_is_packed", "height", "width")

    def __init__(self, width: int, height: int, rgb: bytes) -> None:
        self.width = width
        self.height = height
        self._is_packed = len(rgb) >= LARGE_BYTES
        self._dots = zlib.compress(rgb, 1) if self._is_packed else rgb

    @property
    def rgb(self) -> bytes:
        """Unpacked where it is asked for; a driver does so in its thread."""
        return zlib.decompress(self._dots) if self._is_packed else self._dots

    @property
    def kept_bytes(self) -> int:
        """So much memory it takes."""
        return len(self._dots)

    def __eq__(self, other: object) -> bool:
        """Frames are packed alike, so that two are compared without unpacking them."""
        if not isinstance(other, Frame):
            return NotImplemented
        return (self.width, self.height, self._dots) == (other.width, other.height, other._dots)

    def __hash__(self) -> int:
        return hash((self.width, self.height, self._dots))

    def window(self, left: int, width: int) -> "Frame":
        """These columns."""
        rows = range(self.height)
        dots = memoryview(self.rgb)
        parts = (dots[3 * (row * self.width + left) :][: 3 * width] for row in rows)
        return Frame(width, self.height, b"".join(parts))

    def dimmed(self, percent: int) -> "Frame":
        """At this brightness."""
        if percent >= 100:
            return self
        return Frame(self.width, self.height, self.rgb.translate(bytes(value * percent // 100 for value in range(256))))


@dataclass(frozen=True)
class Scene:
    """One picture for a while. One that is wider than the board runs through it from right to left."""

    frame: Frame
    hold_ms: int
    other: Frame | None = None
    """What it flashes with."""

    def at(self, width: int, elapsed_ms: int) -> Frame:
        if self.frame.width > width:
            last = self.frame.width - width
            return self.frame.window(min(last, elapsed_ms // STEP_MS * STEP_DOTS), width)
        return self.other if self.other is not None and elapsed_ms // FLASH_MS % 2 else self.frame

    def changes_in_ms(self, width: int, elapsed_ms: int) -> int:
        """When `at` may answer something else."""
        left = self.hold_ms - elapsed_ms
        if self.frame.width > width:
            return min(left, STEP_MS - elapsed_ms % STEP_MS)
        return left if self.other is None else min(left, FLASH_MS - elapsed_ms % FLASH_MS)


@dataclass(frozen=True)
class Film:
    """Scenes, over and over."""

    width: int
    height: int
    scenes: tuple[Scene, ...]
    digest: str = field(init=False, compare=False)
    """SHA-256 in hex over size and dots of every scene: what the play log names. It is reckoned where the film is
    drawn, and that is not in the event loop: on a large screen it takes a tenth of a second."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", _digest(self.scenes))

    def at(self, elapsed_ms: int) -> Frame:
        """What stands there so many milliseconds after its beginning."""
        scene, into_ms = self._scene(elapsed_ms)
        return scene.at(self.width, into_ms)

    def changes_in_ms(self, elapsed_ms: int) -> int | None:
        """When `at` may answer something else; None: never."""
        if len(self.scenes) == 1 and self.scenes[0].other is None and self.scenes[0].frame.width <= self.width:
            return None
        scene, into_ms = self._scene(elapsed_ms)
        return scene.changes_in_ms(self.width, into_ms)

    def _scene(self, elapsed_ms: int) -> tuple[Scene, int]:
        into_ms = elapsed_ms % sum(scene.hold_ms for scene in self.scenes)
        for scene in self.scenes[:-1]:
            if into_ms < scene.hold_ms:
                return scene, into_ms
            into_ms -= scene.hold_ms
        return self.scenes[-1], into_ms


def _digest(scenes: tuple[Scene, ...]) -> str:
    hashed = hashlib.sha256()
    for scene in scenes:
        for frame in (scene.frame, scene.other):
            if frame is not None:
                hashed.update(b"%d %d\n" % (frame.width, frame.height))
                hashed.update(frame.rgb)
    return hashed.hexdigest()
