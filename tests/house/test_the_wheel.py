"""What is installed is the wheel: the box's half in an empty environment, and the controller with all its files."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]


def run(*command: str | Path, cwd: Path = REPO, env: dict[str, str] | None = None) -> str:
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command} failed:\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def uv() -> str:
    found = shutil.which("uv") or shutil.which("uv", path=str(REPO / ".tools" / "bin"))
    assert found is not None, "uv is missing: make setup installs it"
    return found


@pytest.fixture(scope="module")
def wheel(uv: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(uv, "build", "--quiet", "--wheel", "--out-dir", folder)
    return next(folder.glob("loalang-*.whl"))


@pytest.fixture(scope="module")
def box_environment(uv: str, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh virtual environment with the wheel and the extra `agent`, at the locked versions."""
    folder = tmp_path_factory.mktemp("box")
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


DRAWN = """
from importlib.resources import files
from protocol.board.page import Look, Page
from protocol.board.rendering import Format, render
from agent.drivers.boards.fonts import fonts
frame = render(Page(Look.BULLETIN, "Lũ"), Format(96, 16), fonts()).at(0)
print(any(frame.rgb), files("protocol").joinpath("board", "fonts", "LICENSE.txt").is_file())
"""


def test_the_wheel_carries_the_boards_fonts_with_their_licence_and_draws_with_them(
    box_environment: Path, tmp_path: Path
) -> None:
    assert run(box_environment / "python", "-c", DRAWN, cwd=tmp_path).strip() == "True True"


@dataclass
class Server:
    """A controller that was installed from the wheel, with a data folder of its own."""

    programs: Path
    folder: Path

    def run(self, *command: str) -> str:
        """Without anything of the repository: neither its folder nor the settings of the one who tests."""
        environ = {
            name: value for name, value in os.environ.items() if not name.startswith(("LOALANG", "DJANGO", "PY"))
        }
        environ["LOALANG_DATA"] = str(self.folder / "data")
        return run(self.programs / command[0], *command[1:], cwd=self.folder, env=environ)


@pytest.fixture(scope="module")
def server(uv: str, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """The wheel in a fresh environment. What it depends on is lent by the environment that runs the tests.

    That the lock's versions can be installed is known: they are what lends. Its own link to the repository is not lent,
    since a `.pth` file counts only in the folder of the environment itself.
    """
    folder = tmp_path_factory.mktemp("server")
    run(uv, "venv", "--quiet", "--python", sys.executable, folder / "venv")
    python = folder / "venv" / "bin" / "python"
    run(uv, "pip", "install", "--quiet", "--no-deps", "--python", python, wheel)
    own = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    (own / "lent.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return Server(folder / "venv" / "bin", folder)


def test_the_controller_runs_from_its_wheel_alone(server: Server) -> None:
    where = server.run(
        "python", "-c", "import controller, protocol, django; print(controller.__file__, protocol.__file__)"
    )
    assert [Path(path).is_relative_to(server.folder) for path in where.split()] == [True, True]
    assert server.run("loalang", "--version").strip() == "loalang 0.1.0"
    server.run("loalang", "migrate")
    assert (server.folder / "data" / "db.sqlite3").stat().st_size > 0
    counted = server.run("loalang", "units", "import", "--root", "79")
    assert int(counted.split()[0]) > 100, "the tree of units is in the wheel"


PAGES = """
from controller.cli.commands import set_up
set_up()
from django.conf import settings
settings.ALLOWED_HOSTS = ["testserver"]
from django.test import Client
from django.template.loader import get_template
from pathlib import Path
import controller, re
for language, word in (("vi", "Mật khẩu"), ("en", "Password")):
    client = Client()
    client.cookies["loalang_language"] = language
    page = client.get("/dang-nhap/").text
    assert word in page, language
scripts = ["/static/accounts/key.js", "/static/accounts/keyfile.js", "/static/accounts/signing.js"]
for path in scripts + re.findall(r'(?:src|href)="(/static/[^"]+)"', page):
    assert client.get(path).status_code == 200, path
for template in Path(controller.__file__).parent.glob("*/templates/**/*.html"):
    get_template(str(template.relative_to(template.parents[1])))
print(sum(1 for _ in Path(controller.__file__).parent.glob("*/templates/**/*.html")))
"""


def test_the_wheel_carries_every_page_in_both_languages_with_style_and_scripts(server: Server) -> None:
    server.run("loalang", "migrate")
    carried = int(server.run("python", "-c", PAGES))
    assert carried == len(list((REPO / "controller").glob("*/templates/**/*.html")))


def test_the_wheel_carries_every_file_that_the_repository_keeps_for_it(wheel: Path) -> None:
    """Templates, scripts, catalogues, units, built-in sounds. No tests."""
    kept = set(run("git", "ls-files", "agent", "controller", "protocol").split())
    carried = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert kept - carried == set()
    assert {name.split("/")[0] for name in carried} == {"agent", "controller", "protocol"}
