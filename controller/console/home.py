"""What the home page says: what must be dealt with now, before what is merely there."""

import datetime as dt
from dataclasses import dataclass

from django.db.models import QuerySet

from controller.accounts import services as accounts
from controller.accounts.models import Person
from controller.accounts.rules import Action
from controller.boxes.models import Stage
from controller.boxes.overview import Line, Tally, judge_all, lines, tallies
from controller.boxes.rules import Level
from controller.boxes.views import seen_by
from controller.console import sounding
from controller.console.sounding import Group
from controller.library.models import Bulletin
from controller.library.models import State as BulletinState
from controller.live import services as live
from controller.live import signatures as voices
from controller.live.models import Speech
from controller.orders import cards, rollcall
from controller.orders.cards import Card, Foreign, Lock, card, concerns
from controller.orders.models import EmergencyOrder
from controller.orders.models import State as OrderState
from controller.orders.services import waits_for
from controller.orders.views import doors
from controller.schedules import exceptions, weather
from controller.schedules.models import BoardLine, QuietException
from controller.trust import waiting
from controller.trust.models import DelegationFile
from controller.units.models import Unit
from controller.units.services import inside
from protocol.order import SOUNDING
from protocol.report import Doing

SHOWN = 8
HEARD = (Level.GOOD, Level.WARNING, Level.EMERGENCY)
"""Levels of boxes that were heard from lately and whose word is worth something."""


@dataclass(frozen=True)
class Home:
    locks: list[Lock]
    """Speakers that are silent by order."""
    live: list[Card]
    """Emergencies that are sounding or may still sound."""
    speaking: list[tuple[Speech, int]]
    """Who speaks live at this moment, or may begin to, and to how many boxes."""
    to_join: list[Speech]
    """Live voices that lack this person's signature."""
    told: list[Card]
    """Alarms that communes gave by themselves in the last day, and that are over."""
    strangers: list[Foreign]
    """Boxes that have obeyed an order which was not sent from here."""
    to_sign: list[Card]
    """Prepared emergencies that lack this person's signature."""
    lists: list[tuple[DelegationFile, Unit]]
    """Lists of people that lack this administrator's signature."""
    exceptions: list[QuietException]
    """Exceptions to quiet hours that lack this person's signature."""
    weather: list[BoardLine]
    """Lines for boards that lack this person's signature."""
    to_approve: list[Bulletin]
    """Bulletins that this person may release."""
    tallies: list[Tally]
    troubled: list[Line]
    """The most urgent boxes, a few."""
    sounding: list[Group]
    """What is heard right now, and of how many boxes."""
    may_write: bool
    may_plan: bool
    doors: dict[str, bool]
    """Which orders the person may give: `orders.views.doors`."""


def home(person: Person, now: dt.datetime) -> Home:
    """Everything that the page shows, for this person at this moment."""
    seen = accounts.where(person, Action.VIEW)
    judged = judge_all(seen_by(person).exclude(state=Stage.RETIRED), now)
    troubled = [box for box in judged if box.level in (Level.FAULT, Level.UNKNOWN)]
    heard = [box for box in judged if box.level in HEARD and box.doing in (Doing.SOUNDING, Doing.EMERGENCY)]
    return Home(
        locks=cards.locks(person, now),
        live=[
            cards.listed(card(order, now), now)
            for order in rollcall.live(now)
            if order.type in SOUNDING and concerns(seen, order.area)
        ],
        speaking=[(row, live.meant(row).count()) for row in live.on_air(now) if concerns(seen, row.area)],
        to_join=voices.to_sign(person, now),
        told=cards.told(person, now),
        strangers=cards.strangers(person, now),
        to_sign=[card(order, now) for order in _to_sign(person, now)],
        lists=waiting.to_sign(person, now),
        exceptions=exceptions.to_sign(person, now),
        weather=weather.to_sign(person, now),
        to_approve=list(_to_approve(person)[:SHOWN]),
        tallies=tallies(judged),
        troubled=lines(troubled[:SHOWN], now),
        sounding=sounding.groups(heard),
        may_write=bool(accounts.where(person, Action.EDIT)),
        may_plan=bool(accounts.where(person, Action.SCHEDULE)),
        doors=doors(person, now),
    )


def _to_sign(person: Person, now: dt.datetime) -> list[EmergencyOrder]:
    """Only what waits for the person's key: somebody of one commune is not asked, nor told, about another's order."""
    if not accounts.where(person, Action.SIGN):
        return []
    unsigned = EmergencyOrder.objects.filter(state=OrderState.WAITING, expires__gt=now)
    return [order for order in unsigned.exclude(signatures__person=person) if waits_for(person, order, now)]


def _to_approve(person: Person) -> QuerySet[Bulletin]:
    if not person.keys.filter(revoked=None).exists():  # nothing waits for whoever can sign nothing
        return Bulletin.objects.none()
    own = inside("unit__code", accounts.where(person, Action.APPROVE))
    ready = Bulletin.objects.filter(own, state=BulletinState.READY).select_related("unit", "author")
    return ready.exclude(author=person).exclude(edited_by=person)
