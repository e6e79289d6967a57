"""`loalang sign`: read what is to be signed on one's own machine, understand it, sign it; the key never meets a page.

The request is what a page lets one download, the answer is what it takes back: two JSON texts (protocol/README §11).
"""

import base64
import binascii
import json
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from controller.cli import terminal, wording
from controller.cli.terminal import CliError, Commands, words
from protocol import keyfile
from protocol.approval import MAX_APPROVAL_BYTES, MAX_EXCEPTION_BYTES, Approval, QuietException, Subject
from protocol.codec import decode, encode
from protocol.curves import Alg
from protocol.delegation import MAX_DELEGATION_BYTES, Delegation
from protocol.errors import ProtocolError
from protocol.ids import key_id, sha256
from protocol.order import MAX_ORDER_BYTES, Order
from protocol.roles import MAX_ROOTS_BYTES, Roots
from protocol.signing import Domain, Family, SignedBy, Signer, open_signed, signed_by


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be signed."""

    loalang: Literal["sign/2"]
    family: Literal["order", "approval", "delegation", "exception", "roots"]
    province: str
    environment: str
    payload: str
    """The record's bytes, base64url without padding."""


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One signature. The names are those of the pages' form."""

    loalang: Literal["signature/2"]
    family: str
    sha256: str
    """Of the payload, in hex."""
    public_key: str
    """Raw public key, base64url without padding."""
    signature: str
    """64 bytes, base64url without padding."""
    alg: int


@dataclass(frozen=True)
class Reading:
    """How a family is read and said."""

    record: type[msgspec.Struct]
    max_bytes: int
    say: Callable[[Any], list[str]]
    changes: Callable[[Any, Any], list[str]] | None = None


READINGS: Final = {
    Family.ORDER: Reading(Order, MAX_ORDER_BYTES, wording.order),
    Family.APPROVAL: Reading(Approval, MAX_APPROVAL_BYTES, wording.approval),
    Family.EXCEPTION: Reading(QuietException, MAX_EXCEPTION_BYTES, wording.exception),
    Family.DELEGATION: Reading(Delegation, MAX_DELEGATION_BYTES, wording.delegation, wording.delegation_changes),
    Family.ROOTS: Reading(Roots, MAX_ROOTS_BYTES, wording.roots, wording.roots_changes),
}


@dataclass(frozen=True)
class ToSign:
    """A request that was read: every field of its record is known."""

    family: Family
    domain: Domain
    record: msgspec.Struct
    payload: bytes


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "sign",
        help=words(
            "đọc và ký bằng khóa của mình: lệnh, bản tin, danh sách người",
            "read and sign with one's own key: an order, a bulletin, a list of people",
        ),
    )
    parser.add_argument(
        "request", type=Path, help=words("tệp yêu cầu ký, tải từ trang", "the request, downloaded from the page")
    )
    parser.add_argument("--key", required=True, type=Path, metavar="FILE", help=words("tệp khóa", "key file"))
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help=words("tệp chữ ký (mặc định: cạnh tệp yêu cầu)", "the signature (default: beside the request)"),
    )
    parser.add_argument(
        "--audio",
        type=Path,
        metavar="FILE",
        help=words("tệp âm thanh đã nghe, để so với bản tin", "the sound that you heard, to be compared"),
    )
    parser.add_argument(
        "--text",
        type=Path,
        metavar="FILE",
        help=words("lời văn đã đọc, để so với bản tin", "the text that you read, to be compared"),
    )
    parser.add_argument(
        "--held",
        type=Path,
        metavar="FILE",
        help=words("bản đã ký trước đó, để xem ai đến, ai đi", "the signed version before, to see who comes, who goes"),
    )
    parser.add_argument("--yes", action="store_true", help=words("không hỏi lại", "do not ask for confirmation"))
    terminal.add_passphrase(parser)
    parser.set_defaults(run=run)


def run(args: Namespace) -> int:
    asked = read_request(terminal.read_text(args.request))
    held = None if args.held is None else read_held(asked.family, asked.domain, args.held)
    for line in [*describe(asked, held), *compared(asked, args.audio, args.text)]:
        terminal.say(line)
    if not args.yes and not agrees():
        terminal.say(words("Không ký.", "Not signed."))
        return 1
    person, signer = open_key(args.key, args)
    out: Path = args.out or args.request.with_suffix(f".{key_id(signer.public_key).hex()}.json")
    terminal.write_new(out, answer(asked, signer).encode())
    terminal.say(words(f"Chữ ký của {person}: {out}.", f"{person}'s signature: {out}.") + " " + _way_on(asked, out))
    return 0


def _way_on(asked: ToSign, out: Path) -> str:
    """Roots are collected by a command, on no page."""
    if asked.family is Family.ROOTS:
        return words(
            f"Người đang gom chữ ký chạy: loalang roots sign DANH-SACH --signature {out.name} --out TEP-MOI",
            f"Whoever collects the signatures runs: loalang roots sign ROOTS --signature {out.name} --out NEW-FILE",
        )
    return words("Nộp tệp này ở trang đã cho yêu cầu.", "Hand it in on the page that gave the request.")


def open_key(path: Path, args: Namespace) -> tuple[str, Signer]:
    """Whose key is in this file, and the key."""
    text = terminal.read_text(path)
    person = keyfile.read(text).person
    phrase = terminal.passphrase(args, words(f"Mật khẩu khóa của {person}", f"Passphrase of {person}'s key"))
    return person, keyfile.unseal(text, phrase)


def agrees() -> bool:
    """Whether whoever sits here has read it and says so."""
    try:
        typed = input(words("Ký nội dung này? Gõ KY để đồng ý: ", "Sign it? Type KY to agree: "))
    except EOFError as error:
        raise CliError(
            words("không có ai để hỏi; dùng --yes nếu đã đọc", "nobody to ask; use --yes if it was read")
        ) from error
    return typed.strip().upper() == "KY"


def read_request(text: str) -> ToSign:
    """What is to be signed, and its exact bytes. Raises `CliError` or `ProtocolError`."""
    try:
        request = msgspec.json.decode(text.encode(), type=Request)
        payload = from_base64url(request.payload)
    except (msgspec.DecodeError, binascii.Error, ValueError) as error:
        raise CliError(words(f"không phải tệp yêu cầu ký: {error}", f"not a request to sign: {error}")) from error
    family, domain = Family[request.family.upper()], Domain(request.province, request.environment)
    record = read_record(family, payload)
    own = (getattr(record, "province", domain.province), getattr(record, "environment", domain.environment))
    if own != (domain.province, domain.environment):
        raise ProtocolError(
            "bad-record", words("tệp nói về nơi khác", "the file names another place"), field="province"
        )
    return ToSign(family, domain, record, payload)


def read_record(family: Family, payload: bytes) -> msgspec.Struct:
    """The record in these bytes, if this program knows every field of it: what cannot be shown is not signed."""
    reading = READINGS[family]
    record = decode(payload, reading.record, max_bytes=reading.max_bytes)
    if encode(record) != payload:
        raise CliError(
            words(
                "nội dung có phần mà chương trình này không hiểu; hãy cập nhật loalang rồi ký",
                "there is something in it that this program does not understand; update loalang, then sign",
            )
        )
    return record


def read_held(family: Family, domain: Domain, path: Path) -> msgspec.Struct:
    """The signed record that is held now: for comparison, its signatures are not asked."""
    reading = READINGS[family]
    if reading.changes is None:
        raise CliError(
            words("--held chỉ dùng cho danh sách người", "--held is for lists of people (roots, delegations) only")
        )
    data = terminal.read_bytes(path)
    payload = open_signed(data, family, domain, max_bytes=reading.max_bytes).payload
    return decode(payload, reading.record, max_bytes=reading.max_bytes)


def answer(asked: ToSign, signer: Signer) -> str:
    """The signature over these bytes, as the page takes it."""
    made = signed_by(signer, asked.payload, asked.family, asked.domain)
    reply = Answer(
        "signature/2",
        asked.family.name.lower(),
        sha256(asked.payload).hex(),
        to_base64url(made.public_key),
        to_base64url(made.value),
        int(made.alg),
    )
    return msgspec.json.format(msgspec.json.encode(reply), indent=2).decode() + "\n"


def request_text(payload: bytes, family: Family, domain: Domain) -> str:
    """A request, as pages write it too (`accounts.signing.request_file`)."""
    asked = {
        "loalang": "sign/2",
        "family": family.name.lower(),
        "province": domain.province,
        "environment": domain.environment,
        "payload": to_base64url(payload),
    }
    return json.dumps(asked, indent=2) + "\n"


def read_answer(text: str, family: Family, payload: bytes) -> SignedBy:
    """The signature in an answer, if it is for these bytes; not yet verified. Raises `CliError`."""
    try:
        reply = msgspec.json.decode(text.encode(), type=Answer)
        made = SignedBy(from_base64url(reply.public_key), from_base64url(reply.signature), Alg(reply.alg))
    except (msgspec.DecodeError, binascii.Error, ValueError) as error:
        raise CliError(words(f"không phải tệp chữ ký: {error}", f"not a signature: {error}")) from error
    if (reply.family, reply.sha256) != (family.name.lower(), sha256(payload).hex()):
        raise CliError(words("tệp chữ ký này thuộc nội dung khác", "this signature is of something else"))
    return made


def describe(asked: ToSign, held: msgspec.Struct | None = None) -> list[str]:
    """What somebody must know who is asked to sign this; from the signed bytes alone."""
    reading = READINGS[asked.family]
    lines = reading.say(asked.record)
    if held is not None and reading.changes is not None:
        lines += reading.changes(held, asked.record)
    elif reading.changes is not None:
        lines.append(
            words(
                "(thêm --held FILE với bản đang dùng để xem ai đến, ai đi)",
                "(add --held FILE with the version in force to see who comes, who goes)",
            )
        )
    place = f"{asked.domain.province}/{asked.domain.environment}"
    lines.append(words("mã đối chiếu: ", "code to compare: ") + f"{wording.code(asked.payload)} · {place}")
    return wording.plain(lines)


def compared(asked: ToSign, audio: Path | None, text: Path | None) -> list[str]:
    """What was heard and read, against what is signed. Raises `CliError` where it differs."""
    sound, spoken = _hashes(asked.record)
    lines = []
    if audio is not None:
        if sound is None or sha256(terminal.read_bytes(audio)) != sound:
            raise CliError(words(f"{audio} KHÔNG phải âm thanh sẽ ký", f"{audio} is NOT the sound that is signed"))
        lines.append(words(f"{audio}: đúng âm thanh sẽ ký", f"{audio}: the very sound that is signed"))
    elif sound is not None:
        lines.append(words("(chưa so âm thanh: thêm --audio FILE)", "(sound not compared: add --audio FILE)"))
    if text is not None:
        if spoken is None or spoken not in _readings(terminal.read_bytes(text)):
            raise CliError(words(f"{text} KHÔNG phải lời văn sẽ ký", f"{text} is NOT the text that is signed"))
        lines.append(words(f"{text}: đúng lời văn sẽ ký", f"{text}: the very text that is signed"))
    elif spoken is not None:
        lines.append(words("(chưa so lời văn: thêm --text FILE)", "(text not compared: add --text FILE)"))
    return lines


def _hashes(record: msgspec.Struct) -> tuple[bytes | None, bytes | None]:
    """Of the sound and of the text that this record names."""
    if isinstance(record, Approval):
        return (record.hash if record.subject is Subject.BULLETIN else None), record.text
    message = record.sound.message if isinstance(record, Order) and record.sound is not None else None
    return (message if isinstance(message, bytes) else None), None


def _readings(data: bytes) -> tuple[bytes, ...]:
    """Hashes of a text: an editor puts a line end behind the last line, which nobody speaks."""
    return sha256(data), sha256(data.removesuffix(b"\n").removesuffix(b"\r"))


def to_base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """Raises `ValueError`."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
