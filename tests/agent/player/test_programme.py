"""Scheduled sound: on time, in order, once, and written down."""

from pathlib import Path

from protocol.bulletin import BulletinClass
from protocol.manifest import Hours, Kind, Level, Policy
from protocol.report import ClockQuality, Result
from tests.agent.player.studio import LEAD_IN_MS, Studio, at, entry
from tests.support import virtual_time


def test_a_bulletin_sounds_at_its_instant_from_beginning_to_end(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            studio.adopt(entry("s1", "06:00:00", "b30"))
            await studio.until(at("06:01:00"))
            (heard,) = studio.heard()
            assert heard.first_sample_ms == at("06:00:00")
            assert heard.ended_ms == at("06:00:30")
            (row,) = studio.journal.rows
            assert (row.result, row.started_ms, row.ended_ms) == (Result.PLAYED, at("06:00:00"), at("06:00:30"))
            assert row.final
            assert studio.journal.opened == {}

    virtual_time.run(story())


def test_a_playlist_sounds_in_order_without_gaps_and_without_switching_the_amplifier(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            studio.adopt(entry("s1", "06:00:00", "b10", "b20", "b5"))
            await studio.until(at("06:01:00"))
            assert [(heard.first_sample_ms, heard.ended_ms) for heard in studio.heard()] == [
                (at("06:00:00"), at("06:00:10")),
                (at("06:00:10"), at("06:00:30")),
                (at("06:00:30"), at("06:00:35")),
            ]
            assert [result for _, result in studio.results()] == [Result.PLAYED] * 3
            assert len(studio.amplifier.switched) == 2

    virtual_time.run(story())


def test_the_amplifier_has_power_a_lead_in_before_the_sound_and_not_longer_than_three_seconds_without(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:50:00")) as studio:
            studio.adopt(entry("s1", "06:00:00", "b30"), entry("s2", "06:10:00", "b10", "b10-2", pause_ms=20_000))
            await studio.until(at("06:20:00"))
            (on, first), (off, last) = studio.amplifier.switched[:2]
            assert first
            assert not last
            assert at("06:00:00") - 2000 <= on <= at("06:00:00") - LEAD_IN_MS
            assert at("06:00:30") <= off <= at("06:00:33")
            assert len(studio.amplifier.switched) == 6
            assert studio.silent_while_powered_ms <= 3000

    virtual_time.run(story())


def test_a_box_that_starts_late_plays_a_bulletin_from_its_beginning_while_its_window_is_open(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("06:03:00")) as studio:
            studio.adopt(entry("s1", "06:00:00", "b30"))
            await studio.until(at("06:10:00"))
            (heard,) = studio.heard()
            assert heard.first_sample_ms == at("06:03:00") + LEAD_IN_MS
            assert heard.ended_ms - heard.first_sample_ms == 30_000

    virtual_time.run(story())


def test_a_box_that_starts_too_late_says_so_once(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("06:06:00")) as studio:
            studio.adopt(entry("s1", "06:00:00", "b30"))
            await studio.until(at("06:20:00"))
            studio.adopt(entry("s1", "06:00:00", "b30"))
            await studio.until(at("06:40:00"))
            assert studio.heard() == []
            (row,) = studio.journal.rows
            assert (row.result, row.detail, row.sound) == (Result.MISSED, "late", studio.blob("b30").hash.hex())

    virtual_time.run(story())


def test_nothing_scheduled_sounds_while_the_box_does_not_know_the_time(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            studio.clock.quality = ClockQuality.NITZ
            studio.adopt(entry("s1", "06:00:00", "b30"), entry("s2", "06:10:00", "b30"))
            await studio.until(at("06:08:00"))
            assert studio.heard() == []
            studio.clock.quality = ClockQuality.NTP
            await studio.until(at("06:20:00"))
            assert [heard.play for heard in studio.heard()] == ["s2@2026-11-24T06:10:00#1.1"]
            assert studio.results() == [
                ("s1@2026-11-24T06:00:00#1.1", Result.MISSED),
                ("s2@2026-11-24T06:10:00#1.1", Result.PLAYED),
            ]

    virtual_time.run(story())


def test_a_clock_that_jumps_forward_brings_no_burst_of_missed_items(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:30:00")) as studio:
            studio.adopt(*(entry(f"s{n}", f"06:{n:02d}:00", "b30") for n in range(0, 60, 10)))
            await studio.until(at("05:40:00"))
            studio.clock.jump(65 * 60_000 + 30_000)  # to 06:45:30
            await studio.until(at("07:10:00"))
            assert [heard.play for heard in studio.heard()] == ["s50@2026-11-24T06:50:00#1.1"]
            assert [row.detail for row in studio.journal.rows] == ["late"] * 5 + [""]

    virtual_time.run(story())


def test_a_clock_that_jumps_back_replays_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            studio.adopt(entry("s1", "06:00:00", "b30"), entry("s2", "06:30:00", "b30"))
            await studio.until(at("06:10:00"))
            studio.clock.jump(-3_600_000)
            await studio.until(at("07:00:00"))
            assert [heard.cause for heard in studio.heard()] == ["s1", "s2"]
            assert studio.heard()[1].first_sample_ms == at("06:30:00")

    virtual_time.run(story())


def test_a_clock_that_jumps_while_something_sounds_does_not_disturb_it(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            studio.adopt(entry("s1", "06:00:00", "b60", "b30"))
            await studio.until(at("06:00:20"))
            studio.clock.jump(-5_000)
            await studio.until(at("06:05:00"))
            assert [(heard.complete, heard.ended_ms - heard.first_sample_ms) for heard in studio.heard()] == [
                (True, 60_000),
                (True, 30_000),
            ]
            assert [result for _, result in studio.results()] == [Result.PLAYED] * 2

    virtual_time.run(story())


def test_a_higher_class_takes_over_and_the_bulletin_goes_on_where_it_was(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            studio.adopt(entry("s1", "06:00:00", "b60"), entry("p1", "06:00:20", "b10", klass=BulletinClass.PRIORITY))
            await studio.until(at("06:05:00"))
            assert [(heard.cause, heard.first_sample_ms, heard.ended_ms) for heard in studio.heard()] == [
                ("s1", at("06:00:00"), at("06:00:20")),
                ("p1", at("06:00:20"), at("06:00:30")),
                ("s1", at("06:00:30"), at("06:01:10")),
            ]
            assert [(row.result, row.detail) for row in studio.journal.rows] == [
                (Result.CUT, "precedence: p1"),
                (Result.PLAYED, ""),
                (Result.PLAYED, ""),
            ]

    virtual_time.run(story())


def test_a_new_programme_lets_what_sounds_end_as_it_was(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            studio.adopt(entry("s1", "06:00:00", "b60", "b30"))
            await studio.until(at("06:00:20"))
            studio.adopt(entry("s1", "06:30:00", "b60", "b20"), entry("s2", "06:00:40", "b10"))
            await studio.until(at("06:05:00"))
            assert [(heard.cause, heard.first_sample_ms, heard.ended_ms) for heard in studio.heard()] == [
                ("s1", at("06:00:00"), at("06:01:00")),
                ("s2", at("06:01:00"), at("06:01:10")),
            ]
            assert [result for _, result in studio.results()] == [Result.PLAYED] * 2

    virtual_time.run(story())


def test_a_new_programme_without_the_bulletin_stops_it(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            studio.adopt(entry("s1", "06:00:00", "b60"))
            await studio.until(at("06:00:20"))
            studio.adopt(entry("s2", "06:00:40", "b10"))
            await studio.until(at("06:05:00"))
            first, second = studio.heard()
            assert (first.cause, first.complete) == ("s1", False)
            assert at("06:00:20") < first.ended_ms <= at("06:00:20") + 300
            assert (second.cause, second.first_sample_ms) == ("s2", at("06:00:40"))
            assert studio.journal.rows[0].detail == "withdrawn"

    virtual_time.run(story())


def test_the_same_programme_again_repeats_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            studio.adopt(entry("s1", "06:00:00", "b60", "b30"))
            for clock in ("06:00:20", "06:01:10", "06:02:00"):
                await studio.until(at(clock))
                studio.adopt(entry("s1", "06:00:00", "b60", "b30"))
            await studio.until(at("06:10:00"))
            assert [(heard.first_sample_ms, heard.ended_ms) for heard in studio.heard()] == [
                (at("06:00:00"), at("06:01:00")),
                (at("06:01:00"), at("06:01:30")),
            ]

    virtual_time.run(story())


def test_a_lock_silences_the_programme_within_300_ms(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            studio.adopt(entry("s1", "06:00:00", "b60"), entry("s2", "06:02:00", "b10"))
            await studio.until(at("06:00:20"))
            studio.lock()
            await studio.until(at("06:02:30"))
            studio.unlock()
            await studio.until(at("06:10:00"))
            first, *rest = studio.heard()
            assert at("06:00:20") < first.ended_ms <= at("06:00:20") + 300
            assert all(heard.first_sample_ms >= at("06:02:30") for heard in rest)
            assert studio.journal.rows[0].detail == "stopped: Tuấn works on the pole"
            assert studio.silent_while_powered_ms <= 3000

    virtual_time.run(story())


def test_a_relay_sounds_its_fallback_for_the_length_of_its_slot_and_says_so(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("06:00:45")) as studio:
            studio.adopt(entry("r1", "06:00:00", "b20", kind=Kind.RELAY, length_s=120, station="vov1"))
            await studio.until(at("06:05:00"))
            (heard,) = studio.heard()
            assert heard.first_sample_ms == at("06:00:45") + LEAD_IN_MS
            assert heard.ended_ms == at("06:02:00")
            (row,) = studio.journal.rows
            assert (row.result, row.sound) == (Result.PLAYED, "station:vov1")
            assert row.detail == "fallback: station vov1 cannot be received"

    virtual_time.run(story())


def test_a_relay_without_fallback_is_missed(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            studio.adopt(entry("r1", "06:00:00", kind=Kind.RELAY, length_s=120, station="vov1"))
            await studio.until(at("06:05:00"))
            assert studio.heard() == []
            assert [row.result for row in studio.journal.rows] == [Result.MISSED]

    virtual_time.run(story())


def test_filler_fills_its_slot_and_gives_way(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            studio.adopt(
                entry("f1", "06:00:00", "b20", "b10", kind=Kind.FILLER, length_s=100), entry("s1", "06:00:45", "b15")
            )
            await studio.until(at("06:05:00"))
            stretches = [(heard.cause, heard.first_sample_ms, heard.ended_ms) for heard in studio.heard()]
            assert stretches == [
                ("f1", at("06:00:00"), at("06:00:20")),
                ("f1", at("06:00:20"), at("06:00:30")),
                ("f1", at("06:00:30"), at("06:00:45")),
                ("s1", at("06:00:45"), at("06:01:00")),
                ("f1", at("06:01:00"), at("06:01:20")),
                ("f1", at("06:01:20"), at("06:01:30")),
                ("f1", at("06:01:30"), at("06:01:40")),
            ]

    virtual_time.run(story())


def test_quiet_hours_fade_a_filler_before_they_begin(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("20:50:00")) as studio:
            quiet = Policy(Level.PROVINCE, quiet=(Hours(21 * 3600, 5 * 3600),))
            studio.adopt(
                entry("f1", "20:55:00", "b70", kind=Kind.FILLER, length_s=900),
                entry("s1", "20:59:50", "b20"),
                policies=(quiet,),
            )
            await studio.until(at("21:30:00"))
            assert max(heard.ended_ms for heard in studio.heard()) == at("21:00:00")
            assert {heard.cause for heard in studio.heard()} == {"f1"}
            assert [row.detail for row in studio.journal.rows if row.play.startswith("s1")] == ["quiet"]

    virtual_time.run(story())


def test_a_relay_goes_on_after_quiet_hours_inside_its_slot(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("11:50:00")) as studio:
            noon = Policy(Level.COMMUNE, quiet=(Hours(12 * 3600, 12 * 3600 + 1800),))
            relay = entry("r1", "11:55:00", "b20", kind=Kind.RELAY, length_s=3600, station="vov1")
            studio.adopt(relay, policies=(noon,))
            await studio.until(at("13:10:00"))
            assert [(heard.first_sample_ms, heard.ended_ms) for heard in studio.heard()] == [
                (at("11:55:00"), at("12:00:00")),
                (at("12:30:00"), at("12:55:00")),
            ]
            assert [(row.result, row.final) for row in studio.journal.rows] == [
                (Result.CUT, False),
                (Result.PLAYED, True),
            ]

    virtual_time.run(story())
