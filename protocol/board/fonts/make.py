"""Makes the board's fonts: run it when a letter is missing, and commit the files.

    python protocol/board/fonts/make.py        needs Debian's fonts-dejavu (DejaVu 2.37) and fonttools

DejaVu is drawn for screens of few dots, has every Vietnamese letter, and its licence (LICENSE.txt, beside this) lets
anybody change and ship it under a name without "Bitstream" and "Vera". Only what a Vietnamese board shows is kept.
"""

import sys
import unicodedata
from pathlib import Path
from typing import Final

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

HERE: Final = Path(__file__).parent
DEBIAN: Final = Path("/usr/share/fonts/truetype/dejavu")
FONTS: Final = {"text": "DejaVuSans.ttf", "bold": "DejaVuSans-Bold.ttf"}
SIGNS: Final = "–—‘’“”…•·°×±²³½€₫←↑→↓▲▼■●◆✓⚠\N{NO-BREAK SPACE}"


def letters() -> set[int]:
    """ASCII, Latin-1, every Vietnamese letter, the marks that combine, and a few signs."""
    plain = {*range(0x20, 0x7F), *range(0xA1, 0x100), *range(0x1EA0, 0x1EFA)}
    extra = "ĂăĐđĨĩŨũƠơƯư" + SIGNS
    return plain | {ord(sign) for sign in extra} | {0x300, 0x301, 0x303, 0x309, 0x323, 0x302, 0x306, 0x31B}


def make(name: str, source: Path) -> None:
    font = TTFont(source)
    options = Options()
    options.hinting = True
    options.layout_features = ["kern", "mark", "mkmk", "ccmp"]
    options.name_IDs = [0, 1, 2, 3, 4, 6, 13, 14]
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=letters())
    subsetter.subset(font)
    for record in font["name"].names:
        if record.nameID in (1, 3, 4, 6):
            record.string = f"LoaLang-{name}" if record.nameID == 6 else f"Loa Lang {name}"
    font["head"].modified = font["head"].created  # the same input gives the same bytes
    font.recalcTimestamp = False
    font.save(HERE / f"{name}.ttf")


def main() -> int:
    for name, file in FONTS.items():
        make(name, DEBIAN / file)
        missing = letters() - set(TTFont(HERE / f"{name}.ttf").getBestCmap())
        for code in sorted(missing):
            sys.stderr.write(f"{name}: no {chr(code)} ({unicodedata.name(chr(code))})\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
