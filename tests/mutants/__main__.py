"""`make mutants`: are there changes of the gate that no test notices? (docs/mutants.md)

mutmut changes every function of the names it is given (NAME=, by default the gate; NAME='protocol.timeline.*' is the
planner, and slow), but leaves decorated ones alone: properties, of which the gate's case has seven. Those are changed
here, by hand, in a copy. The last line is one JSON object; a survivor that is not among EXPLAINED ends it with 1.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parents[2]
GATE: Final = Path("protocol/gate.py")
CHILDREN: Final = os.environ.get("PROCESSES") or "2"
TESTS: Final = tuple(f"tests/protocol/test_gate{name}.py" for name in ("", "_trust", "_passkeys", "_properties"))


EXPLAINED: Final = {
    "protocol.gate.x_judge__mutmut_11": "the length was asked for already: the reader's own limit is a second one",
    "protocol.gate.x_judge__mutmut_18": "the same, of the record inside",
}

BY_HAND: Final = (
    ("return self.trust.persons_needed(self.order.role)", "return 1"),
    ("return self.trust.persons_needed(self.order.role)", "return self.trust.persons_needed(Role.EMERGENCY)"),
    ("return self.trust.persons_needed(self.order.role)", "return self.trust.persons_needed(self.order.role) + 1"),
    ("hi_ms // SECOND_MS if self", "lo_ms // SECOND_MS if self"),
    ("hi_ms // SECOND_MS if self", "hi_ms if self"),
    ("if self.clock.tells_time else self.order.issued", "if not self.clock.tells_time else self.order.issued"),
    ("if self.clock.tells_time else self.order.issued", ""),
    ("else self.order.issued", "else self.order.expires"),
    ("self.trust.signers(self.envelope, self.order.role, at)", "self.trust.signers(self.envelope, Role.EMERGENCY, at)"),
    ("return max((index", "return min((index"),
    ("if unit in self.order.area), default=None)", "if unit not in self.order.area), default=None)"),
    ("if unit in self.order.area), default=None)", "if unit in self.order.area), default=0)"),
    ("in self.speaking(self.level)}", "in self.signed_by}"),
    ("{holder.person: holder for", "{holder.scope: holder for"),
    ("for index in range(self.hit + 1) if", "for index in range(self.hit) if"),
    ("for index in range(self.hit + 1) if", "for index in range(1, self.hit + 1) if"),
    ("for index in range(self.hit + 1) if", "for index in range(self.hit, -1, -1) if"),
    (") >= self.needed)", ") > self.needed)"),
    (") >= self.needed)", ") >= 1)"),
    ("if distinct(self.speaking(index)) >= self.needed)", "if len(self.speaking(index)) >= self.needed)"),
    ("self.order.id.startswith(key_id(holder.key)))", "True)"),
    ("return min(named, key=lambda holder: holder.key, default=None)", "return next(iter(named), None)"),
    ("return min(named, key=lambda holder: holder.key, default=None)", "return next(iter(self.signed_by), None)"),
    ("return min(named, key=", "return max(named, key="),
)  # fmt: skip


def main() -> int:
    name = sys.argv[1] if len(sys.argv) > 1 else "protocol.gate.*"
    survivors, mutants = _by_mutmut(name)
    mine, hand = _by_hand() if name == "protocol.gate.*" else ([], 0)
    unexplained = [one for one in (*survivors, *mine) if one not in EXPLAINED]
    figures = {
        "mutants": mutants,
        "mutants_by_hand": hand,
        "survivors": len(survivors) + len(mine),
        "explained": len(survivors) + len(mine) - len(unexplained),
        "unexplained": unexplained,
        "ok": not unexplained,
    }
    print(json.dumps(figures))
    return 0 if not unexplained else 1


def _by_mutmut(name: str) -> tuple[list[str], int]:
    program = [str(Path(sys.executable).parent / "mutmut"), "run", "--max-children", CHILDREN, name]
    subprocess.run(program, cwd=HERE, check=False, stdout=subprocess.DEVNULL)
    codes: dict[str, int | None] = {}
    for path in sorted((HERE / "mutants" / "protocol").rglob("*.meta")):
        codes |= json.loads(path.read_text())["exit_code_by_key"]
    prefix = name.rstrip("*")
    asked = {one: code for one, code in codes.items() if one.startswith(prefix) and code is not None}
    return sorted(one for one, code in asked.items() if code == 0), len(asked)


def _by_hand() -> tuple[list[str], int]:
    source = (HERE / GATE).read_text()
    survivors = []
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for part in ("protocol", "agent", "controller", "tests"):
            shutil.copytree(HERE / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(HERE / "pyproject.toml", copy)
        for before, after in (("", ""), *BY_HAND):
            assert source.count(before) == 1 or not before, (
                f"{before!r} stands {source.count(before)} times in the gate"
            )
            (copy / GATE).write_text(source.replace(before, after) if before else source)
            code = _tested(copy)
            if not before:
                assert code == 0, "the tests fail without any change"
            elif code == 0:
                survivors.append(f"{before} → {after}")
    return survivors, len(BY_HAND)


def _tested(folder: Path) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *TESTS]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=folder, check=False, capture_output=True, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
