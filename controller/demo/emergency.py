"""The orders of the journey, through the pages: an emergency of two persons, cancelled by one; speakers that one person
stops, and opens again.
"""

from collections.abc import Collection, Mapping

from django.urls import reverse
from django.utils import timezone

from controller.accounts import signing
from controller.demo.layout import PASSPHRASE, Layout
from controller.demo.officer import Officer, signature_fields
from controller.demo.stage import Stage
from controller.orders import rollcall
from controller.orders.models import EmergencyOrder, RollCall
from controller.orders.rules import Level
from protocol.order import Severity, Status
from protocol.report import Stage as OrderStage
from protocol.signing import Family, to_be_signed

FLOOD = 1
ENDED = (OrderStage.DONE, OrderStage.CANCELLED)


class Alarm:
    """One emergency from the first signature to the end."""

    def __init__(self, stage: Stage, people: Mapping[str, Officer]) -> None:
        self._layout = stage.layout
        self._people = people
        self.order = ""
        """Its id in hex, once it was prepared."""

    def raise_in(self, unit: str) -> None:
        """Hoa prepares it and signs, Minh signs: with that it is sent."""
        page = self._people["hoa"].submit(
            reverse("orders:new"),
            message=str(FLOOD),
            area=[unit],
            status=str(int(Status.ACTUAL)),
            severity=str(int(Severity.EXTREME)),
            repeats="3",
            lifetime="60",
            reason="make demo",
        )
        self.order = _last_part(page)
        for username in ("hoa", "minh"):
            self._sign(self.order, username)

    def cancel(self) -> None:
        """Hoa takes it back; her signature alone is enough."""
        page = self._people["hoa"].submit(
            reverse("orders:order", args=[self.order]),
            reverse("orders:cancel", args=[self.order]),
            reason="make demo",
        )
        self._sign(_last_part(page), "hoa")

    @property
    def play(self) -> str:
        """How the names of its plays begin."""
        return f"{self.order}#"

    @property
    def stored_ms(self) -> int:
        """When the second signature was stored, epoch milliseconds."""
        sent_at = EmergencyOrder.objects.get(pk=self.order).sent_at
        assert sent_at is not None
        return round(sent_at.timestamp() * 1000)

    def first_samples(self) -> dict[str, int]:
        """By box: the instant of its first sample, as its signed receipt says."""
        rows = RollCall.objects.filter(order=self.order, first_sample_ms__isnull=False)
        answers = rows.order_by("-first_sample_ms").values_list("box", "first_sample_ms")
        return {box: first_ms for box, first_ms in answers if first_ms is not None}

    def unheard(self) -> set[str]:
        """Boxes that the roll call shows in red, since their own ears have not heard it."""
        sheet = rollcall.sheet(EmergencyOrder.objects.get(pk=self.order), timezone.now())
        return {row.box.pk for row in sheet.rows if row.line.not_heard and row.line.level is Level.BAD}

    def ended(self, boxes: Collection[str]) -> bool:
        """Whether each of these has answered that it has stopped."""
        rows = RollCall.objects.filter(order=self.order, stage__in=ENDED)
        return set(rows.values_list("box", flat=True)) >= set(boxes)

    def _sign(self, order: str, username: str) -> None:
        _sign(self._people[username], self._layout, order)


class Silence:
    """Speakers of one commune that Hoa stops and opens."""

    def __init__(self, stage: Stage, people: Mapping[str, Officer], unit: str) -> None:
        self._layout = stage.layout
        self._hoa = people["hoa"]
        self._unit = unit
        self.stops: list[str] = []
        """Ids of the stops in hex."""

    def stop(self, minutes: int) -> None:
        """Until somebody opens them again where `minutes` is 0. Raises `DemoError` with the page's complaint."""
        page = self._hoa.submit(reverse("orders:stop"), area=[self._unit], until=str(minutes), reason="make demo")
        order = _last_part(page)
        _sign(self._hoa, self._layout, order)
        self.stops.append(order)

    def open(self) -> str:
        """Reinstate the first stop; the id of the order that does."""
        first = self.stops[0]
        page = self._hoa.submit(
            reverse("orders:order", args=[first]), reverse("orders:reinstate", args=[first]), reason="make demo"
        )
        order = _last_part(page)
        _sign(self._hoa, self._layout, order)
        return order

    def obeyed(self, order: str, boxes: Collection[str]) -> bool:
        """Whether each of these boxes has answered that it did what the order wants."""
        rows = RollCall.objects.filter(order=order, stage=OrderStage.DONE)
        return set(rows.values_list("box", flat=True)) >= set(boxes)


def _sign(officer: Officer, layout: Layout, order: str) -> None:
    payload = bytes(EmergencyOrder.objects.get(pk=order).payload)
    message = to_be_signed(payload, Family.ORDER, signing.domain())
    fields = signature_fields(message, layout.key_file(officer.username), PASSPHRASE)
    officer.submit(reverse("orders:order", args=[order]), reverse("orders:sign", args=[order]), **fields)


def _last_part(page: str) -> str:
    return page.rstrip("/").rsplit("/", 1)[-1]
