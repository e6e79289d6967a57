"""The box's installation: the wheel with the extra `agent`, in an empty environment."""

import shutil
import subprocess
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]


def run(*command: str | Path, cwd: Path = REPO) -> str:
    done = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command} failed:\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def uv() -> str:
    found = shutil.which("uv") or shutil.which("uv", path=str(REPO / ".tools" / "bin"))
    assert found is not None, "uv is missing: make setup installs it"
    return found


@pytest.fixture(scope="module")
def box_environment(uv: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh virtual environment with the wheel and the extra `agent`, at the locked versions."""
    folder = tmp_path_factory.mktemp("wheel")
    run(uv, "build", "--quiet", "--wheel", "--out-dir", folder / "dist")
    wheel = next((folder / "dist").glob("loalang-*.whl"))
    locked = run(
        uv,
        "export",
        "--quiet",
        "--frozen",
        "--extra",
        "agent",
        "--no-default-groups",
        "--no-hashes",
        "--no-emit-project",
    )
    (folder / "locked.txt").write_text(locked)
    run(uv, "venv", "--quiet", folder / "venv")
    python = folder / "venv" / "bin" / "python"
    run(uv, "pip", "install", "--quiet", "--python", python, "--constraint", folder / "locked.txt", f"{wheel}[agent]")
    return folder / "venv" / "bin"


def test_the_agent_installs_alone_and_says_its_version(box_environment: Path, tmp_path: Path) -> None:
    assert run(box_environment / "loalang-agent", "--version", cwd=tmp_path).strip() == "loalang-agent 0.1.0"


def test_the_agent_does_not_pull_in_django(box_environment: Path, tmp_path: Path) -> None:
    code = (
        "import importlib.util as u; print([name for name in ('django', 'uvicorn', 'whitenoise') if u.find_spec(name)])"
    )
    assert run(box_environment / "python", "-c", code, cwd=tmp_path).strip() == "[]"


CARRIED = """
from importlib.resources import files
from protocol.messages import PREPARED
print([m.code for m in PREPARED if not files("agent").joinpath("sounds", f"{m.code}.ogg").is_file()])
"""


def test_the_wheel_carries_the_built_in_messages(box_environment: Path, tmp_path: Path) -> None:
    assert run(box_environment / "python", "-c", CARRIED, cwd=tmp_path).strip() == "[]"
