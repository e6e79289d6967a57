"""Uploads: a recording is made loud and small; anything else is refused with the way out, and nothing is kept."""

import subprocess
import wave
from pathlib import Path

import pytest
import soundfile

from controller.core.errors import Refused
from controller.library import audio, files, opus
from controller.library.programs import program
from controller.library.speech import speak


def quiet(_percent: int) -> None:
    """Nobody watches."""


def tone(path: Path, seconds: float, *, level_db: float = -20.0, codec: tuple[str, ...] = ()) -> Path:
    """A 440 Hz tone, by ffmpeg, in the format of the name."""
    source = f"sine=frequency=440:duration={seconds}"
    command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", source, "-af", f"volume={level_db + 18}dB", *codec]
    subprocess.run([*command, str(path)], check=True)
    return path


def loudness(path: Path) -> float:
    """LUFS, of a recording that may be shorter than a block of the measure."""
    command = [
        "ffmpeg",
        "-nostats",
        "-stream_loop",
        "9",
        "-i",
        str(path),
        "-af",
        "ebur128=framelog=verbose",
        "-f",
        "null",
        "-",
    ]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    return float(said.rpartition("I:")[2].split()[0])


@pytest.mark.parametrize("name", ["a.mp3", "a.wav", "a.ogg", "a.flac", "a.m4a"])
def test_any_recording_that_ffmpeg_reads_is_taken(name: str, tmp_path: Path) -> None:
    assert audio.examine(tone(tmp_path / name, 2)) == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("level_db", [-45, -20, -3])
def test_quiet_and_loud_recordings_come_out_equally_loud(level_db: float, tmp_path: Path) -> None:
    target = tmp_path / "out.ogg"
    audio.normalise(tone(tmp_path / "in.wav", 3, level_db=level_db), target, quiet)
    assert loudness(target) == pytest.approx(-16, abs=1.5)


@pytest.mark.parametrize("text", ["Lũ.", "Xin chào bà con.", "Đề nghị bà con đóng cửa, chằng chống nhà. " * 6])
def test_a_call_and_an_announcement_are_spoken_equally_loud(text: str, tmp_path: Path) -> None:
    speak(text, "vi-vn-x-south", tmp_path / "in.wav", quiet)
    audio.normalise(tmp_path / "in.wav", tmp_path / "out.ogg", quiet, seconds=audio.examine(tmp_path / "in.wav"))
    assert loudness(tmp_path / "out.ogg") == pytest.approx(-16, abs=1.5)


def test_the_length_is_what_a_decoder_gives(tmp_path: Path) -> None:
    length = audio.normalise(tone(tmp_path / "in.mp3", 1.234), tmp_path / "out.ogg", quiet)
    samples, rate = soundfile.read(tmp_path / "out.ogg")
    assert rate == 48_000
    assert length == pytest.approx(len(samples) / 48, abs=1)


def test_the_same_recording_gives_the_same_bytes(tmp_path: Path) -> None:
    source = tone(tmp_path / "in.wav", 1)
    audio.normalise(source, tmp_path / "1.ogg", quiet)
    audio.normalise(source, tmp_path / "2.ogg", quiet)
    assert (tmp_path / "1.ogg").read_bytes() == (tmp_path / "2.ogg").read_bytes()


def test_the_three_voices_differ(tmp_path: Path) -> None:
    said = set()
    for voice in ("vi", "vi-vn-x-central", "vi-vn-x-south"):
        speak("Kính thưa bà con.", voice, tmp_path / "said.wav", quiet)
        said.add((tmp_path / "said.wav").read_bytes())
    assert len(said) == 3


def test_progress_goes_up_to_the_end(tmp_path: Path) -> None:
    seen: list[int] = []
    audio.normalise(tone(tmp_path / "in.wav", 30), tmp_path / "out.ogg", seen.append, seconds=30)
    assert seen == sorted(seen)
    assert seen[-1] == 100


def refusal_of(path: Path) -> Refused:
    with pytest.raises(Refused) as caught:
        audio.examine(path)
    assert caught.value.field == "audio"
    assert caught.value.way_out
    return caught.value


def test_a_text_file_named_mp3_is_no_recording(tmp_path: Path) -> None:
    path = tmp_path / "thongbao.mp3"
    path.write_text("Kính gửi bà con, đây là văn bản.\n" * 200)
    assert "không phải là âm thanh" in refusal_of(path).message


def test_an_empty_file_is_told_to_be_empty(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    path.touch()
    assert "0 byte" in refusal_of(path).message


def test_a_picture_is_no_recording(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "color=s=16x16", "-frames:v", "1", str(path)]
    subprocess.run(command, check=True)
    refusal_of(path)


def test_ten_hours_are_too_long_and_the_sentence_says_how_long(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:  # 10 h at 1 kHz and 8 bits: 36 MB
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(1000)
        file.writeframes(bytes(36_000_000))
    refused = refusal_of(path)
    assert "600 phút" in refused.message
    assert "chia" in refused.way_out


def test_a_file_above_200_mb_is_refused_without_being_read() -> None:
    with pytest.raises(Refused, match="201 MB"):
        audio.judge_size(201 * 1024 * 1024)


def test_a_list_of_other_files_is_never_followed(tmp_path: Path) -> None:
    secret = tone(tmp_path / "secret.wav", 2)
    path = tmp_path / "playlist.mp3"
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile://{secret}\n#EXT-X-ENDLIST\n")
    refusal_of(path)
    path.write_text(f"ffconcat version 1.0\nfile {secret.name}\n")
    refusal_of(path)


def test_silence_is_no_bulletin(tmp_path: Path) -> None:
    silent = tone(tmp_path / "in.wav", 3, level_db=-90)
    with pytest.raises(Refused, match="Không nghe thấy gì"):
        audio.normalise(silent, tmp_path / "out.ogg", quiet)


def test_a_program_that_is_missing_is_named_with_its_package() -> None:
    with pytest.raises(Refused, match="apt-get install espeak-ng"):
        program("espeak-ng-that-nobody-has", "espeak-ng")


def test_what_is_not_opus_has_no_length(tmp_path: Path) -> None:
    with pytest.raises(opus.NotOpusError):
        opus.duration_ms(tone(tmp_path / "a.wav", 1))


def test_a_file_and_the_folder_that_was_made_for_it_are_on_the_disk_before_anybody_speaks_of_them(
    tmp_path: Path,
) -> None:
    synced: list[Path] = []
    for name in ("ab12", "ab34"):
        fresh = tmp_path / "fresh"
        fresh.write_bytes(b"sound")
        files.move(fresh, tmp_path / "ab" / name, synced.append)
    folder = tmp_path / "ab"
    assert synced == [tmp_path / "fresh", tmp_path, folder, tmp_path / "fresh", folder]
