"""One fixed message of every family: the byte examples of protocol/README.md, and the seeds of the fuzz.

`python -m tests.protocol.examples` writes them into the README again after a change of the wire.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from protocol import keyfile
from protocol.approval import Approval, QuietException, Subject
from protocol.bulletin import Blob, Bulletin, BulletinClass
from protocol.codec import decode, encode
from protocol.compose import order_id
from protocol.delegation import Delegation
from protocol.ids import sha256
from protocol.lifeline import Lifeline
from protocol.live import LiveSession, VoiceGroup
from protocol.manifest import Assignment, Entry, Hours, Kind, Level, Manifest, Policy, Station
from protocol.messages import OWN_WORDS
from protocol.order import Order, Sound
from protocol.report import (
    Ack,
    Beat,
    ClockQuality,
    Doing,
    Fault,
    FaultCode,
    Grade,
    Hello,
    LogBatch,
    LogRow,
    Receipt,
    Result,
    Stage,
    chain_hash,
    holdings_digest,
)
from protocol.roles import Holder, Role, Roots
from protocol.signing import Family, KeySigner, assemble, open1, open_signed, sign, sign1, signed_by
from tests.protocol import http_examples
from tests.protocol.people import (
    BOX,
    BOX_ID,
    CANCEL,
    COMMUNE,
    CONTROLLER,
    DOMAIN,
    FLOOD,
    HAMLET,
    HOA,
    LAN,
    LIVE,
    MINH,
    NOW_MS,
    NOW_S,
    PASSKEY,
    PROVINCE,
    REINSTATE,
    ROOT_A,
    ROOT_B,
    ROOTS,
    SPEAKER,
    STOP,
    signed,
)

README: Final = Path(__file__).parents[2] / "protocol" / "README.md"

SPEECH: Final = sha256(b"the bytes of morning.ogg")
CHAIN: Final = bytes.fromhex("0011223344556677")

WORDED: Final = msgspec.structs.replace(
    FLOOD, id=order_id(HOA.public_key, b"own words..."), sound=Sound(OWN_WORDS), board="Đê ở thôn 3 sắp vỡ."
)
SPOKEN: Final = "Trạm y tế tiêm chủng vào thứ Năm."

APPROVAL: Final = Approval(
    subject=Subject.BULLETIN,
    hash=SPEECH,
    text=sha256(SPOKEN.encode()),
    klass=BulletinClass.ORDINARY,
    language="vi",
    scope=PROVINCE,
    epoch=7,
    issued=NOW_S - 7200,
    expires=NOW_S + 90 * 86_400,
    title="Lịch tiêm chủng",
)
SIGNED_APPROVAL: Final = sign(encode(APPROVAL), Family.APPROVAL, DOMAIN, HOA)

MANIFEST: Final = Manifest(
    zone="Asia/Ho_Chi_Minh",
    policies=(Policy(Level.PROVINCE, quiet=(Hours(21 * 3600, 5 * 3600),), max_session_s=2700),),
    entries=(
        Entry(
            id="s12",
            kind=Kind.PROGRAMME,
            klass=BulletinClass.ORDINARY,
            first="2026-11-24T06:00:00",
            playlist=("b7",),
            rule="FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
        ),
    ),
    bulletins=(Bulletin("b7", "Lịch tiêm chủng", "vi", SPEECH, SPOKEN),),
    blobs=(Blob(SPEECH, 96_000, 32_000),),
    stations=(Station("vov1", "VOV1", "https://radio.example/vov1"),),
    approvals=(SIGNED_APPROVAL,),
)
SIGNED_MANIFEST: Final = sign1(encode(MANIFEST), Family.MANIFEST, DOMAIN, CONTROLLER)

ASSIGNMENT: Final = Assignment(
    box=BOX_ID,
    generation=3,
    manifest=sha256(SIGNED_MANIFEST),
    manifest_size=len(SIGNED_MANIFEST),
    units=(PROVINCE, COMMUNE, HAMLET),
    issued=NOW_S,
    valid_until=NOW_S + 45 * 86_400,
    site="Nhà văn hóa thôn 3",
)

ROW: Final = LogRow(
    seq=1,
    play="s12@2026-11-24T06:00:00#1.1",
    cause="s12",
    bulletin="b7",
    sound=SPEECH.hex(),
    planned=NOW_MS - 3_600_000,
    started=NOW_MS - 3_599_996,
    ended=NOW_MS - 3_567_996,
    result=Result.PLAYED,
    grade=Grade.RENDERED,
    start_error_ms=4,
)
DELEGATION: Final = Delegation(
    unit=COMMUNE,
    era=0,
    version=1,
    epoch=7,
    issued=NOW_S - 3600,
    expires=NOW_S + 400 * 86_400,
    holders=(
        Holder(LAN.public_key, "Lan", (Role.COMMUNE, Role.CONTENT), (COMMUNE,), NOW_S - 3600, NOW_S + 14 * 86_400),
    ),
    reason="Lan thay Dung hai tuần",
)
EXCEPTION: Final = QuietException(
    epoch=7, issued=NOW_S, area=(PROVINCE,), start=1_801_933_200, end=1_801_936_800, reason="Giao thừa Tết Đinh Mùi"
)
GROUP: Final = VoiceGroup(LIVE.id, 0, tuple(sha256(bytes([number])) for number in range(3)), last=False)
LOG: Final = LogBatch(BOX_ID, CHAIN, bytes(32), (ROW,))

HELLO: Final = Hello(
    box=BOX_ID,
    version="0.1.0",
    at=NOW_MS,
    generation=3,
    wanted=3,
    roots_version=7,
    orders=(FLOOD.id,),
    chain=CHAIN,
    log_seq=1,
    clock=ClockQuality.NTP,
    boot=NOW_MS - 7_200_000,
    delegations=((COMMUNE, 1),),
    session=bytes.fromhex("0102030405060708"),
    epoch=1,
    era=0,
    wanted_epoch=1,
    wanted_era=0,
)
DIGEST: Final = holdings_digest((0, 1, 3), 7, (FLOOD.id,), CHAIN, 1, 1, ((COMMUNE, 1),))
BEAT: Final = Beat(NOW_S, DIGEST, Doing.EMERGENCY, ClockQuality.NTP, 1 << FaultCode.FETCH, 3)
RECEIPT: Final = Receipt(BOX_ID, FLOOD.id, Stage.STARTED, NOW_MS, first_sample=NOW_MS + 180, grade=Grade.RENDERED)
FAULT: Final = Fault(BOX_ID, FaultCode.FETCH, True, NOW_MS, "connection refused")
ACK: Final = Ack(BOX_ID, CHAIN, 1, receipts=((FLOOD.id, Stage.STARTED),), faults=((FaultCode.FETCH, NOW_MS),))

BY_PASSKEY: Final = assemble(
    encode(FLOOD),
    Family.ORDER,
    (signed_by(HOA, encode(FLOOD), Family.ORDER, DOMAIN), PASSKEY.sign(encode(FLOOD), Family.ORDER, DOMAIN)),
)
"""The alert, signed by Hoa's key file and Minh's passkey."""

KEY_FILE: Final = keyfile.seal(
    HOA, "Hoa", "mưa to gió lớn", salt=bytes(range(16)), nonce=bytes(range(12)), iterations=keyfile.ITERATIONS
)


@dataclass(frozen=True)
class Message:
    """A message as it travels, and how it is read."""

    record: msgspec.Struct
    data: bytes
    read: Callable[[bytes], msgspec.Struct]


def _machine(record: msgspec.Struct, family: Family, signer: KeySigner) -> Message:
    def read(data: bytes) -> msgspec.Struct:
        return decode(open1(data, family, DOMAIN).payload, type(record))

    return Message(record, sign1(encode(record), family, DOMAIN, signer), read)


def _persons(record: msgspec.Struct, family: Family, data: bytes) -> Message:
    def read(data: bytes) -> msgspec.Struct:
        return decode(open_signed(data, family, DOMAIN).payload, type(record))

    return Message(record, data, read)


MESSAGES: Final[dict[str, Message]] = {
    "roots": _persons(ROOTS, Family.ROOTS, sign(encode(ROOTS), Family.ROOTS, DOMAIN, ROOT_A, ROOT_B)),
    "manifest": _machine(MANIFEST, Family.MANIFEST, CONTROLLER),
    "assignment": _machine(ASSIGNMENT, Family.ASSIGNMENT, CONTROLLER),
    "delegation": _persons(
        DELEGATION, Family.DELEGATION, sign(encode(DELEGATION), Family.DELEGATION, DOMAIN, HOA, MINH)
    ),
    "approval": _persons(APPROVAL, Family.APPROVAL, SIGNED_APPROVAL),
    "exception": _persons(EXCEPTION, Family.EXCEPTION, sign(encode(EXCEPTION), Family.EXCEPTION, DOMAIN, HOA, MINH)),
    "live": _persons(LIVE, Family.LIVE, sign(encode(LIVE), Family.LIVE, DOMAIN, LAN)),
    "voice": _machine(GROUP, Family.VOICE, SPEAKER),
    "stop": _persons(STOP, Family.ORDER, signed(STOP, LAN)),
    "reinstate": _persons(REINSTATE, Family.ORDER, signed(REINSTATE, LAN)),
    "order-passkey": _persons(FLOOD, Family.ORDER, BY_PASSKEY),
    "order": _persons(FLOOD, Family.ORDER, signed(FLOOD, HOA, MINH)),
    "order-words": _persons(WORDED, Family.ORDER, signed(WORDED, HOA, MINH)),
    "cancel": _persons(CANCEL, Family.ORDER, signed(CANCEL, HOA)),
    "ack": _machine(ACK, Family.ACK, CONTROLLER),
    "hello": _machine(HELLO, Family.HELLO, BOX),
    "beat": Message(BEAT, encode(BEAT), lambda data: decode(data, Beat, max_bytes=64)),
    "log": _machine(LOG, Family.LOG, BOX),
    "receipt": _machine(RECEIPT, Family.RECEIPT, BOX),
    "fault": _machine(FAULT, Family.FAULT, BOX),
}

FAMILIES: Final[tuple[type[msgspec.Struct], ...]] = (
    Roots, Delegation, Approval, QuietException,
    Manifest, Assignment, Order, Ack, Hello, Beat, LogBatch, Receipt, Fault, Lifeline, LiveSession, VoiceGroup,
)  # fmt: skip


def _hex(data: bytes) -> str:
    text = data.hex()
    return "\n".join(text[at : at + 96] for at in range(0, len(text), 96)) + "\n"


def blocks() -> dict[str, str]:
    """What stands in each marked block of the README."""
    found = {name: _hex(message.data) for name, message in MESSAGES.items()}
    found |= {
        "order-payload": _hex(encode(FLOOD)),
        "order-aad": _hex(DOMAIN.aad(Family.ORDER)),
        "assignment-aad": _hex(DOMAIN.aad(Family.ASSIGNMENT)),
        "chain-hash": _hex(chain_hash(bytes(32), ROW)),
        "digest": _hex(DIGEST),
        "key-file": KEY_FILE,
        "http-get": http_examples.get(SPEECH),
        "http-enrol": http_examples.enrol(),
    }
    return found


BLOCK: Final = re.compile(r"(<!-- example: (?P<name>[a-z-]+) -->\n```[a-z]*\n)(?P<body>.*?)(```\n)", re.DOTALL)


def rewritten(readme: str) -> str:
    """The README with every marked block made anew from code."""
    fresh = blocks()

    def replace(match: re.Match[str]) -> str:
        return match[1] + fresh[match["name"]] + match[4]

    return BLOCK.sub(replace, readme)


if __name__ == "__main__":
    README.write_text(rewritten(README.read_text("utf-8")), "utf-8")
