"""What others may want to know: whom boxes trust has changed, and so what they will sound."""

from django.dispatch import Signal

trust_changed = Signal()
"""Sent after the transaction; `units` are the units concerned, None for all."""
