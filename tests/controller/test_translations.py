"""The console is complete in both languages, and what is committed is what its sources say."""

from collections import defaultdict
from pathlib import Path

import pytest
from django.utils import translation

from controller.boxes import rules
from tests.support import catalogues

APPS = catalogues.apps()
named = pytest.mark.parametrize("app", APPS, ids=[app.name for app in APPS])


@named
def test_every_sentence_has_its_english(app: Path) -> None:
    assert catalogues.lacking(app) == []


@named
def test_no_catalogue_keeps_sentences_that_are_gone(app: Path) -> None:
    kept = catalogues.wordings(catalogues.english(app)).keys()
    assert kept - catalogues.wordings(catalogues.extracted(app)).keys() == set()


@named
def test_the_compiled_catalogue_is_in_step(app: Path) -> None:
    wanted = {key: said for key, said in catalogues.wordings(catalogues.english(app)).items() if all(said)}
    assert catalogues.wordings(catalogues.compiled(app)) == wanted


def test_a_sentence_that_two_apps_share_has_one_english() -> None:
    """Django puts all catalogues into one: the second wording would never be seen."""
    found: dict[tuple[str | None, tuple[str, ...]], set[tuple[str, ...]]] = defaultdict(set)
    for app in APPS:
        for key, said in catalogues.wordings(catalogues.english(app)).items():
            found[key].add(said)
    assert {key: said for key, said in found.items() if len(said) > 1} == {}


def test_the_same_fault_reads_in_the_language_of_the_page() -> None:
    with translation.override("vi"):
        assert rules.fault_names(0b100) == ["Hết chỗ lưu trữ"]
    with translation.override("en"):
        assert rules.fault_names(0b100) == ["Disk full"]
