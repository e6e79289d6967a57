"""Transactions on boxes: enrolment and approval by people, and what the boxes themselves report, in batches."""

import datetime as dt
from collections.abc import Collection, Iterable
from typing import Final

from django.db import transaction
from django.db.models import Count, ProtectedError, Q, QuerySet, RestrictedError
from django.utils import timezone
from django.utils.translation import gettext as _

from controller.accounts.models import Person
from controller.accounts.rules import Action
from controller.accounts.services import Actor, audit, require, require_anywhere, where
from controller.boxes import rules
from controller.boxes.models import Box, BoxState, FaultEvent, Group, Stage
from controller.boxes.rules import Change, Mark, Said
from controller.core.errors import Refused
from controller.pki import services as pki
from controller.units.models import Unit
from controller.units.rules import covers
from controller.units.services import inside
from protocol.ids import box_id, enrolment_code
from protocol.report import Beat, Fault, Hello

MAX_WAITING: Final = 2_000
"""Enrolment is open to strangers; a workshop's batch fits, a flood does not."""
NAME_LENGTH: Final = 64
IDENTITY_LIFE: Final = dt.timedelta(days=3653)
"""So long a box's own key opens the lifeline."""
Instant = dt.datetime


@transaction.atomic
def enrol(public_key: bytes, name: str, version: str) -> Box:
    """A box shows itself: it waits for approval, or is known already and keeps its stage. May be repeated.

    `public_key` is raw Ed25519 (32 bytes). Raises `Refused` when too many are waiting.
    """
    identity = box_id(public_key)
    known = Box.objects.filter(pk=identity).first()
    if known is not None:
        BoxState.objects.filter(box=known).exclude(version=version).update(version=version)
        return known
    if Box.objects.filter(state=Stage.WAITING).count() >= MAX_WAITING:
        raise Refused(
            "",
            _("Đã có %(n)d hộp đang chờ duyệt.") % {"n": MAX_WAITING},
            _("Duyệt hoặc từ chối bớt ở trang Hộp thiết bị, rồi hộp sẽ tự thử lại."),
        )
    box = Box.objects.create(
        id=identity, public_key=public_key, name=name.strip()[:NAME_LENGTH] or identity, enrolled_at=timezone.now()
    )
    BoxState.objects.create(box=box, version=version)
    audit(None, "box.enrolled", f"box:{identity}", name=box.name, version=version)
    return box


@transaction.atomic
def approve(box: Box, unit: Unit, by: Person, *, name: str = "", site: str = "", gain_cb: int = 0) -> Box:
    """Take the box into use at this unit. Whoever calls has compared the enrolment code.

    Raises `NotAllowed` without MAINTAIN there, `Refused` when the box is in use already.
    """
    require(by, Action.MAINTAIN, unit.code, field="unit")
    box = _locked(box, Change.APPROVE)
    if box.state == Stage.WAITING:
        waiting_with(enrolment_code(box.pk))
    _describe(box, unit, name, site, gain_cb)
    box.state = Stage.APPROVED
    box.approved_at = timezone.now()
    box.approved_by = by
    box.identity_until = box.approved_at + IDENTITY_LIFE
    box.save()
    audit(by, "box.approved", f"box:{box.pk}", unit=unit.code, name=box.name)
    return box


@transaction.atomic
def replace(old: Box, new: Box, by: Person) -> Box:
    """One act at the pole: the waiting box takes place, name, gain and groups of the old one, which is revoked.

    Whoever calls has compared the new box's code. Raises `NotAllowed` without MAINTAIN there, `Refused` when the old
    box is not in use or the new one does not wait.
    """
    old = _locked(old, Change.RETIRE)
    if old.unit is None or old.pk == new.pk:
        raise Refused("code", _("Hộp này không thay cho hộp kia được."), _("Chọn một hộp đang dùng và một hộp mới."))
    fresh = approve(new, old.unit, by, name=old.name, site=old.site, gain_cb=old.gain_cb)
    fresh.replaces = old
    fresh.save(update_fields=["replaces"])
    fresh.groups.set(old.groups.all())
    old.groups.clear()
    retire(old, by)
    audit(by, "box.replaced", f"box:{old.pk}", by=fresh.pk, unit=old.unit.code)
    return fresh


def waiting_with(code: str) -> Box | None:
    """The box that waits with this enrolment code; None when there is none.

    Raises `Refused` when two do: the code is half of the id, and somebody may have made a key to match it.
    """
    found = [box for box in Box.objects.filter(state=Stage.WAITING) if rules.same_code(code, enrolment_code(box.pk))]
    if len(found) > 1:
        raise Refused(
            "code",
            _("Có %(n)d hộp đang chờ cùng mang mã này, không thể duyệt theo mã.") % {"n": len(found)},
            _("Từ chối cả hai, xóa tệp box.key trên hộp thật để hộp tạo mã mới, rồi báo nhóm kỹ thuật tỉnh."),
        )
    return found[0] if found else None


@transaction.atomic
def looked_into(box: Box, by: Person) -> None:
    """The warning of a copied key goes, until the copies take turns again."""
    require(by, Action.MAINTAIN, box.unit.code if box.unit else "")
    BoxState.objects.filter(box=box).update(cloned_at=None)
    audit(by, "box.clone_looked_into", f"box:{box.pk}")


@transaction.atomic
def place(box: Box, unit: Unit, by: Person, *, name: str, site: str, gain_cb: int) -> Box:
    """Correct the name, place or gain of a box in use. Needs MAINTAIN where it was and where it goes."""
    box = _locked(box, Change.PLACE)
    before = {"unit": box.unit and box.unit.code, "name": box.name, "site": box.site, "gain_cb": box.gain_cb}
    require(by, Action.MAINTAIN, box.unit.code if box.unit else unit.code)
    require(by, Action.MAINTAIN, unit.code, field="unit")
    _describe(box, unit, name, site, gain_cb)
    box.save()
    after = {"unit": unit.code, "name": box.name, "site": box.site, "gain_cb": box.gain_cb}
    audit(by, "box.placed", f"box:{box.pk}", before=before, after=after)
    return box


@transaction.atomic
def retire(box: Box, by: Person) -> Box:
    """Out of use: it is told nothing any more and counts nowhere; its logs stay.

    Needs MAINTAIN at its unit; a box that still waits has none, so MAINTAIN anywhere is enough.
    """
    box = _locked(box, Change.RETIRE)
    if box.unit is not None:
        require(by, Action.MAINTAIN, box.unit.code)
    else:
        require_anywhere(by, Action.MAINTAIN)
    box.state = Stage.RETIRED
    box.identity_until = None
    box.save(update_fields=["state", "identity_until"])
    revoked = pki.revoke(box.pk)
    audit(by, "box.retired", f"box:{box.pk}", certificates_revoked=revoked)
    return box


def maintains_anywhere(person: Actor) -> bool:
    """Whether the person installs boxes somewhere: then the waiting ones are shown."""
    return bool(where(person, Action.MAINTAIN))


def _locked(box: Box, change: Change) -> Box:
    """The box as it is now, if it may be changed in this way."""
    fresh = Box.objects.select_related("unit").get(pk=box.pk)
    if change not in rules.CHANGES[Stage(fresh.state)]:
        raise Refused(
            "",
            _("Không làm được: hộp %(name)s hiện %(state)s.") % {"name": fresh.name, "state": Stage(fresh.state).label},
            _("Mở lại trang của hộp để xem trạng thái mới nhất."),
        )
    return fresh


def _describe(box: Box, unit: Unit, name: str, site: str, gain_cb: int) -> None:
    if not -200 <= gain_cb <= 60:
        raise Refused(
            "gain_db",
            _("Mức âm lượng riêng phải từ −20 đến +6 dB."),
            _("Muốn to hoặc nhỏ hơn nữa thì chỉnh ở tăng âm."),
        )
    box.unit = unit
    box.name = name.strip()[:NAME_LENGTH] or box.name
    box.site = site.strip()[:200]
    box.gain_cb = gain_cb


@transaction.atomic
def save_group(group: Group | None, name: str, unit: Unit, boxes: Collection[Box], by: Person) -> Group:
    """Make or change a group of boxes of a unit. Raises `Refused` for boxes from elsewhere or a name that is taken."""
    require(by, Action.MAINTAIN, unit.code, field="unit")
    if group is not None:
        require(by, Action.MAINTAIN, group.unit.code)
    if outside := [box.name for box in boxes if box.unit is None or not _covers(unit, box.unit)]:
        raise Refused(
            "boxes",
            _("Hộp không thuộc đơn vị %(unit)s: %(names)s.") % {"unit": unit.name, "names": ", ".join(outside)},
            _("Bỏ chọn các hộp đó, hoặc lập nhóm ở đơn vị cấp trên."),
        )
    if any(other != group for other in Group.objects.filter(unit=unit, name=name)):
        raise Refused("name", _("Đơn vị này đã có nhóm tên “%(name)s”.") % {"name": name}, _("Chọn tên khác."))
    group = group or Group(unit=unit)
    group.name, group.unit = name, unit
    group.save()
    group.boxes.set(boxes)
    audit(by, "group.saved", f"group:{group.pk}", name=name, unit=unit.code, boxes=sorted(box.pk for box in boxes))
    return group


@transaction.atomic
def delete_group(group: Group, by: Person) -> None:
    """The group goes, its boxes stay. Raises `Refused` while something still addresses it."""
    require(by, Action.MAINTAIN, group.unit.code)
    audit(by, "group.deleted", f"group:{group.pk}", name=group.name, unit=group.unit.code)
    try:
        group.delete()
    except (ProtectedError, RestrictedError) as error:
        raise Refused(
            "",
            _("Nhóm “%(name)s” còn được dùng trong lịch phát.") % {"name": group.name},
            _("Bỏ nhóm khỏi các lịch đó trước."),
        ) from error


def _covers(unit: Unit, other: Unit) -> bool:
    return covers(unit.code, other.code)


# What boxes report. Messages of boxes that are not in the registry are dropped: nothing is learnt from strangers.


@transaction.atomic
def note_hellos(hellos: Iterable[tuple[Hello, Instant]]) -> None:
    """The newest hello of each box: (message, when the controller received it). An older one changes nothing."""
    found = list(hellos)
    marks = _marks({hello.box for hello, _at in found})
    _note_sessions(found)
    rows = {}
    for hello, at in found:
        if hello.box not in marks:
            continue
        mark = rules.after_hello(marks[hello.box], hello, _epoch_ms(at))
        if mark is None:
            continue
        marks[hello.box] = mark
        rows[hello.box] = BoxState(
            box_id=hello.box,
            last_seen=at,
            connected_since=at,
            boot=_moment(hello.boot),
            box_time=_moment(hello.at),
            clock=hello.clock,
            generation=hello.generation,
            wanted_generation=hello.wanted,
            epoch=hello.epoch,
            era=hello.era,
            wanted_epoch=hello.wanted_epoch,
            wanted_era=hello.wanted_era,
            roots_version=hello.roots_version,
            delegations=dict(hello.delegations),
            version=hello.version,
            log_chain=hello.chain,
            log_seq=hello.log_seq,
            hello_boot=mark.boot_ms,
            hello_at=mark.hello_ms,
            beat_at=mark.beat_s,
        )
    _upsert(list(rows.values()), HELLO_FIELDS)


def _note_sessions(hellos: Iterable[tuple[Hello, Instant]]) -> None:
    """Notice a key that is in two boxes. A hello is signed, so nobody but the holder of the key can have made it."""
    said: dict[str, list[tuple[Hello, Instant]]] = {}
    for hello, at in hellos:
        if hello.session:
            said.setdefault(hello.box, []).append((hello, at))
    for state in BoxState.objects.filter(box__in=said):
        runs = rules.Runs(bytes(state.session), bytes(state.session_before), state.hello_at or 0)
        for hello, at in said[state.box_id]:
            runs, cloned = rules.after_session(runs, hello.session, hello.at)
            if cloned:
                state.cloned_at = at
                audit(None, "box.cloned", f"box:{state.box_id}", sessions=[runs.newest.hex(), runs.before.hex()])
        state.session, state.session_before = runs.newest, runs.before
        state.save(update_fields=["session", "session_before", "cloned_at"])


@transaction.atomic
def note_beats(beats: Iterable[tuple[str, Beat, Instant]]) -> frozenset[tuple[str, Beat]]:
    """The newest beat of each box: (box id from the topic, message, when the controller received it).

    Gives back those that count: nobody signs a beat, so one that is not later than the last is a repetition.
    """
    found = list(beats)
    marks = _marks({identity for identity, _beat, _at in found})
    rows, counted = {}, set()
    for identity, beat, at in found:
        mark = rules.after_beat(marks[identity], beat.at, _epoch_ms(at) // 1000) if identity in marks else None
        if mark is None:
            continue
        marks[identity] = mark
        counted.add((identity, beat))
        rows[identity] = BoxState(
            box_id=identity,
            last_seen=at,
            box_time=_moment(beat.at * 1000),
            doing=beat.doing,
            clock=beat.clock,
            faults=beat.faults,
            generation=beat.generation,
            epoch=beat.epoch,
            era=beat.era,
            digest=beat.digest,
            beat_at=mark.beat_s,
        )
    _upsert(list(rows.values()), BEAT_FIELDS)
    return frozenset(counted)


@transaction.atomic
def note_faults(faults: Iterable[tuple[Fault, Instant]]) -> None:
    """Faults that came and went; a repetition of one that is known changes nothing."""
    found = list(faults)
    registered = _marks({fault.box for fault, _at in found})
    FaultEvent.objects.bulk_create(
        [
            FaultEvent(
                box_id=fault.box,
                code=fault.code,
                raised=fault.raised,
                at=_moment(fault.at),
                received=received,
                detail=fault.detail,
            )
            for fault, received in found
            if fault.box in registered
        ],
        ignore_conflicts=True,
    )


HELLO_FIELDS: Final = (
    "last_seen",
    "connected_since",
    "boot",
    "box_time",
    "clock",
    "generation",
    "wanted_generation",
    "epoch",
    "era",
    "wanted_epoch",
    "wanted_era",
    "roots_version",
    "delegations",
    "version",
    "log_chain",
    "log_seq",
    "hello_boot",
    "hello_at",
    "beat_at",
)
BEAT_FIELDS: Final = (
    "last_seen",
    "box_time",
    "doing",
    "clock",
    "faults",
    "generation",
    "epoch",
    "era",
    "digest",
    "beat_at",
)
BATCH: Final = 500


def _upsert(rows: list[BoxState], fields: tuple[str, ...]) -> None:
    BoxState.objects.bulk_create(
        rows, batch_size=BATCH, update_conflicts=True, unique_fields=["box"], update_fields=list(fields)
    )


def _marks(identities: Iterable[str]) -> dict[str, Mark]:
    """What was last heard of each of these that is registered."""
    wanted = sorted(identities)
    found: dict[str, Mark] = {}
    for start in range(0, len(wanted), BATCH):
        rows = Box.objects.filter(pk__in=wanted[start : start + BATCH]).values_list(
            "pk", "status__hello_boot", "status__hello_at", "status__beat_at"
        )
        found |= {identity: Mark(boot, hello, beat) for identity, boot, hello, beat in rows}
    return found


def _epoch_ms(at: Instant) -> int:
    return int(at.timestamp() * 1000)


LATEST: Final = dt.datetime(9999, 12, 31, tzinfo=dt.UTC)


def _moment(epoch_ms: int) -> dt.datetime:
    """A box's clock may say anything; the calendar ends in 9999."""
    try:
        return dt.datetime.fromtimestamp(epoch_ms / 1000, dt.UTC)
    except (ValueError, OverflowError, OSError):
        return LATEST


# Reading.


def visible(codes: Iterable[str], *, waiting: bool) -> QuerySet[Box]:
    """Boxes of these units and below; with `waiting`, those without a unit too."""
    found = inside("unit__code", codes)
    if waiting:
        found |= Q(unit=None)
    return Box.objects.filter(found).select_related("unit", "status")


def groups_of(codes: Iterable[str]) -> QuerySet[Group]:
    """Groups of these units and below."""
    return Group.objects.filter(inside("unit__code", codes)).select_related("unit").annotate(size=Count("boxes"))


def approved(code: str) -> QuerySet[Box]:
    """Boxes in use at this unit and below: those that an order or schedule for it reaches."""
    return visible([code], waiting=False).filter(state=Stage.APPROVED)


def said(box: Box) -> Said:
    """What the box last said, as a value for `rules.health`."""
    status: BoxState | None = getattr(box, "status", None)
    if status is None:
        return Said(box.state)
    return Said(
        stage=box.state,
        last_seen=status.last_seen,
        doing=status.doing,
        clock=status.clock,
        faults=status.faults,
        in_force=status.place_in_force,
        wanted=status.place_wanted,
        told=getattr(getattr(box, "assignment", None), "place_in_order", None),
        cloned=status.cloned_at is not None,
    )
