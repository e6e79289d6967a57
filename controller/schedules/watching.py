"""What makes manifests old: changes of boxes, groups, policies, permissions, schedules, approved content and trust.

Whoever changes one of these need not know of schedules; the change asks for a compilation in its own transaction.
"""

from django.db.models.signals import m2m_changed, post_delete, post_save

from controller.boxes.models import Box, Group
from controller.library.signals import approved_content_changed
from controller.schedules.compiling import ask_for_compilation
from controller.schedules.models import Permission, PolicyRecord, Schedule, Station
from controller.trust.signals import trust_changed


def begin() -> None:
    """Listen from now on; once, at the start of the program."""
    for model in (Box, Group, Schedule, PolicyRecord, Permission, Station):
        post_save.connect(_changed, sender=model, dispatch_uid=f"compile-{model.__name__}-saved")
        post_delete.connect(_changed, sender=model, dispatch_uid=f"compile-{model.__name__}-deleted")
    m2m_changed.connect(_changed, sender=Group.boxes.through, dispatch_uid="compile-group")
    approved_content_changed.connect(_changed, dispatch_uid="compile-content")
    trust_changed.connect(_changed, dispatch_uid="compile-trust")


def _changed(**_facts: object) -> None:
    ask_for_compilation()
