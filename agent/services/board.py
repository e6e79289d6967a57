"""Keeps the board in step with what `core.pages` says: asks, draws, sends, and sends again after whatever went wrong.

It is a task of its own and owns nothing of the sound: a board that is unplugged or hangs costs a fault, never a word.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from agent.core import pages
from agent.core.pages import Alarm
from agent.errors import AgentError, StoreError, Told, said, together
from agent.ports.board import Board, BoardError, Picture
from agent.ports.clock import Clock
from agent.ports.journal import Play, PlayJournal
from agent.ports.store import Store
from agent.services.faults import Faults
from protocol.board.film import Film
from protocol.board.page import BLACK, Look, Page
from protocol.board.rendering import text_of
from protocol.quantities import MINUTE_MS, SECOND_MS
from protocol.report import SHOWN, FaultCode, Grade, Result
from protocol.timeline import Holdings, Segment

LOOK_EVERY_MS: Final = 500
"""So late a new page is noticed."""
AGAIN_MS: Final = 30 * SECOND_MS
"""What stands still is sent again: a sign answers nothing, and may have been without power."""
RETRY_MS: Final = 5 * SECOND_MS
PATIENCE_MS: Final = 10 * SECOND_MS
"""A board that takes longer for one picture hangs."""
TRIAL_MS: Final = PATIENCE_MS + 2 * SECOND_MS
"""So long a trial waits for the board."""
NEWS_MS: Final = 12 * 60 * MINUTE_MS
CLOSE_MS: Final = 3 * SECOND_MS
LOGGED: Final = frozenset({Look.ALARM, Look.DRILL, Look.CANCELLED, Look.BULLETIN, Look.NOTICE})
"""Pages that somebody ordered; the time of day and the box's code are nobody's business later."""
ALARMS: Final = frozenset({Look.ALARM, Look.DRILL, Look.CANCELLED})
BOARD_PLAY: Final = "board:"
"""How names of the play log's rows of boards begin."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Light:
    """How bright a board is, in percent, and when it is night."""

    day: int = 100
    night: int = 30
    night_from_s: int = 18 * 3600
    """Seconds of the local day."""
    night_until_s: int = 6 * 3600

    def at(self, second: int, look: Look) -> int:
        """An alarm is as bright at night as by day."""
        if look in ALARMS:
            return self.day
        after, before = second >= self.night_from_s, second < self.night_until_s
        dark = (after or before) if self.night_from_s > self.night_until_s else (after and before)
        return self.night if dark else self.day


class BoardService:
    """`run` until cancelled; then the board goes dark."""

    def __init__(
        self,
        board: Board,
        draw: Callable[[Page], Awaitable[Film]],
        light: Light,
        *,
        clock: Clock,
        store: Store,
        holdings: Callable[[], Holdings],
        faults: Faults,
        sounding: Callable[[], Segment | None],
        code: str,
        name: str,
    ) -> None:
        """`holdings` gives the same object until they change; `sounding` says what the player has in the air.

        `code` is shown until the box is approved, `name` until the programme names the place.
        """
        self._board = board
        self._draw = draw
        self._light = light
        self._clock = clock
        self._store = store
        self._holdings = holdings
        self._faults = faults
        self._sounding = sounding
        self._code = code
        self._name = name
        self._rows = _Rows(store.journal, clock, faults)
        self._of: Holdings | None = None
        """The holdings to which `_alarms` belong."""
        self._alarms: Sequence[Alarm] = ()
        self._page = BLACK
        self._film: Film | None = None
        self._since_ms = 0
        """Boot clock: when the film began."""
        self._sent: Picture | None = None
        self._taken: Picture | None = None
        self._why = ""
        """Why it took the last picture not; empty where it did, or nobody knows yet."""
        self._sent_ms = 0
        self._retry_ms = 0
        self._sending: asyncio.Future[None] | None = None

    @property
    def picture(self) -> Picture | None:
        """What the board has taken last, as far as is known."""
        return self._taken

    async def trial(self) -> None:
        """Send it what it is to show once more; returns when it has taken that. Raises BoardError."""
        self._taken, self._sent, self._why, self._retry_ms = None, None, "", 0
        until_ms = self._clock.boot_ms() + TRIAL_MS
        while self._taken is None and not self._why and self._clock.boot_ms() < until_ms:
            await self._clock.sleep_ms(LOOK_EVERY_MS)
        if self._taken is None:
            raise BoardError(
                said(self._why, "en") or "nothing has been sent to it yet; try again",
                vi=said(self._why, "vi") or "chưa gửi được hình nào cho bảng; hãy thử lại",
            )

    async def run(self) -> None:
        try:
            while True:
                try:
                    await self._turn()
                except Exception as error:  # whatever a page or a driver does, the loudspeakers go on
                    log.exception("the board's service failed")
                    self._film = None
                    self._complain(repr(error))
                    await self._go_dark()  # what stood there may not be true any more
                    await self._clock.sleep_ms(RETRY_MS)
                await self._clock.sleep_ms(self._wait_ms())
        finally:
            self._rows.end()
            await self._go_dark()

    async def _turn(self) -> None:
        page = self._wanted()
        if page != self._page or self._film is None:
            self._rows.end()
            self._film = await self._draw(page)
            self._page, self._since_ms = page, self._clock.boot_ms()
            self._rows.begin(page, self._film)
        if self._is_busy():
            return
        now = self._clock.boot_ms()
        picture = self._picture(self._film)
        due = picture != self._sent or now - self._sent_ms >= AGAIN_MS
        if due and now >= self._retry_ms:
            await self._send(picture)

    def _wanted(self) -> Page:
        now_ms, holdings = self._clock.now_ms(), self._holdings()
        if holdings is not self._of:
            book = self._store.book
            accepted = [(row.order, row.level, row.accepted_ms) for row in book.orders(now_ms - pages.CANCELLED_MS)]
            self._of, self._alarms = holdings, pages.alarms_of(accepted, book.ended())
        site = "" if holdings.assignment is None else holdings.assignment.site
        waits = self._store.trust.broker() is None
        return pages.shows(
            holdings,
            self._alarms,
            now_ms,
            quality=self._clock.reading().quality,
            name=site or self._name,
            code=self._code if waits else None,
            sounding=self._sounding(),
        )

    def _picture(self, film: Film) -> Picture:
        second = pages.second_of_day(self._holdings(), self._clock.now_ms())
        frame = film.at(self._clock.boot_ms() - self._since_ms)
        return Picture(frame, self._light.at(second, self._page.look), text_of(self._page))

    def _is_busy(self) -> bool:
        """Whether the board still has not taken what it was given long ago."""
        if self._sending is not None and self._sending.done():
            self._finish(self._sending)
            self._sending = None
        return self._sending is not None

    async def _send(self, picture: Picture) -> None:
        sending = asyncio.ensure_future(self._board.show(picture))
        self._sent, self._sent_ms = picture, self._clock.boot_ms()
        patience = asyncio.ensure_future(self._clock.sleep_ms(PATIENCE_MS))
        try:
            await asyncio.wait({sending, patience}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            patience.cancel()
        if sending.done():
            self._finish(sending)
        else:
            self._sending = sending
            seconds = PATIENCE_MS // SECOND_MS
            why = Told(
                f"the board has not taken a picture for {seconds} s; look at its cable and power",
                f"bảng không nhận hình nào trong {seconds} giây; hãy xem cáp và nguồn của bảng",
            )
            self._complain(why)

    def _finish(self, sending: asyncio.Future[None]) -> None:
        error = sending.exception()
        if error is None:
            self._faults.cleared(FaultCode.BOARD)
            self._why = ""
            if self._sending is None:
                self._taken = self._sent
                self._rows.shown()
            return
        if not isinstance(error, BoardError):
            log.error("the board's driver failed", error=repr(error))
        self._complain(error.told if isinstance(error, AgentError) else repr(error))

    def _complain(self, why: str) -> None:
        self._taken = None
        self._sent, self._retry_ms = None, self._clock.boot_ms() + RETRY_MS
        self._rows.failed(why)
        self._why = why
        self._faults.raised(FaultCode.BOARD, together([why], 200))

    def _wait_ms(self) -> int:
        change = None if self._film is None else self._film.changes_in_ms(self._clock.boot_ms() - self._since_ms)
        return LOOK_EVERY_MS if change is None else max(1, min(change, LOOK_EVERY_MS))

    async def _go_dark(self) -> None:
        if self._sending is not None and not self._sending.done():
            return
        closing = asyncio.ensure_future(self._board.close())
        done, _ = await asyncio.wait({closing}, timeout=CLOSE_MS / SECOND_MS)
        if done and (error := closing.exception()) is not None:
            log.warning("the board did not go dark", reason=str(error))


class _Rows:
    """One row of the play log for each page that somebody ordered, from its first frame to its last."""

    def __init__(self, journal: PlayJournal, clock: Clock, faults: Faults) -> None:
        self._journal = journal
        self._clock = clock
        self._faults = faults
        self._play: Play | None = None
        self._told: dict[tuple[str, str], int] = {}
        """When a notice was written down, by cause and pictures."""
        self._is_open = False
        self._detail = ""
        self._why = ""

    def begin(self, page: Page, film: Film) -> None:
        now_ms = self._clock.now_ms()
        if page.look not in LOGGED or (page.look is Look.NOTICE and not self._is_news(page, film)):
            return
        self._play = Play(
            play=f"{BOARD_PLAY}{now_ms}",
            cause=page.cause,
            bulletin=page.bulletin,
            sound=f"{SHOWN}{film.digest[:32]}",
            planned_ms=now_ms,
            intended_ms=now_ms,
            emergency=page.look in ALARMS,
        )
        self._detail = f"shown: {page.look}, {len(film.scenes)} pictures, SHA-256 {film.digest}"
        self._is_open, self._why = False, ""

    def _is_news(self, page: Page, film: Film) -> bool:
        """A notice comes every few minutes: it is written down the first time in NEWS_MS."""
        now_ms, name = self._clock.boot_ms(), (page.cause, film.digest)
        self._told = {told: at_ms for told, at_ms in self._told.items() if now_ms - at_ms < NEWS_MS}
        return self._told.setdefault(name, now_ms) == now_ms

    def shown(self) -> None:
        """The board has taken a picture of it."""
        self._why = ""
        if self._play is None or self._is_open:
            return
        self._is_open = True
        with self._kept():
            self._journal.begin(self._play)
            self._journal.started(self._play.play, self._clock.now_ms())

    def failed(self, why: str) -> None:
        self._why = why

    def end(self) -> None:
        play, self._play = self._play, None
        if play is None:
            return
        with self._kept():
            if self._is_open:
                result = Result.CUT if self._why else Result.PLAYED
                detail = f"{self._why}; {self._detail}" if self._why else self._detail
                self._journal.end(play.play, self._clock.now_ms(), result, Grade.CLAIMED, detail)
            else:
                self._journal.missed(play, f"not shown: {self._why or 'it was over before'}")

    @contextlib.contextmanager
    def _kept(self) -> Iterator[None]:
        try:
            yield
        except StoreError as error:
            self._faults.raised(FaultCode.STORE, f"play log: {error}"[:200])
