"""How long it takes to tell many boxes of a changed schedule: `make bench NAME=compile`.

A province of 2,000 boxes in 80 communes with 20 schedules in a real SQLite file with fsync. Figures in milliseconds:
`pure_ms` the deciding alone, `first_ms` everything for the first time (every box is signed and posted), `change_ms`
after one commune's schedule changed, `idle_ms` when nothing changed.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

BOXES, COMMUNES, SCHEDULES = 2_000, 80, 20


def clocked(work: Callable[[], object]) -> float:
    """Milliseconds."""
    start = time.perf_counter()
    work()
    return round((time.perf_counter() - start) * 1000, 1)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"DJANGO_SETTINGS_MODULE": "controller.settings", "LOALANG_DATA": folder}
        import django

        django.setup()
        print(json.dumps(measure(Path(folder))))


def measure(folder: Path) -> dict[str, object]:
    from django.conf import settings
    from django.core.management import call_command
    from django.utils import timezone

    from controller.core.config import prepare
    from controller.core.times import ZONE
    from controller.outbox.models import Message
    from controller.schedules import facts
    from controller.schedules.compiler import compile_all
    from controller.schedules.compiling import compile_now
    from controller.schedules.models import Schedule, State

    prepare(settings.LOALANG)
    call_command("migrate", verbosity=0)
    populate()
    now = timezone.now()
    given = (facts.places(), facts.programmes(now))
    kept = {"contents": facts.contents(), "stations": {}, "rules": facts.rules(now)}
    pure = clocked(lambda: compile_all(*given, zone=ZONE.key, **kept))  # type: ignore[arg-type]
    first = clocked(compile_now)
    posted = Message.objects.count()
    idle = clocked(compile_now)
    Schedule.objects.filter(title="19").update(state=State.WITHDRAWN)
    change = clocked(compile_now)
    return {
        "boxes": BOXES,
        "schedules": SCHEDULES,
        "manifests": len(set(compile_all(*given, zone=ZONE.key, **kept).of.values())),  # type: ignore[arg-type]
        "pure_ms": pure,
        "first_ms": first,
        "change_ms": change,
        "idle_ms": idle,
        "posted_first": posted,
        "posted_change": Message.objects.count() - posted,
    }


def populate() -> None:
    """Each commune has 25 boxes; half of the schedules are the province's, half those of one commune each."""
    from django.utils import timezone

    from controller.accounts.models import Person
    from controller.boxes.models import Box, Stage
    from controller.library.models import Blob, BlobKind, Bulletin
    from controller.library.models import State as BulletinState
    from controller.schedules.models import Schedule, ScheduleItem, Target
    from controller.units.models import Unit
    from protocol.ids import box_id, sha256

    now = timezone.now()
    lan = Person.objects.create(username="lan", display_name="Lan")
    top = Unit.objects.create(code="77", name="Tỉnh", kind="province")
    communes = [
        Unit.objects.create(code=f"77-{number}", name=f"Xã {number}", kind="commune", parent=top)
        for number in range(COMMUNES)
    ]
    keys = [sha256(number.to_bytes(4, "big")) for number in range(BOXES)]
    Box.objects.bulk_create(
        Box(
            id=box_id(key),
            public_key=key,
            name=f"Hộp {number}",
            unit=communes[number % COMMUNES],
            state=Stage.APPROVED,
            enrolled_at=now,
        )
        for number, key in enumerate(keys)
    )
    for number in range(SCHEDULES):
        digest = sha256(f"sound {number}".encode()).hex()
        blob = Blob.objects.create(hash=digest, kind=BlobKind.SOUND, size=90_000, duration_ms=30_000, created=now)
        bulletin = Bulletin.objects.create(
            title=f"Bản tin {number}",
            unit=top,
            author=lan,
            edited_by=lan,
            state=BulletinState.APPROVED,
            sound=blob,
            created=now,
            changed=now,
        )
        schedule = Schedule.objects.create(
            title=str(number),
            unit=top,
            first_local=f"2030-01-01T{7 + number // 2:02}:00:00",
            rule="FREQ=DAILY",
            author=lan,
            created=now,
        )
        ScheduleItem.objects.create(schedule=schedule, position=1, bulletin=bulletin)
        Target.objects.create(schedule=schedule, unit=communes[number] if number % 2 else top)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    main()
