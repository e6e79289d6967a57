"""The enrolment code, for those who stand at the box: as words, as a link, as a picture. Pure."""

import base64
import html
import io
from collections.abc import Sequence
from typing import Any, Final

import segno

from agent.core.lamps import Lamp, Meaning
from agent.core.wording import glance
from protocol.topics import APPROVE_PATH

_LETTERS: Final = "a bê xê dê e ép gờ hát i gi ca lờ mờ nờ o pê quy rờ ét-sì tê u vê vê-kép ích i-cờ-rét dét"
_DIGITS: Final = "không một hai ba bốn năm sáu bảy tám chín"
NAMES: Final = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", f"{_LETTERS} {_DIGITS}".split(), strict=True))
"""How a letter or digit is called in Vietnamese."""

_LAMPS: Final = {
    Lamp.STATUS: "Đèn TRẠNG THÁI · status lamp",
    Lamp.FAULT: "Đèn LỖI · fault lamp",
    Lamp.ON_AIR: "Đèn ĐANG NÓI · on-air lamp",
}

_BOARD: Final = (
    '<h2>Bảng tin · board</h2><img alt="" src="data:image/png;base64,{}" '
    'style="width:100%;max-width:60rem;image-rendering:pixelated">'
)


def approve_url(controller: str, code: str) -> str:
    """The console's page that approves the box of this code."""
    return f"{controller}{APPROVE_PATH}?code={code}"


def spoken(code: str) -> str:
    """The code letter by letter, twice, in Vietnamese: technicians of the province listen."""
    said = ", ".join(NAMES[letter] for letter in code if letter in NAMES)
    return f"Mã hộp: {said}. Xin nhắc lại: {said}."


def qr_text(url: str) -> str:
    """The QR for a terminal."""
    out = io.StringIO()
    segno.make(url, error="m", micro=False).terminal(out, compact=True)
    return out.getvalue().rstrip("\n")


def qr_svg(url: str) -> str:
    """The QR as an SVG element."""
    made: str = segno.make(url, error="m", micro=False).svg_inline(scale=6, border=2)
    return made


def page(
    status: dict[str, Any],
    controller: str,
    board: bytes | None = None,
    form: str = "",
    lamps: Sequence[Meaning] = (),
) -> str:
    """The page for whoever stands at the box: who it is, its code, its state. It loads nothing and asks for nothing.

    `board` is a PNG of what its board shows; `form` stands behind it all; `lamps`: what those of the panel tell now.
    """
    code = str(status["code"])
    state = "đã duyệt · approved" if status["approved"] else "chờ duyệt · waiting for approval"
    link = "có · yes" if status["connected"] else "không · no"
    rows = [
        ("Mã hộp · id", status["id"]),
        ("Trạng thái · state", state),
        ("Kết nối · connected", link),
        *glance(status),
        *((_LAMPS[row.lamp], f"{row.vi} · {row.en}") for row in lamps),
    ]
    lines = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(str(value))}</dd>" for name, value in rows)
    qr = "" if status["approved"] else qr_svg(approve_url(controller, code))
    shown = "" if board is None else _BOARD.format(base64.b64encode(board).decode())
    return (
        '<!doctype html><html lang="vi"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(str(status['name']))}</title><h1>{html.escape(str(status['name']))}</h1>"
        f'<p style="font:bold 3rem monospace">{html.escape(code)}</p>{qr}<dl>{lines}</dl>{shown}{form}</html>'
    )


def unlock_form(unlocked: bool | None) -> str:
    """Where the code of the panel is entered, with the answer to the one before; None for none."""
    answers = {
        None: "",
        True: "<p><b>Đã mở khóa trong 2 phút · Unlocked for 2 minutes</b></p>",
        False: "<p><b>Mã không đúng, hoặc đã nhập sai quá nhiều lần · Wrong code, or too many wrong ones</b></p>",
    }
    return (
        f'{answers[unlocked]}<form method="post" action="/"><label>Mã mở khóa nút khẩn cấp · Code of the panel '
        '<input name="code" type="password" inputmode="numeric" autocomplete="off" required></label> '
        "<button>Mở khóa · Unlock</button></form>"
    )
