"""What a key counts for, on the page of the person who has it."""

from urllib.parse import urlsplit

from django import template
from django.conf import settings
from django.template import Context
from django.utils import timezone

from controller.accounts import services as accounts
from controller.accounts.models import Person, PersonKey
from controller.boxes.models import Box
from controller.core.errors import Refused
from controller.trust import losing, offices, reaching
from controller.trust.services import current_roots
from controller.trust.standing import standing

register = template.Library()


@register.inclusion_tag("trust/key.html")
def counts_for(key: PersonKey) -> dict[str, object]:
    """What boxes let this key sign, where; or that nobody has listed it yet, and whom to call."""
    public, now = bytes(key.public_key), timezone.now()
    if key.revoked:
        return {"loss": losing.consequences(public, now), "key": key}
    return {"standing": standing(public, now), "key": key}


@register.inclusion_tag("trust/gaps.html", takes_context=True)
def missing_offices(context: Context, action: str = "") -> dict[str, object]:
    """Why whoever reads the page sees no button for what a list gives them: for this action, or, where none is named,
    for whoever can use nothing of what they were given.
    """
    person = context.get("user")
    found = offices.gaps_of(person, timezone.now()) if isinstance(person, Person) else ()
    if action:
        return {"gaps": [one for one in found if one.action == action], "own": True}
    idle = not any(accounts.where(person, one) for one in set(offices.NEEDS.values()))
    return {"gaps": found if idle else (), "own": True}


@register.inclusion_tag("trust/held.html")
def held_lists(box: Box) -> dict[str, object]:
    """Which roots and lists the box holds, and where it is behind."""
    return {"held": reaching.held(box)}


@register.inclusion_tag("trust/address.html", takes_context=True)
def passkey_address(context: Context) -> dict[str, object]:
    """Whether a passkey that is made at this address could be listed: the roots name the addresses."""
    try:
        parties = current_roots().parties
    except Refused:
        return {}
    host, scheme = context["request"].get_host(), context["request"].scheme
    here = {f"{scheme}://{host}", *settings.LOALANG.origins}
    name = urlsplit(f"//{host}").hostname
    fits = any(one.id == name and here & set(one.origins) for one in parties)
    return {} if fits else {"here": host, "addresses": ", ".join(url for one in parties for url in one.origins)}
