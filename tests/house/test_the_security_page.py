"""docs/security.md and docs/etsi-en-303-645.md name tests: each of them exists, and no threat is without one."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = {
    name
    for file in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"def (test_\w+)\(", file.read_text(encoding="utf-8"))
}


@pytest.mark.parametrize("page", ["docs/security.md", "docs/etsi-en-303-645.md"])
def test_every_test_and_file_that_the_page_names_exists(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+)`", text))
    assert named
    assert named - TESTS == set()
    for path in re.findall(r"`((?:agent|controller|protocol|tests|docs)/[\w./-]+)`", text):
        assert (ROOT / path).exists(), path


def test_each_threat_has_a_mechanism_a_test_and_what_remains() -> None:
    text = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    table = text.partition("\n## Threats\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split(" | ") for line in table.splitlines() if line.startswith("|")][2:]
    assert len(rows) > 10
    for row in rows:
        threat, mechanism, tests, remains = (cell.strip() for cell in row)
        assert mechanism, threat
        assert remains, threat
        assert re.search(r"`(?:test_\w+|tests/[\w/]*test_\w+\.py)`", tests), threat
