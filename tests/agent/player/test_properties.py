"""Whatever happens to a box in an hour, what is heard keeps the rules, and every sound has its row."""

import asyncio
import itertools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import AgentError
from agent.ports.sound import files
from protocol.bulletin import BulletinClass
from protocol.manifest import Entry, Hours, Kind, Level, Policy
from protocol.order import Severity
from protocol.report import ClockQuality, Result, Stage
from protocol.timeline import plan
from tests.agent.player.studio import LEAD_IN_MS, RECORDINGS, Studio, at, entry, order
from tests.support import virtual_time

BEGIN = at("05:50:00")
QUIET = (at("06:20:00"), at("06:25:00"))
POLICY = Policy(Level.COMMUNE, quiet=(Hours(6 * 3600 + 20 * 60, 6 * 3600 + 25 * 60),))
FADE_MS = 300
CODE = "code"

minutes = st.integers(0, 40)
lengths = st.sampled_from(["b5", "b20", "b61", "b150"])


@st.composite
def entries(draw: st.DrawFn) -> list[Entry]:
    made = []
    for number in range(draw(st.integers(1, 5))):
        clock = f"06:{draw(minutes):02d}:{draw(st.sampled_from([0, 7, 30])):02d}"
        playlist = draw(st.lists(lengths, min_size=1, max_size=3, unique=True))
        kind = draw(st.sampled_from([Kind.PROGRAMME, Kind.PROGRAMME, Kind.RELAY, Kind.FILLER]))
        made.append(
            entry(
                f"e{number}",
                clock,
                *playlist,
                kind=kind,
                klass=draw(st.sampled_from(BulletinClass)),
                length_s=0 if kind is Kind.PROGRAMME else draw(st.integers(30, 600)),
                station="vov1" if kind is Kind.RELAY else None,
                pause_ms=draw(st.sampled_from([0, 1500, 20_000])),
            )
        )
    return made


Happening = tuple[int, Callable[[Studio], None]]


def _emergency(studio: Studio) -> None:
    number = len(studio.holdings.orders) + 1
    severity = list(Severity)[number % 4]
    studio.accept(order(number, studio, repeats=1 + number % 3, severity=severity, chime=number % 2, lifetime_s=300))


def _cancel(studio: Studio) -> None:
    if studio.holdings.orders:
        studio.cancel(studio.holdings.orders[-1].order.id.hex())


def _adopt_again(studio: Studio) -> None:
    manifest = studio.holdings.manifest
    assert manifest is not None
    studio.adopt(*manifest.entries, policies=manifest.policies)


def _adopt_less(studio: Studio) -> None:
    manifest = studio.holdings.manifest
    assert manifest is not None
    studio.adopt(*manifest.entries[1:], policies=manifest.policies)


def _say_the_code(studio: Studio) -> None:
    """An installer asks for it."""

    async def say() -> None:
        with suppress(AgentError):
            await studio.player.aside.say(files(RECORDINGS.path("1")), CODE)

    studio.asked.append(asyncio.ensure_future(say()))


happenings = st.lists(
    st.tuples(
        st.integers(0, 3_000_000),
        st.sampled_from(
            [
                _emergency,
                _emergency,
                _cancel,
                _adopt_again,
                _adopt_less,
                Studio.lock,
                Studio.unlock,
                lambda studio: studio.speaker.unplug(),
                lambda studio: studio.speaker.plug_in(),
                Studio.break_relay,
                Studio.lose_relay,
                Studio.mend_relay,
                _say_the_code,
            ]
        ),
    ),
    max_size=8,
)


def _live(folder: Path, programme: list[Entry], events: list[Happening], check: Callable[[Studio], None]) -> None:
    async def story() -> None:
        async with Studio(folder, wall=BEGIN) as studio:
            studio.adopt(*programme, policies=(POLICY,))
            for instant, happening in sorted(events, key=lambda event: event[0]):
                await studio.until(BEGIN + instant)
                happening(studio)
            await studio.until(at("07:25:00"))
            studio.mend_relay()
            await studio.until(at("07:30:00"))
            await studio.stop()
            check(studio)

    virtual_time.run(story())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sounds are made once and stay."""
    return tmp_path_factory.mktemp("sounds")


@settings(max_examples=60, deadline=None)
@given(programme=entries(), events=happenings)
def test_an_hour_in_the_life_of_a_box(folder: Path, programme: list[Entry], events: list[Happening]) -> None:
    _live(folder, programme, events, _keeps_the_rules)


@settings(max_examples=40, deadline=None)
@given(programme=entries())
def test_undisturbed_a_box_sounds_its_plan_to_the_millisecond(folder: Path, programme: list[Entry]) -> None:
    def check(studio: Studio) -> None:
        planned = plan(replace(studio.holdings, awake_ms=BEGIN + LEAD_IN_MS), BEGIN, at("07:30:00"))
        expected = [(row.play, row.start_ms, row.end_ms) for row in planned.segments]
        assert [(sound.play, sound.first_sample_ms, sound.ended_ms) for sound in studio.heard()] == expected
        refused = {row.play for row in planned.refusals if not row.code.startswith("cut-")}
        missed = {row.play for row in studio.journal.rows if row.result is Result.MISSED}
        assert missed == refused - {play for play, _, _ in expected}

    _live(folder, programme, [], check)


jumps = st.lists(
    st.tuples(
        st.integers(0, 3_000_000),
        st.sampled_from(
            [
                lambda studio: studio.clock.jump(-3_600_000),
                lambda studio: studio.clock.jump(-20_000),
                lambda studio: studio.clock.jump(90_000),
                lambda studio: studio.clock.jump(1_800_000),
                lambda studio: setattr(studio.clock, "quality", ClockQuality.NONE),
                lambda studio: setattr(studio.clock, "quality", ClockQuality.NITZ),
                lambda studio: setattr(studio.clock, "quality", ClockQuality.NTP),
                _emergency,
            ]
        ),
    ),
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(programme=entries(), events=jumps)
def test_whatever_the_clock_does_nothing_is_played_twice_and_no_row_is_lost(
    folder: Path, programme: list[Entry], events: list[Happening]
) -> None:
    def check(studio: Studio) -> None:
        played = [row.play for row in studio.journal.rows if row.result is Result.PLAYED]
        assert len(played) == len(set(played)), "played twice"
        assert studio.journal.opened == {}
        assert not studio.amplifier.on
        heard = sorted((sound.play, sound.first_sample_ms) for sound in studio.heard())
        rows = [(row.play, row.started_ms) for row in studio.journal.rows if row.started_ms is not None]
        assert heard == sorted(rows)

    async def story() -> None:
        async with Studio(folder, wall=BEGIN) as studio:
            studio.adopt(*programme, policies=(POLICY,))
            passed = 0
            for instant, happening in sorted(events, key=lambda event: event[0]):
                await studio.pass_ms(instant - passed)
                passed = instant
                happening(studio)
            await studio.pass_ms(2 * 3_600_000)
            await studio.stop()
            check(studio)

    virtual_time.run(story())


def _keeps_the_rules(studio: Studio) -> None:
    heard = sorted(studio.heard(), key=lambda sound: (sound.first_sample_ms, sound.ended_ms))
    alarms = {held.order.id.hex(): held.order for held in studio.holdings.orders}
    for before, after in itertools.pairwise(heard):
        assert before.ended_ms <= after.first_sample_ms, "two sounds at once"
    heard = [sound for sound in heard if sound.play != CODE]
    for sound in heard:
        if sound.cause in alarms:
            assert sound.first_sample_ms < alarms[sound.cause].expires * 1000, "an alarm after it expired"
        elif sound.first_sample_ms < QUIET[1]:
            assert sound.ended_ms <= QUIET[0] + FADE_MS, "programme in quiet hours"
    assert studio.heard_without_power == [], "sound with the amplifier off"
    assert studio.silent_while_powered_ms <= 3000 + studio.relay_broken_ms, "amplifier on for nothing"
    assert not studio.amplifier.on
    assert studio.journal.opened == {}, "a row was left open"

    written = [(row.play, row.started_ms, row.ended_ms) for row in studio.journal.rows if row.started_ms is not None]
    assert sorted(written) == sorted((sound.play, sound.first_sample_ms, sound.ended_ms) for sound in heard)
    played = [row.play for row in studio.journal.rows if row.result is Result.PLAYED]
    assert len(played) == len(set(played)), "played twice"

    for number in alarms:
        told = [stage for order, stage, _ in studio.stages if order == number]
        assert told in ([Stage.DONE], [Stage.STARTED, told[-1]], [Stage.EXPIRED], [Stage.CANCELLED]), told
        assert told[-1] in (Stage.DONE, Stage.EXPIRED, Stage.CANCELLED)
    assert studio.clock.quality is ClockQuality.NTP
