"""Draws the table of lamps in docs/panel.md from the code: `python -m tests.support.panel_page`."""

from pathlib import Path
from typing import Final

from agent.core.lamps import MEANINGS, NAMES, SHOWS, Said

PAGE: Final = Path(__file__).parents[2] / "docs" / "panel.md"
BEGIN, END = "<!-- lamps -->\n", "<!-- /lamps -->\n"


def table() -> str:
    """What each lamp means; of one lamp the upper row goes before the lower ones."""
    rows = [f"| {_both(NAMES[row.lamp])} | {_both(SHOWS[row.pattern])} | {row.vi} | {row.en} |\n" for row in MEANINGS]
    return "| đèn · lamp | thấy · shows | nghĩa là | means |\n|---|---|---|---|\n" + "".join(rows)


def _both(said: Said) -> str:
    return f"{said.vi} · {said.en}"


def parts() -> tuple[str, str, str]:
    """The page before, inside and behind the table."""
    head, begin, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    inside, end, tail = rest.partition(END)
    return head + begin, inside, end + tail


if __name__ == "__main__":
    head, _, tail = parts()
    PAGE.write_text(head + table() + tail, encoding="utf-8")
