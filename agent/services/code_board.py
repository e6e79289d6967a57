"""Shows the enrolment code on the box's board until somebody has approved the box."""

from typing import Final

import structlog

from agent.ports.board import Board, BoardError
from agent.ports.clock import Clock
from agent.ports.store import Trust
from protocol.quantities import SECOND_MS

log = structlog.get_logger()

SHOW_EVERY_MS: Final = 20 * SECOND_MS
"""A sign that is switched on after the box shows it too."""
LOOK_EVERY_MS: Final = 2 * SECOND_MS


class CodeBoard:
    """`run` ends when the box is approved and the board shows its own again."""

    def __init__(self, code: str, board: Board, trust: Trust, clock: Clock) -> None:
        self._code = code
        self._board = board
        self._trust = trust
        self._clock = clock
        self._complained = False

    async def run(self) -> None:
        shown_ms: int | None = None
        while self._trust.broker() is None:
            now = self._clock.boot_ms()
            if shown_ms is None or now - shown_ms >= SHOW_EVERY_MS:
                await self._try(self._code)
                shown_ms = now
            await self._clock.sleep_ms(LOOK_EVERY_MS)
        # A sign keeps its text without power: also a box that was approved while it was off takes the code away.
        while not await self._try(None):
            await self._clock.sleep_ms(SHOW_EVERY_MS)

    async def _try(self, text: str | None) -> bool:
        """Show this, or with None what was there before; a board that does not take it is complained of once."""
        try:
            if text is None:
                await self._board.clear()
            else:
                await self._board.show(text)
        except BoardError as error:
            if not self._complained:
                log.warning("the code is not on the board", reason=str(error))
            self._complained = True
            return False
        self._complained = False
        return True
