"""The lists that wait for somebody's signature: whoever must sign is told on their own pages."""

from datetime import datetime

from controller.accounts import services as accounts
from controller.accounts.models import Person, PersonKey
from controller.core.errors import Refused
from controller.trust import delegating, services
from controller.trust.models import DelegationFile, State
from controller.units.models import Unit


def to_sign(person: Person, now: datetime) -> list[tuple[DelegationFile, Unit]]:
    """Lists that wait for this administrator, who has not signed them, with their units."""
    rows = DelegationFile.objects.filter(state=State.WAITING).exclude(signatures__person=person)
    mine = set(own_units(person, now, [row.unit for row in rows]))
    units = {unit.code: unit for unit in Unit.objects.filter(code__in=mine)}
    return [(row, units[row.unit]) for row in rows.order_by("unit") if row.unit in units]


def others(person: Person, row: DelegationFile, now: datetime) -> list[str]:
    """Names of those who may still sign it, this person left out."""
    keys = _keys(person) | accounts.reported_keys()
    signed = {one.holder for one in row.signatures.all()}
    found = delegating.administrators(services.current_roots(), row.unit, int(now.timestamp()))
    return sorted({one.person for one in found if one.key not in keys} - signed)


def own_units(person: Person, now: datetime, codes: list[str]) -> list[str]:
    """Those of these units of which this person administers the lists."""
    try:
        roots = services.current_roots()
    except Refused:
        return []
    keys, at_s = _keys(person), int(now.timestamp())
    return [code for code in codes if any(row.key in keys for row in delegating.administrators(roots, code, at_s))]


def _keys(person: Person) -> set[bytes]:
    return {bytes(row.public_key) for row in PersonKey.objects.filter(person=person, revoked=None)}
