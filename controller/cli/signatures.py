"""`loalang sign`: read an order on one's own machine, understand it, sign it; the key never meets a page.

The request is what the emergency page lets one download, the answer is what it takes back: two small JSON texts.
"""

import base64
import binascii
from argparse import Namespace
from datetime import datetime
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from controller.cli import terminal
from controller.cli.terminal import CliError, Commands, language, words
from protocol import keyfile
from protocol.codec import decode
from protocol.errors import ProtocolError
from protocol.ids import key_id
from protocol.messages import BY_CODE
from protocol.order import MAX_ORDER_BYTES, MessageType, Order, Status
from protocol.signing import Domain, Family, Signer, to_be_signed


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be signed."""

    loalang: Literal["sign/1"]
    order: str
    """Id in hex."""
    payload: str
    """The order's bytes, base64url without padding."""


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One signature."""

    loalang: Literal["signature/1"]
    order: str
    public: str
    """Raw public key, base64url without padding."""
    signature: str
    """64 bytes, base64url without padding."""


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "sign",
        help=words(
            "đọc và ký một lệnh khẩn cấp bằng khóa của mình", "read and sign an emergency order with one's own key"
        ),
    )
    parser.add_argument(
        "request",
        type=Path,
        help=words("tệp yêu cầu ký, tải từ trang lệnh", "the request, downloaded from the order's page"),
    )
    parser.add_argument("--key", required=True, type=Path, metavar="FILE", help=words("tệp khóa", "key file"))
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help=words("tệp chữ ký (mặc định: cạnh tệp yêu cầu)", "the signature (default: beside the request)"),
    )
    parser.add_argument("--yes", action="store_true", help=words("không hỏi lại", "do not ask for confirmation"))
    terminal.add_passphrase(parser)
    parser.set_defaults(run=run)


def run(args: Namespace) -> int:
    order, payload = read_request(terminal.read_text(args.request))
    terminal.say(describe(order))
    if not args.yes and not _agrees():
        terminal.say(words("Không ký.", "Not signed."))
        return 1
    text = terminal.read_text(args.key)
    person = keyfile.read(text).person
    signer = keyfile.unseal(
        text, terminal.passphrase(args, words(f"Mật khẩu khóa của {person}", f"Passphrase of {person}'s key"))
    )
    out: Path = args.out or args.request.with_suffix(f".{key_id(signer.public_key).hex()}.json")
    terminal.write_new(out, answer(order, payload, signer).encode())
    terminal.say(
        words(
            f"Chữ ký của {person}: {out}. Nộp tệp này ở trang của lệnh.",
            f"{person}'s signature: {out}. Hand it in on the order's page.",
        )
    )
    return 0


def _agrees() -> bool:
    try:
        typed = input(words("Ký lệnh này? Gõ KY để đồng ý: ", "Sign it? Type KY to agree: "))
    except EOFError as error:
        raise CliError(
            words("không có ai để hỏi; dùng --yes nếu đã đọc lệnh", "nobody to ask; use --yes if the order was read")
        ) from error
    return typed.strip().upper() == "KY"


def read_request(text: str) -> tuple[Order, bytes]:
    """The order to be signed and its exact bytes. Raises `CliError` or `ProtocolError`."""
    try:
        request = msgspec.json.decode(text.encode(), type=Request)
        payload = base64.urlsafe_b64decode(request.payload + "=" * (-len(request.payload) % 4))
    except (msgspec.DecodeError, binascii.Error, ValueError) as error:
        raise CliError(words(f"không phải tệp yêu cầu ký: {error}", f"not a request to sign: {error}")) from error
    order = decode(payload, Order, max_bytes=MAX_ORDER_BYTES)
    if order.id.hex() != request.order:
        raise ProtocolError("bad-record", words("tệp nói về lệnh khác", "the file names another order"), field="order")
    return order, payload


def answer(order: Order, payload: bytes, signer: Signer) -> str:
    """The signature over these bytes, as the page takes it."""
    domain = Domain(order.province, order.environment)
    value = signer.sign(to_be_signed(payload, Family.ORDER, domain))
    reply = Answer("signature/1", order.id.hex(), _base64(signer.public_key), _base64(value))
    return msgspec.json.format(msgspec.json.encode(reply), indent=2).decode() + "\n"


def describe(order: Order) -> str:
    """What somebody must know who is asked to sign this; from the signed bytes alone."""
    kinds = {
        MessageType.ALERT: words("PHÁT LỆNH", "ALERT"),
        MessageType.UPDATE: words("THAY LỆNH", "UPDATE"),
        MessageType.CANCEL: words("HỦY LỆNH", "CANCEL"),
    }
    statuses = {
        Status.ACTUAL: words("THẬT", "ACTUAL"),
        Status.EXERCISE: words("diễn tập", "exercise"),
        Status.TEST: words("kiểm tra, không ra loa", "test, silent"),
    }
    lines = [
        f"{kinds[order.type]} · {statuses[order.status]} · {order.event} · {order.severity.name}",
        words("khu vực: ", "area: ") + ", ".join(order.area),
    ]
    if order.sound is not None:
        lines.append(words("nội dung: ", "message: ") + _message(order.sound.message))
        lines.append(words(f"số lần: {order.sound.repeats}", f"repeats: {order.sound.repeats}"))
    if order.references:
        lines.append(words("về lệnh: ", "about: ") + ", ".join(reference.hex() for reference in order.references))
    if order.reason:
        lines.append(words("lý do: ", "reason: ") + order.reason)
    lines.append(words("hết hiệu lực: ", "expires: ") + _local(order.expires))
    lines.append(f"{order.province}/{order.environment} · {order.id.hex()}")
    return "\n".join(lines)


def _message(message: int | bytes) -> str:
    if isinstance(message, bytes):
        return f"SHA-256 {message.hex()}"
    known = BY_CODE.get(message)
    if known is None:
        return f"#{message}"
    return known.text_vi if language() == "vi" else f"{known.title_en} ({known.text_vi})"


def _local(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, ZoneInfo("Asia/Ho_Chi_Minh")).strftime("%d/%m/%Y %H:%M")


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
