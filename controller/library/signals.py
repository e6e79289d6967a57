"""What the apps above are told: `approved_content_changed` — what may be sounded is not what it was."""

from django.dispatch import Signal

approved_content_changed = Signal()
"""Sent inside the transaction, by `Bulletin`."""
