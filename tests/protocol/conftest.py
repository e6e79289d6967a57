"""Hypothesis on small machines: no deadlines, since a slow moment is not a fault."""

from hypothesis import settings

settings.register_profile("protocol", deadline=None, max_examples=60)
settings.load_profile("protocol")
