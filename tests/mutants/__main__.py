"""`make mutants`: are there changes of the gate or the planner that no test notices? (docs/mutants.md)

mutmut changes every function of the names it is given (NAME=, by default the gate; NAME='protocol.timeline.*' is the
planner, and takes half an hour), but leaves decorated ones alone: properties. Those are changed by hand (by_hand.py),
in a copy. The last line is one JSON object; a survivor that explained.py does not explain ends it with 1.
"""

import fnmatch
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.mutants.by_hand import BY_HAND, ByHand
from tests.mutants.explained import EXPLAINED

HERE: Final = Path(__file__).parents[2]
CHILDREN: Final = os.environ.get("PROCESSES") or "2"
MUTMUT: Final = str(Path(sys.executable).parent / "mutmut")


def main() -> int:
    name = sys.argv[1] if len(sys.argv) > 1 else "protocol.gate.*"
    survivors, mutants = _by_mutmut(name)
    groups = [group for group in BY_HAND if fnmatch.fnmatch(f"{group.name}.", name)]
    mine = _by_hand(groups)
    found = [*survivors, *mine]
    unexplained = [one for one in found if one not in EXPLAINED]
    figures = {
        "mutants": mutants,
        "mutants_by_hand": sum(len(group.changes) for group in groups),
        "survivors": len(found),
        "explained": len(found) - len(unexplained),
        "unexplained": unexplained,
        "ok": not unexplained,
    }
    print(json.dumps(figures, ensure_ascii=False))
    return 0 if not unexplained else 1


def _by_mutmut(name: str) -> tuple[list[str], int]:
    shutil.rmtree(HERE / "mutants", ignore_errors=True)  # what an older run found is no answer
    program = [MUTMUT, "run", "--max-children", CHILDREN, name]
    subprocess.run(program, cwd=HERE, check=False, stdout=subprocess.DEVNULL)
    codes: dict[str, int | None] = {}
    for path in sorted((HERE / "mutants" / "protocol").rglob("*.meta")):
        codes |= json.loads(path.read_text())["exit_code_by_key"]
    asked = {one: code for one, code in codes.items() if fnmatch.fnmatch(one, name)}
    if not asked or None in asked.values():
        raise SystemExit(f"mutmut did not run everything of {name}: see what `{' '.join(program)}` says")
    # 33: no test comes near it.
    return sorted(_described(one) for one, code in asked.items() if code in (0, 33)), len(asked)


def _described(mutant: str) -> str:
    """ "sessions.Sessions.open: return True", which outlives a new numbering: the function and its new line."""
    shown = subprocess.run([MUTMUT, "show", mutant], cwd=HERE, check=True, capture_output=True, text=True).stdout
    lines = [line for line in shown.splitlines() if not line.startswith(("---", "+++"))]
    after = " ".join(line[1:].strip() for line in lines if line.startswith("+"))
    before = " ".join(line[1:].strip() for line in lines if line.startswith("-"))
    where = mutant.rpartition("__mutmut_")[0].removeprefix("protocol.").removeprefix("timeline.")
    where = where.replace(".xǁ", ".").replace(".x_", ".").replace("ǁ", ".")
    return f"{where}: {after or f'without {before}'}"


def _by_hand(groups: list[ByHand]) -> list[str]:
    survivors = []
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for part in ("protocol", "agent", "controller", "tests"):
            shutil.copytree(HERE / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(HERE / "pyproject.toml", copy)
        for group in groups:
            survivors += _survivors(group, copy)
    return survivors


def _survivors(group: ByHand, copy: Path) -> list[str]:
    source = (HERE / group.path).read_text()
    assert _tested(copy, group.tests) == 0, "the tests fail without any change"
    survivors = []
    for before, after in group.changes:
        assert source.count(before) == 1, f"{before!r} stands {source.count(before)} times in {group.path}"
        (copy / group.path).write_text(source.replace(before, after))
        if _tested(copy, group.tests) == 0:
            survivors.append(f"{before} → {after}")
    (copy / group.path).write_text(source)
    return survivors


def _tested(folder: Path, tests: tuple[str, ...]) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=folder, check=False, capture_output=True, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
