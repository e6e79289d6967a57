"""A page in Chromium whose server goes away says so within seconds, shows nothing green, and recovers by itself."""

import datetime as dt
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.program import Loalang

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
PASSWORD = "ba từ ghép lại"
LOST = "#lost:not([hidden])"
A_GOOD_BOX = (
    "from django.utils import timezone; from controller.boxes.models import Box, BoxState; "
    "from controller.units.models import Unit; now = timezone.now(); "
    "box = Box.objects.create(id='a' * 16, public_key=bytes(32), name='Nhà văn hóa', state='approved', "
    "enrolled_at=now, unit=Unit.objects.get(code='79')); "
    "BoxState.objects.create(box=box, last_seen=now, doing=1, clock=5, generation=1, wanted_generation=1)"
)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Loalang]:
    made = Loalang(tmp_path, None, province="79")
    made.must("units", "import", "--root", "79")
    made.start("--web")
    yield made
    made.stop()


@pytest.fixture
def page(program: Loalang) -> Iterator[Any]:
    given = program.must("person", "add", "tuan", "--name", "Phạm Tuấn", "--appoint", "technician@79").split()[-1]
    with playwright.sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_context(locale="vi-VN", viewport={"width": 360, "height": 800}).new_page()
        page.set_default_timeout(30_000)
        page.goto(f"{program.url}/")
        page.fill("[name=username]", "tuan")
        page.fill("[name=password]", given)
        page.click("main button.primary")
        for field in ("new", "again"):
            page.fill(f"[name={field}]", PASSWORD)
        page.click("main button.primary")
        page.wait_for_selector("nav.parts")
        yield page
        browser.close()


def colours(page: Any) -> str:
    """How the live part is painted."""
    return str(page.eval_on_selector("#live", "part => getComputedStyle(part).filter"))


def test_a_page_whose_server_is_gone_says_since_when_and_shows_no_green_until_it_is_back(
    program: Loalang, page: Any
) -> None:
    program.python(A_GOOD_BOX)
    page.goto(f"{program.url}/hop/")
    page.wait_for_selector("#live .box.good")
    assert (page.is_visible(LOST), colours(page)) == (False, "none")

    program.stop()
    page.wait_for_selector(LOST)
    told = re.fullmatch("Mất liên lạc với máy chủ từ (.+); thông tin dưới đây đã cũ.", page.inner_text(LOST))
    shown = page.inner_text("#live > p.faint:last-child").split()[-1]
    assert told, page.inner_text(LOST)
    since, answered = (dt.datetime.fromisoformat(f"2026-01-01T{clock}") for clock in (told[1], shown))
    # The part and the strip above it are answered each by its own poll; the bar names the older answer of the two.
    assert (answered - since) % dt.timedelta(days=1) <= dt.timedelta(seconds=15)
    assert colours(page) == "grayscale(1)"

    program.start("--web")
    page.wait_for_selector(LOST, state="detached")
    assert colours(page) == "none"


def test_a_server_that_takes_requests_and_never_answers_is_gone_too(program: Loalang, page: Any) -> None:
    page.route("**/hop/", lambda route: None if route.request.headers.get("hx-request") else route.continue_())
    page.clock.install()
    page.goto(f"{program.url}/hop/")
    assert not page.is_visible(LOST)
    page.clock.run_for(17_000)
    page.wait_for_selector(LOST)
    assert colours(page) == "grayscale(1)"


def test_on_a_small_screen_the_part_that_is_shown_stands_in_the_menu_which_shows_that_it_slides(
    program: Loalang, page: Any
) -> None:
    page.goto(f"{program.url}/don-vi/")
    page.wait_for_selector("nav.parts.more-before")
    box, menu = (page.locator(one).bounding_box() for one in ("nav.parts [aria-current]", "nav.parts"))
    assert menu["x"] <= box["x"]
    assert box["x"] + box["width"] <= menu["x"] + menu["width"]


def test_after_a_refused_form_the_cursor_is_at_the_first_field_that_is_wrong(program: Loalang, page: Any) -> None:
    page.goto(f"{program.url}/mat-khau/")
    page.fill("[name=old]", PASSWORD)
    for field in ("new", "again"):
        page.fill(f"[name={field}]", "ngắn")
    page.click("main button.primary")
    page.wait_for_selector("[name=new][aria-invalid=true]:focus")
