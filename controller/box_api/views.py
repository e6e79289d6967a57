"""The boxes' endpoints. Errors are JSON: {"error": code, "message": what to do}."""

import asyncio
import base64
import binascii
import functools
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Concatenate, Final, Literal, ParamSpec

import msgspec
import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from controller.accounts.access import public
from controller.box_api import ranges, signatures
from controller.boxes import services as boxes
from controller.boxes.models import Box, Stage
from controller.core.errors import Refused
from controller.library import files
from controller.orders import panels, rollcall
from controller.pki import services as pki
from controller.schedules.models import AssignmentRow
from controller.schedules.services import may_fetch_manifest, may_fetch_sound
from controller.trust import services as trust
from controller.units.rules import above
from protocol.errors import SignatureError
from protocol.ids import Name, box_id, enrolment_code
from protocol.lifeline import MAX_ORDERS
from protocol.lifeline import pack as packed
from protocol.order import MAX_ORDER_BYTES
from protocol.topics import CERTIFICATE_PATH

log = structlog.get_logger("box_api")

CHUNK: Final = 65_536
MAX_ENROL_BYTES: Final = 4_096
PEM: Final = "application/x-pem-file"
OCTETS: Final = "application/octet-stream"
Given = ParamSpec("Given")


class Enrolment(msgspec.Struct, frozen=True):
    """What a box says of itself before anybody knows it."""

    public_key: str
    """Raw Ed25519, base64url without padding."""
    name: Name
    version: Name


class Enrolled(msgspec.Struct, frozen=True):
    """The answer: whether somebody has approved it, the code to compare, and where the broker is."""

    state: Literal["waiting", "approved"]
    code: str
    broker: str


class Denied(Exception):  # noqa: N818 - an answer
    """The request is not served."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.answer = JsonResponse({"error": code, "message": message}, status=status)


Endpoint = Callable[Concatenate[HttpRequest, Given], HttpResponseBase]


def _for_boxes(endpoint: Endpoint[Given]) -> Endpoint[Given]:
    """No login and no cookie: the request's signature says who it is. What is denied is said in JSON."""

    def answer(request: HttpRequest, /, *args: Given.args, **kwargs: Given.kwargs) -> HttpResponseBase:
        try:
            return endpoint(request, *args, **kwargs)
        except Denied as denied:
            return denied.answer

    functools.update_wrapper(answer, endpoint)
    return csrf_exempt(public(answer))


@_for_boxes
@require_POST
def enrol(request: HttpRequest) -> HttpResponseBase:
    """A box introduces itself, and asks again until it is approved. It is signed by the very key that it brings."""
    said = _enrolment(request)
    key = _key(said.public_key)
    _signed(request, box_id(key), key, any_age=True)
    try:
        box = boxes.enrol(key, said.name, said.version)
    except Refused as refused:
        raise Denied(503, "too-many", str(refused)) from refused
    if box.state == Stage.RETIRED:
        raise Denied(403, "retired", "this box was taken out of use; ask the province's technicians")
    state: Literal["waiting", "approved"] = "approved" if box.state == Stage.APPROVED else "waiting"
    answer = Enrolled(state, enrolment_code(box.pk), settings.LOALANG.broker_public)
    return HttpResponse(msgspec.json.encode(answer), content_type="application/json")


@_for_boxes
@require_GET
def roots(request: HttpRequest) -> HttpResponseBase:
    """The newest roots, as the root keys signed them: a new box's first. The chain to them is in the lifeline."""
    _caller(request)
    row = trust.current()
    if row is None:
        raise Denied(404, "no-roots", "the province has not imported its roots yet; ask again later")
    return HttpResponse(bytes(row.data), content_type=OCTETS, headers={"ETag": f'"{row.version}"'})


@_for_boxes
@require_GET
def authorities(request: HttpRequest) -> HttpResponseBase:
    """The CAs, for anybody: a box believes only what its `controller.ca` pins, and what that has vouched for."""
    del request
    data = pki.bundle()
    if data is None:
        raise Denied(404, "no-pki", "this controller has no CA; make it with `loalang pki init`")
    return HttpResponse(data, content_type=PEM)


@_for_boxes
@require_POST
def certificate(request: HttpRequest) -> HttpResponseBase:
    """The box's certificate for the broker. No signing request is needed: its key is known."""
    box = _living(request)
    pem = pki.issue(box.pk, bytes(box.public_key), timezone.now())
    if pem is None:
        raise Denied(404, "no-pki", "this controller has no CA; boxes need no certificate")
    return HttpResponse(pem, content_type=PEM)


@_for_boxes
@require_GET
def lifeline(request: HttpRequest, roots: int) -> HttpResponseBase:
    """The roots after this version in order, the delegations of its place, and the orders that the box is owed.

    Each verifies itself: no channel needs to be trusted for it.
    """
    box, now = _living(request), timezone.now()
    units = above(box.unit.code) if box.unit is not None else ()
    papers = trust.messages_for(units, roots, {})
    assignment = AssignmentRow.objects.filter(box=box).first()
    if assignment is not None:
        papers.append(bytes(assignment.message))
    owed = [order for _box, order in rollcall.owed(now, {box.pk})]
    orders = [bytes(order.envelope or b"") for order in rollcall.most_urgent(owed, MAX_ORDERS)]
    return HttpResponse(packed(papers, orders), content_type=OCTETS)


@_for_boxes
@require_POST
def order(request: HttpRequest) -> HttpResponseBase:
    """What the button of a commune's panel gives, where the broker does not carry it; the same once more is nothing."""
    box = _living(request)
    if len(request.body) > MAX_ORDER_BYTES:
        raise Denied(413, "too-long", f"an order has {MAX_ORDER_BYTES} bytes at most")
    panels.relay(request.body, box.pk, timezone.now())
    return HttpResponse(content_type=OCTETS)


def _living(request: HttpRequest) -> Box:
    """The box that signed this, if its identity still counts; it needs no certificate for that."""
    box = _caller(request)
    if box.identity_until is not None and box.identity_until <= timezone.now():
        raise Denied(403, "identity-over", "ten years have passed since this box was approved; have it approved anew")
    return box


def _certified(request: HttpRequest) -> Box:
    """The box that signed this, if it has a certificate that counts, where there are certificates."""
    box = _caller(request)
    if not pki.holds_certificate(box.pk, timezone.now()):
        raise Denied(403, "no-certificate", f"this box has no valid certificate; ask for one at {CERTIFICATE_PATH}")
    return box


@_for_boxes
@require_GET
def manifest(request: HttpRequest, name: str) -> HttpResponseBase:
    """The manifest that the box's assignment names, and no other."""
    if not may_fetch_manifest(_certified(request).pk, name):
        raise Denied(404, "not-yours", "this is not the manifest of the box's newest assignment")
    return _file(request, name)


@_for_boxes
@require_GET
def blob(request: HttpRequest, name: str) -> HttpResponseBase:
    """A sound that the box's manifest names, whole or from an offset (RFC 9110 §14)."""
    if not may_fetch_sound(_certified(request).pk, name):
        raise Denied(404, "not-yours", "this sound is not in the manifest of the box's newest assignment")
    return _file(request, name)


def _caller(request: HttpRequest) -> Box:
    """The approved box that signed this request."""
    box = Box.objects.filter(pk=signatures.named_box(request), state=Stage.APPROVED).first()
    if box is None:
        raise Denied(401, "unknown-box", "no approved box of this id; enrol first and have it approved")
    _signed(request, box.pk, bytes(box.public_key))
    return box


def _signed(request: HttpRequest, box: str, key: bytes, *, any_age: bool = False) -> None:
    try:
        signatures.verify(request, box, key, any_age=any_age)
    except SignatureError as error:
        log.warning("a request was not signed by its box", box=box, path=request.path, why=error.message)
        raise Denied(
            401, "bad-signature", f"{error.message}; sign with the box's key, check the box's clock"
        ) from error


def _enrolment(request: HttpRequest) -> Enrolment:
    if len(request.body) > MAX_ENROL_BYTES:
        raise Denied(413, "too-long", f"an enrolment has at most {MAX_ENROL_BYTES} bytes")
    try:
        return msgspec.json.decode(request.body, type=Enrolment)
    except msgspec.DecodeError as error:
        raise Denied(400, "bad-enrolment", str(error)) from error


def _key(text: str) -> bytes:
    try:
        key = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != 32:
        raise Denied(400, "bad-key", "public_key is 32 bytes of base64url without padding")
    return key


def _file(request: HttpRequest, name: str) -> HttpResponseBase:
    path = files.path_of(name)
    etag = f'"{name}"'
    try:
        size = path.stat().st_size
    except FileNotFoundError as error:
        log.warning("a blob that a manifest names is missing", blob=name)
        raise Denied(
            503, "missing", "the controller has lost this file; it must be restored from the backup"
        ) from error
    headers = {"ETag": etag, "Accept-Ranges": "bytes", "Cache-Control": "private, max-age=31536000, immutable"}
    try:
        span = ranges.wanted(request.headers.get("Range"), request.headers.get("If-Range"), size, etag)
    except ranges.NotSatisfiable:
        body = json.dumps({"error": "range", "message": f"the file has {size} bytes"})
        return HttpResponse(
            body, status=416, content_type="application/json", headers={**headers, "Content-Range": f"bytes */{size}"}
        )
    if span is None:
        span, status = ranges.Span(0, size), 200
    else:
        headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{size}"
        status = 206
    headers["Content-Length"] = str(span.length)
    return StreamingHttpResponse(_read(path, span), status=status, content_type=OCTETS, headers=headers)


async def _read(path: Path, span: ranges.Span) -> AsyncIterator[bytes]:
    """The span in chunks, read in a thread: other boxes wait for no disk."""
    file = await asyncio.to_thread(path.open, "rb")
    with file:
        await asyncio.to_thread(file.seek, span.start)
        left = span.length
        while left > 0 and (data := await asyncio.to_thread(file.read, min(CHUNK, left))):
            left -= len(data)
            yield data
