"""Orders as the pages show them: in words, from the very bytes that are signed; what a stop silences, and the locks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from controller.accounts import services as accounts
from controller.accounts.models import Person
from controller.accounts.rules import Action
from controller.core.errors import Refused
from controller.orders import capacity, locking, people, rollcall, rules, services, wording
from controller.orders.capacity import Reach
from controller.orders.models import EmergencyOrder, State, Stranger
from controller.orders.rules import Standing
from controller.orders.wording import Speech
from controller.units.rules import covers
from controller.units.services import inside, names
from protocol.board import page
from protocol.board.page import Page
from protocol.ids import key_id
from protocol.messages import OWN_WORDS
from protocol.order import SOUNDING, MessageType, Order, Status
from protocol.roles import Role

TOLD_FOR: Final = timedelta(hours=24)
"""So long the other levels read of a commune's own alarm, also when it is over."""
FOR_EVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Card:
    """An order in words."""

    order: EmergencyOrder
    content: Order
    """What is signed, decoded."""
    what: Speech
    standing: Standing
    standing_name: str
    title: str
    text: str
    """What the boxes say, or said before it was ended."""
    before: str
    """Said before each pass."""
    chime_name: str
    """What goes before that."""
    area: str
    status_name: str
    """Empty where it makes no difference: a stop is never a drill."""
    severity_name: str
    role_name: str
    by: str
    """Who has signed it."""
    is_test: bool
    is_real: bool
    in_own_words: bool
    """An officer wrote what is said, and the boxes speak it by themselves."""
    halted: bool = False
    """Speakers in its area are locked; set by `listed`."""

    @property
    def sounds(self) -> bool:
        return self.what is Speech.ALARM

    @property
    def expires(self) -> datetime:
        """Until when it may arrive, and an alarm may be heard."""
        return datetime.fromtimestamp(self.content.expires, UTC)

    @property
    def until(self) -> datetime | None:
        """Of a stop: when it ends by itself."""
        return datetime.fromtimestamp(self.content.until, UTC) if self.content.until is not None else None

    @property
    def by_commune(self) -> bool:
        """One person of a commune gave it, without the level above."""
        return self.content.role is Role.COMMUNE

    @property
    def is_open(self) -> bool:
        """It waits, or is in force."""
        return self.standing in (Standing.SENT, Standing.WAITING)


def card(found: EmergencyOrder, now: datetime) -> Card:
    """An order in words."""
    content, what = services.read(found), wording.speech_of(found)
    until_s = found.until.timestamp() if found.until is not None else None
    standing = rules.standing(
        found.state, found.expires.timestamp(), now.timestamp(), is_stop=what is Speech.STOP, until_s=until_s
    )
    spoken = content if content.sound is not None else _alarm_content(found)
    return Card(
        order=found,
        content=content,
        what=what,
        standing=standing,
        standing_name=wording.standing_name(standing, what),
        title=wording.title(found),
        text=_said(spoken),
        in_own_words=_message(spoken) == OWN_WORDS,
        before=wording.announcement(content.status) if what is Speech.ALARM else "",
        chime_name="" if content.sound is None else wording.chime_name(content.sound.chime),
        area=names(content.area),
        status_name="" if what in (Speech.STOP, Speech.REOPEN) else wording.status_name(content.status),
        severity_name=wording.severity_name(content.severity) if content.sound is not None else "",
        role_name=wording.role_name(content.role),
        by=", ".join(row.holder for row in found.signatures.all()),
        is_test=content.status is Status.TEST,
        is_real=content.status is Status.ACTUAL and what not in (Speech.REOPEN,),
    )


def _message(alarm: Order | None) -> int | bytes | None:
    return None if alarm is None or alarm.sound is None else alarm.sound.message


def _said(alarm: Order | None) -> str:
    """What boxes say that sound this alarm; empty where that is not known."""
    message = _message(alarm)
    if alarm is not None and message == OWN_WORDS:
        return alarm.board
    return wording.message_text(message if isinstance(message, int) else None)


def _alarm_content(found: EmergencyOrder) -> Order | None:
    """Of what a cancel ends, or a reinstatement brings back: the alarm, if the signed bytes name just that one."""
    ended = found.ends
    if ended is None or bytes.fromhex(ended.id) not in services.read(found).references:
        return None
    return services.read(ended) if ended.type in SOUNDING else _alarm_content(ended)


def board_page(found: EmergencyOrder) -> Page | None:
    """What boards will show of it, from the signed bytes; None where they show nothing of it, as of a test."""
    content = services.read(found)
    if content.status is Status.TEST:
        return None
    if content.type in SOUNDING:
        return page.alarm(content)
    alarm = _alarm_content(found)
    return None if alarm is None or content.type is not MessageType.CANCEL else page.cancelled(alarm)


def listed(shown: Card, now: datetime) -> Card:
    """The card as a list shows it: whether every box has ended the order though its time is not over, or is locked."""
    if shown.standing is not Standing.SENT or not shown.sounds:
        return shown
    reaches = {reach for _stop, reach in rollcall.stopped_by(shown.order, now)}
    if Reach.WHOLE in reaches:
        return replace(shown, standing_name=_("loa trong khu vực đang bị khóa"), halted=True)
    if rollcall.ended(shown.order):
        return replace(shown, standing_name=_("mọi hộp đã xong các lượt phát"))
    if Reach.PART in reaches:
        return replace(shown, standing_name=_("đã phát lệnh; một phần khu vực đang bị khóa loa"), halted=True)
    return shown


@dataclass(frozen=True)
class Effect:
    """What an order does to an alarm that runs."""

    card: Card
    reach: Reach
    sentence: str


def effects(shown: Card, level: int, now: datetime) -> list[Effect]:
    """What a stop of this level silences, and what goes on; of its reinstatement, what is heard again."""
    if shown.what not in (Speech.STOP, Speech.REOPEN):
        return []
    return silenced(level, shown.content.area, now)


def silenced(level: int, area: Iterable[str], now: datetime) -> list[Effect]:
    """The alarms that run in or around this area, and what a stop of this level there does to each."""
    units = tuple(area)
    found = (
        (alarm, capacity.reach(level, units, alarm.level or 0, services.read(alarm).area))
        for alarm in rollcall.alarms(now)
    )
    return [
        Effect(card(alarm, now), reach, wording.reach_sentence(reach))
        for alarm, reach in found
        if reach is not Reach.NONE
    ]


@dataclass(frozen=True)
class Lock:
    """Speakers that are silent by order."""

    card: Card
    orders: tuple[str, ...]
    """Ids of the stops that are this lock: more than one where it was composed again."""
    by_level: str
    """The unit as which its signers spoke."""
    missing: int
    """Boxes of the area that have not obeyed it, as far as is known."""
    left: int
    """Boxes that are still locked though it was lifted: they have not heard of that; 0 while it is in force."""
    may_open: bool


def locks(person: Person, now: datetime) -> list[Lock]:
    """What is locked in and around the units that the person may see, the newest first."""
    seen = accounts.where(person, Action.VIEW)
    lasting = EmergencyOrder.objects.filter(type=MessageType.STOP, state__in=(State.SENT, State.LIFTED))
    rows = lasting.select_related("ends").prefetch_related("signatures")
    stops = [stop for stop in rows if concerns(seen, stop.area) and locking.locks(stop, now)]
    return [_lock(person, same, now) for same in _together(stops)]


def in_force(seen: Sequence[str], now: datetime) -> list[Card]:
    """The stops in force in and around these units, the newest first; one that was composed again is one."""
    stops = [stop for stop in locking.stops_in_force(now) if concerns(seen, stop.area)]
    return [card(same[0], now) for same in _together(stops)]


def _lock(person: Person, stops: Sequence[EmergencyOrder], now: datetime) -> Lock:
    stop = stops[0]
    left = {box for one in stops for box in locking.still_locked(one).values_list("pk", flat=True)}
    lifted = stop.state == State.LIFTED
    return Lock(
        card=card(stop, now),
        orders=tuple(one.pk for one in stops),
        by_level=wording.authority_name(stop),
        missing=0 if lifted else rollcall.unanswered(stops),
        left=len(left) if lifted else 0,
        may_open=may_end(person, stop, MessageType.REINSTATE, now),
    )


def _together(stops: Iterable[EmergencyOrder]) -> list[list[EmergencyOrder]]:
    """Stops of one area and one level are one lock to people: pressed twice, or composed again. What lasts longest is
    the first of each.
    """
    found: dict[tuple[frozenset[str], int | None, str], list[EmergencyOrder]] = {}
    for stop in stops:
        found.setdefault((frozenset(stop.area), stop.level, stop.state), []).append(stop)
    for same in found.values():
        same.sort(key=lambda stop: stop.until or FOR_EVER, reverse=True)
    return list(found.values())


def may_end(person: Person, order: EmergencyOrder, kind: MessageType, now: datetime) -> bool:
    """Whether the person could cancel, or reinstate, this: with its level, or a higher one."""
    try:
        return bool(people.ways(person, kind, order.area, now, level=order.level or 0))
    except Refused:
        return False


def told(person: Person, now: datetime) -> list[Card]:
    """Alarms that communes have given by themselves lately, and that are over: so that nobody misses a short one."""
    seen = accounts.where(person, Action.VIEW)
    rows = EmergencyOrder.objects.filter(
        role=Role.COMMUNE, type__in=SOUNDING, sent_at__gt=now - TOLD_FOR
    ).prefetch_related("signatures")
    shown = [card(row, now) for row in rows if concerns(seen, row.area)]
    return [one for one in shown if not one.is_open and not one.is_test]


class Origin(StrEnum):
    """Where an order comes from that this controller did not send, by the key that its id names."""

    BOX = "box"
    """The box itself: somebody has pressed its button, and no other box takes it for anybody's."""
    COMMUNE = "commune"
    """The commune's token, whose panel has not reached this controller; or its signer, by hand."""
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True)
class Foreign:
    """A box that has obeyed an order which was not sent from here."""

    row: Stranger
    origin: Origin


def strangers(person: Person, now: datetime) -> list[Foreign]:
    """Boxes that have lately obeyed an order which this controller did not send, and has not got meanwhile either."""
    mine = inside("box__unit__code", accounts.where(person, Action.VIEW))
    ours = EmergencyOrder.objects.filter(pk=OuterRef("order"))
    rows = Stranger.objects.filter(~Exists(ours), mine, at__gt=now - TOLD_FOR).select_related("box__unit")
    return [Foreign(row, _origin(row, now)) for row in rows.order_by("-at")[:8]]


def _origin(row: Stranger, now: datetime) -> Origin:
    name = bytes.fromhex(row.order)
    if name.startswith(key_id(bytes(row.box.public_key))):
        return Origin.BOX
    unit = "" if row.box.unit is None else row.box.unit.code
    try:
        trust = people.trust_of((unit,) if unit else ())
    except Refused:
        return Origin.ELSEWHERE
    named = trust.holders_of(name[:4], Role.COMMUNE, int(now.timestamp()))
    its_own = any(capacity.rank(holder, Role.COMMUNE, unit) is not None for holder in named) if unit else False
    return Origin.COMMUNE if its_own else Origin.ELSEWHERE


def concerns(seen: Sequence[str], area: Sequence[str]) -> bool:
    """Whether this area lies in, or around, one of the units that somebody may see."""
    return any(covers(unit, code) or covers(code, unit) for unit in seen for code in area)
