"""What a newcomer relies on: the commands of the README, and CI that hides nothing."""

import re
import subprocess
from pathlib import Path

import pytest
from django.core.management import call_command

REPO = Path(__file__).parents[2]


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (REPO / "Makefile").read_text(), flags=re.MULTILINE))


def test_every_make_command_in_the_documents_exists() -> None:
    for document in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        named = set(re.findall(r"make ([a-z]+)", (REPO / document).read_text()))
        assert named <= targets(), f"{document} names {named - targets()}"


def test_make_help_lists_every_target_that_a_person_would_call() -> None:
    shown = subprocess.run(["make", "help"], cwd=REPO, capture_output=True, text=True, check=True).stdout
    listed = {line.split()[0] for line in shown.splitlines() if line.strip()}
    assert {"setup", "demo", "test", "bench", "format", "help"} <= listed


def test_ci_runs_the_test_command_of_the_readme_and_nothing_else() -> None:
    commands = [line for line in (REPO / ".ci" / "run").read_text().splitlines() if line and not line.startswith("#")]
    assert commands[-1] == "exec make test"
    assert [line.split()[0] for line in commands[:-1]] == ["set", "cd"]


@pytest.mark.django_db
def test_no_model_waits_for_its_migration() -> None:
    call_command("makemigrations", check_changes=True, dry_run=True, verbosity=0)


def test_an_unknown_benchmark_is_refused_with_the_names_that_exist() -> None:
    asked = subprocess.run(["make", "bench", "NAME=nothing"], cwd=REPO, capture_output=True, text=True, check=False)
    assert asked.returncode != 0
    assert "tests/bench/nothing.py does not exist" in asked.stdout + asked.stderr


def test_every_picture_and_page_that_the_documents_link_is_there() -> None:
    for document in [REPO / "README.md", *(REPO / "docs").rglob("*.md"), *REPO.glob("*/README.md")]:
        for link in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
            if not link.startswith(("http://", "https://")):
                assert (document.parent / link).exists(), f"{document.relative_to(REPO)} links {link}"
