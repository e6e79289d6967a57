"""What all pages share."""

import re
from dataclasses import replace

import pytest
from django.conf import LazySettings
from django.test import Client

from controller.accounts import services as accounts
from controller.accounts.models import Person, Role
from controller.boxes import services as boxes
from controller.units.models import Unit

pytestmark = pytest.mark.django_db
OWN = ["/", "/toi/", "/mat-khau/"]
LISTS = ["/hop/", "/hop/nhom/", "/don-vi/", "/don-vi/79/", "/nguoi-dung/", "/nguoi-dung/them/"]


@pytest.fixture
def hoa() -> Person:
    unit = Unit.objects.create(code="79", name="Thành phố Hồ Chí Minh", kind="province")
    person, _password = accounts.add_person("hoa", "Trần Thị Hoa", [(role, unit) for role in Role])
    accounts.change_password(person, "ba từ ghép lại")
    boxes.enrol(bytes(32), "hộp mới", "0.1.0")
    return person


@pytest.fixture
def browser(client: Client, hoa: Person) -> Client:
    client.force_login(hoa)
    return client


@pytest.mark.parametrize("page", OWN + LISTS)
def test_every_page_works_in_both_languages_without_anything_from_elsewhere(browser: Client, page: str) -> None:
    for language in ("vi", "en"):
        browser.cookies["loalang_language"] = language
        answer = browser.get(page)
        assert answer.status_code == 200
        assert f'<html lang="{language}">' in answer.text
        assert not re.findall(r'(?:src|href|action)="(?:https?:)?//', answer.text)
        assert not re.findall(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", answer.text)
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


def test_vietnamese_is_first_whatever_the_browser_says(browser: Client) -> None:
    assert '<html lang="vi">' in browser.get("/", headers={"Accept-Language": "en"}).text


def test_the_language_is_switched_by_a_cookie_and_the_page_stays(browser: Client) -> None:
    answer = browser.post("/ngon-ngu/", {"language": "en", "next": "/hop/?level=fault"})
    assert answer.headers["Location"] == "/hop/?level=fault"
    assert "Boxes" in browser.get("/hop/").text
    browser.post("/ngon-ngu/", {"language": "fr"})
    assert "Boxes" in browser.get("/hop/").text


def test_the_language_switch_sends_nobody_to_a_foreign_site(browser: Client) -> None:
    assert browser.post("/ngon-ngu/", {"language": "en", "next": "//evil.example"}).headers["Location"] == "/"


def test_an_unknown_address_says_so_and_shows_the_way_home(browser: Client) -> None:
    answer = browser.get("/khong-co/")
    assert answer.status_code == 404
    assert "Về trang chủ" in answer.text


def test_a_form_from_before_the_login_is_answered_with_what_to_do(hoa: Person) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(hoa)
    answer = strict.post("/thoat/")
    assert answer.status_code == 403
    assert "tải lại trang" in answer.text


def test_an_installation_that_is_not_the_real_one_says_so(browser: Client, settings: LazySettings) -> None:
    settings.LOALANG = replace(settings.LOALANG, environment="demo")
    assert "Không phải hệ thống thật: demo" in browser.get("/").text


def test_the_style_is_served_from_the_package(client: Client) -> None:
    answer = client.get("/static/console/loalang.css")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/css")
    assert client.get("/static/django_htmx/htmx-2.min.js").status_code == 200


def test_the_home_page_counts_the_boxes_and_its_live_part_comes_alone(browser: Client) -> None:
    assert "Chờ duyệt" in browser.get("/").text
    live = browser.get("/", headers={"HX-Request": "true"}).text
    assert "Chờ duyệt" in live
    assert "<html" not in live


def test_the_part_of_the_page_is_marked_in_the_navigation(browser: Client) -> None:
    assert re.search(r'<a href="/hop/" aria-current="page"', browser.get("/hop/nhom/").text)
