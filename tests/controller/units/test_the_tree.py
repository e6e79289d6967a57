"""The tree of units: the facts that are committed, what covers what, and what became of what."""

import datetime as dt
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.errors import Refused
from controller.schedules.arrears import first_names
from controller.units import importer, rules, services
from controller.units.models import Kind, Succession, Unit

THEN = dt.date(2024, 6, 1)
NOW = dt.date(2026, 11, 24)
CON_DAO_DISTRICT = "77-755"
CON_DAO = "79-26732"


@pytest.fixture
def facts(db: None) -> services.Loaded:
    return services.load()


@pytest.mark.usefixtures("facts")
def test_the_old_province_had_8_districts_and_82_communes_and_con_dao_had_none() -> None:
    old = services.descendants(services.unit_by_code("77"), on=THEN)
    kinds = Counter(unit.kind for unit in old)
    assert kinds[Kind.DISTRICT] == 8
    assert kinds[Kind.COMMUNE] + kinds[Kind.WARD] + kinds[Kind.TOWNSHIP] == 82
    island = services.unit_by_code(CON_DAO_DISTRICT)
    assert island.name == "Huyện Côn Đảo"
    assert not island.children.exists()


@pytest.mark.usefixtures("facts")
def test_todays_province_has_168_communes_and_no_district() -> None:
    today = services.descendants(services.unit_by_code("79"), on=NOW)
    kinds = Counter(unit.kind for unit in today)
    assert kinds == {Kind.PROVINCE: 1, Kind.WARD: 113, Kind.COMMUNE: 54, Kind.SPECIAL_ZONE: 1}
    assert {unit.name for unit in today if unit.kind == Kind.SPECIAL_ZONE} == {"Đặc khu Côn Đảo"}


@pytest.mark.usefixtures("facts")
def test_every_old_commune_and_con_dao_went_to_a_unit_of_today() -> None:
    for unit in services.descendants(services.unit_by_code("77")).exclude(kind=Kind.DISTRICT):
        assert all(next_.code.startswith("79") for next_ in services.successors(unit, NOW)), unit.name
    island = services.unit_by_code(CON_DAO_DISTRICT)
    assert [unit.code for unit in services.successors(island, NOW)] == [CON_DAO]


@pytest.mark.usefixtures("facts")
def test_the_wards_of_vung_tau_are_made_of_the_17_units_of_the_old_city() -> None:
    old = services.unit_by_code("77-747").children.all()
    became = Counter(next_.name for unit in old for next_ in services.successors(unit, NOW))
    assert became == {
        "Phường Vũng Tàu": 7,
        "Phường Tam Thắng": 4,
        "Phường Rạch Dừa": 3,
        "Phường Phước Thắng": 2,
        "Xã Long Sơn": 1,
    }


@pytest.mark.usefixtures("facts")
def test_the_communes_that_were_joined_half_a_year_earlier_are_followed_to_today() -> None:
    names = {"Phường Phước Hiệp": "Phường Bà Rịa", "Xã An Ngãi": "Xã Long Điền", "Xã Lộc An": "Xã Phước Hải"}
    for old, new in names.items():
        unit = Unit.objects.under("77").get(name=old)
        assert [next_.name for next_ in services.successors(unit, NOW)] == [new]
        assert "1256/NQ-UBTVQH15" in unit.successions.get().decided_by


@pytest.mark.usefixtures("facts")
def test_before_the_change_a_unit_is_its_own_successor() -> None:
    unit = services.unit_by_code("77-747-26506")
    assert list(services.successors(unit, dt.date(2025, 6, 30))) == [unit]


@pytest.mark.usefixtures("facts")
def test_loading_again_changes_nothing() -> None:
    before = list(Unit.objects.values_list()), list(Succession.objects.values_list())
    again = services.load()
    assert (again.units, again.successions) == (len(before[0]), len(before[1]))
    assert (list(Unit.objects.values_list()), list(Succession.objects.values_list())) == before


def test_one_province_alone_can_be_loaded(db: None) -> None:
    loaded = services.load("79")
    assert (loaded.units, loaded.successions) == (169, 0)


def test_the_committed_old_tree_is_what_the_source_says() -> None:
    committed = [row for row in services._facts("units.json") if row["code"].startswith("77")]
    assert committed == list(importer.old_units())


@pytest.mark.usefixtures("facts")
def test_the_path_of_a_unit_starts_at_the_province() -> None:
    names = [unit.name for unit in services.path(services.unit_by_code("77-747-26506"))]
    assert names == ["Tỉnh Bà Rịa – Vũng Tàu", "Thành phố Vũng Tàu", "Phường 1"]


@pytest.mark.usefixtures("facts")
def test_an_unknown_code_and_a_unit_of_the_past_are_refused_with_the_way_out() -> None:
    with pytest.raises(Refused) as unknown:
        services.unit_by_code("79-1", field="area")
    assert unknown.value.field == "area"
    assert unknown.value.way_out
    with pytest.raises(Refused, match="24/11/2026"):
        services.unit_by_code("77-747-26506", on=NOW)


PART = st.text("0123456789", min_size=1, max_size=5)
CODE = st.lists(PART, min_size=1, max_size=5).map("-".join)


@given(CODE, CODE)
def test_a_unit_covers_exactly_those_whose_path_leads_through_it(one: str, other: str) -> None:
    assert rules.covers(one, other) == (one in rules.above(other))
    assert rules.covers(one, f"{one}-{other}")
    assert not rules.covers(one, f"{one}0-{other}")


@given(st.dates(), st.none() | st.dates(), st.none() | st.dates())
def test_a_unit_is_in_force_from_its_first_day_until_the_day_before_its_end(
    day: dt.date, first: dt.date | None, end: dt.date | None
) -> None:
    assert rules.in_force(first, end, day) == (not (first and day < first) and not (end and day >= end))


def test_successions_in_a_circle_end() -> None:
    step = rules.Step
    circle = [step("1", "2", THEN), step("2", "1", THEN)]
    assert rules.became("1", circle, NOW) == ()


def test_a_unit_that_was_divided_is_held_by_all_its_parts() -> None:
    steps = [rules.Step("1", "2", THEN), rules.Step("1", "3", THEN), rules.Step("3", "4", NOW)]
    assert rules.became("1", steps, THEN) == ("2", "3")
    assert rules.became("1", steps, NOW) == ("2", "4")


@pytest.mark.django_db
def test_inside_is_the_unit_and_below_and_nothing_without_units() -> None:
    for code in ("79", "79-1", "79-1-2", "79-12", "77"):
        Unit.objects.create(code=code, name=code, kind="commune")

    def found(*codes: str) -> list[str]:
        return sorted(Unit.objects.filter(services.inside("code", codes)).values_list("code", flat=True))

    assert found("79-1") == ["79-1", "79-1-2"]
    assert found("79-12", "77") == ["77", "79-12"]
    assert found() == []


@pytest.mark.django_db
def test_units_are_named_in_the_order_asked_and_of_many_the_first_few() -> None:
    for number in range(7):
        Unit.objects.create(code=f"9{number}", name=f"Tỉnh {number}", kind="province")
    assert services.names(("93", "91", "none")) == "Tỉnh 3, Tỉnh 1, none"
    assert first_names([f"9{number}" for number in (6, 5, 4, 3, 2, 1, 1, 0)]) == (
        "Tỉnh 0, Tỉnh 1, Tỉnh 2, Tỉnh 3, Tỉnh 4, …"
    )
