"""The installation's configuration: read from the environment, complaints name the variable."""

import re
import stat
from pathlib import Path

import pytest

from controller.core import config
from controller.core.errors import ConfigError


def test_an_empty_environment_gives_an_installation_in_this_folder(tmp_path: Path) -> None:
    read = config.read({})
    assert read.data == Path.cwd() / "loalang-data"
    assert (read.broker, read.broker_public, read.environment, read.debug) == ("", "", "prod", False)
    assert "localhost" in read.hosts


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOALANG_PROVINCE", "Bà Rịa"),
        ("LOALANG_ENVIRONMENT", "Demo1"),
        ("LOALANG_BROKER", "127.0.0.1:1883"),
        ("LOALANG_BROKER", "mqtt://"),
        ("LOALANG_BROKER", "mqtt://host:port"),
        ("LOALANG_BROKER_PUBLIC", "http://broker"),
        ("LOALANG_ORIGINS", "nguon.example.vn"),
        ("LOALANG_DEBUG", "yes"),
    ],
)
def test_a_wrong_value_is_refused_with_the_name_of_its_variable(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name):
        config.read({name: value})


def test_boxes_are_told_the_bridges_broker_unless_another_one_is_named() -> None:
    assert config.read({"LOALANG_BROKER": "mqtt://127.0.0.1:1883"}).broker_public == "mqtt://127.0.0.1:1883"


def test_cookies_are_kept_to_https_only_when_people_come_by_https_alone() -> None:
    assert not config.read({}).behind_tls
    assert config.read({"LOALANG_ORIGINS": "https://nguon.example.vn"}).behind_tls
    assert not config.read({"LOALANG_ORIGINS": "https://nguon.example.vn, http://localhost"}).behind_tls


def test_reading_writes_nothing_and_preparing_makes_folders_and_a_secret_once(tmp_path: Path) -> None:
    read = config.read({"LOALANG_DATA": str(tmp_path / "data")})
    assert config.secret_key(read) != config.secret_key(read)
    assert not read.data.exists()

    config.prepare(read)
    secret = config.secret_key(read)
    config.prepare(read)

    assert config.secret_key(read) == secret
    assert stat.S_IMODE(read.secret_key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(read.keys.stat().st_mode) == 0o700
    assert sorted(path.name for path in read.keys.iterdir()) == ["django-secret"]


def test_a_secret_that_was_cut_short_is_not_used(tmp_path: Path) -> None:
    read = config.read({"LOALANG_DATA": str(tmp_path)})
    config.prepare(read)
    read.secret_key_file.write_text("short")
    with pytest.raises(ConfigError, match="delete it"):
        config.secret_key(read)


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="LOALANG_DATA"):
        config.prepare(config.read({"LOALANG_DATA": str(tmp_path / "file" / "data")}))


def test_the_data_folder_is_for_its_user_alone_also_one_that_was_made_open(tmp_path: Path) -> None:
    read = config.read({"LOALANG_DATA": str(tmp_path / "data")})
    config.prepare(read)
    assert stat.S_IMODE(read.data.stat().st_mode) == 0o700
    read.data.chmod(0o755)
    config.prepare(read)
    assert stat.S_IMODE(read.data.stat().st_mode) == 0o700


def test_an_open_folder_of_other_things_is_not_closed_but_refused(tmp_path: Path) -> None:
    shared = tmp_path / "srv"
    (shared / "www").mkdir(parents=True)
    shared.chmod(0o755)
    with pytest.raises(ConfigError, match=r"LOALANG_DATA.*folder of its own"):
        config.prepare(config.read({"LOALANG_DATA": str(shared)}))
    assert stat.S_IMODE(shared.stat().st_mode) == 0o755


def test_every_setting_stands_in_the_documentation_and_nothing_else() -> None:
    here = Path(__file__).parents[3]
    read = set(re.findall(r"LOALANG_[A-Z_]+", (here / "controller/core/config.py").read_text(encoding="utf-8")))
    page = (here / "docs/roots.md").read_text(encoding="utf-8").partition("## Settings")[2]
    assert set(re.findall(r"LOALANG_[A-Z_]+", page)) == read
