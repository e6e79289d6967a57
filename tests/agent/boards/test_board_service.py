"""The board follows what the box holds; what goes wrong with it is a fault, and never the loudspeakers' business."""

import asyncio
from pathlib import Path

from msgspec.structs import replace

from agent.drivers.boards.fake import FakeBoard
from agent.ports.board import BoardError, Picture
from agent.services.board import AGAIN_MS, BoardService
from protocol.board.page import Look, Page
from protocol.board.rendering import Format
from protocol.ids import sha256
from protocol.manifest import Manifest
from protocol.order import MessageType, Status
from protocol.report import FaultCode, Grade, LogRow, Result
from tests.support import virtual_time
from tests.support.boards import service
from tests.support.box_parts import NOW_S, Parts, parts
from tests.support.small_controller import Programme, alert, approval, signed

TEXT = "Trạm y tế tiêm chủng vào thứ Năm."


class Spoken(Programme):
    """A programme whose bulletins carry the words that were signed for."""

    def manifest(self) -> Manifest:
        made = super().manifest()
        bulletins = tuple(replace(bulletin, text=TEXT) for bulletin in made.bulletins)
        papers = tuple(approval(bulletin, text=sha256(TEXT.encode())) for bulletin in bulletins)
        return replace(made, bulletins=bulletins, approvals=papers)


async def in_force(box: Parts, board_s: int = 0) -> None:
    """A bulletin of ten minutes sounds from the next minute on, and is to be read so long."""
    programme = Spoken()
    programme.add("tiem-chung", "2026-11-24T13:01:00", b"a sound", 600_000, board_s=board_s)
    box.trusts().assigned(programme)
    box.store.trust.keep_broker("mqtts://nguon.example.vn:8883")
    fetching = asyncio.create_task(box.fetcher.run())
    await box.clock.sleep_ms(5_000)
    fetching.cancel()
    assert box.store.desired.in_force() is not None


def rows(box: Parts) -> list[LogRow]:
    return list(box.store.outbox.rows_after(0, 100)[1])


def faults(box: Parts) -> list[bool]:
    return [fault.raised for fault in box.store.outbox.faults() if fault.code is FaultCode.BOARD]


def start(box: Parts, board: FakeBoard, drawn: list[Page] | None = None) -> "asyncio.Task[None]":
    pages = [] if drawn is None else drawn
    return asyncio.create_task(service(box, board, drawn=pages.append).run())


async def stop(running: "asyncio.Task[None]") -> None:
    running.cancel()
    await asyncio.wait([running])


def test_one_bulletin_goes_to_voice_and_board_and_the_log_says_what_was_shown(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            await in_force(box)
            board, drawn = FakeBoard(), list[Page]()
            running = start(box, board, drawn)
            await box.clock.sleep_ms(120_000)
            assert drawn[-1] == Page(Look.BULLETIN, "tiem-chung", TEXT, "tiem-chung", "b-tiem-chung")
            assert rows(box) == []
            (open_row,) = box.store.journal.open()
            await box.clock.sleep_ms(600_000)
            await stop(running)
            (row,) = rows(box)
            assert (row.cause, row.bulletin, row.result, row.grade) == (
                "tiem-chung",
                "b-tiem-chung",
                Result.PLAYED,
                Grade.CLAIMED,
            )
            assert row.play == open_row.play
            assert row.play.startswith("board:")
            kind, _, digest = row.sound.partition(":")
            assert (kind, len(digest), row.detail[-64:][:32]) == ("frame", 32, digest)
            assert row.started is not None
            assert row.ended is not None
            assert abs(row.ended - row.started - 600_000) <= 1_000
            assert box.store.journal.heard(0) == (), "what was read was not heard"

    virtual_time.run(main())


def test_fault_34_an_alarm_takes_the_place_of_a_board_page_which_comes_back_afterwards(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            await in_force(box)
            board, drawn = FakeBoard(), list[Page]()
            running = start(box, board, drawn)
            await box.clock.sleep_ms(90_000)
            order = alert(1, at_s=box.clock.now_ms() // 1_000, board="Nước lên nhanh")
            box.inbox.take(signed(order))
            await box.clock.sleep_ms(1_000)
            assert drawn[-1] == Page(Look.ALARM, "Lũ, ngập lụt", "Nước lên nhanh", order.id.hex())
            assert board.picture is not None
            assert board.picture.brightness == 100
            await box.clock.sleep_ms(59_000)
            cancel = alert(2, at_s=NOW_S + 100, type=MessageType.CANCEL, references=(order.id,), sound=None)
            box.inbox.take(signed(cancel))
            await box.clock.sleep_ms(1_000)
            assert drawn[-1].look is Look.CANCELLED
            await box.clock.sleep_ms(600_000)
            assert [page.look for page in drawn if page.look is not Look.CLOCK] == [
                Look.BULLETIN,
                Look.ALARM,
                Look.CANCELLED,
                Look.BULLETIN,
                Look.CANCELLED,
            ], "after a minute the bulletin that still sounds goes first, and then it is said again"
            alarm = order.id.hex()
            assert [row.cause for row in rows(box)] == ["tiem-chung", alarm, alarm, "tiem-chung", alarm]
            await stop(running)

    virtual_time.run(main())


def test_a_page_that_the_alarm_covered_comes_back(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            await in_force(box)
            drawn = list[Page]()
            running = start(box, FakeBoard(), drawn)
            await box.clock.sleep_ms(90_000)
            now_s = box.clock.now_ms() // 1_000
            box.inbox.take(signed(alert(1, at_s=now_s, status=Status.EXERCISE, expires=now_s + 60)))
            await box.clock.sleep_ms(61_000)
            looks = [page.look for page in drawn if page.look is not Look.CLOCK]
            assert looks == [Look.BULLETIN, Look.DRILL, Look.BULLETIN]
            await stop(running)

    virtual_time.run(main())


def test_an_alarm_that_is_done_stands_until_it_expires_also_after_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            await in_force(box)
            order = alert(1, at_s=NOW_S)
            box.inbox.take(signed(order))
            running = start(box, FakeBoard())
            await box.clock.sleep_ms(120_000)
            await stop(running)
            box.keeper.adopted()
            drawn = list[Page]()
            running = start(box, FakeBoard(), drawn)
            await box.clock.sleep_ms(1_000)
            assert drawn[-1].look is Look.ALARM
            await box.clock.sleep_ms(600_000)
            assert Look.CANCELLED not in {page.look for page in drawn}, "it was over, not cancelled"
            assert drawn[-1].look is not Look.ALARM
            await stop(running)

    virtual_time.run(main())


def test_fault_37_a_board_that_is_unplugged_is_a_fault_and_shows_the_current_page_when_it_is_back(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            await in_force(box)
            board, drawn = FakeBoard(), list[Page]()
            running = start(box, board, drawn)
            await box.clock.sleep_ms(40_000)
            board.is_plugged = False
            await box.clock.sleep_ms(120_000)
            assert FaultCode.BOARD in box.faults.active()
            assert drawn[-1].look is Look.BULLETIN
            before = board.picture
            board.is_plugged = True
            await box.clock.sleep_ms(6_000)
            assert FaultCode.BOARD not in box.faults.active()
            assert board.picture not in (None, before)
            assert faults(box) == [True, False]
            await stop(running)
            assert [row.result for row in rows(box)] == [Result.PLAYED]

    virtual_time.run(main())


def test_fault_37_a_page_that_never_reached_the_board_is_missed_in_the_log(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            await in_force(box)
            running = start(box, FakeBoard(is_plugged=False))
            await box.clock.sleep_ms(1_000_000)
            await stop(running)
            (row,) = rows(box)
            assert (row.result, row.started, row.detail) == (
                Result.MISSED,
                None,
                "not shown: the board is not plugged in",
            )

    virtual_time.run(main())


def test_fault_37_a_sign_that_lost_its_page_without_a_word_gets_it_again(tmp_path: Path) -> None:
    """Wrong speed, half a frame, a sign without power: a write is never answered."""

    async def main() -> None:
        with parts(tmp_path) as box:
            await in_force(box)
            board = FakeBoard()
            running = start(box, board)
            await box.clock.sleep_ms(10_000)
            board.picture = None
            await box.clock.sleep_ms(AGAIN_MS + 1_000)
            assert board.picture is not None
            await stop(running)

    virtual_time.run(main())


def test_fault_37_a_board_that_hangs_is_a_fault_and_holds_up_nobody(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            await in_force(box)
            board, drawn = FakeBoard(), list[Page]()
            running = start(box, board, drawn)
            await box.clock.sleep_ms(10_000)
            board.takes.clear()
            await box.clock.sleep_ms(120_000)
            assert FaultCode.BOARD in box.faults.active()
            assert drawn[-1].look is Look.BULLETIN, "what should be shown is known meanwhile"
            assert board.waiting == 1, "no heap of calls behind the one that hangs"
            sent = len(board.history)
            board.takes.set()
            await box.clock.sleep_ms(6_000)
            assert FaultCode.BOARD not in box.faults.active()
            assert len(board.history) >= sent + 2, "the late picture, and the one that is due"
            board.takes.clear()
            await box.clock.sleep_ms(60_000)
            await stop(running)

    virtual_time.run(main())


class Broken(FakeBoard):
    """A driver with a defect of its own."""

    async def show(self, picture: Picture) -> None:
        if len(self.history) == 3:
            self.history.append(None)
            raise ZeroDivisionError
        await super().show(picture)


def test_a_driver_that_raises_what_it_should_not_is_a_fault_and_the_service_goes_on(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            await in_force(box)
            board = Broken()
            running = start(box, board)
            await box.clock.sleep_ms(300_000)
            assert faults(box) == [True, False]
            assert board.picture is not None
            await stop(running)

    virtual_time.run(main())


def test_a_page_that_cannot_be_drawn_is_a_fault_and_the_service_goes_on(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            await in_force(box)
            board, seen = FakeBoard(), list[Page]()

            def drawn(page: Page) -> None:
                seen.append(page)
                if page.look is Look.BULLETIN and len(seen) < 10:
                    raise BoardError("no paint")

            running = asyncio.create_task(service(box, board, drawn=drawn).run())
            await box.clock.sleep_ms(50_000)
            assert board.picture is not None
            await box.clock.sleep_ms(20_000)
            assert FaultCode.BOARD in box.faults.active()
            assert board.picture is None, "the time of a minute ago is not left standing"
            await box.clock.sleep_ms(60_000)
            assert faults(box) == [True, False]
            assert board.picture is not None
            await stop(running)

    virtual_time.run(main())


def test_text_that_runs_is_sent_step_by_step_and_is_one_row_of_the_log(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            await in_force(box)
            board = FakeBoard()
            low: BoardService = service(box, board, Format(96, 16))
            running = asyncio.create_task(low.run())
            await box.clock.sleep_ms(57_000)
            before = len(board.history)
            await box.clock.sleep_ms(10_000)
            assert 150 <= len(board.history) - before <= 220, "twenty frames a second"
            await stop(running)
            assert len(rows(box)) == 1

    virtual_time.run(main())


def test_of_a_bulletin_only_the_words_that_were_signed_for_reach_the_board(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            programme = Programme()
            programme.add("tiem-chung", "2026-11-24T13:01:00", b"a sound", 600_000)
            bulletin = programme.bulletins[0]
            programme.bulletins[0] = replace(bulletin, text="Chữ không ai duyệt")
            box.trusts().assigned(programme)
            box.store.trust.keep_broker("mqtts://nguon.example.vn:8883")
            fetching = asyncio.create_task(box.fetcher.run())
            drawn = list[Page]()
            running = start(box, FakeBoard(), drawn)
            await box.clock.sleep_ms(120_000)
            assert drawn[-1] == Page(Look.BULLETIN, "tiem-chung", "", "tiem-chung", "b-tiem-chung")
            fetching.cancel()
            await stop(running)

    virtual_time.run(main())


def test_a_notice_that_comes_again_and_again_is_written_down_once(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            await in_force(box, board_s=7_200)
            drawn = list[Page]()
            running = start(box, FakeBoard(), drawn)
            await box.clock.sleep_ms(3_600_000)
            await stop(running)
            assert sum(1 for page in drawn if page.look is Look.NOTICE) > 30
            told = [row.detail.split(",")[0] for row in rows(box)]
            assert told == ["shown: bulletin", "shown: notice"]

    virtual_time.run(main())
