"""Wrong passwords, counted by name and by the address that they come from.

A count by name alone would let a stranger lock every signer out on the night of the flood; so whoever guesses locks out
the own address and nobody else's. Behind a TLS proxy on another machine, FORWARDED_ALLOW_IPS must name that proxy
(uvicorn reads it), else all people come from its one address.
"""

import datetime as dt
import ipaddress
from typing import Final

from django.db import transaction
from django.db.models import F

from controller.accounts import rules
from controller.accounts.models import FailedLogin, Person
from controller.accounts.services import audit

NAMES_PER_ADDRESS: Final = 50
"""Beyond these, all other names of an address that nobody has are counted as one: nobody fills the table with names.

A name that somebody has always counts by itself: behind a shared address, another's junk makes no colleague wait.
"""
OTHERS: Final = ""
IPV6_NETWORK: Final = 64
"""Bits of an IPv6 address that one customer has (RFC 6177); the rest is theirs to change at will."""


def address_of(remote: str) -> str:
    """What counts as one sender: an IPv4 address, or the network of an IPv6 one."""
    try:
        address = ipaddress.ip_address(remote)
    except ValueError:
        return remote[:45]
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, IPV6_NETWORK), strict=False))
    return str(address)


@transaction.atomic
def begin(username: str, address: str, now: dt.datetime) -> dt.timedelta:
    """Count an attempt as failed until `succeeded` says otherwise; zero if it may be made, else how long to wait.

    An attempt that has to wait is not counted: somebody who goes on typing does not wait longer for it. Attempts made
    at once are each counted before a password is looked at.
    """
    FailedLogin.objects.filter(last__lt=now - rules.FORGIVEN_AFTER).delete()
    row = _row(username, address, now)
    wait = rules.login_wait(row.count, row.last, now)
    if wait:
        return wait
    FailedLogin.objects.filter(pk=row.pk).update(count=F("count") + 1, last=now)
    return dt.timedelta(0)


@transaction.atomic
def failed(username: str, address: str) -> None:
    """The attempt was wrong. The audit hears of the 1st, 2nd, 4th, 8th …: a guesser cannot fill it either."""
    row = _find(username, address)
    if row is not None and row.count & (row.count - 1) == 0:
        audit(None, "login.failed", f"person:{username}"[:120], address=address, failures=row.count)


def succeeded(username: str, address: str) -> None:
    """The attempt was right: this person's count at this address begins anew."""
    FailedLogin.objects.filter(username=username, address=address).delete()


def _row(username: str, address: str, now: dt.datetime) -> FailedLogin:
    known = FailedLogin.objects.filter(username=username, address=address).first()
    if known is not None:
        return known
    many = (
        FailedLogin.objects.filter(address=address).count() >= NAMES_PER_ADDRESS
        and not Person.objects.filter(username=username).exists()
    )
    row, _new = FailedLogin.objects.get_or_create(
        username=OTHERS if many else username, address=address, defaults={"count": 0, "last": now}
    )
    return row


def _find(username: str, address: str) -> FailedLogin | None:
    rows = FailedLogin.objects.filter(username__in=(username, OTHERS), address=address)
    return rows.order_by("-username").first()
