"""Wakes the bridge when a message was committed in its own process; a bridge in another process looks every 200 ms."""

import threading
from collections.abc import Callable

_lock = threading.Lock()
_sleepers: list[Callable[[], object]] = []


def on_message(callback: Callable[[], object]) -> Callable[[], None]:
    """Call this, from any thread, after each commit that wrote a message. Gives back what undoes it."""
    with _lock:
        _sleepers.append(callback)

    def forget() -> None:
        with _lock:
            _sleepers.remove(callback)

    return forget


def wake() -> None:
    """Something was committed."""
    with _lock:
        sleepers = tuple(_sleepers)
    for callback in sleepers:
        callback()
