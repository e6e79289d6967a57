"""Records to bytes and back: deterministic CBOR (RFC 8949 §4.2) without tags, floats or indefinite lengths.

A record is an array of its fields in their order. A field is only ever appended, with a default: an older reader
ignores what it does not know, except in families that are strict (`forbid_unknown_fields`).
"""

from typing import Any, Final, NoReturn, TypeVar

import cbor2
import msgspec

from protocol.errors import ProtocolError

Record = TypeVar("Record", bound=msgspec.Struct)

MAX_DEPTH: Final = 12

_PLAIN: Final = frozenset({int, str, bytes, bool, type(None)})
_KEYS: Final = frozenset({int, str})


def pack(value: object) -> bytes:
    """Plain values (int, str, bytes, None, bool, list, dict) as deterministic CBOR."""
    return cbor2.dumps(value, canonical=True)


def unpack(data: bytes, *, max_bytes: int) -> Any:
    """Plain values from deterministic CBOR; anything else, and any second way to write it, is a `ProtocolError`."""
    if len(data) > max_bytes:
        raise ProtocolError("too-long", f"{len(data)} bytes, the limit is {max_bytes}")
    try:
        value = cbor2.loads(
            data,
            semantic_decoders=_NO_TAGS,
            tag_hook=_refuse_unknown_tag,
            max_depth=MAX_DEPTH,
            allow_indefinite=False,
            allow_duplicate_keys=False,
        )
        again = cbor2.dumps(value, canonical=True)
    except Exception as error:  # whatever a decoder says of hostile bytes, it is one error here
        raise ProtocolError("not-cbor", "not well-formed CBOR of plain values") from error
    if again != data:
        raise ProtocolError("not-canonical", "not the deterministic encoding")
    _expect_plain(value)
    return value


def encode(record: msgspec.Struct) -> bytes:
    """The bytes of a record. Its constraints are checked first, so that nothing leaves that a reader would refuse."""
    plain = msgspec.to_builtins(record, builtin_types=(bytes,))
    _convert(plain, type(record))
    try:
        return pack(plain)
    except ValueError as error:  # a lone surrogate, which UTF-8 cannot carry
        raise ProtocolError("bad-record", str(error), field=type(record).__name__) from error


def decode(data: bytes, family: type[Record], *, max_bytes: int = 65_536) -> Record:
    """The record that these bytes are; `ProtocolError` names the field that is wrong.

    A strict family has one spelling: every field is written, defaults too.
    """
    record = _convert(unpack(data, max_bytes=max_bytes), family)
    if family.__struct_config__.forbid_unknown_fields and encode(record) != data:
        raise ProtocolError("not-canonical", "a field is left out", field=family.__name__)
    return record


def _convert(plain: object, family: type[Record]) -> Record:
    try:
        return msgspec.convert(plain, family, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at ")
        raise ProtocolError("bad-record", message, field=f"{family.__name__}{path.strip('`$')}") from error
    except (ValueError, OverflowError, RecursionError) as error:
        raise ProtocolError("bad-record", str(error), field=family.__name__) from error


def _expect_plain(value: object) -> None:
    """No floats, simple values or `undefined`: 1.0 equals 1 in Python and would be a second way to write it."""
    if isinstance(value, list):
        for item in value:
            _expect_plain(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if type(key) not in _KEYS:
                raise ProtocolError("not-plain", "the keys of a map are integers or texts")
            _expect_plain(item)
    elif type(value) not in _PLAIN:
        raise ProtocolError("not-plain", f"{type(value).__name__} is not used on this wire")


def _refuse_tag(*_: object) -> NoReturn:
    raise ValueError("CBOR tags are not used inside records")


def _refuse_unknown_tag(*_: object) -> NoReturn:
    _refuse_tag()


# Every tag that cbor2 would turn into an object of its own (dates, regular expressions, MIME, shared references …).
_NO_TAGS: Final = dict.fromkeys(
    (*range(6), 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000, 55799), _refuse_tag
)
