"""A picture from outside into the one kind that boxes take.

`python -m controller.library.shrinking SOURCE TARGET MEMORY_BYTES CPU_S` is a process of its own with little memory and
little time: what a hostile file makes of its decoder stays in here. It knows neither Django nor the data folder. Its
exit code is one of `Outcome`.
"""

import enum
import resource
import sys
from pathlib import Path
from typing import Final

from PIL import Image, ImageOps

from protocol.board.picture import make_picture

FORMATS: Final = ("PNG", "JPEG")
MAX_DOTS: Final = 40_000_000
"""More than a telephone's camera has, and 160 MB decoded."""
LARGE: Final = (2_560, 1_440)
"""What is larger than twice this is decoded smaller, where the format can (JPEG)."""


class Outcome(enum.IntEnum):
    """What became of it."""

    MADE = 0
    NO_PICTURE = 3
    TOO_MANY_DOTS = 4


def shrink(source: Path, target: Path) -> Outcome:
    """Nothing is decoded before its size is known. A transparent ground becomes black, as a board is."""
    Image.MAX_IMAGE_PIXELS = None  # judged here, and not with a warning
    try:
        with Image.open(source, formats=FORMATS) as image:
            if image.width * image.height > MAX_DOTS:
                return Outcome.TOO_MANY_DOTS
            image.draft("RGB", LARGE)
            upright = ImageOps.exif_transpose(_of_8_bits(image)).convert("RGBA")
        upright.thumbnail(LARGE)
    except Exception:  # a decoder's errors are many, and mean one thing
        return Outcome.NO_PICTURE
    ground = Image.new("RGBA", upright.size, "black")
    target.write_bytes(make_picture(Image.alpha_composite(ground, upright)))
    return Outcome.MADE


def _of_8_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 bits scaled, which `convert` would cut off at 255: all of it white."""
    return image.point(lambda value: value * (1 / 257)).convert("L") if image.mode.startswith("I") else image


def main() -> int:
    source, target, memory_bytes, cpu_s = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_AS, (int(memory_bytes), int(memory_bytes)))
    resource.setrlimit(resource.RLIMIT_CPU, (int(cpu_s), int(cpu_s)))
    return shrink(Path(source), Path(target))


if __name__ == "__main__":
    sys.exit(main())
