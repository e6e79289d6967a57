"""What an approver signs for a bulletin, and which approvals are good today.

Boxes ask the same (protocol/README §5).
"""

import datetime as dt
from typing import Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from controller.accounts import signing
from controller.accounts.models import Person
from controller.accounts.rules import Action
from controller.accounts.services import audit, require
from controller.core.errors import NotAllowed, Refused
from controller.library import papers, rules
from controller.library.models import Approval, Bulletin, State
from controller.library.rules import Step
from controller.library.signals import approved_content_changed
from controller.library.spoken import text_to_read
from controller.trust.services import trust_of
from protocol import approval as wire
from protocol.bulletin import MAX_WORDS, BulletinClass
from protocol.codec import decode, encode
from protocol.errors import ProtocolError
from protocol.ids import sha256
from protocol.quantities import DAY_S
from protocol.roles import Role
from protocol.signing import Family, SignedBy
from protocol.trust import Trust

LIFE_S: Final = 366 * DAY_S
"""How long an approval holds."""
OPEN_FOR: Final = dt.timedelta(hours=12)
"""How long after a page was made its bytes may be signed."""
WAITS_FOR: Final = dt.timedelta(days=14)
"""How long an approval waits for its second signature."""


def spoken_text(bulletin: Bulletin) -> str:
    """What will be read aloud; empty where a recording speaks."""
    return "" if bulletin.original_id else text_to_read(bulletin.text, bulletin.language)


def board_text(bulletin: Bulletin) -> str:
    """What boards show below the title: what is spoken; empty where a recording speaks, or the text is too long."""
    spoken = spoken_text(bulletin)
    return spoken if len(spoken) <= MAX_WORDS else ""


def record(bulletin: Bulletin, *, epoch: int, issued: int) -> wire.Approval:
    """What an approver of the bulletin as it is now signs. It must have its sound."""
    assert bulletin.sound_id is not None
    spoken = spoken_text(bulletin)
    return wire.Approval(
        subject=wire.Subject.BULLETIN,
        hash=bytes.fromhex(bulletin.sound_id),
        text=sha256(spoken.encode()) if spoken else None,
        klass=BulletinClass(bulletin.klass),
        language=bulletin.language,
        scope=bulletin.unit.code,
        epoch=epoch,
        issued=issued,
        expires=issued + LIFE_S,
        title=bulletin.title,
        picture=bytes.fromhex(bulletin.picture_id) if bulletin.picture_id else None,
    )


def read(payload: bytes) -> wire.Approval:
    """The record in the bytes of a page. Raises `Refused`."""
    try:
        return decode(payload, wire.Approval, max_bytes=wire.MAX_APPROVAL_BYTES)
    except ProtocolError as error:
        raise _changed() from error


def payload_for(bulletin: Bulletin, trust: Trust, now: dt.datetime) -> bytes:
    """The bytes to sign: those that somebody has signed already and that wait for one more, else new ones."""
    waiting = pending(bulletin, now)
    if waiting is not None:
        return bytes(waiting.payload)
    return encode(record(bulletin, epoch=trust.version, issued=int(now.timestamp())))


def pending(bulletin: Bulletin, now: dt.datetime) -> Approval | None:
    """The approval of the bulletin as it is now that waits for another signature."""
    rows = bulletin.approvals.filter(envelope=None, sound=bulletin.sound_id, at__gt=now - WAITS_FOR)
    return next((row for row in rows.exclude(payload=b"") if _is_of(bytes(row.payload), bulletin)), None)


def good(bulletin: Bulletin, trust: Trust | None, now: dt.datetime) -> Approval | None:
    """The newest approval of the bulletin as it is now that boxes of its unit would take."""
    rows = bulletin.approvals.exclude(envelope=None).filter(sound=bulletin.sound_id)
    return next(
        (
            row
            for row in rows
            if _is_of(bytes(row.payload), bulletin)
            and now.timestamp() < read(bytes(row.payload)).expires
            and papers.is_good(None if row.envelope is None else bytes(row.envelope), trust, wire.open_approval)
        ),
        None,
    )


def approve(bulletin: Bulletin, by: Person, signed: SignedBy, payload: bytes) -> Approval:
    """Take the signature of somebody of CONTENT over what their page showed; with the last that is needed the bulletin
    is released for schedules.

    If sound or words were changed meanwhile, it is refused. Author and last editor never approve.
    """
    now = timezone.now()
    with transaction.atomic():
        bulletin.refresh_from_db()
        require(by, Action.APPROVE, bulletin.unit.code)
        if not rules.may_approve(by.pk, bulletin.author_id, bulletin.edited_by_id):
            raise NotAllowed(
                "",
                _("Bạn đã viết hoặc sửa bản tin này nên không tự duyệt được."),
                _("Hãy nhờ một người duyệt khác của đơn vị."),
            )
        state = rules.after(bulletin.state, Step.APPROVE)
        if state is None:
            raise rules_refusal(bulletin)
        trust = trust_of(bulletin.unit.code)
        asked = _asked(bulletin, payload, trust, now)
        assert bulletin.sound_id is not None  # `_asked` compares with the sound that it has
        paper = Approval.objects.filter(bulletin=bulletin, payload=payload, envelope=None).first()
        if paper is None:
            paper = Approval.objects.create(
                bulletin=bulletin,
                person=by,
                at=now,
                sound_id=bulletin.sound_id,
                text_hash=bulletin.text_hash,
                payload=payload,
            )
        complete = papers.sign(
            paper,
            by,
            signed,
            family=Family.APPROVAL,
            role=Role.CONTENT,
            scope=asked.scope,
            issued=asked.issued,
            trust=trust,
            check=wire.open_approval,
            now=now,
        )
        name = f"bulletin:{bulletin.pk}"
        audit(by, "bulletin.signed", name, sound=bulletin.sound_id, key=signed.public_key.hex())
        if complete:
            bulletin.state, bulletin.changed = state, now
            bulletin.save(update_fields=["state", "changed"])
            audit(by, "bulletin.approved", name, sound=bulletin.sound_id, text_hash=bulletin.text_hash)
            approved_content_changed.send(Bulletin)
    return paper


def rules_refusal(bulletin: Bulletin) -> Refused:
    """That the bulletin's state does not allow it."""
    return Refused(
        "",
        _("Bản tin đang ở trạng thái “%(state)s” nên không làm được việc này.")
        % {"state": State(bulletin.state).label},
        _("Hãy mở lại trang để xem trạng thái mới nhất."),
    )


def signatures_needed(bulletin: Bulletin, trust: Trust, now: dt.datetime) -> tuple[int, int]:
    """How many persons have signed, and how many must."""
    waiting = pending(bulletin, now)
    issued = 0 if waiting is None else read(bytes(waiting.payload)).issued
    have = (
        0
        if waiting is None
        else papers.count(waiting, family=Family.APPROVAL, role=Role.CONTENT, issued=issued, trust=trust)
    )
    return have, trust.persons_needed(Role.CONTENT)


def code(payload: bytes) -> str:
    """What people compare with `loalang sign`."""
    return signing.code(payload)


def _asked(bulletin: Bulletin, payload: bytes, trust: Trust, now: dt.datetime) -> wire.Approval:
    """What the page asked to be signed, if it is what this bulletin says now. Raises `Refused`."""
    asked = read(payload)
    if not _is_of(payload, bulletin) or asked.epoch > trust.version:
        raise _changed()
    at = dt.datetime.fromtimestamp(asked.issued, dt.UTC)
    begun = bulletin.approvals.filter(payload=payload, at__gt=now - WAITS_FOR).exists()
    if at > now or (now - at > OPEN_FOR and not begun):
        raise Refused("", _("Trang này đã mở quá lâu."), _("Hãy tải lại trang, nghe và đọc lại rồi mới duyệt."))
    return asked


def _is_of(payload: bytes, bulletin: Bulletin) -> bool:
    """Whether the bytes say what an approval of the bulletin as it is now says, to the last byte."""
    if bulletin.sound_id is None:
        return False
    asked = read(payload)
    return encode(record(bulletin, epoch=asked.epoch, issued=asked.issued)) == payload


def _changed() -> Refused:
    return Refused(
        "",
        _("Bản tin đã được sửa sau khi bạn mở trang này."),
        _("Hãy mở lại, nghe và đọc bản mới rồi mới duyệt."),
    )
