"""The announcer's folder: what of it will sound, what is wrong with the rest, and what is heard at a sound card."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
import soundfile

from agent.drivers.audio.announcer import Announcer, look
from agent.drivers.clock import SystemClock
from agent.services.recordings import SHIPPED, Recordings
from protocol.report import FaultCode, Result
from tests.agent.audio.null_sink import RATE_HZ, NullSink, find
from tests.agent.audio.sounds import ready_speaker
from tests.agent.player.studio import Studio, order

FORMATS = {".opus": "OGG", ".wav": "WAV", ".flac": "FLAC"}


def record(path: Path, *, seconds: float = 2.0, rate: int = RATE_HZ) -> Path:
    noise = np.random.default_rng(7).uniform(-0.5, 0.5, round(seconds * rate))
    soundfile.write(path, noise, rate, format=FORMATS[path.suffix.lower()])
    return path


def test_files_named_by_their_message_are_found_with_their_lengths(tmp_path: Path) -> None:
    flood, drill = record(tmp_path / "1.WAV"), record(tmp_path / "90.wav", seconds=3)
    (tmp_path / "README.txt").write_text("thu âm ngày 3 tháng 8")
    assert look(tmp_path) == Announcer({"1": (flood, 2_000), "90": (drill, 3_000)})
    assert look(None) == Announcer()


@pytest.mark.parametrize(
    ("name", "facts", "said"),
    [
        ("lu.wav", {}, "lu.wav: no message has this number; there are 1, 2, 3"),
        ("01.wav", {}, "01.wav: no message has this number"),
        ("8.wav", {}, "8.wav: no message has this number"),
        ("7.wav", {"rate": 44_100}, "7.wav: cannot be sounded: 44100 samples a second instead of 48000"),
        ("7.wav", {"seconds": 0.5}, "7.wav: it is 0.5 s long; 1 to 120 s are possible"),
        ("7.wav", {"seconds": 121}, "7.wav: it is 121.0 s long; 1 to 120 s are possible"),
    ],
)
def test_what_is_no_recording_of_a_message_is_named(
    tmp_path: Path, name: str, facts: dict[str, float], said: str
) -> None:
    record(tmp_path / name, **facts)  # type: ignore[arg-type]
    (complaint,) = look(tmp_path).complaints
    assert str(complaint).startswith(said)
    assert complaint.said("vi").startswith(f"{name}: ")
    assert complaint.said("vi") != str(complaint)
    assert look(tmp_path).recordings == {}


def test_what_cannot_be_read_is_named_and_the_others_are_found(tmp_path: Path) -> None:
    good = record(tmp_path / "2.wav")
    (tmp_path / "1.opus").write_bytes(b"no sound at all")
    found = look(tmp_path)
    assert found.recordings == {"2": (good, 2_000)}
    assert [str(complaint).split(": ")[:2] for complaint in found.complaints] == [["1.opus", "cannot be sounded"]]


def test_of_two_recordings_of_one_message_none_is_chosen(tmp_path: Path) -> None:
    record(tmp_path / "1.wav")
    record(tmp_path / "1.opus")
    found = look(tmp_path)
    assert found.recordings == {}
    assert [str(complaint).split(": ")[0] for complaint in found.complaints] == ["1.opus", "1.wav"]


def test_a_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    assert [str(error) for error in look(tmp_path / "away").complaints] == ["away: No such file or directory"]


# At a sound card


def hear_one_pass(folder: Path, null_sink: NullSink) -> tuple[Studio, "np.ndarray[tuple[int], np.dtype[np.float32]]"]:
    """The alarm of a flood, with what the announcer has left in the folder."""

    async def story() -> Studio:
        clock = SystemClock("system")
        speaker = await ready_speaker(clock)
        studio = Studio(folder, wall=clock.now_ms(), lead_in_ms=0)
        studio.player = studio.build(clock, speaker, recordings=Recordings(announcer=look(folder).recordings))
        async with studio:
            studio.accept(order(1, studio, chime=0))
            await studio.pass_ms(16_000)
        await speaker.close()
        return studio

    ear = null_sink.listen()
    studio = asyncio.run(story())
    return studio, ear.close()[0]


@pytest.mark.sound
def test_an_announcers_recording_is_what_is_heard(tmp_path: Path, null_sink: NullSink) -> None:
    hers, _ = soundfile.read(record(tmp_path / "1.wav", seconds=3), dtype="float32")
    studio, heard = hear_one_pass(tmp_path, null_sink)
    assert find(hers, heard)[1] > 0.8
    assert [(row.result, row.detail) for row in studio.journal.rows] == [(Result.PLAYED, "")]


@pytest.mark.sound
def test_one_that_is_damaged_further_on_gives_way_to_the_shipped_one(tmp_path: Path, null_sink: NullSink) -> None:
    path = record(tmp_path / "1.flac", seconds=3)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    studio, heard = hear_one_pass(tmp_path, null_sink)
    shipped, _ = soundfile.read(SHIPPED / "1.ogg", dtype="float32")
    assert find(shipped, heard)[1] > 0.8
    assert [row.result for row in studio.journal.rows] == [Result.CUT, Result.PLAYED]
    assert (FaultCode.ANNOUNCER, True) in studio.faults
