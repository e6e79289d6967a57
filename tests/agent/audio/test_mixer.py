"""The mixer is arithmetic: what goes in, block by block, and what comes out."""

import itertools
import queue
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.drivers.audio.engine import wire
from agent.drivers.audio.engine.feeds import Ahead, Chain, Inlet
from agent.drivers.audio.engine.mixer import NEVER, Began, Happening, Mixer, Voice, WasMixed
from agent.drivers.audio.source import BLOCK_FRAMES, RATE_HZ, Joined, Samples, factor, frames
from agent.ports.sound import Sounded, SoundError, ToneKind, ToneSound, Track
from protocol.report import Grade

START_MS = 1_000_000


@dataclass
class Given:
    """A feed that has what it is given; `late` takes give nothing."""

    samples: Samples
    late: list[bool] = field(default_factory=list)
    ready: bool = True
    closed: bool = False
    detail: str = ""
    error: SoundError | None = None

    @property
    def ended(self) -> bool:
        return self.error is None and len(self.samples) == 0

    def take(self, count: int) -> Samples:
        if self.late and self.late.pop(0):
            return np.zeros(0, np.float32)
        if len(self.samples) == 0 and self.error is not None:
            raise self.error
        part, self.samples = self.samples[:count], self.samples[count:]
        return part

    def close(self) -> None:
        self.closed = True


def noise(duration_ms: int, level: float = 0.2, seed: int = 1) -> Samples:
    return np.asarray(np.random.default_rng(seed).uniform(-level, level, frames(duration_ms)), np.float32)


def voice(feed: Given | Inlet | Chain, told: list[Happening], **changes: object) -> Voice:
    track = Track((ToneSound(ToneKind.TEST, 1),), 0, START_MS, None, 0, 0, "play", "cause")
    return Voice(replace(track, **changes), feed, told.append)  # type: ignore[arg-type]


def mixed(mixer: Mixer, blocks: int, at_ms: float = START_MS) -> Samples:
    return np.concatenate([mixer.block(at_ms + number * 10) for number in range(blocks)])


def test_a_voice_begins_at_the_very_sample_of_its_instant_and_is_heard_as_it_is() -> None:
    mixer, told, sound = Mixer(), list[Happening](), noise(1_005)
    mixer.add(voice(Given(sound), told, start_ms=START_MS + 23))
    heard = mixed(mixer, 110)
    begin = frames(23)
    assert not heard[:begin].any()
    assert np.array_equal(heard[begin : begin + len(sound)], sound)
    assert not heard[begin + len(sound) :].any()
    assert told[0] == Began(START_MS + 23)
    ended = told[1]
    assert isinstance(ended, Sounded)
    assert (ended.sounded_ms, ended.complete, ended.grade, ended.score) == (1_005, True, Grade.RENDERED, 1.0)


def test_a_witnessed_voice_tells_all_that_sounds_from_its_first_sample_to_its_last_and_others_tell_nothing() -> None:
    mixer, told, other = Mixer(), list[Happening](), list[Happening]()
    programme, late = noise(1_000, seed=1), [False] * 30 + [True] * 3
    mixer.add(voice(Given(programme, late), told, start_ms=START_MS + 23, witnessed=True))
    mixer.add(voice(Given(noise(300, seed=2)), other, start_ms=START_MS + 400, over=True))
    heard = mixed(mixer, 120)
    said = np.concatenate([happening.samples for happening in told if isinstance(happening, WasMixed)])
    begin = frames(23)
    assert np.array_equal(said, heard[begin : begin + len(said)])
    assert len(said) == len(programme) + 3 * BLOCK_FRAMES
    assert isinstance(told[-1], Sounded), "it has an end, and nothing comes after it"
    assert not [happening for happening in other if isinstance(happening, WasMixed)]


def test_one_follows_another_without_a_gap_and_at_its_own_instant_when_that_is_later() -> None:
    first, second, third = noise(101, seed=1), noise(52, seed=2), noise(30, seed=3)
    mixer, told = Mixer(), list[Happening]()
    mixer.add(voice(Given(first), told))
    mixer.add(voice(Given(second), told, start_ms=START_MS + 110))  # within the 40 ms that join
    mixer.add(voice(Given(third), told, start_ms=START_MS + 400))
    heard = mixed(mixer, 50)
    assert np.array_equal(heard[: frames(153)], np.concatenate((first, second)))
    assert not heard[frames(153) : frames(400)].any()
    assert np.array_equal(heard[frames(400) : frames(430)], third)


def test_a_stopped_voice_fades_under_the_next_one_which_does_not_wait() -> None:
    programme, alarm = np.full(frames(2_000), 0.3, np.float32), noise(1_000)
    mixer, before, after = Mixer(), list[Happening](), list[Happening]()
    old = voice(Given(programme), before)
    mixer.add(old)
    mixed(mixer, 50)
    old.stop_ms = 200
    mixer.add(voice(Given(alarm), after, start_ms=START_MS + 500))
    heard = mixed(mixer, 30, START_MS + 500)
    beneath = heard - alarm[: len(heard)]
    assert after[0] == Began(START_MS + 500)
    assert np.allclose(beneath[: frames(200)], np.linspace(0.3, 0, frames(200)), atol=1e-3)
    assert np.allclose(beneath[frames(200) :], 0, atol=1e-6)
    ended = before[-1]
    assert isinstance(ended, Sounded)
    assert (ended.complete, ended.sounded_ms) == (False, 700)


def test_what_is_stopped_before_its_instant_or_comes_after_its_latest_never_sounds() -> None:
    mixer, stopped, late = Mixer(), list[Happening](), list[Happening]()
    first = voice(Given(noise(100)), stopped, start_ms=START_MS + 50)
    mixer.add(first)
    mixer.add(voice(Given(noise(100)), late, start_ms=START_MS, latest_ms=START_MS))
    first.stop_ms = 200
    assert not mixed(mixer, 20).any()
    assert (stopped, late) == ([NEVER], [NEVER])
    assert mixer.empty


def test_a_voice_over_another_lowers_it_by_18_db_and_gives_it_back() -> None:
    beneath = np.full(frames(4_000), 0.5, np.float32)
    mixer, told = Mixer(), list[Happening]()
    mixer.add(voice(Given(beneath), told))
    mixer.add(voice(Given(np.zeros(frames(1_000), np.float32)), told, start_ms=START_MS + 500, over=True))
    heard = mixed(mixer, 300)
    assert heard[frames(490)] == pytest.approx(0.5)
    assert heard[frames(600) : frames(1_490)] == pytest.approx(0.5 * factor(-180), rel=1e-3)
    assert heard[frames(2_000) :] == pytest.approx(0.5)
    assert np.abs(np.diff(heard)).max() < 0.001, "it glides"


def test_a_feed_that_is_late_is_silence_and_counted_and_nothing_of_it_is_lost() -> None:
    sound = noise(100)
    mixer, told = Mixer(), list[Happening]()
    mixer.add(voice(Given(sound, late=[False, True]), told))
    heard = mixed(mixer, 12)
    assert np.array_equal(heard[: frames(10)], sound[: frames(10)])
    assert not heard[frames(10) : frames(20)].any()
    assert np.array_equal(heard[frames(20) : frames(110)], sound[frames(10) :])
    assert mixer.underruns == 1
    ended = told[-1]
    assert isinstance(ended, Sounded)
    assert ended.reason == "decoded too late 1 times"


@pytest.mark.parametrize("begun", [False, True])
def test_a_feed_that_stalls_for_2_s_ends_its_voice_and_the_next_one_begins(begun: bool) -> None:
    mixer, stalled, after = Mixer(), list[Happening](), list[Happening]()
    mixer.add(voice(Given(noise(100), late=[False] + [True] * 1_000, ready=begun), stalled))
    mixer.add(voice(Given(noise(100)), after))
    mixed(mixer, 230)
    assert isinstance(stalled[-1], SoundError)
    told = wire.broke(1, stalled[-1]).error()
    assert (told.device, told.stalled) == (False, True), "the daemon knows that it may be as good as ever"
    assert isinstance(after[-1], Sounded)
    assert mixer.empty


def test_a_feed_that_stalls_while_it_fades_ends_when_the_fade_does() -> None:
    mixer, told = Mixer(), list[Happening]()
    stalled = voice(Given(noise(1_000), late=[False] + [True] * 1_000), told)
    mixer.add(stalled)
    mixed(mixer, 1)
    stalled.stop_ms = 200
    mixed(mixer, 22, START_MS + 10)
    ended = told[-1]
    assert isinstance(ended, Sounded)
    assert (ended.sounded_ms, ended.complete) == (10, False)


def test_whatever_a_decoder_raises_is_told_to_who_waits() -> None:
    def make() -> Joined:
        raise MemoryError("too much")

    told = queue.Queue[SoundError | None]()
    feed = Ahead(make, told.put)
    error = told.get(timeout=10)
    assert isinstance(error, SoundError)
    assert not error.device
    with pytest.raises(SoundError, match="too much"):
        feed.take(1)


def test_a_feed_that_fails_ends_its_voice_alone() -> None:
    mixer, broken, whole = Mixer(), list[Happening](), list[Happening]()
    error = SoundError("b1: cannot be sounded", device=False)
    feed = Given(noise(30), error=error)
    mixer.add(voice(feed, broken))
    mixer.add(voice(Given(noise(30)), whole))
    mixed(mixer, 20)
    assert broken == [Began(START_MS), error]
    assert feed.closed
    assert isinstance(whole[-1], Sounded)


def test_what_is_too_loud_together_is_bent_and_not_cut() -> None:
    mixer, told = Mixer(), list[Happening]()
    mixer.add(voice(Given(np.full(frames(100), 0.9, np.float32)), told, gain_cb=60))
    heard = mixed(mixer, 5)
    assert 0.8 < heard.max() < 1.0


def test_live_sound_is_heard_as_it_comes_and_silence_is_no_underrun() -> None:
    inlet, told, mixer = Inlet(), list[Happening](), Mixer()
    mixer.add(voice(inlet, told))
    assert not mixed(mixer, 5).any()
    sound = noise(20)
    inlet.push((sound * 32768).astype("<i2").tobytes())
    heard = mixed(mixer, 2, START_MS + 50)
    assert np.allclose(heard, sound, atol=1e-4)
    inlet.finish()
    mixed(mixer, 1, START_MS + 70)
    assert mixer.underruns == 0
    assert mixer.empty


def test_live_sound_that_an_alarm_interrupted_is_heard_again_when_it_is_taken_up() -> None:
    inlet, mixer, told, alarm = Inlet(), Mixer(), list[Happening](), list[Happening]()
    interrupted = voice(inlet, told)
    mixer.add(interrupted)
    mixed(mixer, 1)
    interrupted.stop_ms = 50
    mixer.add(voice(Given(noise(100)), alarm))
    mixed(mixer, 20, START_MS + 10)
    assert mixer.empty
    mixer.add(voice(inlet, told))
    sound = noise(20)
    inlet.push((sound * 32768).astype("<i2").tobytes())
    assert np.allclose(mixed(mixer, 2, START_MS + 210), sound, atol=1e-4)
    mixed(mixer, 5, START_MS + 230)
    assert not mixer.empty
    inlet.finish()
    mixed(mixer, 1, START_MS + 280)
    assert mixer.empty


def test_live_sound_that_was_late_is_caught_up_with() -> None:
    """After a hiccup of the network 300 ms are in store; ten seconds later what comes is heard within a tenth."""
    inlet = Inlet()
    inlet.push(bytes(2 * frames(280)))
    for _ in range(1_200):
        inlet.push(bytes(2 * BLOCK_FRAMES))
        assert len(inlet.take(BLOCK_FRAMES)) == BLOCK_FRAMES
    inlet.finish()
    assert len(inlet.take(RATE_HZ)) <= frames(90)


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 200)), min_size=1, max_size=8))
def test_whatever_is_asked_each_sound_is_heard_once_in_turn_and_nothing_before_its_instant(
    asked: Sequence[tuple[int, int]],
) -> None:
    mixer = Mixer()
    logs: list[list[Happening]] = []
    for number, (start, length) in enumerate(asked):
        logs.append([])
        mixer.add(voice(Given(noise(length, seed=number)), logs[-1], start_ms=START_MS + start))
    heard = mixed(mixer, 200)
    assert mixer.empty
    spans = []
    for (start, length), told in zip(asked, logs, strict=True):
        began, ended = told
        assert isinstance(began, Began)
        assert isinstance(ended, Sounded)
        assert began.first_sample_ms >= START_MS + start - 41
        assert (ended.sounded_ms, ended.complete) == (length, True)
        spans.append((began.first_sample_ms, began.first_sample_ms + length))
    assert all(end <= begin + 1 for (_, end), (begin, _) in itertools.pairwise(spans))
    sounding = np.abs(heard) > 0
    assert sounding.sum() <= sum(frames(length) for _, length in asked)
    assert len(heard) == 200 * BLOCK_FRAMES == 2 * RATE_HZ
