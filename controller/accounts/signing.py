"""Signatures of persons, for every page that asks for one: what the kit is given, and what it brings back.

A page includes `accounts/sign_with.html` with `signing` from `request`, reads the answer with `read`, asks `own_key`
whose it is and `verify` whether it is good. Who may sign what is for the app that asks. The script of the kit is
`static/accounts/signing.js`; the two texts for `loalang sign` stand in protocol/README §11.
"""

import base64
import json
from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec
from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _

from controller.accounts.models import Person, PersonKey
from controller.core.errors import Refused
from protocol import passkey
from protocol.curves import PASSKEY_ALG, RAW_ALG, SIGNATURE_BYTES, Alg, compact, smaller
from protocol.errors import ProtocolError
from protocol.ids import key_id, sha256
from protocol.passkey import Party
from protocol.signing import (
    AUTHENTICATOR_DATA,
    MAX_CLIENT_DATA,
    Assertion,
    Domain,
    Family,
    Signature,
    SignedBy,
    to_be_signed,
)

REQUEST: Final = "sign/2"
ANSWER: Final = "signature/2"
MAX_ANSWER_BYTES: Final = 4_096
FILE_FIELD: Final = "signature_file"
"""The form's field for a file of `loalang sign`."""


class Answer(msgspec.Struct, frozen=True):
    """What the form says, or a file of `loalang sign`: the same names (protocol/README §11)."""

    public_key: str = ""
    signature: str = ""
    alg: int = 0
    authenticator_data: str = ""
    client_data: str = ""
    loalang: str = ""


def domain() -> Domain:
    """Where signatures of this installation count."""
    return Domain(settings.LOALANG.province, settings.LOALANG.environment)


def request(
    person: Person,
    payload: bytes,
    family: Family,
    *,
    action: str = "",
    fields: Mapping[str, str] | None = None,
    button: str = "",
    only: Collection[bytes] | None = None,
) -> dict[str, Any]:
    """What `accounts/sign_with.html` needs to have this person sign these bytes.

    `action` is where the form posts to (empty: the page itself), `fields` more hidden fields, `button` the words of its
    buttons, `only` the public keys that would count (None: all that the person registered).
    """
    rows = PersonKey.objects.filter(person=person, revoked=None).order_by("created", "pk")
    keys = [row for row in rows if only is None or bytes(row.public_key) in only]
    return {
        "action": action,
        "fields": dict(fields or {}),
        "button": button or _("Ký"),
        "keys": [_offer(row, to_be_signed(payload, family, domain(), row.alg)) for row in keys],
        "kinds": {row.kind for row in keys},
        "code": code(payload),
        "request": base64.b64encode(request_file(payload, family).encode()).decode(),
        "filename": f"{family.name.lower()}-{sha256(payload).hex()[:8]}.json",
    }


def request_file(payload: bytes, family: Family) -> str:
    """The text that `loalang sign` reads, with the very bytes."""
    place = domain()
    text = {
        "loalang": REQUEST,
        "family": family.name.lower(),
        "province": place.province,
        "environment": place.environment,
        "payload": to_base64url(payload),
    }
    return json.dumps(text, indent=2) + "\n"


def code(payload: bytes) -> str:
    """What people compare between a page and `loalang sign`: the first 8 bytes of the SHA-256 of what is signed."""
    digits = sha256(payload).hex()[:16].upper()
    return " ".join(digits[at : at + 4] for at in range(0, 16, 4))


def _offer(row: PersonKey, signed: bytes) -> dict[str, str]:
    return {
        "kind": row.kind,
        "label": row.label,
        "fingerprint": row.fingerprint,
        "public_key": to_base64url(bytes(row.public_key)),
        "alg": str(int(row.alg)),
        "signed": to_base64url(signed),
        "challenge": to_base64url(passkey.challenge(signed)),
        "credential": to_base64url(bytes(row.credential)),
        "rp_id": row.rp_id,
    }


def read(source: HttpRequest | Mapping[str, str] | bytes) -> SignedBy:
    """The signature in a request (form, JSON body, or file of `loalang sign`), in form fields, or in a JSON text.

    An ES256 signature comes out with the smaller s, as the boxes want it. Raises `Refused`; nothing is verified yet.
    """
    try:
        answer = _answer(source)
        return _signed_by(answer)
    except (msgspec.MsgspecError, ProtocolError, ValueError, RecursionError) as error:
        raise Refused(
            "signature",
            _("Chữ ký gửi lên không đọc được."),
            _("Tải lại trang rồi ký lại; nếu nộp tệp, chọn tệp do lệnh “loalang sign” tạo ra."),
        ) from error


def own_key(person: Person, signed: SignedBy) -> PersonKey:
    """The registered key with which this was signed. Raises `Refused` if it is not this person's, or not any more."""
    row = PersonKey.objects.filter(person=person, public_key=signed.public_key, revoked=None).first()
    if row is None or row.alg is not signed.alg:
        raise Refused(
            "public_key",
            _("Khóa này không phải khóa đang dùng của bạn."),
            _("Ký bằng khóa mà bạn đã đăng ký ở trang của bạn, hoặc đăng ký khóa mới ở đó."),
        )
    return row


def verify(signed: SignedBy, payload: bytes, family: Family, domain: Domain, party: Party | None) -> None:
    """Refuses a signature that a box would not take for this key: over other bytes, or by an unverified hand.

    `party` is the one that the roots name for a passkey, None for a key that signs bytes itself.
    """
    if not is_good(signed, to_be_signed(payload, family, domain, signed.alg), party):
        raise Refused("signature", _("Chữ ký không đúng với nội dung này."), _why(signed, party))


def is_good(signed: SignedBy, message: bytes, party: Party | None) -> bool:
    """Whether this is the key's signature over exactly this message."""
    signature = Signature(key_id(signed.public_key), message, signed.value, signed.alg, signed.assertion)
    if signed.assertion is None:
        return party is None and signature.verify(signed.public_key)
    return party is not None and passkey.verify(signature, signed.public_key, party)


def _why(signed: SignedBy, party: Party | None) -> str:
    if (signed.assertion is None) != (party is None):
        return _("Danh sách người ký ghi khóa này thuộc loại khác; hãy nhờ quản trị viên cấp tỉnh sửa lại.")
    if signed.assertion is not None and not signed.assertion.authenticator_data[32] & passkey.USER_VERIFIED:
        return _("Máy chưa kiểm tra vân tay, khuôn mặt hoặc mã PIN. Bật khóa màn hình trên máy rồi ký lại.")
    if signed.assertion is not None and party is not None and not _from(signed.assertion, party):
        return _("Khóa này được tạo cho địa chỉ khác. Mở hệ thống bằng đúng địa chỉ đã ghi trong danh sách người ký.")
    return _("Nội dung có thể vừa được sửa. Tải lại trang, đọc lại rồi ký lại.")


def _from(assertion: Assertion, party: Party) -> bool:
    origin = json.loads(assertion.client_data).get("origin")
    return assertion.authenticator_data[:32] == sha256(party.id.encode()) and origin in party.origins


def _answer(source: HttpRequest | Mapping[str, str] | bytes) -> Answer:
    if isinstance(source, HttpRequest):
        file = source.FILES.get(FILE_FIELD)
        if file is not None:
            return _answer(file.read(MAX_ANSWER_BYTES + 1))
        return _answer(source.body if source.content_type == "application/json" else source.POST)
    if isinstance(source, bytes):
        if len(source) > MAX_ANSWER_BYTES:
            raise ValueError("too long")
        answer = msgspec.json.decode(source, type=Answer)
        if answer.loalang not in ("", ANSWER):
            raise ValueError(f"not {ANSWER}")
        return answer
    fields = {name: source[name] for name in Answer.__struct_fields__ if source.get(name)}
    return msgspec.convert(fields, Answer, strict=False)


def _signed_by(answer: Answer) -> SignedBy:
    public_key, alg = from_base64url(answer.public_key), Alg(answer.alg)
    if alg not in (RAW_ALG.get(len(public_key)), PASSKEY_ALG.get(len(public_key))):
        raise ValueError("the key does not sign like this")
    assertion = None
    if alg.is_passkey:
        data, client = from_base64url(answer.authenticator_data), from_base64url(answer.client_data)
        if len(data) != AUTHENTICATOR_DATA or len(client) > MAX_CLIENT_DATA:
            raise ValueError("no assertion that boxes take")
        if not isinstance(json.loads(client), dict):
            raise ValueError("no client data")
        assertion = Assertion(data, client)
    return SignedBy(public_key, _value(from_base64url(answer.signature), alg), alg, assertion)


def _value(value: bytes, alg: Alg) -> bytes:
    """Authenticators give ES256 in DER, WebCrypto as r and s; 64 bytes are never DER, which takes 8 bytes more."""
    if alg in (Alg.EDDSA, Alg.PASSKEY_EDDSA):
        if len(value) != SIGNATURE_BYTES:
            raise ValueError("no signature")
        return value
    return smaller(value) if len(value) == SIGNATURE_BYTES else compact(value)


def to_base64url(data: bytes) -> str:
    """Without padding (RFC 4648 §5)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """With or without padding. Raises `ValueError`."""
    text = text.strip().rstrip("=")
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
