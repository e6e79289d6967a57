"""What a key counts for, on the page of the person who has it."""

from django import template
from django.utils import timezone

from controller.accounts.models import PersonKey
from controller.trust.standing import standing

register = template.Library()


@register.inclusion_tag("trust/key.html")
def counts_for(key: PersonKey) -> dict[str, object]:
    """What boxes let this key sign, where; or that nobody has listed it yet, and whom to call."""
    found = None if key.revoked else standing(bytes(key.public_key), timezone.now())
    return {"standing": found, "key": key}
