"""How far each order has come, from the player to the order book and so to the controller's roll call."""

import structlog

from agent.errors import StoreError
from agent.ports.store import OrderBook
from agent.services.faults import Faults
from agent.services.wake import Wake
from protocol.report import FaultCode, Grade, Stage

log = structlog.get_logger()


class Progress:
    """Stages only go forward, and each is answered once, however often the player says it; a start that turns out to
    be surer is answered again."""

    def __init__(self, book: OrderBook, faults: Faults, reporter: Wake) -> None:
        self._book = book
        self._faults = faults
        self._reporter = reporter

    def note(self, order_hex: str, stage: Stage, at_ms: int, first_sample_ms: int | None, grade: Grade) -> None:
        try:
            news = self._book.progress(bytes.fromhex(order_hex), stage, at_ms, first_sample_ms, grade)
        except StoreError as error:
            self._faults.raised(FaultCode.STORE, str(error))
            return
        if news:
            log.info("order", order=order_hex, stage=stage.name, first_sample_ms=first_sample_ms)
            self._reporter.set()
