"""What the box speaks itself: espeak-ng by itself, and heard at a sound card after the siren of an order."""

import asyncio
import contextlib
import os
import shutil
import signal
import stat
import subprocess
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from agent.drivers.audio.source import RATE_HZ, Joined, Samples
from agent.drivers.audio.speaker import EngineSpeaker, command
from agent.drivers.audio.speech import PATIENCE_S, Speech, open_spoken
from agent.drivers.audio.tones import Tone
from agent.drivers.clock import SystemClock
from agent.ports.sound import Accent, SoundError, SpeechSound, ToneKind, ToneSound, Track
from protocol.messages import OWN_WORDS
from protocol.order import Chime, Severity
from protocol.report import Grade, Result
from tests.agent.audio.null_sink import NullSink, find
from tests.agent.audio.sounds import ready_speaker
from tests.agent.player.studio import Studio, order
from tests.support.agents import eventually

WORDS = "Nước sông lên nhanh ở thôn An Phú. Bà con lên nhà cao."
needs_espeak = pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="apt-get install espeak-ng: the voice is not here"
)


def speech(text: str = WORDS, accent: Accent = Accent.NORTH) -> SpeechSound:
    return SpeechSound(text, accent)


def whole(stream: Speech | Joined | Tone, block: int = 4_800) -> Samples:
    parts = []
    while len(part := stream.read(block)):
        parts.append(part)
    stream.close()
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def stand_in(folder: Path, *lines: str) -> str:
    """A program of espeak-ng's name that does this; the $PATH on which it is found first."""
    script = folder / "espeak-ng"
    script.write_text("\n".join(("#!/bin/sh", f"echo $$ >{folder}/pid", *lines, "")))
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return f"{folder}:{os.environ['PATH']}"


def header(rate: int = 22_050) -> bytes:
    """As espeak-ng writes it: it does not know yet how long it will speak."""
    size = b"\x00\xf0\xff\x7f"
    form = (1).to_bytes(2, "little") * 2 + rate.to_bytes(4, "little") + (rate * 2).to_bytes(4, "little")
    return b"RIFF\x24" + size[1:] + b"WAVEfmt \x10\0\0\0" + form + b"\x02\0\x10\0data" + size


@needs_espeak
def test_words_are_the_same_samples_however_they_are_asked_for() -> None:
    at_once = whole(Speech(speech()), 1 << 22)
    assert 3 * RATE_HZ < len(at_once) < 8 * RATE_HZ
    assert np.sqrt(np.mean(at_once**2)) > 0.03
    assert np.abs(at_once).max() < 0.95
    for block in (480, 4_801):
        assert np.array_equal(whole(Speech(speech()), block), at_once)
    assert np.array_equal(whole(Speech(speech(), RATE_HZ + 7)), at_once[RATE_HZ + 7 :])
    assert len(whole(Speech(speech(), len(at_once) + 1))) == 0


@needs_espeak
def test_each_part_of_the_country_has_its_voice() -> None:
    voices = [whole(Speech(speech(accent=accent))) for accent in Accent]
    assert len({voice.tobytes() for voice in voices}) == len(Accent)


@needs_espeak
def test_speech_follows_what_is_before_it_without_a_gap() -> None:
    tone = ToneSound(ToneKind.YELP, 500)
    joined = whole(Joined((tone, speech()), 0, open_spoken))
    assert np.array_equal(joined[RATE_HZ // 2 :], whole(Speech(speech())))
    late = whole(Joined((tone, speech(), tone), RATE_HZ, open_spoken))
    assert np.array_equal(late[: len(joined) - RATE_HZ], joined[RATE_HZ:])


def test_words_go_in_by_stdin_and_are_never_options_commands_or_phonemes(tmp_path: Path) -> None:
    (tmp_path / "wav").write_bytes(header() + bytes(4_410))
    path = stand_in(tmp_path, f'echo "$@" >{tmp_path}/options', f"cat >{tmp_path}/words", f"cat {tmp_path}/wav")
    samples = whole(Speech(speech("-w /tmp/x\0$(rm -r /)\x01 9S [[hello]] lũ", Accent.SOUTH), 0, path))
    assert len(samples) == pytest.approx(RATE_HZ // 10, abs=3)
    assert (tmp_path / "options").read_text() == "-v vi-vn-x-south -s 140 -b 1 --stdin --stdout\n"
    assert (tmp_path / "words").read_text() == "-w /tmp/x $(rm -r /)  9S [ [hello]] lũ"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("cat >/dev/null", "sleep 600 & echo $! >{0}/pid", "wait"), f"has said nothing for {PATIENCE_S} s"),
        (("cat >/dev/null", "cat {0}/wav", "sleep 600"), f"has said nothing for {PATIENCE_S} s"),
        (("cat >/dev/null", "exit 0"), "says nothing"),
        (("cat >/dev/null", "exit 3"), "ended with code 3"),
        (("cat >/dev/null", "cat {0}/wav", "exit 3"), "ended with code 3"),
        (("cat >/dev/null", "cat {0}/wav", "exec >/dev/null", "sleep 600"), "does not end"),
        (("cat >/dev/null", "head -c 99999 /dev/zero"), "gives no sound"),
        (("cat >/dev/null", "head -c 44 {0}/wav", "cat /dev/zero"), "does not come to an end"),
    ],
)
def test_an_espeak_that_hangs_fails_or_babbles_is_an_error_of_the_sound_and_is_gone(
    tmp_path: Path, lines: tuple[str, ...], said: str
) -> None:
    (tmp_path / "wav").write_bytes(header() + bytes(4_410))
    path = stand_in(tmp_path, *(line.format(tmp_path) for line in lines))
    with pytest.raises(SoundError, match=said) as failure:
        say_it_all(path)
    assert not failure.value.device
    eventually(lambda: is_gone(tmp_path), "the end of who hangs")


def say_it_all(path: str) -> None:
    with contextlib.closing(Speech(speech(), 0, path)) as spoken:
        while len(spoken.read(RATE_HZ)):
            pass


def is_gone(folder: Path) -> bool:
    """Whether the stand-in's process has ended."""
    state = Path("/proc", (folder / "pid").read_text().strip(), "stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"


def test_an_espeak_that_cannot_be_started_is_an_error_of_the_sound(tmp_path: Path) -> None:
    path = stand_in(tmp_path)
    (tmp_path / "espeak-ng").write_text("not a program")
    with pytest.raises(SoundError, match="espeak-ng cannot be started"):
        Speech(speech(), 0, path)


def test_who_got_the_number_of_an_espeak_that_has_ended_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "wav").write_bytes(header() + bytes(4_410))
    spoken = Speech(speech(), 0, stand_in(tmp_path, "cat >/dev/null", f"cat {tmp_path}/wav"))
    while len(spoken.read(RATE_HZ)):
        pass
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as other:
        spoken._process.pid = other.pid
        spoken.close()
        assert other.poll() is None
        other.terminate()
        assert other.wait() == -signal.SIGTERM


def test_without_espeak_it_is_said_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SoundError, match="espeak-ng is not installed") as failure:
        Speech(speech(), 0, str(tmp_path))
    assert "chưa có espeak-ng" in failure.value.said("vi")


def test_a_track_that_cannot_be_spoken_is_refused_before_its_chime_and_leaves_no_process(tmp_path: Path) -> None:
    path = stand_in(tmp_path, "cat >/dev/null", "exit 3")

    def spoken(sound: object, skip: int) -> Speech:
        assert isinstance(sound, SpeechSound), "the chime is not even begun"
        return Speech(sound, skip, path)

    with pytest.raises(SoundError, match="ended with code 3"):
        Joined((ToneSound(ToneKind.CHIME, 3_000), speech()), 0, spoken)


@needs_espeak
def test_a_machine_without_a_sound_device_writes_what_it_would_have_spoken(tmp_path: Path) -> None:
    async def story() -> None:
        clock = SystemClock("system")
        speaker = EngineSpeaker(clock, start=partial(command, wav=tmp_path))
        await speaker.probe()
        track = Track((speech("Lũ."),), 0, clock.now_ms(), None, 0, 0, "code", "code")
        assert (await (await speaker.start(track)).ended()).complete
        await speaker.close()

    asyncio.run(story())
    (written,) = tmp_path.glob("*.wav")
    assert written.stat().st_size > RATE_HZ


# At a sound card


async def one_pass(
    folder: Path, speaker: EngineSpeaker, clock: SystemClock, chime: Chime, ms: int, *, message: int | bytes = bytes(32)
) -> Studio:
    """An order whose blob is nowhere, or in its own words, sounds once."""
    studio = Studio(folder, wall=clock.now_ms(), lead_in_ms=0)
    studio.player = studio.build(clock, speaker)
    async with studio:
        alarm = order(1, studio, message=message, chime=chime, event="other", board=WORDS, severity=Severity.EXTREME)
        studio.accept(alarm)
        await studio.pass_ms(ms)
    await speaker.close()
    return studio


@needs_espeak
@pytest.mark.sound
def test_an_order_whose_sound_is_not_here_is_heard_speaking_after_its_siren(
    tmp_path: Path, null_sink: NullSink
) -> None:
    async def story() -> Studio:
        clock = SystemClock("system")
        return await one_pass(tmp_path, await ready_speaker(clock), clock, Chime.WAIL, 16_000)

    ear = null_sink.listen()
    studio = asyncio.run(story())
    heard, _ = ear.close()
    (row,) = studio.journal.rows
    assert (row.result, row.grade) == (Result.PLAYED, Grade.RENDERED)
    assert row.detail == "content not here: spoken by the box"
    begin = int(np.flatnonzero(np.abs(heard) > 0.01)[0])
    step = RATE_HZ // 10
    notes = [loudest_hertz(heard[at : at + step]) for at in range(begin, begin + 79 * step, step)]
    assert (min(notes), max(notes)) == pytest.approx((500, 1_100), abs=60)
    is_high = [note > 800 for note in notes]
    assert sum(before != after for before, after in pairwise(is_high)) == 4, "it rises and falls twice"
    words = whole(Speech(speech()))
    place, likeness = find(words, heard)
    assert likeness > 0.8
    assert place - begin > 7.9 * RATE_HZ, "it speaks when the siren is over"


@needs_espeak
@pytest.mark.sound
def test_an_officers_own_words_are_heard_whole_after_the_siren_and_the_log_calls_them_meant(
    tmp_path: Path, null_sink: NullSink
) -> None:
    async def story() -> Studio:
        clock = SystemClock("system")
        return await one_pass(tmp_path, await ready_speaker(clock), clock, Chime.YELP, 14_000, message=OWN_WORDS)

    ear = null_sink.listen()
    studio = asyncio.run(story())
    heard, _ = ear.close()
    (row,) = studio.journal.rows
    assert (row.sound, row.result, row.grade, row.detail) == ("message:99", Result.PLAYED, Grade.RENDERED, "")
    begin = int(np.flatnonzero(np.abs(heard) > 0.01)[0])
    _, likeness = find(whole(Tone(ToneKind.YELP, 5 * RATE_HZ)), heard)
    assert likeness > 0.8
    place, likeness = find(whole(Speech(speech())), heard)
    assert likeness > 0.8
    assert place - begin > 5 * RATE_HZ, "it speaks when the siren is over"


def loudest_hertz(samples: Samples) -> float:
    """By FFT."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 1 << 16))
    return float(np.argmax(spectrum) * RATE_HZ / (1 << 16))


@pytest.mark.sound
@pytest.mark.parametrize("lines", [("sleep 600",), ("cat >/dev/null", "cat {0}/wav", "sleep 600")])
def test_where_espeak_hangs_a_siren_is_heard_and_the_player_process_lives(
    tmp_path: Path, null_sink: NullSink, lines: tuple[str, ...]
) -> None:
    (tmp_path / "wav").write_bytes(header() + bytes(4_410))
    path = stand_in(tmp_path, *(line.format(tmp_path) for line in lines))

    def start(*where: object) -> list[str]:
        return ["env", f"PATH={path}", *partial(command, buffer_ms=300)(*where)]  # type: ignore[arg-type]

    async def story() -> tuple[Studio, int]:
        clock = SystemClock("system")
        speaker = EngineSpeaker(clock, start=start)
        await speaker.probe()
        return await one_pass(tmp_path, speaker, clock, Chime.YELP, 24_000), speaker.restarts

    ear = null_sink.listen()
    studio, restarts = asyncio.run(story())
    heard, _ = ear.close()
    assert restarts == 0
    row = studio.journal.rows[-1]
    assert (row.result, row.detail) == (Result.PLAYED, "content not here: sounded a siren instead")
    siren = whole(Tone(ToneKind.WAIL, 4 * RATE_HZ))
    _, likeness = find(siren[: 3 * RATE_HZ], heard)
    assert likeness > 0.8
    eventually(lambda: is_gone(tmp_path), "the end of who hangs")


@pytest.mark.sound
def test_who_speaks_is_ended_with_its_track(tmp_path: Path, null_sink: NullSink) -> None:
    (tmp_path / "wav").write_bytes(header())
    path = stand_in(tmp_path, "cat >/dev/null", f"cat {tmp_path}/wav", "cat /dev/urandom")

    def start(*where: object) -> list[str]:
        return ["env", f"PATH={path}", *partial(command, buffer_ms=300)(*where)]  # type: ignore[arg-type]

    async def story() -> None:
        clock = SystemClock("system")
        speaker = EngineSpeaker(clock, start=start)
        await speaker.probe()
        chime = ToneSound(ToneKind.CHIME, 60_000)
        sounding = await speaker.start(Track((chime, speech()), 0, clock.now_ms(), None, 0, 0, "play", "cause"))
        await sounding.started()
        assert not is_gone(tmp_path)
        sounding.stop(100)
        assert not (await sounding.ended()).complete
        async with asyncio.timeout(30):
            while not is_gone(tmp_path):
                await clock.sleep_ms(50)
        await speaker.close()

    assert null_sink.environment
    asyncio.run(story())
