"""protocol/README.md is the wire specification: its examples, tables and codes are those of the code."""

import enum
import re
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from protocol import topics
from protocol.refusals import RejectCode
from protocol.report import FaultCode
from protocol.roles import Role
from protocol.signing import Family
from tests.protocol.examples import BLOCK, FAMILIES, README, blocks, rewritten

TEXT = README.read_text("utf-8")


def family_tree() -> dict[str, type[msgspec.Struct]]:
    """Every record that any family is made of, by name."""
    found: dict[str, type[msgspec.Struct]] = {}

    def walk(kind: Any) -> None:
        if isinstance(kind, inspect.StructType):
            if kind.cls.__name__ not in found:
                found[kind.cls.__name__] = kind.cls
                for field in kind.fields:
                    walk(field.type)
        elif isinstance(kind, inspect.Metadata):
            walk(kind.type)
        elif isinstance(kind, inspect.UnionType):
            for member in kind.types:
                walk(member)
        elif isinstance(kind, inspect.VarTupleType):
            walk(kind.item_type)

    for family in FAMILIES:
        walk(inspect.type_info(family))
    return found


def default(field: msgspec.structs.FieldInfo) -> str:
    """As the tables write it."""
    match field.default:
        case msgspec.NODEFAULT:
            return ""
        case None:
            return "`null`"
        case ():
            return "`[]`"
        case str(text):
            return f'`"{text}"`'
        case enum.IntEnum() as member:
            return f"`{int(member)}`"
        case value:
            return f"`{value}`"


def rows(record: str) -> list[tuple[str, str, str]]:
    """(number, field, default) of the table under a record's heading."""
    section = re.search(rf"^### `{record}`\n(.*?)(?=^##|\Z)", TEXT, re.DOTALL | re.MULTILINE)
    assert section, f"README.md has no section for {record}"
    table = re.findall(r"^\| (\d+) \| `(\w+)` \| [^|]+ \| ([^|]*)\|", section[1], re.MULTILINE)
    return [(number, field, value.strip()) for number, field, value in table]


def test_every_example_is_what_the_code_makes() -> None:
    assert rewritten(TEXT) == TEXT, "after a change of the wire: python -m tests.protocol.examples"


def test_every_example_is_shown() -> None:
    assert {match["name"] for match in BLOCK.finditer(TEXT)} == set(blocks())


@pytest.mark.parametrize("record", family_tree().values(), ids=lambda record: record.__name__)
def test_the_table_of_a_record_lists_its_fields(record: type[msgspec.Struct]) -> None:
    fields = msgspec.structs.fields(record)
    expected = [(str(number), field.name, default(field)) for number, field in enumerate(fields)]
    assert rows(record.__name__) == expected


def test_the_table_of_families_is_that_of_the_code() -> None:
    assert dict(re.findall(r"^\| `([A-Z]+)` \| (65\d+) \|", TEXT, re.MULTILINE)) == {
        family.name: str(int(family)) for family in Family
    }


def test_the_gates_codes_stand_in_the_order_in_which_it_asks() -> None:
    section = TEXT.partition("## 7. The gate")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `([A-Z_]+)` \|", section, re.MULTILINE) == list(RejectCode)


@pytest.mark.parametrize("names", [Role, FaultCode])
def test_numbers_of_enumerations_are_given_with_their_names(names: type[enum.IntEnum]) -> None:
    assert ", ".join(f"{int(member)} {member.name}" for member in names) in TEXT.replace("\n", " ")


def test_topics_and_paths_are_those_of_the_code() -> None:
    for kind in topics.UP_KINDS:
        assert f"`{topics.up('{box}', kind)}`" in TEXT
    assert f"`{topics.down('{box}')}`" in TEXT
    assert f"`{topics.orders('{unit}')}`" in TEXT
    assert f"`{topics.PROBE}`" in TEXT
    for path in (
        topics.ENROL_PATH,
        topics.ROOTS_PATH,
        topics.CA_PATH,
        topics.CERTIFICATE_PATH,
        topics.LIFELINE_PATH,
        topics.ORDER_PATH,
        topics.MANIFEST_PATH,
        topics.BLOB_PATH,
        topics.LIVE_PATH,
    ):
        assert path.partition("{")[0] in TEXT
