"""Who was meant, who has answered, and who must be told again."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from controller.boxes.models import Box
from controller.orders import capacity, rules
from controller.orders.capacity import Reach
from controller.orders.locking import boxes_in, stops_in_force
from controller.orders.models import EmergencyOrder, RollCall, State, Stranger
from controller.orders.rules import Answer, Level, Line
from protocol.order import SOUNDING, MessageType, Status
from protocol.report import Grade, Receipt, Stage


def live(now: datetime) -> list[EmergencyOrder]:
    """Orders that every box of their area should have: sent, not ended by another one, still to be delivered."""
    return list(EmergencyOrder.objects.filter(state=State.SENT, expires__gt=now).order_by("created"))


def alarms(now: datetime) -> list[EmergencyOrder]:
    """Those of the live orders that are to be heard."""
    return [order for order in live(now) if order.type in SOUNDING and order.status != Status.TEST]


def stopped_by(alarm: EmergencyOrder, now: datetime) -> list[tuple[EmergencyOrder, Reach]]:
    """The stops in force that silence this alarm, wholly or in part."""
    return [(stop, _reach(stop, alarm)) for stop in stops_in_force(now) if _reaches(stop, alarm)]


def _reach(stop: EmergencyOrder, alarm: EmergencyOrder) -> Reach:
    return capacity.reach(stop.level or 0, stop.area, alarm.level or 0, alarm.area)


def _reaches(stop: EmergencyOrder, alarm: EmergencyOrder) -> bool:
    return _reach(stop, alarm) in (Reach.PART, Reach.WHOLE)


def owed(now: datetime, boxes: Collection[str] | None = None) -> list[tuple[str, EmergencyOrder]]:
    """(box, order) for each live order that a box has not answered; of these boxes only, if they are given."""
    found: list[tuple[str, EmergencyOrder]] = []
    for order in live(now):
        meant = boxes_in(order.area)
        if boxes is not None:
            meant = meant.filter(pk__in=boxes)
        answers = _answers(order)
        found += [
            (box, order)
            for box in meant.order_by("pk").values_list("pk", flat=True)
            if rules.owed(answers.get(box, ()))
        ]
    return found


def most_urgent(orders: Sequence[EmergencyOrder], limit: int) -> list[EmergencyOrder]:
    """Of so many the most earnest, of these what silences, of the highest level, the most severe, the newest; oldest
    first."""
    ranked = sorted(orders, key=lambda order: order.created, reverse=True)
    ranked.sort(key=lambda order: (order.status, order.type in SOUNDING, order.level or 0, -order.severity))
    return sorted(ranked[:limit], key=lambda order: order.created)


def accepted(now: datetime, boxes: Collection[str]) -> Mapping[str, tuple[bytes, ...]]:
    """By box: ids of the unexpired orders that it has said to have accepted."""
    rows = (
        RollCall.objects.filter(order__expires__gt=now, box_id__in=boxes)
        .exclude(stage=Stage.REJECTED)
        .values_list("box_id", "order_id")
        .distinct()
    )
    found: dict[str, list[bytes]] = defaultdict(list)
    for box, order in rows:
        found[box].append(bytes.fromhex(order))
    return {box: tuple(orders) for box, orders in found.items()}


def record(receipts: Iterable[Receipt], now: datetime) -> list[Receipt]:
    """Store receipts, each stage once; call it in a transaction. Gives back those for orders that are not known here.

    A start that comes again is surer: a pass has ended, and its better grade takes the place of the one before. A later
    rejection takes the place of an earlier one, and so does a later end: what was reinstated may end again.
    """
    known = list(receipts)
    ids = {receipt.order.hex() for receipt in known}
    ours = set(EmergencyOrder.objects.filter(pk__in=ids).values_list("pk", flat=True))
    rows = [_row(receipt, now) for receipt in known if receipt.order.hex() in ours]
    once = [row for row in rows if row.stage not in (Stage.REJECTED, Stage.CANCELLED)]
    RollCall.objects.bulk_create(once, ignore_conflicts=True)
    for row in once:
        if row.stage == Stage.STARTED and row.grade > Grade.CLAIMED:
            answer = RollCall.objects.filter(order=row.order_id, box=row.box_id, stage=Stage.STARTED)
            answer.filter(grade__lt=row.grade).update(grade=row.grade)
    ends = {(order, box): at for order, box, at in _ends(ids)}
    latest: dict[tuple[str, str, int], RollCall] = {}
    for row in rows:
        is_end = row.stage == Stage.CANCELLED
        if row.stage == Stage.REJECTED or (is_end and row.at_ms > ends.get((row.order_id, row.box_id), -1)):
            latest[row.order_id, row.box_id, row.stage] = row
    RollCall.objects.bulk_create(
        latest.values(),
        update_conflicts=True,
        unique_fields=["order", "box", "stage"],
        update_fields=["code", "at_ms", "received"],
    )
    strangers = [receipt for receipt in known if receipt.order.hex() not in ours]
    _keep(strangers, now)
    return strangers


def _keep(strangers: Iterable[Receipt], now: datetime) -> None:
    """What a box has obeyed and nobody here has sent: a commune's panel, a copy by hand, or another controller."""
    obeyed = {one.box: one for one in strangers if one.stage is not Stage.REJECTED}
    Stranger.objects.bulk_create(
        [Stranger(box_id=box, order=one.order.hex(), stage=one.stage, at=now) for box, one in obeyed.items()],
        update_conflicts=True,
        unique_fields=["box"],
        update_fields=["order", "stage", "at"],
    )


@dataclass(frozen=True)
class Row:
    """One box of a sheet."""

    box: Box
    line: Line
    last_seen: datetime | None
    locked: bool = False
    """It has obeyed a stop that is in force: of this alarm nothing is to be heard there."""


@dataclass(frozen=True)
class Sheet:
    """The roll call of one order."""

    rows: tuple[Row, ...]
    """The boxes that were meant; those that are not well first."""
    outside: tuple[Row, ...]
    """Boxes that accepted it and are not (any more) in its area."""

    @property
    def expected(self) -> int:
        return len(self.rows)

    @property
    def good(self) -> int:
        """Boxes that did what the order wants of them."""
        return sum(row.line.level is Level.GOOD for row in self.rows)

    @property
    def proven(self) -> int:
        """Boxes that are proven to have sounded."""
        return sum(row.line.proven for row in self.rows)

    @property
    def unproven(self) -> int:
        """Boxes that say they sounded, by their word alone."""
        return self.sounded - self.proven

    @property
    def sounded(self) -> int:
        """Boxes with a first sample, but for those whose own ear says that nothing came out."""
        return sum(row.line.first_sample_ms is not None and not row.line.not_heard for row in self.rows)

    @property
    def silent(self) -> int:
        """Boxes that have not answered at all."""
        return sum(row.line.stage is None for row in self.rows)

    @property
    def contested(self) -> int:
        """Boxes that refuse its number, which somebody else has used."""
        return sum(row.line.contested for row in self.rows)

    @property
    def complete(self) -> bool:
        """Whether every box that was meant has answered with something final."""
        return all(row.line.level is not Level.BUSY and row.line.stage is not None for row in self.rows)


def sheet(order: EmergencyOrder, now: datetime) -> Sheet:
    """The roll call as it is now."""
    answers = _answers(order)
    sent_ms = int(order.sent_at.timestamp() * 1000) if order.sent_at else None
    kind, status = MessageType(order.type), Status(order.status)
    runs = order.state == State.SENT and kind in SOUNDING
    locked = _locked(order, now) if runs else frozenset()

    def row(box: Box) -> Row:
        state = getattr(box, "status", None)
        is_locked = box.pk in locked
        said = rules.line(kind, status, answers.get(box.pk, ()), sent_ms, runs=runs and not is_locked)
        return Row(box, said, state.last_seen if state else None, is_locked)

    meant = [row(box) for box in boxes_in(order.area).select_related("unit", "status")]
    inside = {one.box.pk for one in meant}
    strangers = Box.objects.filter(pk__in=set(answers) - inside).select_related("unit", "status")
    worst_first = {Level.BAD: 0, Level.BUSY: 1, Level.PLAYED: 2, Level.GOOD: 3}
    meant.sort(key=lambda one: (worst_first[one.line.level], one.box.name, one.box.pk))
    outside = [row(box) for box in strangers]
    return Sheet(tuple(meant), tuple(one for one in outside if one.line.stage not in (None, Stage.REJECTED)))


def ended(order: EmergencyOrder) -> bool:
    """Whether every box that was meant has said that its passes are over."""
    meant = boxes_in(order.area)
    done = RollCall.objects.filter(order=order, stage=Stage.DONE).values("box")
    return meant.exists() and not meant.exclude(pk__in=done).exists()


def unanswered(orders: Sequence[EmergencyOrder]) -> int:
    """How many boxes of the area of these orders, which is the same, have obeyed none of them, as far as is known."""
    obeyed = RollCall.objects.filter(order__in=orders).exclude(stage=Stage.REJECTED).values("box")
    return boxes_in(orders[0].area).exclude(pk__in=obeyed).count()


def _locked(alarm: EmergencyOrder, now: datetime) -> frozenset[str]:
    stops = [stop.pk for stop, _reach in stopped_by(alarm, now)]
    obeyed = RollCall.objects.filter(order__in=stops).exclude(stage=Stage.REJECTED)
    return frozenset(obeyed.values_list("box_id", flat=True))


def _answers(order: EmergencyOrder) -> dict[str, list[Answer]]:
    """By box, without what its obeying a reinstatement has made obsolete."""
    found: dict[str, list[Answer]] = defaultdict(list)
    taken_back = _taken_back(order)
    rows = RollCall.objects.filter(order=order).values_list(
        "box_id", "stage", "code", "first_sample_ms", "at_ms", "grade", "received"
    )
    for box, stage, code, sample, at_ms, grade, received in rows:
        left_s = (order.expires - received).total_seconds()
        answer = Answer(Stage(stage), code, sample, at_ms, Grade(grade), left_s)
        if not (answer.was_ended and at_ms <= taken_back.get(box, -1)):
            found[box].append(answer)
    return found


def _taken_back(order: EmergencyOrder) -> dict[str, int]:
    """By box: when, on its own clock, it last obeyed a reinstatement of what had ended or silenced this order."""
    undone = Q(order__ends__ends=order) | Q(order__also_ends__ends=order)
    if order.state == State.SENT:
        lifted = EmergencyOrder.objects.filter(type=MessageType.STOP, state=State.LIFTED, created__lt=order.expires)
        stops = [stop.pk for stop in lifted if _reaches(stop, order)]
        undone |= Q(order__ends__in=stops) | Q(order__also_ends__in=stops)
    rows = (
        RollCall.objects.filter(undone, order__type=MessageType.REINSTATE)
        .exclude(stage=Stage.REJECTED)
        .values_list("box_id", "at_ms")
        .order_by("at_ms")
    )
    return dict(rows)


def _ends(orders: Collection[str]) -> Iterable[tuple[str, str, int]]:
    return RollCall.objects.filter(order__in=orders, stage=Stage.CANCELLED).values_list("order_id", "box_id", "at_ms")


def _row(receipt: Receipt, now: datetime) -> RollCall:
    return RollCall(
        order_id=receipt.order.hex(),
        box_id=receipt.box,
        stage=receipt.stage,
        code=receipt.code,
        first_sample_ms=receipt.first_sample,
        grade=receipt.grade,
        at_ms=receipt.at,
        received=now,
    )
