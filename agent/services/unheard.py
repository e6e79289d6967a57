"""The fault NOT_HEARD has two reasons, the file and the way to the horn: it is over when neither is left."""

from agent.services.play_log import OnFault
from protocol.report import FaultCode


class Unheard:
    """Each reason raises and clears for itself; the fault is told with the first, and cleared with the last."""

    def __init__(self, on_fault: OnFault) -> None:
        self._on_fault = on_fault
        self._reasons: set[str] = set()

    def raised(self, reason: str, detail: str) -> None:
        self._reasons.add(reason)
        self._on_fault(FaultCode.NOT_HEARD, True, detail)

    def cleared(self, reason: str, detail: str) -> None:
        self._reasons.discard(reason)
        if not self._reasons:
            self._on_fault(FaultCode.NOT_HEARD, False, detail)

    def has(self, reason: str) -> bool:
        """Whether this reason stands."""
        return reason in self._reasons
