"""What people do with schedules, each as one transaction with its audit row; and what boxes are given.

Callable without a page. A draft is checked as a whole before anything is written; `Refused` names the form field.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from controller.accounts.models import Person
from controller.accounts.rules import Action
from controller.accounts.services import audit, require, where
from controller.boxes.models import Box, Group
from controller.core.errors import Refused
from controller.core.times import ZONE, shown, today
from controller.library.models import Bulletin, Class
from controller.library.models import State as BulletinState
from controller.schedules import excepting, facts, foresight, rules, wording
from controller.schedules.compiler import Aim, Place, Programme, Reach
from controller.schedules.models import (
    AssignmentRow,
    Schedule,
    ScheduleItem,
    State,
    Target,
)
from controller.schedules.rules import Recurrence, Trouble
from controller.units.models import Unit
from controller.units.rules import covers
from controller.units.services import unit_by_code

MAX_ITEMS: Final = 100
MAX_REPEATS: Final = 20
MAX_BOARD_H: Final = 24
"""A schedule whose last start is two days back is not sent to boxes any more."""
ONCE: Final = Recurrence()


@dataclass(frozen=True)
class Aimed:
    """Whom a schedule is for, in codes and numbers as a form sends them."""

    units: tuple[str, ...] = ()
    groups: tuple[int, ...] = ()
    boxes: tuple[str, ...] = ()

    @property
    def aim(self) -> Aim:
        return Aim(frozenset(self.units), frozenset(self.groups), frozenset(self.boxes))

    def __bool__(self) -> bool:
        return bool(self.units or self.groups or self.boxes)


@dataclass(frozen=True)
class Draft:
    """A schedule as an officer asks for it."""

    title: str
    unit: str
    """Code of the unit whose schedule it is."""
    bulletins: tuple[int, ...]
    """Numbers of approved bulletins, in the order in which they are to be heard."""
    first: dt.datetime
    """First start, local wall time (naive)."""
    targets: Aimed
    excluded: Aimed = field(default_factory=Aimed)
    recurrence: Recurrence = ONCE
    until: dt.date | None = None
    """Last day of a recurrence."""
    repeats: int = 1
    gap_s: int = 0
    commune_order: int = 0
    board_h: int = 0
    """Hours after each start for which its words stand on boards while nothing sounds."""


def publish(draft: Draft, by: Person) -> Schedule:
    """Check the draft and put it into force: boxes are told as soon as it is compiled. Raises `Refused`."""
    unit = unit_by_code(draft.unit)
    require(by, Action.SCHEDULE, unit.code, field="unit")
    bulletins = _playlist(draft.bulletins, where(by, Action.SCHEDULE))
    first = _check_times(draft)
    with transaction.atomic():
        rows = _targets(draft, by)
        reached = hit(draft)
        _check_scope(bulletins, reached)
        _check_regulations(draft, first, bulletins, reached)
        schedule = Schedule(
            title=draft.title.strip(),
            unit=unit,
            klass=min((row.klass for row in bulletins), default=Class.ORDINARY),
            first_local=first.isoformat(timespec="seconds"),
            rule=draft.recurrence.rule,
            until_local=f"{draft.until.isoformat()}T23:59:59" if draft.until else "",
            repeats=draft.repeats,
            gap_s=draft.gap_s,
            commune_order=draft.commune_order,
            board_s=draft.board_h * 3600,
            author=by,
            created=timezone.now(),
        )
        _check_sessions(schedule, draft, first, bulletins, reached)
        schedule.save()
        ScheduleItem.objects.bulk_create(
            ScheduleItem(schedule=schedule, position=number, bulletin=row) for number, row in enumerate(bulletins, 1)
        )
        for row in rows:
            row.schedule = schedule
        Target.objects.bulk_create(rows)
        audit(
            by,
            "schedule.published",
            f"schedule:{schedule.pk}",
            title=schedule.title,
            first=schedule.first_local,
            rule=schedule.rule,
            bulletins=[row.pk for row in bulletins],
        )
    return schedule


def withdraw(schedule: Schedule, by: Person, reason: str = "") -> None:
    """End it now: boxes stop it as soon as they hear of it; the reason stays in the record.

    Raises `Refused` when it is withdrawn already.
    """
    with transaction.atomic():
        schedule.refresh_from_db()
        require(by, Action.SCHEDULE, schedule.unit.code)
        if schedule.state != State.ACTIVE:
            raise Refused("", _("Lịch này đã được rút rồi."), _("Không cần làm gì thêm."))
        schedule.state, schedule.withdrawn_at, schedule.withdrawn_by = State.WITHDRAWN, timezone.now(), by
        schedule.save(update_fields=["state", "withdrawn_at", "withdrawn_by"])
        about, why = f"schedule:{schedule.pk}", reason.strip()[:200]
        audit(by, "schedule.withdrawn", about, title=schedule.title, reason=why)


def hit(draft: Draft) -> list[Place]:
    """The boxes that the draft's targets mean now, without the excepted ones."""
    return Reach(facts.places()).hits(draft.targets.aim, draft.excluded.aim)


def length_ms(bulletins: Sequence[Bulletin], repeats: int, gap_s: int) -> int:
    """How long a programme of these lasts, in milliseconds."""
    durations = (row.sound.duration_ms or 0 for row in bulletins if row.sound is not None)
    return rules.length_ms(durations, repeats, gap_s)


def is_over(schedule: Schedule, now: dt.datetime) -> bool:
    """Whether the last start of the schedule is past, with all that may follow it."""
    text = schedule.until_local if schedule.rule else schedule.first_local
    playlist = [item.bulletin for item in schedule.items.all()]
    long = max(length_ms(playlist, schedule.repeats, schedule.gap_s), schedule.length_s * 1000)
    tail = dt.timedelta(seconds=schedule.window_s, milliseconds=long)
    last = dt.datetime.fromisoformat(text) if text else None
    return rules.over(last, tail, now.astimezone(ZONE).replace(tzinfo=None))


def assignment_for(box: str) -> AssignmentRow | None:
    """What this box is told now; None before its first compilation or when it is not in use."""
    return AssignmentRow.objects.select_related("compiled__manifest").filter(box=box).first()


def may_fetch_manifest(box: str, hash_hex: str) -> bool:
    """Whether the box's assignment names this manifest."""
    row = assignment_for(box)
    return row is not None and row.compiled.manifest_id == hash_hex


def may_fetch_sound(box: str, hash_hex: str) -> bool:
    """Whether the manifest of the box's assignment names this sound."""
    row = assignment_for(box)
    return row is not None and hash_hex in row.compiled.sounds


def _playlist(numbers: Sequence[int], units: Sequence[str]) -> list[Bulletin]:
    """The approved bulletins in this order; each of, below or above one of these units. Raises `Refused`."""
    if not numbers:
        raise Refused("bulletins", _("Lịch phát chưa có bản tin nào."), _("Chọn ít nhất một bản tin đã duyệt."))
    if len(numbers) > MAX_ITEMS:
        raise Refused(
            "bulletins",
            _("Lịch phát có quá %(limit)d bản tin.") % {"limit": MAX_ITEMS},
            _("Hãy chia thành nhiều lịch phát."),
        )
    found = Bulletin.objects.select_related("sound", "unit").in_bulk(numbers)
    for number in numbers:
        row = found.get(number)
        if row is None or not any(covers(own, row.unit.code) or covers(row.unit.code, own) for own in units):
            raise Refused(
                "bulletins", _("Không có bản tin số %(number)d.") % {"number": number}, _("Chọn lại bản tin.")
            )
        if row.state != BulletinState.APPROVED:
            raise Refused(
                "bulletins",
                _("Bản tin “%(title)s” chưa được duyệt.") % {"title": row.title},
                _("Hãy chờ người duyệt nghe và duyệt, rồi lập lịch."),
            )
    return [found[number] for number in numbers]


def _check_times(draft: Draft) -> dt.datetime:
    """The first start that the recurrence really has. Raises `Refused`."""
    if not draft.title.strip() or len(draft.title) > 120:
        raise Refused("title", _("Lịch phát cần một tên dài từ 1 đến 120 ký tự."), _("Ví dụ: “Bản tin sáng phường 1”."))
    first = draft.recurrence.first_from(draft.first)
    local_now = timezone.now().astimezone(ZONE).replace(tzinfo=None)
    if first < local_now and (not draft.recurrence.weekdays):
        raise Refused(
            "first",
            _("Giờ phát %(at)s đã qua (bây giờ là %(now)s).")
            % {"at": wording.moment(first), "now": shown(timezone.now())},
            _("Chọn một thời điểm sắp tới."),
        )
    if draft.until is not None and draft.until < max(first.date(), today(timezone.now())):
        raise Refused("until", _("Ngày cuối nằm trước lần phát đầu tiên."), _("Chọn ngày muộn hơn hoặc để trống."))
    if not 1 <= draft.repeats <= MAX_REPEATS:
        raise Refused(
            "repeats", _("Số lần lặp phải từ 1 đến %(limit)d.") % {"limit": MAX_REPEATS}, _("Ghi một số nhỏ hơn.")
        )
    if not 0 <= draft.gap_s <= 3600:
        raise Refused("gap_s", _("Khoảng nghỉ phải từ 0 đến 3600 giây."), _("Ghi một số nhỏ hơn."))
    if not 0 <= draft.commune_order <= 1000:
        raise Refused("commune_order", _("Thứ tự phải từ 0 đến 1000."), _("Ghi một số nhỏ hơn."))
    if not 0 <= draft.board_h <= MAX_BOARD_H:
        raise Refused(
            "board_h",
            _("Thời gian trên bảng phải từ 0 đến %(limit)d giờ.") % {"limit": MAX_BOARD_H},
            _("Ghi một số nhỏ hơn; lịch lặp lại hằng ngày thì chữ cũng hiện lại hằng ngày."),
        )
    return first


def _targets(draft: Draft, by: Person) -> list[Target]:
    """Rows for the draft's targets and exceptions, not yet stored. Raises `Refused`, `NotAllowed`."""
    rows = []
    for aimed, excluded in ((draft.targets, False), (draft.excluded, True)):
        name = "excluded" if excluded else "targets"
        units = [unit_by_code(code, field=name) for code in aimed.units]
        groups = list(Group.objects.filter(pk__in=aimed.groups).select_related("unit"))
        boxes = list(Box.objects.filter(pk__in=aimed.boxes).select_related("unit"))
        if len(groups) != len(set(aimed.groups)) or len(boxes) != len(set(aimed.boxes)):
            raise Refused(
                name, _("Có nhóm hoặc hộp thiết bị không còn tồn tại."), _("Hãy chọn lại nơi phát trong danh sách.")
            )
        owners = [*units, *(group.unit for group in groups), *(box.unit for box in boxes if box.unit is not None)]
        if not excluded:
            for owner in owners:
                require(by, Action.SCHEDULE, owner.code, field=name)
        rows += [Target(unit=unit, excluded=excluded) for unit in units]
        rows += [Target(group=group, excluded=excluded) for group in groups]
        rows += [Target(box=box, excluded=excluded) for box in boxes]
    return rows


def _check_scope(bulletins: Sequence[Bulletin], places: list[Place]) -> None:
    """Refuse a bulletin where its approval does not reach: it was approved for its unit and what is below."""
    for row in bulletins:
        outside = next((place for place in places if not covers(row.unit.code, place.unit)), None)
        if outside is not None:
            raise Refused(
                "targets",
                _("Bản tin “%(title)s” được duyệt cho %(unit)s nên không phát được ở %(place)s.")
                % {
                    "title": row.title,
                    "unit": row.unit.name,
                    "place": Unit.objects.get(code=outside.unit).name,
                },
                _("Bỏ nơi đó ra, hoặc viết bản tin ở đơn vị cấp trên rồi duyệt ở đó."),
            )


def _check_regulations(draft: Draft, first: dt.datetime, bulletins: Sequence[Bulletin], places: list[Place]) -> None:
    """Refuse a draft that reaches nobody, or that the regulations of a place forbid: its boxes would stay silent."""
    if not draft.targets:
        raise Refused("targets", _("Chưa chọn nơi phát."), _("Đánh dấu ít nhất một đơn vị, nhóm hoặc hộp thiết bị."))
    if not places:
        raise Refused(
            "targets",
            _("Không có hộp thiết bị nào ở nơi phát đã chọn."),
            _("Chọn đơn vị, nhóm hoặc hộp đang dùng; hộp mới phải được duyệt ở trang Hộp thiết bị trước."),
        )
    regulations, long = facts.rules(timezone.now()), length_ms(bulletins, draft.repeats, draft.gap_s)
    bounds = facts.bounds()
    for place in {(place.unit, place.policy): place for place in places}.values():
        own = (place.policy,) if place.policy else ()
        for start in draft.recurrence.starts(first):
            stack = bounds + regulations.stack(place.unit, start.date()) + own
            found = rules.conflict(stack, start, long)
            once = not draft.recurrence.weekdays
            if found and once and found.trouble is not Trouble.TOO_LONG and _excepted(place.unit, start, long):
                found = None
            if found is not None:
                where = Unit.objects.get(code=place.unit).name
                by_roots = rules.conflict(bounds, start, long) == found
                raise wording.refusal(found, where, rules.next_allowed(stack, start, long), by_roots=by_roots)


def _excepted(unit: str, start: dt.datetime, long_ms: int) -> bool:
    """Whether two persons of the province have allowed all of it, from its first sample to its last."""
    from_ms = int(start.replace(tzinfo=ZONE).timestamp() * 1000)
    allowed = excepting.stretches(unit, timezone.now())
    return any(begin <= from_ms and from_ms + long_ms <= end for begin, end in allowed)


def _check_sessions(
    schedule: Schedule, draft: Draft, first: dt.datetime, bulletins: Sequence[Bulletin], places: list[Place]
) -> None:
    """Refuse what the sessions of a day have no room for: it, or what is there already, would fall silent."""
    sounds = {facts.BULLETIN.format(row.pk): facts.content_of(row) for row in bulletins}
    playlist = [facts.BULLETIN.format(row.pk) for row in bulletins]
    entry = msgspec.structs.replace(facts.entry_of(schedule, playlist), id=_("lịch này"))
    programme = Programme(entry, draft.targets.aim, draft.excluded.aim)
    left = foresight.crowded_out(programme, sounds, places, first, timezone.now())
    if left is not None:
        raise wording.crowded(left, Unit.objects.get(code=left.place.unit).name)
