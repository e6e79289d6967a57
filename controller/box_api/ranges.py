"""Byte ranges of RFC 9110 §14: one range, or the whole. Pure."""

import re
from dataclasses import dataclass
from typing import Final

_ONE: Final = re.compile(r"bytes=(\d{0,19})-(\d{0,19})")


@dataclass(frozen=True)
class Span:
    """The bytes from `start` to before `stop`."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        return self.stop - self.start


class NotSatisfiable(Exception):  # noqa: N818 - RFC 9110's word
    """The range begins at or after the end: 416."""


def wanted(header: str | None, if_range: str | None, size: int, etag: str) -> Span | None:
    """The span that the request asks for; None for the whole.

    What is not understood, several ranges, and a range of another version (`If-Range`) get the whole, as §14.2 allows.
    Raises `NotSatisfiable`.
    """
    if header is None or (if_range is not None and if_range.strip() != etag):
        return None
    match = _ONE.fullmatch(header.replace(" ", ""))
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if first == "":
        length = min(int(last), size)
        if length == 0:
            raise NotSatisfiable
        return Span(size - length, size)
    start, stop = int(first), min(int(last) + 1, size) if last else size
    if last and int(last) < start:
        return None
    if start >= size:
        raise NotSatisfiable
    return Span(start, stop)
