"""Which speakers are locked: the stops in force, what they leave, and whether one more would lock anything more."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from django.db import models
from django.utils.translation import gettext as _

from controller.boxes.models import Box
from controller.boxes.models import Stage as BoxStage
from controller.core.errors import Refused
from controller.core.times import shown
from controller.orders.composing import Stop
from controller.orders.models import EmergencyOrder, RollCall, State
from controller.units.rules import covers
from controller.units.services import inside
from protocol.order import MessageType
from protocol.report import Stage

WORTH_A_LOCK: Final = timedelta(minutes=10)
"""A stop that would keep speakers locked longer by less than this is the one in force, pressed once more."""
MAX_ENDED: Final = 8
"""So many orders may one name that it ends (protocol/README, `references`)."""


def boxes_in(area: Iterable[str]) -> models.QuerySet[Box]:
    """The boxes in use at or below these units."""
    return Box.objects.filter(inside("unit__code", area), state=BoxStage.APPROVED).select_related("unit")


def locks(order: EmergencyOrder, now: datetime) -> bool:
    """Whether this stop keeps speakers silent now, be it only those that have not heard that it was lifted."""
    if order.type != MessageType.STOP or (order.until is not None and now >= order.until):
        return False
    return order.state == State.SENT or (order.state == State.LIFTED and still_locked(order).exists())


def still_locked(stop: EmergencyOrder) -> models.QuerySet[Box]:
    """The boxes that have obeyed this stop and have not answered to its end."""
    accepted = RollCall.objects.exclude(stage=Stage.REJECTED)
    obeyed = accepted.filter(order=stop).values("box")
    opened = accepted.filter(models.Q(order__ends=stop) | models.Q(order__also_ends=stop)).values("box")
    return Box.objects.filter(pk__in=obeyed, state=BoxStage.APPROVED).exclude(pk__in=opened)


def stops_in_force(now: datetime) -> models.QuerySet[EmergencyOrder]:
    """Every stop that was sent, was not lifted, and has not ended by itself; the newest first."""
    lasting = models.Q(until=None) | models.Q(until__gt=now)
    return EmergencyOrder.objects.filter(lasting, type=MessageType.STOP, state=State.SENT)


def locked_otherwise(opening: EmergencyOrder, now: datetime) -> list[EmergencyOrder]:
    """The stops in force that keep speakers of its area locked though this reinstatement is obeyed."""
    ended = {opening.ends_id, *opening.also_ends.values_list("pk", flat=True)}
    return [
        stop
        for stop in stops_in_force(now).exclude(pk__in=ended)
        if any(covers(unit, code) or covers(code, unit) for unit in stop.area for code in opening.area)
    ]


def must_lock_more(wanted: Stop, level: int, now: datetime) -> None:
    """Refuse a stop that adds nothing: of the same level or a higher one is another in force that locks as much for as
    long, and that every box there has obeyed or is still being told.
    """
    end = None if wanted.lock_s is None else now + timedelta(seconds=wanted.lock_s)

    def is_enough(stop: EmergencyOrder) -> bool:
        long = stop.until is None or (end is not None and end < stop.until + WORTH_A_LOCK)
        return long and (stop.level or 0) <= level

    enough = [stop for stop in stops_in_force(now) if is_enough(stop)]
    found = [
        next((stop for stop in enough if any(covers(unit, code) for unit in stop.area)), None) for code in wanted.area
    ]
    stops = {stop.pk: stop for stop in found if stop is not None}
    if None in found or any(now >= stop.expires and _deaf(stop, wanted.area).exists() for stop in stops.values()):
        return
    stop = next(iter(stops.values()))
    raise Refused(
        "area",
        _("Loa ở đây đang bị khóa rồi: %(who)s, từ %(since)s, %(until)s.")
        % {
            "who": ", ".join(row.holder for row in stop.signatures.all()),
            "since": shown(stop.sent_at or stop.created),
            "until": _("đến %(at)s") % {"at": shown(stop.until)} if stop.until else _("đến khi có người mở lại"),
        },
        _("Không cần dừng thêm. Lệnh đang khóa nằm ngay dưới; muốn khóa lâu hơn thì chọn thời gian dài hơn."),
    )


def with_it(of: EmergencyOrder, level: int, now: datetime) -> list[EmergencyOrder]:
    """What the reinstatement of this one takes back too, as far as a signer of this level may: the other locks at and
    below its area, or the other cancels of the same alarm. Each of them alone would keep silent what it brings back.
    """
    if of.type == MessageType.CANCEL:
        rivals = EmergencyOrder.objects.filter(type=MessageType.CANCEL, ends=of.ends, state=State.SENT)
    else:
        rivals = EmergencyOrder.objects.filter(type=MessageType.STOP, state__in=(State.SENT, State.LIFTED))
    found = (
        one
        for one in rivals.exclude(pk=of.pk)
        if (one.level or 0) >= level
        and all(any(covers(unit, code) for unit in of.area) for code in one.area)
        and (one.type == MessageType.CANCEL or locks(one, now))
    )
    return list(islice(found, MAX_ENDED - 1))


def waiting_stops(key: bytes, area: Iterable[str]) -> models.QuerySet[EmergencyOrder]:
    """Stops of exactly this area that wait for the signature of this key."""
    rows = EmergencyOrder.objects.filter(type=MessageType.STOP, state=State.WAITING, first_signer=key)
    return rows.filter(pk__in=[row.pk for row in rows if set(row.area) == set(area)])


def lock_s(stop: EmergencyOrder) -> int | None:
    return None if stop.until is None else int((stop.until - stop.issued).total_seconds())


def _deaf(stop: EmergencyOrder, area: Iterable[str]) -> models.QuerySet[Box]:
    """The boxes of this area that have not obeyed the stop, as far as is known."""
    obeyed = RollCall.objects.filter(order=stop).exclude(stage=Stage.REJECTED).values("box")
    return boxes_in(area).exclude(pk__in=obeyed)
