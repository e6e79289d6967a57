"""Who may open a page at all: everybody who has logged in, unless the view says `public`."""

from collections.abc import Callable
from typing import Final, TypeVar

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from controller.accounts.models import Person

View = TypeVar("View", bound=Callable[..., object])
MARK: Final = "loalang_public"


def public(view: View) -> View:
    """Mark a view that needs no login (the boxes' endpoints sign their requests instead)."""
    setattr(view, MARK, True)
    return view


def is_public(view: Callable[..., object]) -> bool:
    return bool(getattr(view, MARK, False))


def person_of(request: HttpRequest) -> Person:
    """Who asks. `require_login` lets nobody else this far."""
    if not isinstance(request.user, Person):
        raise PermissionDenied
    return request.user
