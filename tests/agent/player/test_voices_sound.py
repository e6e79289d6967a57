"""Somebody speaks while the box runs: heard at once over the programme, silent in quiet hours, and written down."""

from dataclasses import replace
from pathlib import Path

from protocol.manifest import Hours, Level, Policy
from protocol.priority import Rank
from protocol.report import Result
from protocol.timeline import Voice
from tests.agent.player.studio import LEAD_IN_MS, Studio, at, entry
from tests.support import virtual_time

NIGHT = Policy(Level.PROVINCE, quiet=(Hours(21 * 3600, 5 * 3600),))


def voice(studio: Studio, attached: str = "") -> Voice:
    now_ms = studio.clock.now_ms()
    return Voice("v", Rank.LIVE, now_ms, now_ms + 600_000, attached=attached)


def test_a_voice_is_heard_over_the_programme_which_goes_on_after_it(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            studio.adopt(entry("s1", "06:00:00", "b30"))
            await studio.until(at("06:00:10"))
            studio.change(voices=(voice(studio),))
            await studio.until(at("06:00:20"))
            assert studio.speaker.sounding == ("voice:v",)
            studio.change(voices=())
            await studio.until(at("06:02:00"))
            bulletin = "s1@2026-11-24T06:00:00#1.1"
            assert [heard.play for heard in studio.heard()] == [bulletin, "voice:v", bulletin]
            spoken = studio.heard()[1]
            assert spoken.first_sample_ms - at("06:00:10") <= 500
            assert abs(spoken.ended_ms - at("06:00:20")) <= 300
            assert ("voice:v", Result.CUT) in studio.results()

    virtual_time.run(story())


def test_a_voice_wakes_the_amplifier_and_waits_for_its_lead_in(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("09:00:00")) as studio:
            await studio.pass_ms(30_000)
            studio.change(voices=(voice(studio),))
            await studio.pass_ms(5_000)
            studio.change(voices=())
            await studio.pass_ms(10_000)
            (heard,) = studio.heard()
            assert LEAD_IN_MS <= heard.first_sample_ms - at("09:00:30") <= LEAD_IN_MS + 100

    virtual_time.run(story())


def test_who_speaks_again_after_a_silence_is_another_play_of_the_same_session(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("09:00:00")) as studio:
            first = voice(studio)
            studio.change(voices=(first,))
            await studio.pass_ms(5_000)
            studio.change(voices=())
            await studio.pass_ms(5_000)
            studio.change(voices=(replace(first, from_ms=studio.clock.now_ms(), turn=2),))
            await studio.pass_ms(5_000)
            studio.change(voices=())
            await studio.pass_ms(5_000)
            assert [(heard.play, heard.sources) for heard in studio.heard()] == [
                ("voice:v", ("frames:v",)),
                ("voice:v-2", ("frames:v-2",)),
            ]
            assert [heard.cause for heard in studio.heard()] == ["v", "v"]
            assert [row.detail for row in studio.journal.rows] == ["the voice ended"] * 2

    virtual_time.run(story())


def test_a_voice_is_not_heard_in_quiet_hours(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("22:00:00")) as studio:
            studio.adopt(policies=(NIGHT,))
            await studio.pass_ms(1_000)
            studio.change(voices=(voice(studio),))
            await studio.pass_ms(60_000)
            assert (studio.speaker.sounding, studio.heard(), studio.amplifier.switched) == ((), [], [])

    virtual_time.run(story())
