"""Whatever happens to the board, the loudspeakers sound the same, sample for sample and row for row (fault 37)."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.drivers.boards.fake import FakeBoard
from agent.ports.board import Picture
from agent.services.board import BoardService, Light
from protocol.board.film import Film
from protocol.board.page import Page
from protocol.board.rendering import Format, render
from protocol.report import FaultCode
from tests.agent.player.studio import Studio, at, entry, order
from tests.support import virtual_time
from tests.support.boards import FONTS
from tests.support.box_parts import parts


class Garbling(FakeBoard):
    """Every other picture meets a driver's defect."""

    async def show(self, picture: Picture) -> None:
        self.history.append(picture)
        if len(self.history) % 2:
            raise RuntimeError("garbage on the line")


def hanging() -> FakeBoard:
    board = FakeBoard()
    board.takes.clear()
    return board


def morning(folder: Path, board: FakeBoard | None) -> tuple[tuple[object, ...], bool]:
    """What is heard and written in a quarter of an hour with an alarm, and whether the board is at fault."""

    async def draw(page: Page) -> Film:
        return render(page, Format(96, 16), FONTS)

    async def story() -> tuple[tuple[object, ...], bool]:
        (folder / "box").mkdir(parents=True)
        with parts(folder / "box") as box:
            async with Studio(folder, wall=at("05:59:00")) as studio:
                studio.adopt(entry("s1", "06:00:00", "b30", "b20"), entry("s2", "06:10:00", "b10"))
                tasks = []
                if board is not None:
                    service = BoardService(
                        board,
                        draw,
                        Light(),
                        clock=studio.clock,
                        store=box.store,
                        holdings=lambda: studio.holdings,
                        faults=box.faults,
                        sounding=lambda: studio.player.sounding,
                        code="ABCD-2EFG",
                        name="Thôn 3",
                    )
                    tasks.append(asyncio.create_task(service.run()))
                await studio.until(at("06:00:20"))
                studio.accept(order(1, studio))
                await studio.until(at("06:15:00"))
                assert all(not task.done() for task in tasks)
                for task in tasks:
                    task.cancel()
                sound = (
                    [(heard.first_sample_ms, heard.ended_ms) for heard in studio.heard()],
                    studio.journal.rows,
                    studio.amplifier.switched,
                    studio.faults,
                )
                return sound, FaultCode.BOARD in {fault.code for fault in box.store.outbox.faults()}

    return virtual_time.run(story())


@pytest.mark.parametrize("make", [FakeBoard, lambda: FakeBoard(is_plugged=False), hanging, Garbling])
def test_fault_37_a_board_that_is_unplugged_hangs_or_reads_garbage_leaves_the_sound_untouched(
    tmp_path: Path, make: Callable[[], FakeBoard]
) -> None:
    alone, _ = morning(tmp_path / "without", None)
    with_board, is_fault = morning(tmp_path / "with", make())
    assert with_board == alone
    rows = alone[1]
    assert isinstance(rows, list)
    assert len(rows) >= 4, "three bulletins and an alarm"
    assert is_fault is (make is not FakeBoard)
