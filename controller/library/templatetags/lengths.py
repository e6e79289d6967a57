"""How long a sound is, on a page."""

from django import template

from controller.library.wording import length

register = template.Library()


@register.filter
def length_ms(milliseconds: int | None) -> str:
    """ "3 phút 20 giây"; a dash where nothing is known."""
    return "–" if milliseconds is None else length(milliseconds)


@register.filter
def length_s(seconds: int) -> str:
    return length(seconds * 1000)
