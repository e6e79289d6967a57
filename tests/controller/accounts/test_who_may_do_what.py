"""Roles in units and days: pure rules, and the people who hold them."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.accounts import rules, services
from controller.accounts.models import Appointment, Audit, Person, Role
from controller.accounts.rules import Action, Held
from controller.core.errors import NotAllowed, Refused
from controller.units.models import Unit
from controller.units.rules import covers

TODAY = dt.date(2026, 11, 24)
SINCE = dt.date(2026, 1, 1)


def test_an_editor_of_a_commune_edits_there_and_in_its_hamlets_and_nowhere_else() -> None:
    lan = [Held(Role.EDITOR, "79-26506", SINCE)]
    assert rules.may(lan, Action.EDIT, "79-26506", TODAY)
    assert rules.may(lan, Action.EDIT, "79-26506-3", TODAY)
    assert not rules.may(lan, Action.EDIT, "79", TODAY)
    assert not rules.may(lan, Action.EDIT, "79-265060", TODAY)
    assert not rules.may(lan, Action.APPROVE, "79-26506", TODAY)


def test_a_substitute_may_until_the_day_before_the_end() -> None:
    hoa = [Held(Role.APPROVER, "79", dt.date(2026, 11, 20), dt.date(2026, 11, 24))]
    allowed = [day for day in range(18, 27) if rules.may(hoa, Action.APPROVE, "79", dt.date(2026, 11, day))]
    assert allowed == [20, 21, 22, 23]


def test_administering_people_is_not_editing_nor_signing() -> None:
    minh = [Held(Role.ADMINISTRATOR, "79", SINCE)]
    may = {action for action in Action if rules.may(minh, action, "79", TODAY)}
    assert may == {Action.VIEW, Action.MAINTAIN, Action.ADMINISTER}


HELD = st.builds(
    Held,
    role=st.sampled_from(Role.values),
    unit=st.sampled_from(["79", "79-1", "79-1-2", "79-3", "77"]),
    valid_from=st.dates(dt.date(2026, 1, 1), dt.date(2026, 12, 31)),
    valid_to=st.none() | st.dates(dt.date(2026, 1, 1), dt.date(2026, 12, 31)),
)


@given(st.lists(HELD, max_size=6), st.sampled_from(Action), st.sampled_from(["79", "79-1", "79-1-2", "79-3-9", "77"]))
def test_where_and_may_agree(held: list[Held], action: Action, unit: str) -> None:
    units = rules.where(held, action, TODAY)
    assert rules.may(held, action, unit, TODAY) == any(covers(code, unit) for code in units)
    assert not any(a != b and covers(a, b) for a in units for b in units)


@given(st.lists(HELD, max_size=6), st.lists(HELD, max_size=6))
def test_who_manages_a_person_may_administer_wherever_that_person_counts(one: list[Held], other: list[Held]) -> None:
    if rules.may_manage(one, other, TODAY, root="79"):
        assert other or rules.may(one, Action.ADMINISTER, "79", TODAY)
        assert all(rules.may(one, Action.ADMINISTER, held.unit, TODAY) for held in other if held.on(TODAY))


@given(st.integers(0, 1000), st.integers(0, 100_000))
def test_more_wrong_passwords_never_make_the_wait_shorter_and_none_is_longer_than_a_quarter_of_an_hour(
    failures: int, ago_s: int
) -> None:
    now = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)
    wait, next_wait = (rules.login_wait(n, now - dt.timedelta(seconds=ago_s), now) for n in (failures, failures + 1))
    assert dt.timedelta(0) <= wait <= next_wait <= rules.LONGEST_WAIT


@pytest.fixture
def unit(db: None) -> Unit:
    return Unit.objects.create(code="79", name="Thành phố Hồ Chí Minh", kind="province")


def test_a_new_person_gets_a_password_that_works_once_and_is_kept_nowhere(unit: Unit) -> None:
    hoa, password = services.add_person("hoa", "Trần Thị Hoa", [(Role.APPROVER, unit)])
    assert hoa.must_change_password
    assert hoa.check_password(password)
    assert password not in str(list(Audit.objects.values_list("detail", flat=True)))
    assert services.may(hoa, Action.APPROVE, "79-1")

    services.change_password(hoa, "ba từ ghép lại")
    hoa.refresh_from_db()
    assert not hoa.must_change_password
    assert not hoa.check_password(password)


@pytest.mark.parametrize(
    ("username", "name", "field"),
    [("Hoa", "Hoa", "username"), ("h", "Hoa", "username"), ("hoa vt", "Hoa", "username"), ("hoa", " ", "display_name")],
)
def test_a_name_that_cannot_be_used_is_refused_at_its_field(db: None, username: str, name: str, field: str) -> None:
    with pytest.raises(Refused) as refused:
        services.add_person(username, name)
    assert refused.value.field == field
    assert refused.value.way_out
    assert not Person.objects.exists()
    assert not Audit.objects.exists()


def test_a_user_name_is_given_once(db: None) -> None:
    services.add_person("hoa", "Trần Thị Hoa")
    with pytest.raises(Refused, match="hoa"):
        services.add_person("hoa", "Lê Thị Hoa")


def test_an_appointment_that_ends_before_it_begins_is_refused(unit: Unit) -> None:
    lan, _password = services.add_person("lan", "Nguyễn Lan")
    with pytest.raises(Refused) as refused:
        services.appoint(lan, Role.EDITOR, unit, valid_from=TODAY, valid_to=TODAY)
    assert refused.value.field == "valid_to"
    assert not Appointment.objects.exists()


def test_an_appointment_that_was_ended_no_longer_counts_and_stays_in_the_history(unit: Unit) -> None:
    lan, _password = services.add_person("lan", "Nguyễn Lan", [(Role.EDITOR, unit)])
    services.end_appointment(lan.appointments.get(), by=None)
    assert not services.may(lan, Action.EDIT, "79")
    assert lan.appointments.count() == 1


def test_somebody_who_has_left_may_do_nothing(unit: Unit) -> None:
    lan, _password = services.add_person("lan", "Nguyễn Lan", [(Role.EDITOR, unit)])
    services.set_active(lan, False, by=None)
    with pytest.raises(NotAllowed) as refused:
        services.require(lan, Action.EDIT, "79")
    assert "biên tập" in refused.value.way_out


def test_passwords_that_are_read_out_have_no_letters_that_are_mistaken() -> None:
    drawn = {services.one_time_password() for _ in range(50)}
    assert len(drawn) == 50
    assert not set("".join(drawn)) & set("ilo01")
