"""The editor sees, page by page, the very dots that boards will show."""

import base64
import io
import re
import wave
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from PIL import Image

from agent.drivers.boards.fonts import fonts
from controller.library import approving
from controller.library.boards import SIZES, preview
from controller.library.models import Bulletin
from controller.schedules.facts import content_of
from controller.worker.loop import do_all
from protocol.board.film import Film
from protocol.board.page import Look, Page, worded
from protocol.board.rendering import Format, render
from tests.support.installation import install
from tests.support.officers import WARD, Office, office

pytestmark = pytest.mark.django_db

WORDS = {
    "title": "Cúp điện",
    "unit": WARD,
    "klass": "1",
    "text": "UBND thông báo: 6h30 cúp điện. " * 6,
    "voice": "vi-vn-x-south",
    "language": "vi",
}


@pytest.fixture
def here(settings: LazySettings, tmp_path: Path) -> Office:
    install(settings, tmp_path)
    return office()


def lan(here: Office) -> Client:
    client = Client()
    client.force_login(here.lan)
    return client


def a_second_of_sound() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 8_000, 0, "NONE", ""))
        sound.writeframes(bytes(range(256)) * 63)
    return file.getvalue()


def dots(page: str) -> list[bytes]:
    """Of every picture on a page of the console."""
    found = re.findall(r"data:image/png;base64,([A-Za-z0-9+/=]+)", page)
    return [Image.open(io.BytesIO(base64.b64decode(one))).convert("RGB").tobytes() for one in found]


def on_the_box(page: Page, size: tuple[int, int]) -> Film:
    return render(page, Format(*size), fonts())


@pytest.mark.parametrize("size", SIZES)
def test_the_page_of_a_bulletin_shows_what_a_box_draws_of_what_it_is_sent(here: Office, size: tuple[int, int]) -> None:
    page = lan(here).post("/ban-tin/moi/", WORDS).headers["Location"]
    do_all(timezone.now())
    sent = worded(content_of(Bulletin.objects.get()).bulletin, Look.BULLETIN, "s1")
    assert sent is not None
    shown = lan(here).get(f"{page}?bang={size[0]}x{size[1]}").content.decode()
    drawn = [scene.frame for scene in on_the_box(sent, size).scenes]
    texts = [one.window(size[0], one.width - 2 * size[0]) if one.width > size[0] else one for one in drawn]
    assert dots(shown) == [one.rgb for one in texts]


def test_the_words_are_those_that_are_read_aloud(here: Office) -> None:
    page = lan(here).post("/ban-tin/moi/", WORDS).headers["Location"]
    spoken = approving.spoken_text(Bulletin.objects.get())
    assert "ủy ban nhân dân" in spoken.lower()
    film = on_the_box(Page(Look.BULLETIN, WORDS["title"], spoken), (128, 64))
    assert len(film.scenes) > 1
    assert dots(lan(here).get(page).content.decode()) == [scene.frame.rgb for scene in film.scenes]


def test_of_a_recording_the_title_alone_is_shown_and_the_page_says_why(here: Office) -> None:
    upload = SimpleUploadedFile("a.wav", a_second_of_sound(), "audio/wav")
    page = lan(here).post("/ban-tin/moi/", {**WORDS, "audio": upload}).headers["Location"]
    shown = lan(here).get(page).content.decode()
    assert "Chỉ có tiêu đề" in shown
    film = on_the_box(Page(Look.BULLETIN, WORDS["title"]), (128, 64))
    assert dots(shown) == [scene.frame.rgb for scene in film.scenes]


def test_another_size_comes_alone_and_an_unknown_one_is_the_usual(here: Office) -> None:
    page = lan(here).post("/ban-tin/moi/", WORDS).headers["Location"]
    part = lan(here).get(f"{page}bang-tin/?bang=96x16").content.decode()
    assert "<html" not in part
    assert "chữ chạy" in part
    usual = lan(here).get(f"{page}bang-tin/").content.decode()
    assert lan(here).get(f"{page}bang-tin/?bang=99999x99999").content.decode() == usual


def test_a_stranger_to_the_unit_sees_nothing(here: Office) -> None:
    page = lan(here).post("/ban-tin/moi/", WORDS).headers["Location"]
    assert Client().get(f"{page}bang-tin/").status_code == 302


def test_an_alarm_is_said_to_flash() -> None:
    shown = preview(Page(Look.ALARM, "Lũ", "Nước đang lên nhanh."))
    assert all(picture.flashes for picture in shown.pictures)
    assert not any(picture.flashes for picture in preview(Page(Look.DRILL, "Lũ", "Nước đang lên nhanh.")).pictures)


def test_a_page_that_is_looked_at_again_is_not_drawn_again() -> None:
    page = Page(Look.BULLETIN, "Lũ", "Nước đang lên nhanh.")
    assert preview(page) is preview(page)
    assert preview(page, (256, 128)) is not preview(page)
