"""A strict CBOR reader and writer of its own (README §2), so that the oracle shares no decoder with the product.

It reads one spelling only: shortest integers, definite lengths, sorted and unique keys; no floats, no tags.
"""

from typing import Any

DEEPEST = 12
_NAMED: dict[int, bool | None] = {20: False, 21: True, 22: None}


class RefusedError(Exception):
    """These bytes are not what the specification describes."""


def read(data: bytes) -> Any:
    reader = _Reader(data)
    item = reader.item(1)
    if reader.at != len(data):
        raise RefusedError("bytes behind the item")
    return item


def write(item: Any) -> bytes:
    if item is None or isinstance(item, bool):
        return bytes([0xE0 | {False: 20, True: 21, None: 22}[item]])
    if isinstance(item, int):
        return _head(0, item) if item >= 0 else _head(1, -1 - item)
    if isinstance(item, bytes):
        return _head(2, len(item)) + item
    if isinstance(item, str):
        text = item.encode()
        return _head(3, len(text)) + text
    if isinstance(item, list | tuple):
        return _head(4, len(item)) + b"".join(map(write, item))
    pairs = sorted((write(key), write(value)) for key, value in item.items())
    return _head(5, len(pairs)) + b"".join(key + value for key, value in pairs)


def _head(major: int, argument: int) -> bytes:
    if argument < 24:
        return bytes([major << 5 | argument])
    for info, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if argument < 1 << 8 * size:
            return bytes([major << 5 | info]) + argument.to_bytes(size, "big")
    raise ValueError("too large")


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.at:
            raise RefusedError("cut off")
        self.at += count
        return self.data[self.at - count : self.at]

    def argument(self, info: int) -> int:
        if info < 24:
            return info
        if info > 27:
            raise RefusedError("indefinite or reserved")
        size = 1 << info - 24
        number = int.from_bytes(self.take(size), "big")
        if number < (24 if size == 1 else 1 << 4 * size):
            raise RefusedError("not the shortest")
        return number

    def item(self, depth: int) -> Any:
        first = self.take(1)[0]
        major, info = first >> 5, first & 31
        if major == 7:
            if info not in _NAMED:
                raise RefusedError("a float or a simple value")
            return _NAMED[info]
        number = self.argument(info)
        if major < 2:
            return number if major == 0 else -1 - number
        if major == 2:
            return self.take(number)
        if major == 3:
            try:
                return self.take(number).decode("utf-8", "strict")
            except UnicodeDecodeError as error:
                raise RefusedError("not UTF-8") from error
        if major == 6:
            raise RefusedError("a tag")
        if depth > DEEPEST:
            raise RefusedError("too deep")
        if major == 4:
            return [self.item(depth + 1) for _ in range(number)]
        return self.map(number, depth)

    def map(self, number: int, depth: int) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        before = b""
        for _ in range(number):
            start = self.at
            key = self.item(depth + 1)
            spelled = self.data[start : self.at]
            if spelled <= before or isinstance(key, list | dict):
                raise RefusedError("keys out of order")
            before = spelled
            found[key] = self.item(depth + 1)
        return found
