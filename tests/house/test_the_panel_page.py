"""docs/panel.md says what the code does: its lamps, its wiring, its limits."""

import re
from pathlib import Path

from agent.config import CONTACTS, OUTPUT_LINES, parse
from agent.core import own_order, panel
from tests.support import panel_page

TEXT = panel_page.PAGE.read_text(encoding="utf-8")


def test_the_table_of_lamps_is_drawn_from_the_code() -> None:
    _, inside, _ = panel_page.parts()
    assert inside == panel_page.table(), "run python -m tests.support.panel_page"


def test_each_wire_has_its_row() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE)
    assert set(rows) == {*CONTACTS, *OUTPUT_LINES, "select"}


def test_the_example_is_a_box_toml() -> None:
    (example,) = re.findall(r"```toml\n(\[panel\].*?)```", TEXT, re.DOTALL)
    head = '[box]\nname = "Trụ sở"\nstate_dir = "state"\n[controller]\nurl = "https://nguon.example.vn"\n'
    config = parse(head + example, Path("/etc/loalang/box.toml"))
    assert len(dict(config.panel.lines)) == len(CONTACTS) + len(OUTPUT_LINES)


def test_the_example_without_hardware_is_a_box_toml_and_has_each_wire_that_the_text_pulls() -> None:
    (example,) = re.findall(r"```toml\n(\[sound\].*?)```", TEXT, re.DOTALL)
    head = '[box]\nname = "Trụ sở"\nstate_dir = "state"\n[controller]\nurl = "https://nguon.example.vn"\n'
    config = parse(head + example, Path("/etc/loalang/box.toml"))
    assert (config.panel.driver, config.local) == ("fake", "127.0.0.1:8099")
    pulled = set(re.findall(r"`wire (\w+(?: \d)?) (?:on|off)`", TEXT))
    there = {*CONTACTS, *(panel.selector(message) for message in config.panel.messages), "horn"}
    assert {"emergency", "key", "select 2", "stop", "microphone", "horn"} <= pulled <= there


def test_its_numbers_are_those_of_the_code() -> None:
    for ms, said in (
        (panel.HOLD_MS, "3 giây"),
        (panel.TALK_MS, "120 giây"),
        (panel.SPEECHLESS_MS, "20 giây"),
        (panel.CODE_MS, "2 phút"),
        (panel.REMIND_MS, "60 phút"),
        (panel.STUCK_MS, "30 giây"),
        (panel.KEY_LEFT_MS, "30 phút"),
        (panel.FORCED_MS, "10 phút"),
    ):
        number, unit = said.split()
        assert ms == int(number) * (1_000 if unit == "giây" else 60_000)
        assert said in TEXT
    assert f"{own_order.REPEATS} lượt" in TEXT
    assert f"{panel.MAX_WRONG_CODES} lần" in TEXT
