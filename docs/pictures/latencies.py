"""Draws the README's chart of latencies from measured figures: `python docs/pictures/latencies.py`.

`latencies.json` beside it holds what `make bench NAME=sound` and `NAME=live` printed, with where and when. What varied
from run to run by more than its size (a new VLC: 0 to 295 ms) is left out.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from PIL import Image, ImageDraw, ImageFont

import protocol.board

HERE: Final = Path(__file__).parent
WIDTH: Final = 1_000
ROW: Final = 34
LEFT: Final = 470
OURS, PEER, AIM, INK = "#1f6f5c", "#b8b8b0", "#c0392b", "#222222"


@dataclass(frozen=True)
class Bar:
    """One figure, in milliseconds."""

    words: str
    value_ms: float
    aim_ms: float | None = None
    is_peer: bool = False


def bars(figures: dict[str, Any]) -> list[Bar]:
    """What is drawn; a figure that was not measured is left out."""
    sound, live = figures["sound"], figures["live"]
    rows = [
        ("Button at the box → sound, p99", sound.get("button_to_sample_ms_p99"), 150, False),
        ("Alarm over a programme → sound, p99", sound.get("preempt_ms_p99"), 100, False),
        ("Start of an item: error, p99", sound.get("start_error_ms_p99"), 20, False),
        ("Peer: a new ffplay, same file, p50", sound.get("peer_ffplay_ms_p50"), None, True),
        ("Peer: a new VLC, same file, p50", sound.get("peer_vlc_ms_p50"), None, True),
        ("Live voice, no emulated link", live.get("lan_ms"), 250, False),
        ("Live voice, emulated 4G", live.get("g4_ms"), 800, False),
        ("Live voice, emulated 3G", live.get("g3_ms"), 2_000, False),
        ("Peer: Icecast and VLC, no emulated link", live.get("peer_icecast_vlc_ms"), None, True),
    ]
    return [Bar(words, float(value), aim, peer) for words, value, aim, peer in rows if value is not None]


def main() -> int:
    figures = json.loads((HERE / "latencies.json").read_text(encoding="utf-8"))
    drawn = bars(figures)
    font = ImageFont.truetype(Path(protocol.board.__file__).parent / "fonts" / "text.ttf", 19)
    picture = Image.new("RGB", (WIDTH, ROW * (len(drawn) + 2)), "white")
    draw = ImageDraw.Draw(picture)
    longest = max(max(bar.value_ms, bar.aim_ms or 0) for bar in drawn)
    scale = (WIDTH - LEFT - 110) / longest**0.5  # a square root, so that 10 ms and 2 s are both seen
    for number, bar in enumerate(drawn):
        top = ROW * number + 8
        draw.text((10, top), bar.words, INK, font)
        end = LEFT + scale * bar.value_ms**0.5
        draw.rectangle((LEFT, top + 2, end, top + 22), PEER if bar.is_peer else OURS)
        if bar.aim_ms is not None:
            at = LEFT + scale * bar.aim_ms**0.5
            draw.line((at, top - 1, at, top + 25), AIM, 3)
            end = max(end, at)
        draw.text((end + 10, top), f"{bar.value_ms:,.0f} ms", INK, font)
    draw.text((10, ROW * len(drawn) + 14), "red: the aim · lengths by square root · " + figures["where"], INK, font)
    picture.quantize(32, dither=Image.Dither.NONE).save(HERE / "latencies.png", optimize=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
