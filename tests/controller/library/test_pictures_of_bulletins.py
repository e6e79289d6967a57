"""Lan adds a picture; it is made small and plain, the page shows it as boards will, and Hoa signs for its bytes."""

import io
import signal
import struct
import zlib
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from PIL import Image

from controller.cli import wording
from controller.core.errors import Refused
from controller.library import approving, files, pictures, services, watched
from controller.library.models import Blob, BlobKind, Bulletin, State
from controller.library.pictures import Bounds
from controller.library.services import Words
from controller.library.shrinking import Outcome, shrink
from controller.library.watched import Patience
from controller.worker.loop import do_all
from protocol.board.page import Look, Page
from protocol.board.picture import open_picture
from protocol.board.rendering import Format, render
from tests.controller.library.test_what_boards_will_show import dots
from tests.support.boards import FONTS
from tests.support.installation import install
from tests.support.officers import WARD, Office, approve, office, payload_of

pytestmark = pytest.mark.django_db
WORDS = {"title": "Sơ tán", "unit": WARD, "klass": "1", "text": "Theo bản đồ.", "voice": "vi", "language": "vi"}


@pytest.fixture
def here(settings: LazySettings, tmp_path: Path) -> Office:
    install(settings, tmp_path)
    return office()


def lan(here: Office) -> Client:
    client = Client()
    client.force_login(here.lan)
    return client


def photograph(form: str = "JPEG", size: tuple[int, int] = (1600, 1200)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, (255, 128, 0)).save(file, form)
    return file.getvalue()


def upload(data: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile("ban-do.jpg", data, "image/jpeg")


def on_disk(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "upload"
    path.write_bytes(data)
    return path


def illustrated(here: Office, tmp_path: Path) -> Bulletin:
    words = Words("Sơ tán", "Theo bản đồ.")
    made = services.write(words, here.ward, here.lan, picture=on_disk(tmp_path, photograph()))
    do_all(timezone.now())
    made.refresh_from_db()
    return made


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_from_the_form_to_the_dots_of_a_board(here: Office, form: str) -> None:
    page = lan(here).post("/ban-tin/moi/", {**WORDS, "picture": upload(photograph(form))}).headers["Location"]
    served = lan(here).get(f"{page}hinh/")
    assert served.headers["Content-Type"] == "image/png"
    picture = open_picture(served.content)
    assert picture.size == (480, 360)
    film = render(Page(Look.BULLETIN, "Sơ tán", "Theo bản đồ."), Format(128, 64), FONTS, picture)
    assert dots(lan(here).get(page).content.decode()) == [scene.frame.rgb for scene in film.scenes]
    assert len(film.scenes) == 2


def test_the_upload_itself_is_not_kept(here: Office, tmp_path: Path) -> None:
    made = illustrated(here, tmp_path)
    assert {row.kind for row in Blob.objects.all()} == {BlobKind.SOUND, BlobKind.PICTURE, BlobKind.MANIFEST}
    assert made.picture is not None
    assert files.path_of(made.picture.hash).stat().st_size == made.picture.size


def test_who_approves_signs_for_the_very_bytes_of_the_picture(here: Office, tmp_path: Path) -> None:
    made = illustrated(here, tmp_path)
    assert made.picture is not None
    asked = approving.read(payload_of(made))
    assert asked.picture == bytes.fromhex(made.picture.hash)
    assert f"SHA-256 {made.picture.hash}" in "\n".join(wording.approval(asked))
    hoa = Client()
    hoa.force_login(here.hoa)
    assert made.picture.hash[:16] in hoa.get(f"/ban-tin/{made.pk}/").content.decode()
    approve(made, here.hoa)
    made.refresh_from_db()
    assert made.state == State.APPROVED


def test_a_picture_that_was_exchanged_after_the_page_was_opened_is_not_approved(here: Office, tmp_path: Path) -> None:
    made = illustrated(here, tmp_path)
    asked = payload_of(made)
    other = on_disk(tmp_path, photograph(size=(100, 300)))
    services.edit(made, Words("Sơ tán", "Theo bản đồ."), here.lan, picture=other)
    do_all(timezone.now())
    with pytest.raises(Refused, match="được sửa sau khi"):
        approve(made, here.hoa, asked)


def test_an_edit_keeps_the_picture_until_it_is_dropped(here: Office, tmp_path: Path) -> None:
    made = illustrated(here, tmp_path)
    page = f"/ban-tin/{made.pk}/sua/"
    assert "Bỏ hình đang dùng" in lan(here).get(page).content.decode()
    lan(here).post(page, {**WORDS, "title": "Sơ tán ngay"})
    made.refresh_from_db()
    assert (made.title, made.picture is None) == ("Sơ tán ngay", False)
    lan(here).post(page, {**WORDS, "drop_picture": "on"})
    made.refresh_from_db()
    assert made.picture is None
    assert "Bỏ hình đang dùng" not in lan(here).get(page).content.decode()
    assert lan(here).get(f"/ban-tin/{made.pk}/hinh/").status_code == 404


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_the_largest_picture_is_made_small_within_its_memory_and_time(tmp_path: Path, form: str) -> None:
    upload = on_disk(tmp_path, photograph(form, (8_000, 5_000)))
    assert open_picture(pictures.made(upload, tmp_path).read_bytes()).size == (576, 360)


def many_dots() -> bytes:
    """A PNG of a few bytes that says to be of 100,000 × 100,000 dots."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(99_999))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "rỗng"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "không phải là hình"),
        (photograph()[:300], "không phải là hình"),
        (photograph("GIF", (9, 9)), "không phải là hình"),
        (many_dots(), "quá nhiều điểm ảnh"),
        (bytes(pictures.MAX_BYTES + 1), "lớn quá 15 MB"),
    ],
    ids=["empty", "svg", "cut", "gif", "many dots", "large"],
)
def test_a_bad_upload_is_explained_beside_its_field_and_nothing_is_kept(
    here: Office, data: bytes, sentence: str
) -> None:
    shown = lan(here).post("/ban-tin/moi/", {**WORDS, "picture": upload(data)}).content.decode()
    assert sentence in shown
    assert not Bulletin.objects.exists()
    assert not Blob.objects.exists()


def test_grey_of_16_bits_stays_grey(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    shades = [0, 0x4000, 0x8000, 0xC000, 0xFFFF]
    Image.frombytes("I;16", (5, 1), struct.pack("<5H", *shades)).save(source, "PNG")
    assert shrink(source, target) is Outcome.MADE
    seen = open_picture(target.read_bytes()).tobytes()[::3]
    assert [abs(shade // 257 - dot) <= 2 for shade, dot in zip(shades, seen, strict=True)] == [True] * 5


def scan_bomb(scans: int = 500) -> bytes:
    """A JPEG of 200 kB whose 40 million dots are gone through so many times: its last scan, repeated."""
    file = io.BytesIO()
    Image.new("L", (5_100, 7_800)).save(file, "JPEG", progressive=True)
    data = file.getvalue()
    last = data.rindex(b"\xff\xda")  # start of scan (ITU-T T.81, B.1.1.3)
    return data[:-2] + data[last:-2] * scans + data[-2:]


def test_a_bomb_is_ended_when_its_time_of_the_processor_is_used_up(tmp_path: Path) -> None:
    """With the patience of a saint: nobody but the kernel ends it."""
    bomb, target = on_disk(tmp_path, scan_bomb()), tmp_path / "target"
    command = pictures.command(bomb, target, Bounds(cpu_s=1))
    code, _said = watched.run(command, lambda _line: None, Patience(silent_s=300, total_s=300))
    assert code in (-signal.SIGXCPU, -signal.SIGKILL)
    assert not target.exists()


@pytest.mark.parametrize(
    "bounds", [Bounds(cpu_s=1, total_s=300), Bounds(cpu_s=300, total_s=1)], ids=["processor", "clock"]
)
def test_whoever_uploads_a_bomb_is_told_that_it_is_no_picture(tmp_path: Path, bounds: Bounds) -> None:
    with pytest.raises(Refused, match="không phải là hình"):
        pictures.made(on_disk(tmp_path, scan_bomb()), tmp_path, bounds)


def test_what_needs_more_memory_than_it_may_have_is_no_picture(tmp_path: Path) -> None:
    """A smaller one is made within as much, and the same one with more."""
    tight = Bounds(memory_bytes=256 << 20)
    assert pictures.made(on_disk(tmp_path, photograph("PNG")), tmp_path, tight).is_file()
    upload = on_disk(tmp_path, photograph("PNG", (8_000, 5_000)))
    with pytest.raises(Refused, match="không phải là hình"):
        pictures.made(upload, tmp_path, tight)
    assert pictures.made(upload, tmp_path).is_file()


def test_uploads_are_decoded_a_few_at_once_and_the_next_is_told_to_wait(tmp_path: Path) -> None:
    """Also one that was no picture gives its turn back."""
    upload, bad, now = on_disk(tmp_path, photograph()), tmp_path / "bad", Bounds(turn_s=0)
    bad.write_bytes(b"no picture")
    with ExitStack() as others:
        for _other in range(pictures.AT_ONCE):
            with pytest.raises(Refused, match="không phải là hình"):
                pictures.made(bad, tmp_path, now)
            others.enter_context(pictures.TURNS)
        with pytest.raises(Refused, match="đang bận"):
            pictures.made(upload, tmp_path, now)
    assert pictures.made(upload, tmp_path, now).is_file()


def test_a_picture_is_turned_upright_and_its_clear_ground_is_dark(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    Image.new("RGB", (40, 20), "red").save(source, "JPEG", exif=exif)
    assert shrink(source, target) is Outcome.MADE
    assert open_picture(target.read_bytes()).size == (20, 40)
    Image.new("RGBA", (4, 4), (255, 255, 255, 0)).save(source, "PNG")
    assert shrink(source, target) is Outcome.MADE
    assert open_picture(target.read_bytes()).getpixel((1, 1)) == (0, 0, 0)
