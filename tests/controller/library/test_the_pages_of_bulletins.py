"""Lan writes and uploads, the page follows the making of the sound, Hoa listens and approves."""

from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from controller.library.models import Bulletin, State
from controller.library.serving import wanted_range
from controller.worker.loop import do_all
from tests.support.installation import install
from tests.support.officers import WARD, Office, approval_fields, approved, office

pytestmark = pytest.mark.django_db

WORDS = {
    "title": "Cúp điện",
    "unit": WARD,
    "klass": "1",
    "text": "UBND thông báo: 6h30 cúp điện.",
    "voice": "vi-vn-x-south",
    "language": "vi",
}


@pytest.fixture
def here(settings: LazySettings, tmp_path: Path) -> Office:
    install(settings, tmp_path)
    return office()


def browser(person: object) -> Client:
    client = Client()
    client.force_login(person)  # type: ignore[arg-type]
    return client


def test_from_writing_to_approval_on_the_pages(here: Office) -> None:
    lan, hoa = browser(here.lan), browser(here.hoa)
    page = lan.post("/ban-tin/moi/", WORDS).headers["Location"]
    assert "hx-get" in lan.get(page).content.decode()
    assert "HX-Refresh" not in lan.get(f"{page}tien-do/").headers
    do_all(timezone.now())
    assert lan.get(f"{page}tien-do/").headers["HX-Refresh"] == "true"
    shown = hoa.get(page).content.decode()
    assert "6 giờ 30 phút" in shown
    assert "Tôi đã nghe hết" in shown
    assert "Tôi đã nghe hết" not in lan.get(page).content.decode()
    bulletin = Bulletin.objects.get()
    sent = approval_fields(bulletin, here.hoa)
    assert hoa.post(f"{page}duyet/", {**sent, "heard": ""}).status_code == 422
    assert hoa.post(f"{page}duyet/", sent).status_code == 302
    bulletin.refresh_from_db()
    assert bulletin.state == State.APPROVED


def test_hoa_sends_it_back_with_a_reason_and_not_without(here: Office) -> None:
    page = browser(here.lan).post("/ban-tin/moi/", WORDS).headers["Location"]
    do_all(timezone.now())
    hoa = browser(here.hoa)
    assert "Chưa ghi lý do" in hoa.post(f"{page}khong-duyet/", {"reason": ""}).content.decode()
    hoa.post(f"{page}khong-duyet/", {"reason": "Sai ngày"})
    assert "Sai ngày" in browser(here.lan).get(page).content.decode()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"", "0 byte"), ("Văn bản.".encode() * 99, "không phải là âm thanh")],
)
def test_a_bad_upload_is_explained_beside_its_field(here: Office, content: bytes, sentence: str) -> None:
    upload = SimpleUploadedFile("thongbao.mp3", content, "audio/mpeg")
    answer = browser(here.lan).post("/ban-tin/moi/", {**WORDS, "audio": upload})
    assert sentence in answer.content.decode()
    assert not Bulletin.objects.exists()


def test_neither_text_nor_recording(here: Office) -> None:
    answer = browser(here.lan).post("/ban-tin/moi/", {**WORDS, "text": ""})
    assert "không có chữ, cũng không có tệp ghi âm" in answer.content.decode()


def test_an_edit_of_an_approved_bulletin_warns_and_asks_for_approval_again(here: Office) -> None:
    bulletin = approved(here)
    lan = browser(here.lan)
    assert "phải duyệt lại" in lan.get(f"/ban-tin/{bulletin.pk}/sua/").content.decode()
    lan.post(f"/ban-tin/{bulletin.pk}/sua/", {**WORDS, "text": "Hoãn."})
    bulletin.refresh_from_db()
    assert bulletin.state == State.RENDERING
    lan.post(f"/ban-tin/{bulletin.pk}/rut/")
    bulletin.refresh_from_db()
    assert bulletin.state == State.WITHDRAWN


def test_a_withdrawal_is_asked_once_more_and_shows_its_reason(here: Office) -> None:
    path, lan = f"/ban-tin/{approved(here).pk}/", browser(here.lan)
    before, _button, _after = lan.get(path).text.partition("Rút hẳn bản tin này")
    assert "<details><summary>Rút bản tin</summary>" in before
    lan.post(f"{path}rut/", {"reason": "Đã có điện"})
    assert "Đã rút: Đã có điện" in lan.get(path).text


def test_a_language_is_chosen_from_a_list_and_any_other_by_its_code(here: Office) -> None:
    lan = browser(here.lan)
    page = lan.post("/ban-tin/moi/", WORDS).headers["Location"]
    assert "<dd>Tiếng Việt</dd>" in lan.get(page).text
    assert '<option value="vi" selected>Tiếng Việt</option>' in lan.get(f"{page}sua/").text
    Bulletin.objects.update(language="sti")
    assert "<dd>sti</dd>" in lan.get(page).text
    edit = lan.get(f"{page}sua/").text
    assert '<option value="other" selected>' in edit
    assert 'name="other_language" value="sti"' in edit
    answer = lan.post("/ban-tin/moi/", {**WORDS, "language": "other", "other_language": "tiếng lạ"})
    assert "Mã ngôn ngữ không đúng." in answer.text
    assert "Mã ngôn ngữ không đúng." in lan.post("/ban-tin/moi/", {**WORDS, "language": "other"}).text


def test_a_bulletin_without_sound_says_so_instead_of_showing_an_empty_card(here: Office) -> None:
    bulletin = approved(here)
    Bulletin.objects.update(state=State.DRAFT, sound=None, text="", original=bulletin.sound)
    assert "Chưa có âm thanh cho bản tin này." in browser(here.lan).get(f"/ban-tin/{bulletin.pk}/").text


def test_an_approved_bulletin_leads_to_its_schedule(here: Office) -> None:
    bulletin = approved(here)
    lan, link = browser(here.lan), f"/lich/moi/?bulletin={bulletin.pk}"
    assert link in lan.get(f"/ban-tin/{bulletin.pk}/").text
    planned = lan.get(link).text
    assert f'name="item-{bulletin.pk}" value="1"' in planned
    assert 'value="Cúp điện"' in planned
    lan.post(f"/ban-tin/{bulletin.pk}/rut/")
    assert link not in lan.get(f"/ban-tin/{bulletin.pk}/").text


def test_the_list_finds_by_words_and_state(here: Office) -> None:
    approved(here)
    lan = browser(here.lan)
    assert "Cúp điện" in lan.get("/ban-tin/?q=điện").content.decode()
    assert "Chưa có bản tin nào" in lan.get("/ban-tin/?state=refused").content.decode()


def test_the_sound_is_served_whole_and_in_parts(here: Office) -> None:
    bulletin = approved(here)
    assert bulletin.sound
    lan, path = browser(here.lan), f"/ban-tin/{bulletin.pk}/am-thanh/"
    whole = lan.get(path)
    data = whole.content
    assert len(data) == bulletin.sound.size
    part = lan.get(path, headers={"range": "bytes=10-19"})
    assert (part.status_code, part.headers["Content-Range"]) == (206, f"bytes 10-19/{len(data)}")
    assert part.content == data[10:20]
    assert lan.get(path, headers={"range": f"bytes={len(data)}-"}).status_code == 416
    other = lan.get(path, headers={"range": "bytes=0-1", "if-range": '"another"'})
    assert other.status_code == 200
    assert other.content == data


def test_a_stranger_sees_nothing_of_it(here: Office) -> None:
    bulletin = approved(here)
    outsider = here.minh
    outsider.appointments.all().delete()
    assert browser(outsider).get(f"/ban-tin/{bulletin.pk}/").status_code == 404
    assert browser(outsider).get(f"/ban-tin/{bulletin.pk}/am-thanh/").status_code == 404
    assert Client().get("/ban-tin/").status_code == 302


@given(st.integers(1, 10_000), st.integers(0, 20_000), st.integers(0, 20_000))
def test_a_range_lies_within_the_file_or_is_refused(size: int, first: int, last: int) -> None:
    try:
        found = wanted_range(f"bytes={first}-{last}", size)
    except ValueError:
        assert first >= size
    else:
        assert found is None or 0 <= found[0] <= found[1] < size


@pytest.mark.parametrize("header", ["", "bytes=-", "items=1-2", "bytes=1-2,5-6", "bytes=9-3"])
def test_an_odd_range_means_the_whole_file(header: str) -> None:
    assert wanted_range(header, 100) is None


def test_the_last_bytes_are_asked_for_by_their_number() -> None:
    assert wanted_range("bytes=-10", 100) == (90, 99)
