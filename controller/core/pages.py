"""What views of every app need: an answer of `Refused` beside its field."""

from django import forms

from controller.core.errors import Refused


def show_refusal(form: forms.BaseForm, refused: Refused) -> None:
    """Put the refusal at its field, or above the form when the form has no such field."""
    form.add_error(refused.field if refused.field in form.fields else None, str(refused))
