"""Survivors that change nothing anybody can see, and why (docs/mutants.md)."""

from typing import Final

EXPLAINED: Final[dict[str, str]] = {}
