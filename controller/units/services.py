"""Reading the tree, and loading it from the committed facts."""

import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from controller.core.errors import Refused
from controller.core.times import today
from controller.units import rules
from controller.units.models import Succession, Unit, UnitQuerySet


def unit_by_code(code: str, *, field: str = "unit", on: dt.date | None = None) -> Unit:
    """The unit of this code. Raises `Refused` when there is none, or when it is not in force on the day asked."""
    unit = Unit.objects.filter(code=code).first()
    if unit is None:
        raise Refused(
            field,
            _("Không có đơn vị nào mang mã “%(code)s”.") % {"code": code},
            _("Tìm mã đúng ở trang Các đơn vị."),
        )
    if on is not None and not rules.in_force(unit.valid_from, unit.valid_to, on):
        raise Refused(
            field,
            _("Đơn vị %(name)s không còn hiệu lực vào ngày %(day)s.") % {"name": unit.name, "day": f"{on:%d/%m/%Y}"},
            _("Chọn đơn vị kế tục: xem ở trang Các đơn vị."),
        )
    return unit


def path(unit: Unit) -> list[Unit]:
    """The unit with those above it, the highest first."""
    return list(Unit.objects.filter(code__in=rules.above(unit.code)).order_by("code"))


def descendants(unit: Unit, on: dt.date | None = None) -> UnitQuerySet:
    """The unit and all below it; on a day, only those in force then."""
    units = Unit.objects.under(unit.code)
    return units if on is None else units.on(on)


def names(codes: Iterable[str]) -> str:
    """Of the units of these codes, in this order, with commas between; a code of no unit stays a code."""
    wanted = tuple(codes)
    known = dict(Unit.objects.filter(code__in=wanted).values_list("code", "name"))
    return ", ".join(known.get(code, code) for code in wanted)


def inside(field: str, codes: Iterable[str]) -> Q:
    """Rows whose unit code, in this field, is one of these or below: what somebody with a role there may see.

    No codes, no rows.
    """
    found = Q(pk__in=())
    for code in codes:
        found |= Q(**{field: code}) | Q(**{f"{field}__startswith": f"{code}-"})
    return found


def options() -> UnitQuerySet:
    """Today's units, for the list that a form offers (`units/options.html`)."""
    return Unit.objects.on(today(timezone.now()))


def successors(unit: Unit, on: dt.date) -> UnitQuerySet:
    """The units that hold its territory on this day."""
    rows = Succession.objects.values_list("old__code", "new__code", "from_date")
    return Unit.objects.filter(code__in=rules.became(unit.code, [rules.Step(*row) for row in rows], on))


@dataclass(frozen=True)
class Loaded:
    """What `load` found in the files, whether new or not."""

    units: int
    successions: int

    def __str__(self) -> str:
        return _("%(units)d đơn vị, %(successions)d lần kế tục") % {
            "units": self.units,
            "successions": self.successions,
        }


@transaction.atomic
def load(root: str | None = None) -> Loaded:
    """Put the committed facts into the database: add, correct, never delete. May be repeated.

    `root` keeps to one province by its code ("79"); its successions are loaded when both ends are there.
    """
    rows = [row for row in _facts("units.json") if root is None or rules.covers(root, row["code"])]
    known = {unit.code: unit for unit in Unit.objects.all()}
    for row in sorted(rows, key=lambda row: str(row["code"]).count("-")):
        above = row["code"].rpartition("-")[0]
        known[row["code"]], _new = Unit.objects.update_or_create(
            code=row["code"],
            defaults={
                "name": row["name"],
                "kind": row["kind"],
                "parent": known[above] if above else None,
                "valid_from": _day(row["valid_from"]),
                "valid_to": _day(row["valid_to"]),
            },
        )
    steps = [row for row in _facts("successions.json") if row["old"] in known and row["new"] in known]
    for row in steps:
        Succession.objects.update_or_create(
            old=known[row["old"]],
            new=known[row["new"]],
            from_date=dt.date.fromisoformat(row["from_date"]),
            defaults={"decided_by": row["decided_by"], "whole": row["whole"]},
        )
    return Loaded(len(rows), len(steps))


def _facts(name: str) -> list[dict[str, Any]]:
    text = (resources.files("controller.units") / "data" / name).read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = json.loads(text)
    return rows


def _day(text: str | None) -> dt.date | None:
    return dt.date.fromisoformat(text) if text else None
