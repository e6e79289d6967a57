"""What breaks on a pole: devices, files, power, disks. Nothing lost, no wrong sound, and the state is visible."""

import dataclasses
from pathlib import Path

import pytest
from msgspec.structs import replace

from agent.drivers.audio.fake import FakeSounding, FakeSpeaker
from agent.ports.sound import SoundError, Track, files
from agent.services.content import DOUBTED
from protocol.ids import sha256
from protocol.order import Severity, Status
from protocol.report import FaultCode, Result, Stage
from protocol.timeline import HeldOrder
from tests.agent.player.studio import RECORDINGS, Studio, at, entry, order
from tests.support import virtual_time


def test_a_device_pulled_out_and_put_back_continues_where_the_bulletin_would_be(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            studio.adopt(entry("s1", "06:00:00", "b60"))
            await studio.until(at("06:00:20"))
            studio.speaker.unplug()
            await studio.until(at("06:00:25"))
            assert studio.faults == [(FaultCode.AUDIO_DEVICE, True)] * len(studio.faults)
            assert studio.faults
            studio.speaker.plug_in()
            await studio.until(at("06:05:00"))
            first, second = studio.heard()
            assert (first.complete, first.ended_ms) == (False, at("06:00:20"))
            assert second.first_sample_ms < at("06:00:40")
            assert second.ended_ms == at("06:01:00")
            assert [row.result for row in studio.journal.rows] == [Result.CUT, Result.PLAYED]
            assert studio.faults[-1] == (FaultCode.AUDIO_DEVICE, False)
            assert studio.silent_while_powered_ms <= 3000

    virtual_time.run(story())


def test_an_alarm_on_a_device_that_comes_back_is_heard_whole(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("10:00:00")) as studio:
            studio.speaker.unplug()
            studio.accept(order(1, studio))
            await studio.until(at("10:00:05"))
            studio.speaker.plug_in()
            await studio.until(at("10:02:00"))
            assert [heard.complete for heard in studio.heard()] == [True]
            assert [stage for _, stage, _ in studio.stages] == [Stage.STARTED, Stage.DONE]
            assert [row.result for row in studio.journal.rows] == [Result.PLAYED]

    virtual_time.run(story())


def test_an_alarm_uses_up_no_pass_while_the_device_is_away_however_long(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("10:00:00")) as studio:
            studio.speaker.unplug()
            studio.accept(order(1, studio, repeats=3, chime=0, lifetime_s=3600))
            await studio.until(at("10:15:00"))
            studio.speaker.plug_in()
            await studio.until(at("10:20:00"))
            assert [heard.complete for heard in studio.heard()] == [True] * 3
            assert [row.result for row in studio.journal.rows] == [Result.PLAYED] * 3
            assert [stage for _, stage, _ in studio.stages] == [Stage.STARTED, Stage.DONE]

    virtual_time.run(story())


def test_an_alarm_whose_device_never_comes_back_is_written_down_as_missed_once(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("10:00:00")) as studio:
            studio.speaker.unplug()
            studio.accept(order(1, studio, lifetime_s=300))
            await studio.until(at("10:20:00"))
            assert studio.heard() == []
            assert [row.result for row in studio.journal.rows] == [Result.MISSED]
            assert studio.first_samples == [None], "nobody may believe that it was heard"

    virtual_time.run(story())


class _Hanging(FakeSpeaker):
    """A speaker whose device hangs: it takes what it is given, and neither begins nor ends anything."""

    hangs = True

    async def start(self, track: Track) -> FakeSounding:
        sounding = await super().start(dataclasses.replace(track, start_ms=1 << 50) if self.hangs else track)
        if self.hangs:
            sounding.stop = lambda fade_ms: None  # type: ignore[method-assign]
        return sounding

    def work(self) -> None:
        self.hangs = False
        self._tracks = []


def test_a_device_that_takes_a_sound_and_never_begins_is_ill_without_power_and_an_alarm_is_heard_when_it_works(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        studio = Studio(tmp_path, wall=at("10:00:00"))
        studio.speaker = speaker = _Hanging(studio.clock)
        studio.player = studio.build()
        async with studio:
            studio.accept(order(1, studio, chime=0))
            await studio.until(at("10:15:00"))
            assert studio.faults
            assert set(studio.faults) == {(FaultCode.AUDIO_DEVICE, True)}
            assert studio.silent_while_powered_ms <= 10_000, "two tries at most"
            speaker.work()
            await studio.until(at("10:20:00"))
            assert [heard.complete for heard in studio.heard()] == [True]
            assert studio.results() == [(studio.heard()[0].play, Result.PLAYED)]
            assert studio.faults[-1] == (FaultCode.AUDIO_DEVICE, False)

    virtual_time.run(story())


def test_what_waits_for_the_end_of_another_sound_is_not_taken_for_a_hung_device(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("10:00:00")) as studio:
            longer = order(1, studio, message=studio.blob("b40").hash, repeats=2, chime=0)
            studio.change(orders=(HeldOrder(longer, studio.clock.now_ms(), 0, 10_000),))
            await studio.until(at("10:03:00"))
            assert [heard.complete for heard in studio.heard()] == [True, True]
            assert studio.faults == []

    virtual_time.run(story())


def test_a_relay_that_did_not_switch_off_is_told_again_until_it_does(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            studio.adopt(entry("s1", "06:00:00", "b20"), entry("s2", "06:02:00", "b10"))
            await studio.until(at("06:00:10"))
            studio.break_relay()
            await studio.until(at("06:01:00"))
            assert studio.amplifier.on
            studio.mend_relay()
            await studio.until(at("06:01:02"))
            assert not studio.amplifier.on
            await studio.until(at("06:05:00"))
            assert [row.result for row in studio.journal.rows] == [Result.PLAYED] * 2
            assert studio.heard_without_power == []

    virtual_time.run(story())


def test_a_box_that_has_sounded_many_messages_keeps_what_it_may_doubt_of_the_latest(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("10:00:00")) as studio:
            for number in range(1, DOUBTED + 10):
                studio.accept(order(number, studio, message=studio.blob(f"b1-{number}").hash, chime=0))
                await studio.pass_ms(10_000)
            assert len(studio.heard()) == DOUBTED + 9
            assert len(studio.player._content._doubts) == DOUBTED

    virtual_time.run(story())


def test_a_relay_that_fell_off_though_switching_it_off_failed_is_switched_on_for_the_next_alarm(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("10:00:00")) as studio:
            studio.accept(order(1, studio, chime=0))
            await studio.pass_ms(5_000)
            studio.lose_relay()
            while studio.amplifier.on:
                await studio.pass_ms(100)
            studio.mend_relay()
            studio.accept(order(2, studio, chime=0))
            await studio.pass_ms(60_000)
            assert [heard.complete for heard in studio.heard()] == [True, True]
            assert [row.result for row in studio.journal.rows] == [Result.PLAYED] * 2
            assert studio.heard_without_power == []

    virtual_time.run(story())


def test_what_a_relay_that_does_not_switch_on_would_keep_silent_waits_and_is_never_noted_as_heard(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            studio.adopt(entry("s1", "06:00:00", "b20"))
            studio.break_relay()
            await studio.until(at("06:10:00"))
            assert studio.heard() == []
            assert [(row.result, row.started_ms) for row in studio.journal.rows] == [(Result.MISSED, None)]
            studio.accept(order(1, studio, repeats=2, chime=0))
            await studio.until(at("06:20:00"))
            assert studio.heard() == []
            studio.mend_relay()
            await studio.until(at("06:20:01"))
            assert studio.amplifier.on
            await studio.until(at("06:25:00"))
            assert [heard.complete for heard in studio.heard()] == [True, True], "no pass was used up"
            assert studio.heard_without_power == []

    virtual_time.run(story())


def test_what_somebody_asks_for_beside_the_plan_is_refused_while_the_relay_does_not_switch(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("10:00:00")) as studio:
            studio.break_relay()
            with pytest.raises(SoundError, match="the amplifier did not go on"):
                await studio.player.aside.say(files(RECORDINGS.path("1")), "code")
            studio.mend_relay()
            await studio.pass_ms(2_000)
            await studio.player.aside.say(files(RECORDINGS.path("1")), "code")
            assert [heard.play for heard in studio.heard()] == ["code"]
            assert studio.heard_without_power == []

    virtual_time.run(story())


@pytest.mark.parametrize("lead_in_ms", [0, 400, 3_000])
def test_a_track_that_was_handed_over_before_its_relay_failed_does_not_sound(tmp_path: Path, lead_in_ms: int) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00"), lead_in_ms=lead_in_ms) as studio:
            studio.adopt(entry("s1", "06:00:00", "b60"))
            studio.break_relay()
            await studio.until(at("06:00:20"))
            studio.mend_relay()
            await studio.until(at("06:05:00"))
            (heard,) = studio.heard()
            assert at("06:00:20") <= heard.first_sample_ms <= at("06:00:22") + lead_in_ms
            assert heard.complete
            assert studio.heard_without_power == []

    virtual_time.run(story())


def test_a_device_that_never_answers_makes_one_row(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            studio.speaker.unplug()
            studio.adopt(entry("s1", "06:00:00", "b60"))
            await studio.until(at("06:20:00"))
            (row,) = studio.journal.rows
            assert row.result is Result.MISSED
            assert row.detail == "the sound device did not answer"
            assert studio.silent_while_powered_ms <= 3000

    virtual_time.run(story())


def test_a_sound_that_is_not_here_is_missed_once_and_the_next_sounds(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            studio.adopt(entry("s1", "06:00:00", "b20", "b10"))
            path = studio.shelf(studio.blob("b20").hash)
            assert path is not None
            path.unlink()
            await studio.until(at("06:05:00"))
            assert [(row.result, row.detail) for row in studio.journal.rows] == [
                (Result.MISSED, "content not here"),
                (Result.PLAYED, ""),
            ]

    virtual_time.run(story())


def test_a_flipped_bit_is_never_heard_and_the_sound_is_fetched_again(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            studio.adopt(entry("s1", "06:00:00", "b20"))
            path = studio.shelf(studio.blob("b20").hash)
            assert path is not None
            path.write_bytes(path.read_bytes()[:-1] + b"?")
            await studio.until(at("06:05:00"))
            assert studio.heard() == []
            assert studio.damaged == [studio.blob("b20").hash]
            assert [(row.result, row.detail) for row in studio.journal.rows] == [(Result.MISSED, "content damaged")]

    virtual_time.run(story())


def test_a_text_file_that_was_published_as_sound_is_missed_and_named(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            text = b"not a sound"
            (tmp_path / "b20.flac").write_bytes(text)
            (tmp_path / sha256(text).hex()).write_bytes(text)
            studio.adopt(entry("s1", "06:00:00", "b20", "b10"))
            await studio.until(at("06:05:00"))
            first, second = studio.journal.rows
            assert first.result is Result.MISSED
            assert first.detail.startswith("content damaged: ")
            assert second.result is Result.PLAYED
            assert (FaultCode.CONTENT_DAMAGED, True) in studio.faults

    virtual_time.run(story())


def test_a_card_that_stands_still_once_breaks_off_a_pass_which_begins_again_with_its_message(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("10:00:00")) as studio:
            studio.accept(order(1, studio, chime=0))
            await studio.until(at("10:00:06"))
            studio.speaker.stall()
            await studio.until(at("10:02:00"))
            assert [(heard.sources, heard.complete) for heard in studio.heard()] == [
                (("1.ogg",), False),
                (("1.ogg",), True),
            ]
            cut, played = studio.journal.rows
            assert (cut.result, cut.detail) == (Result.CUT, "nothing came of it for 2000 ms: the card stands still")
            assert (played.result, played.detail) == (Result.PLAYED, "")
            assert studio.faults == []

    virtual_time.run(story())


def test_a_card_that_stands_still_again_and_again_costs_the_message_for_some_minutes_and_no_longer(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("10:00:00")) as studio:
            studio.accept(order(1, studio, chime=0))
            for second in (6, 8):
                await studio.until(at(f"10:00:{second:02}"))
                studio.speaker.stall()
            await studio.until(at("10:02:00"))
            assert [heard.sources for heard in studio.heard()][:2] == [("1.ogg",)] * 2
            assert studio.heard()[2].sources[0].startswith("speech:")
            assert studio.journal.rows[-1].detail.startswith("content damaged")
            await studio.until(at("10:10:00"))
            studio.accept(order(2, studio, chime=0))
            await studio.until(at("10:12:00"))
            assert studio.heard()[-1].sources == ("1.ogg",)
            assert studio.results()[-1][1] is Result.PLAYED

    virtual_time.run(story())


def test_a_bulletin_whose_card_stands_still_goes_on_where_it_would_be(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            studio.adopt(entry("s1", "06:00:00", "b60"))
            await studio.until(at("06:00:20"))
            studio.speaker.stall()
            await studio.until(at("06:05:00"))
            assert [heard.ended_ms for heard in studio.heard()] == [at("06:00:20"), at("06:01:00")]
            assert [row.result for row in studio.journal.rows] == [Result.CUT, Result.PLAYED]

    virtual_time.run(story())


def test_the_end_of_the_daemon_fades_writes_and_switches_off(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            studio.adopt(entry("s1", "06:00:00", "b60"))
            await studio.until(at("06:00:20"))
            await studio.stop()
            (heard,) = studio.heard()
            assert at("06:00:20") < heard.ended_ms <= at("06:00:20") + 300
            (row,) = studio.journal.rows
            assert (row.result, row.detail, row.final) == (Result.CUT, "the daemon was stopped", False)
            assert not studio.amplifier.on

    virtual_time.run(story())


def test_what_a_power_cut_left_open_is_closed_and_sounds_again_inside_its_window(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            studio.adopt(entry("s1", "06:00:00", "b60"))
            await studio.until(at("06:00:20"))
            left_open = dict(studio.journal.opened)
            await studio.stop()
            studio.journal.rows.clear()
            studio.journal.opened = left_open
            await studio.until(at("06:01:00"))
            studio.change(awake_ms=studio.clock.now_ms())
            studio.player = studio.build()
            studio.start()
            await studio.until(at("06:10:00"))
            assert [(row.result, row.final) for row in studio.journal.rows] == [
                (Result.CUT, False),
                (Result.PLAYED, True),
            ]
            assert studio.journal.rows[0].detail.startswith("interrupted")
            assert studio.heard()[-1].complete

    virtual_time.run(story())


def test_a_full_disk_does_not_silence_the_programme_and_is_a_fault(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            studio.adopt(entry("s1", "06:00:00", "b60"))
            studio.journal.disk_full = True
            await studio.until(at("06:05:00"))
            assert [heard.complete for heard in studio.heard()] == [True]
            assert (FaultCode.STORE, True) in studio.faults

    virtual_time.run(story())


def test_a_file_that_is_longer_than_announced_does_not_hold_up_the_next(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            long, short = studio.blob("b60"), studio.blob("b10")
            studio.adopt(entry("s1", "06:00:00", "b10", "b5"))
            path = studio.shelf(long.hash)
            assert path is not None
            # The manifest names a sound of 60 s as one of 10 s.
            manifest = studio.holdings.manifest
            assert manifest is not None
            studio.change(
                manifest=replace(
                    manifest,
                    bulletins=tuple(
                        replace(row, sound=long.hash) if row.id == "b10" else row for row in manifest.bulletins
                    ),
                    blobs=tuple(
                        replace(row, hash=long.hash) if row.hash == short.hash else row for row in manifest.blobs
                    ),
                )
            )
            await studio.until(at("06:05:00"))
            first, second = studio.heard()
            assert first.ended_ms <= at("06:00:11")
            assert second.complete

    virtual_time.run(story())


def test_what_nobody_foresaw_is_a_fault_and_a_row_and_never_the_end_of_the_player(tmp_path: Path) -> None:
    def refuse(_: bytes) -> None:
        raise OSError("read-only file system")

    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            studio.may_fail, studio.on_damaged = True, refuse
            studio.adopt(entry("s1", "06:00:00", "b20"), entry("s2", "06:02:00", "b10"))
            path = studio.shelf(studio.blob("b20").hash)
            assert path is not None
            path.write_bytes(b"rot")
            await studio.until(at("06:01:00"))
            number = studio.accept(order(1, studio))
            await studio.until(at("06:03:00"))
            assert [heard.cause for heard in studio.heard()] == [number, "s2"]
            assert len(studio.failures) == 1
            assert studio.results()[0] == ("s1@2026-11-24T06:00:00#1.1", Result.MISSED)
            assert studio.journal.rows[0].detail.startswith("the player failed")
            assert studio.faults[-1] == (FaultCode.AUDIO_DEVICE, False)

    virtual_time.run(story())


def test_a_track_whose_watch_breaks_is_closed_in_the_log_and_the_next_one_sounds(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            studio.may_fail = True
            studio.adopt(entry("s1", "06:00:00", "b20"), entry("s2", "06:02:00", "b10"))
            studio.journal.broken_at = at("06:00:20")
            await studio.until(at("06:03:00"))
            assert [heard.cause for heard in studio.heard()][-1] == "s2"
            assert studio.journal.opened == {}
            assert len(studio.failures) == 1

    virtual_time.run(story())


class _Stumbling(FakeSpeaker):
    """A speaker that meets an error nobody foresaw whenever it is to sound `hopeless`."""

    hopeless = ""
    tries = 0

    async def start(self, track: Track) -> FakeSounding:
        if track.cause == self.hopeless:
            self.tries += 1
            raise RuntimeError("nobody foresaw this")
        return await super().start(track)


def test_an_alarm_that_always_stumbles_is_given_up_after_three_tries_and_a_lower_one_sounds(tmp_path: Path) -> None:
    async def story() -> None:
        studio = Studio(tmp_path, wall=at("09:59:00"))
        studio.may_fail = True
        studio.speaker = speaker = _Stumbling(studio.clock)
        studio.player = studio.build()
        async with studio:
            await studio.until(at("10:00:00"))
            speaker.hopeless = order(1, studio).id.hex()
            studio.accept(order(1, studio, severity=Severity.EXTREME))
            lower = studio.accept(order(2, studio, event="storm"))
            await studio.until(at("10:00:10"))
            assert speaker.tries == 3
            assert speaker.sounding == (f"{lower}#1",)
            await studio.until(at("10:02:00"))
            assert studio.results() == [(f"{speaker.hopeless}#1", Result.MISSED), (f"{lower}#1", Result.PLAYED)]
            assert studio.journal.opened == {}
            assert (FaultCode.AUDIO_DEVICE, True) in studio.faults

    virtual_time.run(story())


def test_a_programme_with_which_no_turn_succeeds_does_not_silence_an_alarm(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("09:59:00")) as studio:
            studio.may_fail = True
            studio.adopt(replace(entry("s1", "10:00:00", "b20"), rule="FREQ=NEVER"))
            await studio.until(at("10:00:00"))
            assert studio.failures
            number = studio.accept(order(1, studio))
            await studio.until(at("10:03:00"))
            assert [(heard.cause, heard.complete) for heard in studio.heard()] == [(number, True)]
            studio.adopt(entry("s2", "10:05:00", "b20"))
            await studio.until(at("10:06:00"))
            assert [heard.cause for heard in studio.heard()] == [number, "s2"]

    virtual_time.run(story())


# An alarm that broke off


SECOND_MS, THIRD_MS = 4_400, 5_900
"""Where the second and the third sentence of the flood message begin, behind a chime of 3 s."""
TAPE_MS = 13_303
"""Chime and message."""


async def broken_off(studio: Studio, at_s: float, away_s: float, **changes: object) -> str:
    """An alarm whose device is away for so long, so many seconds after its first sample; the order's id."""
    studio.speaker.sentences_ms = (SECOND_MS, THIRD_MS)
    alarm = studio.accept(order(1, studio, **{"lifetime_s": 600, **changes}))  # type: ignore[arg-type]
    while not studio.speaker.sounding:
        await studio.pass_ms(10)
    await studio.pass_ms(round(at_s * 1_000))
    studio.speaker.unplug()
    await studio.pass_ms(round(away_s * 1_000))
    studio.speaker.plug_in()
    return alarm


def lengths_ms(studio: Studio) -> list[int]:
    return [heard.ended_ms - heard.first_sample_ms for heard in studio.heard()]


@pytest.mark.parametrize("away_s", [0.3, 6.0])
def test_an_alarm_that_breaks_off_goes_on_where_its_sentence_began_and_its_next_pass_keeps_the_gap(
    tmp_path: Path, away_s: float
) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("10:00:00")) as studio:
            await broken_off(studio, 8.0, away_s, repeats=2, gap_s=7)
            await studio.until(at("10:02:00"))
            _, rest, again = studio.heard()
            assert lengths_ms(studio)[1:] == [TAPE_MS - THIRD_MS, TAPE_MS]
            assert abs(again.first_sample_ms - rest.ended_ms - 7_000) <= 2
            cut, taken_up, _ = studio.journal.rows
            assert (cut.result, cut.final, cut.play) == (Result.CUT, False, taken_up.play)
            assert taken_up.detail == "taken up 5.9 s into it, where its sentence began"
            assert [row.result for row in studio.journal.rows[1:]] == [Result.PLAYED] * 2
            assert [stage for _, stage, _ in studio.stages] == [Stage.STARTED, Stage.DONE]

    virtual_time.run(story())


def test_an_alarm_that_breaks_off_twice_in_one_sentence_goes_on_with_it_both_times(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("10:00:00")) as studio:
            await broken_off(studio, 5.0, 0.3)
            await studio.pass_ms(1_000)
            assert studio.speaker.sounding
            studio.speaker.unplug()
            studio.speaker.plug_in()
            await studio.until(at("10:02:00"))
            assert lengths_ms(studio)[2:] == [TAPE_MS - SECOND_MS]

    virtual_time.run(story())


def test_an_alarm_that_breaks_off_in_its_first_sentence_is_not_called_to_attention_again(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("10:00:00")) as studio:
            await broken_off(studio, 3.5, 0.3)
            await studio.until(at("10:02:00"))
            assert lengths_ms(studio)[1:] == [TAPE_MS - 3_000]

    virtual_time.run(story())


@pytest.mark.parametrize(
    ("at_s", "away_s", "status"),
    [(2.0, 0.3, Status.ACTUAL), (8.0, 11.0, Status.ACTUAL), (9.0, 0.3, Status.EXERCISE)],
    ids=["in its chime", "for longer than ten seconds", "a drill"],
)
def test_an_alarm_is_heard_from_its_beginning_when_it_breaks_off(
    tmp_path: Path, at_s: float, away_s: float, status: Status
) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("10:00:00")) as studio:
            await broken_off(studio, at_s, away_s, status=status)
            await studio.until(at("10:02:00"))
            announcement_ms = 4_511 if status is Status.EXERCISE else 0
            assert lengths_ms(studio)[1:] == [TAPE_MS + announcement_ms]

    virtual_time.run(story())


def test_an_alarm_that_was_taken_up_and_gives_way_to_a_higher_one_begins_again(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("10:00:00")) as studio:
            await broken_off(studio, 8.0, 0.3, chime=0)
            await studio.pass_ms(1_000)
            studio.accept(order(2, studio, message=90, chime=0, severity=Severity.EXTREME))
            await studio.until(at("10:02:00"))
            assert [heard.sources for heard in studio.heard()] == [("1.ogg",), ("1.ogg",), ("90.ogg",), ("1.ogg",)]
            assert lengths_ms(studio)[-1] == TAPE_MS - 3_000

    virtual_time.run(story())


def test_the_first_word_of_an_alarm_that_is_taken_up_waits_for_the_amplifier(tmp_path: Path) -> None:
    """Its chime, which may sound while that settles, is not heard again."""

    async def story() -> None:
        async with Studio(tmp_path, wall=at("10:00:00")) as studio:
            await broken_off(studio, 8.0, 6.0)
            await studio.until(at("10:02:00"))
            _, rest = studio.heard()
            assert lengths_ms(studio)[1:] == [TAPE_MS - THIRD_MS]
            on_ms = max(at_ms for at_ms, on in studio.amplifier.switched if on)
            assert rest.first_sample_ms - on_ms >= studio.lead_in_ms

    virtual_time.run(story())
