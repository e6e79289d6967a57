"""Whoever writes a box.toml finds each of its keys in a doc that names the key's table."""

import re
from pathlib import Path

import pytest

from agent.config import parse
from agent.core.wording import WORDS
from agent.errors import ConfigError

REPO = Path(__file__).parents[2]
TABLES = {
    "box": 'name = "Trụ sở"\nstate_dir = "state"',
    "controller": 'url = "https://nguon.example.vn"',
    "sound": "",
    "ear": 'adc = "chip"',
    "board": 'driver = "png"',
    "clock": "",
    "control": "",
    "local": "",
    "panel": "",
}
"""What each needs to be read."""
DOCS = {file.name: file.read_text("utf-8") for file in sorted((REPO / "docs").glob("*.md"))}


def refused(extra: str) -> str:
    """What is said of a box.toml that has all tables, and this in the last one."""
    whole = "\n".join(f"[{table}]\n{keys}" for table, keys in TABLES.items() if f"[{table}]" not in extra)
    with pytest.raises(ConfigError) as caught:
        parse(f"{whole}\n{extra}\n", Path("/etc/loalang/box.toml"))
    return str(caught.value)


def test_no_table_is_forgotten_here() -> None:
    assert set(re.findall(r"\[(\w+)\]", refused("[nonsense]").partition("the tables are")[2])) == set(TABLES)


@pytest.mark.parametrize("table", TABLES)
def test_every_key_of_box_toml_stands_in_a_doc(table: str) -> None:
    said = refused(f"[{table}]\n{TABLES[table]}\nnonsense = 1")
    keys = said.partition(f"the keys of [{table}] are ")[2].split(", ")
    docs = [text for text in DOCS.values() if f"[{table}]" in text]
    missing = [key for key in keys if not any(names(text, table, key) for text in docs)]
    assert missing == []


def names(text: str, table: str, key: str) -> bool:
    """In a table's row or a sentence, or in an example."""
    return bool(re.search(rf"`(\[{table}\] |{table}\.)?{key}\b|^(# )?{key} =", text, re.MULTILINE))


def test_the_box_the_console_and_the_page_about_sound_name_a_failed_player_in_the_same_words() -> None:
    said = WORDS["vi"]["fault.PLAYER"]
    console = (REPO / "controller" / "boxes" / "rules.py").read_text("utf-8").lower()
    assert f'_("{said}")' in console
    assert " ".join(DOCS["sound.md"].split()).count(f"*{said}*") == 2
