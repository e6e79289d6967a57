"""What a browser sees: nothing without a login, nothing before a one-time password was changed."""

import datetime as dt
import re

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from controller.accounts import attempts, services
from controller.accounts.models import Audit, FailedLogin, Person, Role
from controller.units.models import Unit

PASSWORD = "ba từ ghép lại"
pytestmark = pytest.mark.django_db


@pytest.fixture
def unit() -> Unit:
    return Unit.objects.create(code="79", name="Thành phố Hồ Chí Minh", kind="province")


@pytest.fixture
def hoa(unit: Unit) -> Person:
    person, _password = services.add_person("hoa", "Trần Thị Hoa", [(Role.ADMINISTRATOR, unit)])
    services.change_password(person, PASSWORD)
    return person


@pytest.fixture
def browser(client: Client, hoa: Person) -> Client:
    client.force_login(hoa)
    return client


def test_a_stranger_is_sent_to_the_login_and_back_to_the_page_afterwards(client: Client, hoa: Person) -> None:
    page = client.get("/hop/?level=fault")
    assert page.headers["Location"] == "/dang-nhap/?next=%2Fhop%2F%3Flevel%3Dfault"
    answer = client.post("/dang-nhap/", {"username": "Hoa ", "password": PASSWORD, "next": "/hop/?level=fault"})
    assert answer.headers["Location"] == "/hop/?level=fault"


def test_nobody_is_sent_to_a_foreign_site_after_the_login(client: Client, hoa: Person) -> None:
    answer = client.post("/dang-nhap/", {"username": "hoa", "password": PASSWORD, "next": "https://evil.example/"})
    assert answer.headers["Location"] == "/"


def test_a_live_part_of_a_page_whose_login_is_over_reloads_the_whole_page(client: Client) -> None:
    assert client.get("/hop/", headers={"HX-Request": "true"}).headers["HX-Redirect"].startswith("/dang-nhap/")


def test_a_one_time_password_opens_the_page_that_changes_it_and_no_other(client: Client) -> None:
    _person, password = services.add_person("lan", "Nguyễn Lan")
    answer = client.post("/dang-nhap/", {"username": "lan", "password": password})
    assert answer.headers["Location"] == "/mat-khau/"
    assert client.get("/").headers["Location"] == "/mat-khau/"
    client.post("/mat-khau/", {"new": PASSWORD, "again": PASSWORD})
    assert client.get("/").status_code == 200


def test_who_has_just_typed_a_one_time_password_is_not_asked_for_it_again_and_has_no_menu_yet(client: Client) -> None:
    _person, password = services.add_person("lan", "Nguyễn Lan")
    client.post("/dang-nhap/", {"username": "lan", "password": password})
    page = client.get("/mat-khau/").text
    assert 'name="old"' not in page
    assert "<nav" not in page
    assert "phải khác mật khẩu hiện tại" in client.post("/mat-khau/", {"new": password, "again": password}).text
    client.post("/mat-khau/", {"new": PASSWORD, "again": PASSWORD})
    page = client.get("/mat-khau/").text
    assert 'name="old"' in page
    assert "<nav" in page


@pytest.mark.parametrize(
    ("new", "vietnamese", "english"),
    [
        ("ngắn", "Mật khẩu quá ngắn: cần ít nhất 10 ký tự", "at least 10 characters"),
        ("1234567890", "nhiều người dùng nên dễ đoán", "Many people use this password"),
        ("Trần Thị Hoa", "quá giống tên của bạn", "too much like your name"),
    ],
)
def test_why_a_password_is_refused_is_said_in_the_language_of_the_page(
    browser: Client, new: str, vietnamese: str, english: str
) -> None:
    form = {"old": PASSWORD, "new": new, "again": new}
    page = browser.post("/mat-khau/", form).text
    assert vietnamese in page
    assert "password" not in re.sub(r"<[^>]*>", "", page)
    browser.cookies["loalang_language"] = "en"
    assert english in browser.post("/mat-khau/", form).text


@pytest.mark.parametrize(
    ("old", "new", "again"),
    [
        ("wrong", PASSWORD, PASSWORD),
        (PASSWORD, "short", "short"),
        (PASSWORD, PASSWORD, PASSWORD),
        (PASSWORD, "another one 1", "2"),
    ],
)
def test_a_password_is_not_changed_by_a_form_that_does_not_fit(
    browser: Client, hoa: Person, old: str, new: str, again: str
) -> None:
    answer = browser.post("/mat-khau/", {"old": old, "new": new, "again": again})
    assert "errorlist" in answer.text
    hoa.refresh_from_db()
    assert hoa.check_password(PASSWORD)


def attempt(password: str, address: str = "203.0.113.9", username: str = "hoa") -> str:
    """A login from somewhere; the answer's text, or "in"."""
    client = Client(REMOTE_ADDR=address)
    answer = client.post("/dang-nhap/", {"username": username, "password": password})
    return "in" if answer.status_code == 302 else answer.text


def test_who_guesses_waits_longer_and_longer_and_even_the_right_password_is_not_looked_at(hoa: Person) -> None:
    for _ in range(5):
        assert "không đúng" in attempt("wrong")
    assert "2 giây" in attempt(PASSWORD)
    FailedLogin.objects.update(count=20)
    assert "15 phút" in attempt(PASSWORD)
    FailedLogin.objects.update(last=timezone.now() - dt.timedelta(minutes=15))
    assert attempt(PASSWORD) == "in"
    assert not FailedLogin.objects.exists(), "whoever got in begins anew"


def test_a_stranger_elsewhere_locks_nobody_out(hoa: Person) -> None:
    """On the night of the flood, with thousands of wrong passwords for every signer's name."""
    FailedLogin.objects.create(username="hoa", address="203.0.113.9", count=5000, last=timezone.now())
    assert "15 phút" in attempt(PASSWORD, "203.0.113.9")
    assert attempt(PASSWORD, "198.51.100.7") == "in"


def test_an_ipv6_network_is_one_sender(hoa: Person) -> None:
    for n in range(5):
        attempt("wrong", f"2001:db8:1:2::{n}")
    assert "giây" in attempt(PASSWORD, "2001:db8:1:2::77")
    assert attempt(PASSWORD, "2001:db8:1:3::77") == "in"


def test_a_guesser_fills_neither_the_audit_nor_the_table_of_guesses(hoa: Person) -> None:
    now = timezone.now()
    for n in range(300):
        attempts.begin(f"name{n}", "203.0.113.9", now)
        attempts.failed(f"name{n}", "203.0.113.9")
    for n in range(300):
        later = now + dt.timedelta(minutes=20) * n
        attempts.begin("hoa", "198.51.100.7", later)
        attempts.failed("hoa", "198.51.100.7")
    assert FailedLogin.objects.filter(address="203.0.113.9").count() <= attempts.NAMES_PER_ADDRESS + 1
    assert Audit.objects.filter(action="login.failed").count() < 100


def test_junk_names_from_a_shared_address_make_no_colleague_wait(hoa: Person) -> None:
    for n in range(attempts.NAMES_PER_ADDRESS + 10):
        attempts.begin(f"name{n}", "203.0.113.9", timezone.now())
    for _ in range(10):
        assert attempt(PASSWORD) == "in"
    assert not FailedLogin.objects.filter(username="hoa").exists(), "a success gives its count back"
    for _ in range(5):
        assert "không đúng" in attempt("wrong")
    assert "2 giây" in attempt(PASSWORD), "who guesses a name that exists still waits"


def test_a_new_password_from_the_administrator_is_taken_at_once(hoa: Person) -> None:
    for _ in range(6):
        attempt("wrong")
    assert attempt(services.reset_password(hoa)) == "in"


def test_an_administrator_adds_somebody_and_reads_out_the_password(browser: Client) -> None:
    form = {"display_name": "Nguyễn Lan", "username": "lan", "role": "editor", "unit": "79 Thành phố Hồ Chí Minh"}
    page = browser.post("/nguoi-dung/them/", form)
    lan = Person.objects.get(username="lan")
    assert "lan" in page.text
    assert [row.role for row in lan.appointments.all()] == ["editor"]


def test_a_unit_that_does_not_exist_is_refused_at_its_field(browser: Client) -> None:
    form = {"display_name": "Nguyễn Lan", "username": "lan", "role": "editor", "unit": "99"}
    assert "Không có đơn vị “99”" in browser.post("/nguoi-dung/them/", form).text
    assert not Person.objects.filter(username="lan").exists()


def test_a_communes_administrator_does_not_get_hold_of_a_signer_of_the_province(client: Client, unit: Unit) -> None:
    commune = Unit.objects.create(code="79-26506", name="Phường Vũng Tàu", kind="ward", parent=unit)
    tuan, _ = services.add_person("tuan", "Phạm Tuấn", [(Role.ADMINISTRATOR, commune)])
    services.change_password(tuan, PASSWORD)
    minh, password = services.add_person("minh", "Lê Minh", [(Role.EDITOR, commune), (Role.SIGNER, unit)])
    client.force_login(tuan)
    answer = client.post(reverse("accounts:reset_password", args=[minh.pk]))
    assert answer.status_code == 403
    minh.refresh_from_db()
    assert minh.check_password(password)


def test_somebody_without_a_role_sees_no_people_and_ends_no_appointment(client: Client, hoa: Person) -> None:
    lan, _ = services.add_person("lan", "Nguyễn Lan")
    services.change_password(lan, PASSWORD)
    client.force_login(lan)
    assert "Hoa" not in client.get("/nguoi-dung/").text
    assert client.get(reverse("accounts:person", args=[hoa.pk])).status_code == 404
    assert client.post(reverse("accounts:end_appointment", args=[hoa.appointments.get().pk])).status_code == 403


def test_only_the_provinces_administrator_manages_somebody_without_a_role(
    client: Client, hoa: Person, unit: Unit
) -> None:
    """They may have been the province's signer yesterday, and may be again tomorrow."""
    commune = Unit.objects.create(code="79-26506", name="Phường Vũng Tàu", kind="ward", parent=unit)
    tuan, _ = services.add_person("tuan", "Phạm Tuấn", [(Role.ADMINISTRATOR, commune)])
    services.change_password(tuan, PASSWORD)
    minh, password = services.add_person("minh", "Lê Minh", [(Role.SIGNER, unit)])
    services.end_appointment(minh.appointments.get(), by=None)
    client.force_login(tuan)
    assert client.post(reverse("accounts:reset_password", args=[minh.pk])).status_code == 403
    assert client.post(reverse("accounts:set_active", args=[minh.pk]), {"active": "0"}).status_code == 403
    minh.refresh_from_db()
    assert minh.is_active
    assert minh.check_password(password)
    client.force_login(hoa)
    assert client.post(reverse("accounts:reset_password", args=[minh.pk])).status_code == 200
