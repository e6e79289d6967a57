"""What views of every app need: an answer of `Refused` beside its field, and the live part of a page alone."""

from django import forms
from django.http import HttpRequest

from controller.core.errors import Refused


def show_refusal(form: forms.BaseForm, refused: Refused) -> None:
    """Put the refusal at its field, or above the form when the form has no such field."""
    form.add_error(refused.field if refused.field in form.fields else None, str(refused))


def is_live(request: HttpRequest) -> bool:
    """Whether htmx asks for the live part of a page only, not for the whole page (htmx.org/docs/#request-headers)."""
    return request.headers.get("HX-Request") == "true" and request.headers.get("HX-Boosted") != "true"
