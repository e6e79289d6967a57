"""A box's half of the protocol, small enough to read: it signs what it says and keeps what it is told."""

import base64
import json
from dataclasses import dataclass, field
from typing import Any

import requests
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key
from requests_http_signature import HTTPSignatureAuth, algorithms

from protocol import topics
from protocol.codec import encode
from protocol.ids import box_id
from protocol.report import (
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
from protocol.signing import Domain, Family, KeySigner, sign1

START = bytes(32)


@dataclass
class SmallBox:
    """What it holds, and how it says so."""

    signer: KeySigner
    domain: Domain
    chain: bytes = b"chain001"
    generation: int = 0
    epoch: int = 1
    era: int = 0
    roots_version: int = 0
    orders: tuple[bytes, ...] = ()
    rows: list[LogRow] = field(default_factory=list)
    acked: int = 0
    lists: tuple[tuple[str, int], ...] = ()
    """Of each unit the version of its delegation."""

    @property
    def id(self) -> str:
        return box_id(self.signer.public_key)

    def topic(self, kind: str) -> str:
        return topics.up(self.id, kind)

    def hello(self, at_ms: int) -> bytes:
        record = Hello(
            self.id,
            "0.1.0",
            at_ms,
            self.generation,
            self.generation,
            self.roots_version,
            self.orders,
            self.chain,
            len(self.rows),
            ClockQuality.NTP,
            at_ms,
            self.lists,
            epoch=self.epoch,
            era=self.era,
            wanted_epoch=self.epoch,
            wanted_era=self.era,
        )
        return self.signed(record, Family.HELLO)

    def beat(self, at_ms: int) -> bytes:
        place = (self.era, self.epoch, self.generation)
        digest = holdings_digest(
            place, self.roots_version, self.orders, self.chain, self.acked, len(self.rows), self.lists
        )
        clock = ClockQuality.NTP
        return encode(Beat(at_ms // 1000, digest, Doing.SILENT, clock, 0, self.generation, self.epoch, self.era))

    def play(self, at_ms: int, *, cause: str = "s1", result: Result = Result.PLAYED) -> LogRow:
        """Write a row of the play log."""
        seq = len(self.rows) + 1
        row = LogRow(
            seq,
            f"{cause}@{at_ms}#{seq}",
            cause,
            "b1",
            "ab" * 32,
            at_ms,
            at_ms + 3,
            at_ms + 5_000,
            result,
            Grade.RENDERED,
            3,
        )
        self.rows.append(row)
        return row

    def log(self, first: int, last: int) -> bytes:
        """The signed batch of rows `first` to `last`, counted from 1."""
        before = START
        for row in self.rows[: first - 1]:
            before = chain_hash(before, row)
        return self.signed(LogBatch(self.id, self.chain, before, tuple(self.rows[first - 1 : last])), Family.LOG)

    def receipt(
        self, order: bytes, stage: Stage, at_ms: int, *, first_sample: int | None = None, code: str = ""
    ) -> bytes:
        return self.signed(Receipt(self.id, order, stage, at_ms, code, first_sample), Family.RECEIPT)

    def fault(self, code: FaultCode, at_ms: int, *, raised: bool = True) -> bytes:
        return self.signed(Fault(self.id, code, raised, at_ms), Family.FAULT)

    def signed(self, record: Any, family: Family) -> bytes:
        return sign1(encode(record), family, self.domain, self.signer)

    def auth(self) -> HTTPSignatureAuth:
        """Signs requests as the agent does (RFC 9421, label "box")."""
        key = load_der_private_key(self.signer.pkcs8(), None)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return _Auth(
            signature_algorithm=algorithms.ED25519,
            key=pem,
            key_id=self.id,
            covered_component_ids=("@method", "@path"),
            label="box",
        )

    def enrolment(self, name: str = "Cụm loa thử") -> bytes:
        public = base64.urlsafe_b64encode(self.signer.public_key).rstrip(b"=").decode()
        return json.dumps({"public_key": public, "name": name, "version": "0.1.0"}).encode()

    def signed_headers(self, method: str, path: str, body: bytes = b"", **headers: str) -> dict[str, str]:
        """The header fields of a signed request, for Django's test client."""
        request = requests.Request(method, f"http://testserver{path}", headers=headers, data=body or None).prepare()
        return dict(self.auth()(request).headers)


class _Auth(HTTPSignatureAuth):
    _auto_cover_header_fields = ()

    def _signing_options(self, request: requests.PreparedRequest) -> dict[str, Any]:
        options: dict[str, Any] = super()._signing_options(request)
        return options if request.body else {**options, "body": None}
