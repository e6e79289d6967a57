"""Hypothesis strategies for any record, drawn from its own types and limits."""

from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

MANY = 4
"""Longest list drawn, whatever the record allows."""


def records(family: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    """Any record of this family that its constraints allow."""
    return _of(inspect.type_info(family))


def _of(kind: inspect.Type) -> st.SearchStrategy[Any]:  # noqa: PLR0911, PLR0912 - one line a type
    match kind:
        case inspect.StructType():
            return st.builds(kind.cls, *(_of(field.type) for field in kind.fields))
        case inspect.Metadata():
            return _of(kind.type)
        case inspect.IntType():
            return st.integers(kind.ge, kind.le)
        case inspect.StrType(pattern=None):
            return st.text(min_size=kind.min_length or 0, max_size=min(kind.max_length or MANY, 40))
        case inspect.StrType():
            longest = kind.max_length or 1_000
            return st.from_regex(kind.pattern or "").filter(lambda text: len(text) <= longest)
        case inspect.BytesType():
            return st.binary(min_size=kind.min_length or 0, max_size=kind.max_length)
        case inspect.BoolType():
            return st.booleans()
        case inspect.NoneType():
            return st.none()
        case inspect.EnumType():
            return st.sampled_from(list(kind.cls))
        case inspect.UnionType():
            return st.one_of(*(_of(member) for member in kind.types))
        case inspect.VarTupleType():
            longest = min(kind.max_length or MANY, MANY)
            return st.lists(_of(kind.item_type), min_size=kind.min_length or 0, max_size=longest).map(tuple)
        case inspect.TupleType():
            return st.tuples(*(_of(item) for item in kind.item_types))
        case _:
            raise NotImplementedError(f"no strategy for {kind}")
