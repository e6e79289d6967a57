"""The journey of the whole system, as a newcomer runs it: real programs, a real broker, sound heard at the outputs."""

import itertools
import json
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from controller.demo.processes import free_port
from controller.demo.voice import TONE_HZ

LOALANG = Path(sys.executable).with_name("loalang")


def demo(folder: Path, *words: str) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    report = folder / "report.json"
    command = [
        str(LOALANG),
        "demo",
        "--port",
        str(port),
        "--dir",
        str(folder / "demo"),
        "--report",
        str(report),
        *words,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    return done, json.loads(report.read_text()) if report.exists() else {}


@pytest.mark.broker
def test_a_text_becomes_sound_offline_too_and_an_emergency_is_heard_in_its_commune_only(tmp_path: Path) -> None:
    done, report = demo(tmp_path, "--check", "--broker", "mosquitto")
    assert done.returncode == 0, done.stdout + done.stderr
    assert report["ok"] is True
    assert report["boxes"] == 21
    assert report["bulletin_correlation"] > 0.9
    assert report["offline_item_sounded"] is True
    assert report["log_rows_received"] == report["log_rows_expected"] > 0
    assert report["log_duplicates"] == 0
    assert report["emergency_boxes_sounded"] == report["emergency_boxes_expected"] > 1
    assert report["emergency_boxes_outside"] == 0
    assert report["emergency_p50_ms"] <= report["emergency_max_ms"]
    assert report["rows_heard"] == 2
    assert report["live_boxes_sounded"] == report["emergency_boxes_expected"]
    assert report["live_boxes_outside"] == 0
    assert abs(report["live_tone_hz"] - TONE_HZ) < 5
    assert report["unheard_boxes"] == 1
    assert report["button_ms"] is not None
    assert report["frames_shown"] > 0


def test_the_journey_passes_on_the_embedded_broker_too(tmp_path: Path) -> None:
    done, report = demo(tmp_path, "--check", "--broker", "embedded", "--boxes", "4")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "NO access control" in done.stdout
    assert report["ok"] is True
    assert report["boxes"] == 5


def test_a_port_that_is_taken_is_named_with_the_way_out(tmp_path: Path) -> None:
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        command = [str(LOALANG), "demo", "--port", port, "--dir", str(tmp_path / "demo")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert f"Port {port} is taken" in done.stdout
    assert "make demo PORT=" in done.stdout
    assert not (tmp_path / "demo").exists()


def test_the_demo_does_not_wipe_a_folder_that_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("keep me")
    done = subprocess.run([str(LOALANG), "demo", "--dir", str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "name another one" in done.stdout
    assert (tmp_path / "letters.txt").read_text() == "keep me"


def test_a_running_demo_is_not_wiped_by_another_and_leaves_nothing_behind(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "demo"
    command = [str(LOALANG), "demo", "--boxes", "2", "--dir", str(folder), "--port"]
    with subprocess.Popen(
        [*command, str(free_port())], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as first:
        assert first.stdout is not None
        said = list(itertools.takewhile(lambda line: "Ctrl-C ends the demo" not in line, first.stdout))
        assert any(line.split()[:1] == ["lan"] for line in said)
        with closing(sqlite3.connect(f"file:{folder}/controller/db.sqlite3?mode=ro", uri=True)) as database:
            rows = database.execute("SELECT count(*) FROM schedules_exceptionsignature").fetchone()
        assert rows == (1,), "an exception lacks its second signature"
        second = subprocess.run([*command, str(free_port())], capture_output=True, text=True, timeout=60, check=False)
        assert second.returncode == 1
        assert "another demo is running here" in second.stdout
        assert (folder / "controller" / "db.sqlite3").exists()
        children = [int(pid) for pid in Path(f"/proc/{first.pid}/task/{first.pid}/children").read_text().split()]
        assert len(children) == 4
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=60)
    assert first.returncode == 0
    assert [pid for pid in children if Path(f"/proc/{pid}").exists()] == []
