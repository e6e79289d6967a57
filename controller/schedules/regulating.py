"""Regulations as administrators set them: a unit's template, and the province's permission for the early hour.

Callable without a page; each is one transaction with its audit row. `Refused` names the form field.
"""

import datetime as dt

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from controller.accounts.models import Person
from controller.accounts.rules import Action
from controller.accounts.services import audit, require
from controller.core.errors import Refused
from controller.schedules import rules
from controller.schedules.models import Permission, PolicyRecord
from controller.units.models import Unit
from controller.units.rules import above


def set_policy(unit: Unit, template: str, by: Person) -> PolicyRecord:
    """Put a unit under the regulation of a template; those above it keep holding. Raises `Refused`."""
    require(by, Action.ADMINISTER, unit.code, field="unit")
    policy = rules.TEMPLATES.get(template)
    if policy is None:
        raise Refused("template", _("Không có mẫu quy định này."), _("Chọn một mẫu trong danh sách."))
    if unit.parent_id is None and template != rules.PROVINCE_DEFAULT:
        raise Refused(
            "template",
            _("Quy định chung của tỉnh chỉ theo mẫu của tỉnh."),
            _("Chọn mẫu của tỉnh, hoặc đặt mẫu này cho từng đơn vị cấp dưới."),
        )
    with transaction.atomic():
        record, _made = PolicyRecord.objects.update_or_create(
            unit=unit,
            defaults={
                "template": template,
                "quiet": [[hours.start, hours.end, hours.days] for hours in policy.quiet],
                "days": policy.days,
                "max_sessions": policy.max_sessions,
                "max_session_s": policy.max_session_s,
                "changed": timezone.now(),
                "changed_by": by,
            },
        )
        audit(by, "policy.set", f"unit:{unit.code}", template=template)
    return record


def permit_early(
    unit: Unit, number: str, issued: dt.date, by: Person, *, valid_from: dt.date, valid_to: dt.date | None = None
) -> Permission:
    """Record the province's permission for the early hour, by its document. Raises `Refused`.

    Only an administrator of the province records it: a commune may not permit it to itself.
    """
    require(by, Action.ADMINISTER, above(unit.code)[0], field="unit")
    if not number.strip():
        raise Refused("number", _("Chưa ghi số văn bản cho phép."), _("Ghi số văn bản của cấp tỉnh."))
    if valid_to is not None and valid_to <= valid_from:
        raise Refused("valid_to", _("Ngày hết hạn phải sau ngày bắt đầu."), _("Chọn ngày muộn hơn."))
    with transaction.atomic():
        permission = Permission.objects.create(
            unit=unit, number=number.strip(), issued=issued, valid_from=valid_from, valid_to=valid_to, recorded_by=by
        )
        audit(by, "policy.early_permitted", f"unit:{unit.code}", number=number.strip(), issued=issued.isoformat())
    return permission
