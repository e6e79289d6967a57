"""Emergencies: at once, over everything, to the end, and told stage by stage."""

from pathlib import Path

from msgspec.structs import replace

from agent.core.tape import signal_ms
from agent.drivers.clock import KernelTime, SystemClock
from protocol.bulletin import Blob, BulletinClass
from protocol.ids import sha256
from protocol.order import Chime, MessageType, Severity, Status
from protocol.report import ClockQuality, Result, Stage
from tests.agent.player.studio import LEAD_IN_MS, RECORDINGS, Studio, at, entry, order
from tests.support import virtual_time

CHIME_MS = signal_ms(Chime.ATTENTION)
FLOOD_MS = CHIME_MS + RECORDINGS.lengths_ms["1"]


def test_an_order_sounds_at_once_with_chime_and_message_as_often_as_ordered(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("10:00:00")) as studio:
            await studio.until(at("10:00:05"))
            number = studio.accept(order(1, studio, repeats=3, gap_s=5))
            await studio.until(at("10:02:00"))
            assert [heard.sources for heard in studio.heard()] == [("tone:chime", "1.ogg")] * 3
            starts = [heard.first_sample_ms for heard in studio.heard()]
            assert starts[0] == at("10:00:05")
            assert starts[1] - starts[0] == FLOOD_MS + 5000
            assert [stage for _, stage, _ in studio.stages] == [Stage.STARTED, Stage.DONE]
            assert studio.stages[0] == (number, Stage.STARTED, starts[0])
            assert studio.first_samples == [starts[0], starts[0]]
            assert [play for play, _ in studio.results()] == [f"{number}#1", f"{number}#2", f"{number}#3"]
            assert studio.silent_while_powered_ms <= 3000

    virtual_time.run(story())


def test_without_a_chime_the_message_waits_until_the_amplifier_has_settled(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("10:00:00")) as studio:
            await studio.until(at("10:00:05"))
            studio.accept(order(1, studio, chime=0))
            await studio.until(at("10:01:00"))
            (heard,) = studio.heard()
            assert heard.sources == ("1.ogg",)
            assert heard.first_sample_ms == at("10:00:05") + LEAD_IN_MS
            assert heard.complete

    virtual_time.run(story())


def test_an_order_silences_the_programme_which_goes_on_afterwards(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            studio.adopt(entry("s1", "06:00:00", "b60"))
            await studio.until(at("06:00:20"))
            number = studio.accept(order(1, studio))
            await studio.until(at("06:05:00"))
            before, alarm, rest = studio.heard()
            assert at("06:00:20") < before.ended_ms <= at("06:00:20") + 300
            assert alarm.first_sample_ms == before.ended_ms
            assert alarm.cause == number
            assert rest.cause == "s1"
            # What the alarm was late by its fade, the bulletin leaves out rather than overrun.
            assert rest.ended_ms <= at("06:01:00") + FLOOD_MS + 500
            cut, done, played = studio.journal.rows
            assert (cut.result, cut.detail, cut.final) == (Result.CUT, f"emergency: {number}", False)
            assert (done.result, played.result) == (Result.PLAYED, Result.PLAYED)

    virtual_time.run(story())


def test_an_order_sounds_in_quiet_hours_and_under_a_lock(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("03:15:00")) as studio:
            studio.lock()
            studio.accept(order(1, studio))
            await studio.until(at("03:16:00"))
            assert [heard.complete for heard in studio.heard()] == [True]

    virtual_time.run(story())


def test_a_cancelled_order_is_silent_within_300_ms_and_says_cancelled(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("10:00:00")) as studio:
            number = studio.accept(order(1, studio, repeats=10))
            await studio.until(at("10:00:10"))
            studio.cancel(number)
            await studio.until(at("10:10:00"))
            (heard,) = studio.heard()
            assert heard.ended_ms <= at("10:00:10") + 300
            assert [stage for _, stage, _ in studio.stages] == [Stage.STARTED, Stage.CANCELLED]
            assert studio.journal.rows[0].detail == "cancelled"

    virtual_time.run(story())


def test_when_it_expires_while_it_sounds_the_sentence_ends_and_the_loop_stops(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("10:00:00")) as studio:
            studio.accept(order(1, studio, repeats=10, lifetime_s=20))
            await studio.until(at("10:10:00"))
            assert [heard.complete for heard in studio.heard()] == [True, True]
            assert studio.heard()[1].first_sample_ms < at("10:00:20") < studio.heard()[1].ended_ms
            assert [stage for _, stage, _ in studio.stages] == [Stage.STARTED, Stage.EXPIRED]

    virtual_time.run(story())


def test_an_order_that_cannot_start_before_it_expires_never_sounds(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("10:00:00")) as studio:
            await studio.until(at("10:00:01"))
            studio.accept(order(1, studio, lifetime_s=1, chime=0))  # the amplifier needs longer
            await studio.until(at("10:05:00"))
            assert studio.heard() == []
            assert [stage for _, stage, _ in studio.stages] == [Stage.EXPIRED]

    virtual_time.run(story())


def test_the_higher_of_two_orders_goes_first_and_the_other_starts_again(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("10:00:00")) as studio:
            storm = studio.accept(order(1, studio, message=2, severity=Severity.MODERATE))
            await studio.until(at("10:00:06"))
            flood = studio.accept(order(2, studio, severity=Severity.EXTREME))
            await studio.until(at("10:05:00"))
            assert [(heard.cause, heard.complete) for heard in studio.heard()] == [
                (storm, False),
                (flood, True),
                (storm, True),
            ]
            stages = [(order, stage) for order, stage, _ in studio.stages]
            assert sorted(stages) == sorted(
                [(storm, Stage.STARTED), (flood, Stage.STARTED), (flood, Stage.DONE), (storm, Stage.DONE)]
            )

    virtual_time.run(story())


def test_an_update_takes_the_place_of_what_it_refers_to(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("10:00:00")) as studio:
            old = studio.accept(order(1, studio, repeats=10))
            await studio.until(at("10:00:06"))
            update = order(2, studio, message=3, kind=MessageType.UPDATE, references=(bytes([1] * 16),))
            new = studio.accept(update)
            await studio.until(at("10:05:00"))
            assert [(heard.cause, heard.complete) for heard in studio.heard()] == [(old, False), (new, True)]
            stages = [(order, stage) for order, stage, _ in studio.stages]
            assert [stage for order, stage in stages if order == old] == [Stage.STARTED, Stage.CANCELLED]
            assert [stage for order, stage in stages if order == new] == [Stage.STARTED, Stage.DONE]
            assert studio.journal.rows[0].detail == "replaced"

    virtual_time.run(story())


def test_a_drill_is_announced(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("10:00:00")) as studio:
            studio.accept(order(1, studio, status=Status.EXERCISE))
            await studio.until(at("10:01:00"))
            assert [heard.sources for heard in studio.heard()] == [("tone:chime", "90.ogg", "1.ogg")]

    virtual_time.run(story())


def test_a_test_is_done_without_a_sound(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("10:00:00")) as studio:
            number = studio.accept(order(1, studio, status=Status.TEST))
            await studio.until(at("10:01:00"))
            assert studio.heard() == []
            assert [(order, stage) for order, stage, _ in studio.stages] == [(number, Stage.DONE)]

    virtual_time.run(story())


def test_an_order_sounds_with_a_time_that_is_only_roughly_known_but_not_without_any(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("10:00:00")) as studio:
            studio.clock.quality = ClockQuality.FLOOR
            studio.accept(order(1, studio))
            await studio.until(at("10:01:00"))
            assert studio.heard() == []
            studio.clock.quality = ClockQuality.NITZ
            await studio.until(at("10:02:00"))
            assert [heard.complete for heard in studio.heard()] == [True]

    virtual_time.run(story())


def test_a_damaged_recording_is_replaced_by_the_prepared_message_of_the_event_and_fetched_again(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("10:00:00")) as studio:
            blob = studio.blob("b10")
            path = studio.shelf(blob.hash)
            assert path is not None
            path.write_bytes(path.read_bytes()[:-1] + b"?")
            studio.accept(order(1, studio, message=blob.hash))
            await studio.until(at("10:01:00"))
            assert [heard.sources for heard in studio.heard()] == [("tone:chime", "1.ogg")]
            assert studio.damaged == [blob.hash]
            (row,) = studio.journal.rows
            assert row.detail == "content damaged: sounded message 1 instead"
            assert [stage for _, stage, _ in studio.stages] == [Stage.STARTED, Stage.DONE]

    virtual_time.run(story())


def test_an_order_that_names_a_picture_as_its_sound_hands_no_picture_to_the_player(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("10:00:00")) as studio:
            blob = studio.blob("b10")  # a file that sounds: were it handed over, it would be heard
            studio.adopt()
            assert studio.holdings.manifest is not None
            studio.change(manifest=replace(studio.holdings.manifest, blobs=(Blob(blob.hash, blob.size, 0),)))
            studio.accept(order(1, studio, message=blob.hash))
            await studio.until(at("10:01:00"))
            assert [heard.sources for heard in studio.heard()] == [("tone:chime", "1.ogg")]
            assert studio.damaged == []
            (row,) = studio.journal.rows
            assert row.detail == "content is a picture: sounded message 1 instead"

    virtual_time.run(story())


def test_a_recording_that_no_decoder_reads_is_replaced_too(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("10:00:00")) as studio:
            text = "đây không phải là âm thanh".encode()
            (tmp_path / sha256(text).hex()).write_bytes(text)
            studio.accept(order(1, studio, message=sha256(text), event="unknown"))
            await studio.until(at("10:01:00"))
            assert [heard.sources for heard in studio.heard()] == [("tone:chime", "tone:two-tone")]
            assert studio.damaged == []
            assert [result for _, result in studio.results()] == [Result.PLAYED]

    virtual_time.run(story())


def test_a_full_disk_does_not_silence_an_alarm(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("10:00:00")) as studio:
            studio.journal.disk_full = True
            studio.accept(order(1, studio))
            await studio.until(at("10:01:00"))
            assert [heard.complete for heard in studio.heard()] == [True]
            assert studio.faults

    virtual_time.run(story())


def test_a_new_programme_does_not_disturb_an_order_that_sounds(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("10:00:00")) as studio:
            studio.adopt(entry("s1", "09:00:00", "b60"))
            number = studio.accept(order(1, studio, repeats=3))
            await studio.until(at("10:00:06"))
            studio.adopt(entry("p1", "10:00:10", "b60", klass=BulletinClass.PRIORITY))
            await studio.until(at("10:05:00"))
            alarms = [heard for heard in studio.heard() if heard.cause == number]
            assert [heard.complete for heard in alarms] == [True] * 3
            assert studio.heard()[-1].cause == "p1"
            assert studio.heard()[-1].first_sample_ms >= alarms[-1].ended_ms

    virtual_time.run(story())


def test_after_a_restart_the_passes_that_were_heard_are_not_heard_again(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("10:00:00")) as studio:
            number = studio.accept(order(1, studio, repeats=3))
            await studio.until(at("10:00:25"))
            await studio.stop()
            await studio.until(at("10:00:40"))
            now = studio.clock.now_ms()
            studio.change(awake_ms=now, finished=studio.journal.finished(at("09:00:00")))
            studio.player = studio.build()
            studio.start()
            await studio.until(at("10:05:00"))
            assert [heard.complete for heard in studio.heard()] == [True, False, True, True]
            finals = [row.play for row in studio.journal.rows if row.final]
            assert finals == [f"{number}#1", f"{number}#2", f"{number}#3"]
            assert studio.stages[-1][1] is Stage.DONE

    virtual_time.run(story())


def test_a_short_alarm_is_alone_while_it_sounds(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            studio.adopt(entry("s1", "06:00:00", "b60"))
            await studio.until(at("06:00:20"))
            number = studio.accept(order(1, studio, message=studio.blob("b1").hash, chime=0))
            await studio.until(at("06:05:00"))
            before, alarm, rest = studio.heard()
            assert (alarm.cause, rest.cause) == (number, "s1")
            assert before.ended_ms <= at("06:00:20") + 300
            assert alarm.ended_ms - alarm.first_sample_ms == 1000
            assert rest.first_sample_ms >= alarm.ended_ms

    virtual_time.run(story())


def test_a_bulletin_waits_for_an_alarm_that_began_late_and_loses_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            studio.adopt(entry("s1", "06:00:00", "b20"))
            await studio.until(at("05:59:58"))
            number = studio.accept(order(1, studio, message=studio.blob("b2").hash, chime=0))
            await studio.until(at("06:05:00"))
            alarm, bulletin = studio.heard()
            assert alarm.cause == number
            assert alarm.first_sample_ms == at("05:59:58") + LEAD_IN_MS
            assert alarm.ended_ms - alarm.first_sample_ms == 2000
            assert bulletin.first_sample_ms >= alarm.ended_ms
            assert bulletin.ended_ms - bulletin.first_sample_ms == 20_000
            assert [result for _, result in studio.results()] == [Result.PLAYED] * 2

    virtual_time.run(story())


def test_an_alarm_lives_when_somebody_sets_the_clock_of_a_box_that_is_alone(tmp_path: Path) -> None:
    async def story() -> None:
        studio = Studio(tmp_path, wall=at("10:00:00"))
        synchronised, set_by_hand_ms = True, 0
        clock = SystemClock(
            "synchronised",
            kernel=lambda: KernelTime(synchronised, 40 if synchronised else 16_000),
            rtc=tmp_path / "none",
            wall_ms=lambda: studio.clock.now_ms() + set_by_hand_ms,
            boot_ms=studio.clock.boot_ms,
        )
        studio.player = studio.build(clock=clock)
        async with studio:
            await studio.until(at("10:00:01"))
            synchronised = False
            await studio.until(at("10:00:05"))
            studio.accept(order(1, studio, repeats=3, gap_s=30))
            await studio.until(at("10:00:30"))
            set_by_hand_ms = 3 * 3_600_000
            await studio.until(at("10:03:00"))
            assert len(studio.heard()) == 3
            assert [stage for _, stage, _ in studio.stages] == [Stage.STARTED, Stage.DONE]

    virtual_time.run(story())
