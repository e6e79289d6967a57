"""Every sound is read whole before it is heard; a card that takes its time for that keeps no alarm waiting."""

import asyncio
from pathlib import Path

from agent.services.checks import Bytes, Checks
from agent.store.hashing import digest_aside
from protocol.ids import sha256
from protocol.manifest import Kind
from protocol.report import Result
from tests.agent.player.studio import Studio, at, entry, order
from tests.support import virtual_time

SONGS = tuple(f"b{seconds}" for seconds in range(5, 45))


def test_fault_34_an_alarm_does_not_wait_while_the_songs_of_a_station_are_read(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:58:00")) as studio:
            studio.adopt(
                entry("s1", "05:58:30", "b90"),
                entry("r1", "06:00:00", *SONGS, kind=Kind.RELAY, station="vov1", length_s=1800),
            )
            studio.card_takes_ms = 200
            await studio.until(at("05:59:59") + 500)
            asked_ms = studio.clock.now_ms()
            alarm = studio.accept(order(1, studio))
            await studio.until(at("06:01:00"))
            programme, message = studio.heard()[:2]
            assert programme.ended_ms <= asked_ms + 300
            assert message.cause == alarm
            assert message.first_sample_ms <= asked_ms + 300

    virtual_time.run(story())


def test_a_station_begins_in_time_with_those_of_its_songs_that_have_been_read(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:58:00")) as studio:
            studio.adopt(entry("r1", "06:00:00", *SONGS, kind=Kind.RELAY, station="vov1", length_s=600))
            studio.card_takes_ms = 200
            await studio.until(at("06:15:00"))
            (row,) = studio.journal.rows
            assert (row.result, row.started_ms) == (Result.PLAYED, at("06:00:00"))
            assert "of 40 sounds could be read in time" in row.detail

    virtual_time.run(story())


def test_what_was_read_is_not_read_again_at_every_turn(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:58:00")) as studio:
            studio.adopt(entry("r1", "06:00:00", *SONGS[:9], kind=Kind.RELAY, station="vov1", length_s=600))
            studio.card_takes_ms = 500
            await studio.until(at("06:01:00"))
            studio.accept(order(1, studio))
            await studio.until(at("06:05:00"))
            assert [heard.play[:2] for heard in studio.heard()] == ["r1", "01"], "the station sounds again"
            assert studio.speaker.sounding
            assert len(studio.has_read) == 9

    virtual_time.run(story())


def test_bytes_that_were_exchanged_since_they_were_read_are_never_heard(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            studio.adopt(entry("s1", "06:00:00", "b10"), entry("s2", "06:01:00", "b10"))
            await studio.until(at("06:00:30"))
            path = studio.shelf(studio.blob("b10").hash)
            assert path is not None
            path.write_bytes(path.read_bytes()[:-1] + b"?")
            await studio.until(at("06:05:00"))
            assert [heard.cause for heard in studio.heard()] == ["s1"]
            assert studio.damaged == [studio.blob("b10").hash]

    virtual_time.run(story())


def test_a_damaged_file_on_a_slow_card_is_missed_once(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            studio.adopt(entry("s1", "06:00:00", "b20"))
            studio.card_takes_ms = 700
            path = studio.shelf(studio.blob("b20").hash)
            assert path is not None
            path.write_bytes(b"rot")
            await studio.until(at("06:05:00"))
            assert [(row.result, row.detail) for row in studio.journal.rows] == [(Result.MISSED, "content damaged")]
            assert len(studio.has_read) == 1

    virtual_time.run(story())


def test_a_card_that_stands_still_costs_a_bulletin_and_an_alarm_has_its_stand_in(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            studio.adopt(entry("s1", "06:00:00", "b20"), extra=("b15",))
            studio.card_takes_ms = 3_600_000
            await studio.until(at("06:01:00"))
            alarm = studio.accept(order(1, studio, message=studio.blob("b15").hash))
            await studio.until(at("06:03:00"))
            bulletin, message = studio.journal.rows
            assert (bulletin.result, bulletin.detail) == (
                Result.MISSED,
                "content not here: the card does not give it",
            )
            assert message.result is Result.PLAYED
            assert message.detail.startswith("content not here: the card does not give it: sounded message")
            (heard,) = studio.heard()
            assert heard.cause == alarm
            assert heard.first_sample_ms <= at("06:01:10")

    virtual_time.run(story())


def test_a_long_bulletin_on_a_card_that_goes_on_giving_is_heard(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            studio.adopt(entry("s1", "06:00:00", "b20"))
            studio.card_takes_ms, studio.card_chunks = 1_000, 12
            await studio.until(at("06:02:00"))
            assert [row.result for row in studio.journal.rows] == [Result.PLAYED]

    virtual_time.run(story())


def test_an_alarm_does_not_wait_for_a_long_recording_on_a_card_that_goes_on_giving(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("06:00:00")) as studio:
            studio.adopt(extra=("b15",))
            studio.card_takes_ms, studio.card_chunks = 1_000, 30
            asked_ms = studio.clock.now_ms()
            studio.accept(order(1, studio, message=studio.blob("b15").hash))
            await studio.until(at("06:01:00"))
            (row,) = studio.journal.rows
            assert row.detail.startswith("content not here: the card does not give it: sounded message")
            assert studio.heard()[0].first_sample_ms <= asked_ms + 10_000

    virtual_time.run(story())


def test_what_could_not_be_read_once_while_nobody_waited_for_it_is_read_again_a_day_later(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            studio.card_takes_ms = 700
            path = tmp_path / "sound"
            path.write_bytes(b"approved")
            checks = Checks(studio.clock, studio.read, lambda: None)
            studio.card_fails = True
            assert await checks.look((path, sha256(b"approved"))) == [Bytes.UNKNOWN]
            await studio.pass_ms(3_000)
            studio.card_fails = False
            await studio.pass_ms(86_400_000)
            assert await checks.look((path, sha256(b"approved"))) == [Bytes.UNKNOWN]
            await studio.pass_ms(3_000)
            assert await checks.look((path, sha256(b"approved"))) == [Bytes.APPROVED]

    virtual_time.run(story())


def test_a_file_that_was_exchanged_since_it_was_found_bad_is_read_again(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            studio.card_takes_ms = 700
            path = tmp_path / "sound"
            path.write_bytes(b"rot")
            checks = Checks(studio.clock, studio.read, lambda: None)
            assert await checks.look((path, sha256(b"approved"))) == [Bytes.UNKNOWN]
            await studio.pass_ms(1_000)
            path.write_bytes(b"approved")
            assert await checks.look((path, sha256(b"approved"))) == [Bytes.UNKNOWN]
            await studio.pass_ms(1_000)
            assert await checks.look((path, sha256(b"approved"))) == [Bytes.APPROVED]

    virtual_time.run(story())


def test_a_file_is_read_beside_the_loop(tmp_path: Path) -> None:
    path = tmp_path / "sound"
    path.write_bytes(b"approved")
    assert asyncio.run(digest_aside(path)) == sha256(b"approved")
    assert asyncio.run(digest_aside(tmp_path / "nowhere")) is None
