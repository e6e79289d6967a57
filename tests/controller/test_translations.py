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
    said = {(message.context, catalogues.texts(message.id)) for message in catalogues.extracted(app) if message.id}
    kept = {(message.context, catalogues.texts(message.id)) for message in catalogues.english(app) if message.id}
    assert kept - said == set()


@named
def test_the_compiled_catalogue_is_in_step(app: Path) -> None:
    path = catalogues.catalogue_of(app)
    if path.exists():
        assert path.with_suffix(".mo").read_bytes() == catalogues.compiled(catalogues.english(app))


def test_a_sentence_that_two_apps_share_has_one_english() -> None:
    """Django puts all catalogues into one: the second wording would never be seen."""
    wordings: dict[tuple[str | None, tuple[str, ...]], set[tuple[str, ...]]] = defaultdict(set)
    for app in APPS:
        for message in catalogues.english(app):
            if message.id:
                wordings[message.context, catalogues.texts(message.id)].add(catalogues.texts(message.string))
    assert {key: found for key, found in wordings.items() if len(found) > 1} == {}


def test_the_same_fault_reads_in_the_language_of_the_page() -> None:
    with translation.override("vi"):
        assert rules.fault_names(0b100) == ["Hết chỗ lưu trữ"]
    with translation.override("en"):
        assert rules.fault_names(0b100) == ["Disk full"]
