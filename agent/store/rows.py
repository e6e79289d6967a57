"""What SQLite gives back."""

from typing import Any


def typed(value: object) -> Any:
    """A row or a value: its types are those of the schema, which no checker reads."""
    return value
