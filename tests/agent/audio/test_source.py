"""Files become one stream of samples: joined, cut, faded, at their gain, never clipped."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.drivers.audio.source import (
    BLOCK_FRAMES,
    RATE_HZ,
    Samples,
    Source,
    duration_ms,
    factor,
    frames,
    limited,
    milliseconds,
    pcm16,
)
from agent.ports.sound import SoundError, Track, files
from agent.services.recordings import Recordings
from tests.agent.audio.sounds import tone, track

RECORDINGS = Recordings()


def whole(wanted: Track, block: int = BLOCK_FRAMES) -> Samples:
    parts = []
    with Source(wanted) as source:
        while True:
            parts.append(source.read(block))
            if len(parts[-1]) < block:
                return np.concatenate(parts)


def test_files_follow_one_another_without_a_gap(tmp_path: Path) -> None:
    first, second = tone(tmp_path / "a.wav", 333), tone(tmp_path / "b.flac", 421, hertz=880)
    expected = np.concatenate([soundfile.read(path, dtype="float32")[0] for path in (first, second)])
    assert np.allclose(whole(track(first, second)), expected, atol=1e-4)


def test_the_samples_do_not_depend_on_how_many_are_asked_for_at_a_time(tmp_path: Path) -> None:
    files = tone(tmp_path / "a.wav", 100), tone(tmp_path / "b.wav", 50)
    wanted = track(*files, offset_ms=20, length_ms=120, gain_cb=-60, fade_out_ms=30)
    by_block = whole(wanted)
    for block in (1, 7, 479, 4800):
        assert np.allclose(whole(wanted, block), by_block, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(offset=st.integers(0, 14_000), length=st.integers(1, 2_000))
def test_an_offset_into_opus_files_is_the_same_sound_from_there_on(offset: int, length: int) -> None:
    files = RECORDINGS.path("90"), RECORDINGS.path("1")
    everything = _everything(files)
    expected = everything[frames(offset) : frames(offset) + frames(length)]
    got = whole(track(*files, offset_ms=offset, length_ms=length))
    assert len(got) == len(expected)
    # After a seek the decoder comes back to its exact samples over some packets (RFC 7845 §4.6).
    assert np.allclose(got, expected, atol=0.02)


def _everything(files: tuple[Path, ...], cache: dict[tuple[Path, ...], Samples] = {}) -> Samples:  # noqa: B006
    if files not in cache:
        cache[files] = whole(track(*files))
    return cache[files]


def test_a_gain_of_minus_60_centibels_halves_the_amplitude() -> None:
    assert factor(0) == 1.0
    assert abs(factor(-60) - 0.501) < 0.001
    assert abs(factor(120) - 3.981) < 0.001


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=200))
def test_nothing_is_ever_clipped_and_quiet_samples_pass_unchanged(values: list[float]) -> None:
    samples = np.array(values, np.float32)
    out = limited(samples)
    assert np.all(np.abs(out) <= 1.0)
    quiet = np.abs(samples) <= 0.8
    assert np.array_equal(out[quiet], samples[quiet])
    assert np.all(np.sign(out) == np.sign(samples))
    assert np.array_equal(np.frombuffer(pcm16(out), np.int16), np.rint(out * np.float32(32767))), "bent once"


def test_louder_stays_louder_through_the_limiter() -> None:
    ramp = np.linspace(0, 1.5, 1000, dtype=np.float32)
    assert np.all(np.diff(limited(ramp)) >= 0)


def test_a_cut_fades_to_silence_and_ends_where_it_must(tmp_path: Path) -> None:
    path = tone(tmp_path / "a.wav", 1000, level=0.5)
    samples = whole(track(path, length_ms=500, fade_out_ms=200))
    assert len(samples) == frames(500)
    plain = whole(track(path))[: frames(500)]
    assert np.allclose(samples[: frames(300)], plain[: frames(300)], atol=1e-6)
    assert np.abs(samples[-48:]).max() < 0.01
    half = slice(frames(395), frames(405))
    assert 0.4 < np.abs(samples[half]).max() / np.abs(plain[half]).max() < 0.6


def test_a_fade_that_is_asked_for_begins_at_once_and_never_lengthens(tmp_path: Path) -> None:
    path = tone(tmp_path / "a.wav", 1000)
    with Source(track(path)) as source:
        source.read(frames(100))
        source.fade_out(200)
        assert len(source.read(frames(1000))) == frames(200)
    with Source(track(path, length_ms=150)) as source:
        source.read(frames(100))
        source.fade_out(200)
        assert len(source.read(frames(1000))) == frames(50)


def test_two_channels_become_their_mean(tmp_path: Path) -> None:
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.stack([np.full(480, 0.4), np.full(480, 0.2)], axis=1), RATE_HZ)
    assert np.allclose(whole(track(path)), 0.3, atol=1e-3)


def test_an_hour_is_never_whole_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "hour.flac"
    with soundfile.SoundFile(path, "w", RATE_HZ, 1) as file:
        for _ in range(600):
            file.write(np.zeros(RATE_HZ, np.float32))
    assert duration_ms(files(path)) == 600_000
    with Source(track(path, offset_ms=590_000)) as source:
        assert milliseconds(len(source.read(frames(60_000)))) == 10_000


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"", "empty"), (b"xin ch\xc3\xa0o " * 50, "a text"), (b"OggS" + bytes(200), "a broken Ogg")],
    ids=["empty", "text", "broken"],
)
def test_what_is_no_sound_is_the_files_fault_and_named(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "bulletin.mp3"
    path.write_bytes(content)
    with pytest.raises(SoundError, match=r"bulletin\.mp3: cannot be sounded") as error:
        Source(track(path))
    assert not error.value.device, why


def test_a_file_that_is_not_there_is_the_files_fault(tmp_path: Path) -> None:
    with pytest.raises(SoundError) as error:
        Source(track(tmp_path / "nothing.ogg"))
    assert not error.value.device


def test_another_sample_rate_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(SoundError, match="44100 samples a second instead of 48000; publish it again"):
        Source(track(tone(tmp_path / "a.wav", 10, rate=44_100)))


@settings(max_examples=60, deadline=None)
@given(
    cut=st.floats(0, 1), flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), max_size=5)
)
def test_a_damaged_recording_raises_sound_errors_only(
    cut: float, flips: list[tuple[float, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    good = RECORDINGS.path("90").read_bytes()
    bad = bytearray(good[: round(cut * len(good))])
    for place, flip in flips if bad else ():
        bad[int(place * len(bad))] ^= flip
    path = tmp_path_factory.mktemp("damaged") / "a.ogg"
    path.write_bytes(bad)
    try:
        samples = whole(track(path))
    except SoundError as error:
        samples = np.zeros(0, np.float32)
        blamed = error.device
    else:
        blamed = False
    assert not blamed
    assert np.all(np.isfinite(samples))
