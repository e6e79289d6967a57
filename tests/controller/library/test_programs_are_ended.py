"""A program that hangs is killed and the writer told; the worker's claim outlives every step without a sign of life."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from controller.core.errors import Refused
from controller.jobs import services as jobs
from controller.library import audio, speech, watched
from controller.library.watched import Patience, TooSlow

FOREVER = Patience(60, 60)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def shell(script: str) -> list[str]:
    return ["sh", "-c", script]


def test_a_program_that_ends_is_heard_line_by_line() -> None:
    heard: list[str] = []
    code, said = watched.run(shell("echo one; echo two; echo oh >&2; exit 3"), heard.append, FOREVER)
    assert (code, said, heard) == (3, "oh", ["one", "two"])


def test_a_program_that_falls_silent_is_killed() -> None:
    heard: list[str] = []
    with pytest.raises(TooSlow):
        watched.run(shell("echo $$; exec tail -f /dev/null"), heard.append, Patience(0.2, 60))
    assert not alive(int(heard[0]))


def test_a_program_that_talks_for_ever_is_killed() -> None:
    heard: list[str] = []
    with pytest.raises(TooSlow):
        watched.run(shell("echo $$; exec yes"), heard.append, Patience(60, 0.2))
    assert not alive(int(heard[0]))


def test_a_program_that_closes_its_output_and_stays_is_killed() -> None:
    heard: list[str] = []
    with pytest.raises(TooSlow):
        watched.run(shell("echo $$; exec sleep 600 >&-"), heard.append, Patience(0.3, 60))
    assert not alive(int(heard[0]))


def test_a_listener_that_fails_leaves_no_program_behind() -> None:
    pids: list[int] = []

    def hear(line: str) -> None:
        pids.append(int(line))
        raise ValueError(line)

    with pytest.raises(ValueError, match=r"\d+"):
        watched.run(shell("echo $$; exec tail -f /dev/null"), hear, FOREVER)
    assert not alive(pids[0])


def test_a_hanging_speaker_is_ended_with_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "espeak-ng"
    fake.write_text("#!/bin/sh\nexec tail -f /dev/null\n")
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(Refused) as caught:
        speech.speak("Lũ.", "vi", tmp_path / "out.wav", lambda _done: None, timeout_s=0.2)
    assert (caught.value.field, bool(caught.value.way_out)) == ("text", True)


def test_no_step_without_a_sign_of_life_outlives_the_workers_claim() -> None:
    lease_s = jobs.LEASE.total_seconds()
    assert audio.PATIENCE.silent_s < lease_s
    assert lease_s > speech.TIMEOUT_S
    assert lease_s > 2 * audio.PROBE_TIMEOUT_S


def test_ffmpeg_says_how_far_it_is_while_it_works(tmp_path: Path) -> None:
    source = tmp_path / "in.wav"
    tone = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=frequency=440:duration=3"]
    subprocess.run([*tone, str(source)], check=True)
    reports: list[int] = []
    audio.normalise(source, tmp_path / "out.ogg", reports.append, seconds=3)
    assert reports
    assert reports == sorted(reports)
