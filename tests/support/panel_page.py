"""Draws the table of lamps in docs/panel.md from the code: `python -m tests.support.panel_page`."""

from pathlib import Path
from typing import Final

from agent.core.lamps import MEANINGS, Lamp, Pattern

PAGE: Final = Path(__file__).parents[2] / "docs" / "panel.md"
BEGIN, END = "<!-- lamps -->\n", "<!-- /lamps -->\n"
LAMPS: Final = {
    Lamp.STATUS: "TRẠNG THÁI · status",
    Lamp.FAULT: "LỖI · fault",
    Lamp.ON_AIR: "ĐANG NÓI · on air",
}
SHOWS: Final = {
    Pattern.OFF: "tắt · dark",
    Pattern.ON: "sáng đều · steady",
    Pattern.SLOW: "nháy chậm, 2 giây một lần · every 2 s",
    Pattern.FAST: "nháy nhanh, 2 lần mỗi giây · twice a second",
    Pattern.DOUBLE: "nháy đôi, 2 giây một lần · double, every 2 s",
    Pattern.QUICK: "nháy dồn, gần 3 lần mỗi giây · almost 3 a second",
}


def table() -> str:
    """What each lamp means; of one lamp the upper row goes before the lower ones."""
    rows = [f"| {LAMPS[row.lamp]} | {SHOWS[row.pattern]} | {row.vi} | {row.en} |\n" for row in MEANINGS]
    return "| đèn · lamp | thấy · shows | nghĩa là | means |\n|---|---|---|---|\n" + "".join(rows)


def parts() -> tuple[str, str, str]:
    """The page before, inside and behind the table."""
    head, begin, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    inside, end, tail = rest.partition(END)
    return head + begin, inside, end + tail


if __name__ == "__main__":
    head, _, tail = parts()
    PAGE.write_text(head + table() + tail, encoding="utf-8")
