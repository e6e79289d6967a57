"""How long it takes to tell many boxes of a changed schedule: `make bench NAME=compile`.

A province of 2,000 boxes in 80 communes with 20 schedules, each bulletin signed by an approver whom the roots name, in
a real SQLite file with fsync. Figures in milliseconds: `signatures_ms` judging in each commune what is signed,
`pure_ms` the deciding alone, `first_ms` everything for the first time (every box is signed and posted), `change_ms`
after one commune's schedule changed, `idle_ms` when nothing changed. Three numbers ask of another size: boxes,
communes, schedules.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from controller.accounts.models import Person
    from controller.library.models import Bulletin
    from protocol.signing import KeySigner

SIZE = (2_000, 80, 20)
"""Boxes, communes, schedules."""


def clocked(work: Callable[[], object]) -> float:
    """Milliseconds."""
    start = time.perf_counter()
    work()
    return round((time.perf_counter() - start) * 1000, 1)


def main(size: tuple[int, int, int]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "controller.settings",
            "LOALANG_DATA": folder,
            "LOALANG_PROVINCE": "77",
            "LOALANG_ENVIRONMENT": "test",
        }
        import django

        from tests.support import bench

        django.setup()
        boxes, communes, schedules = size
        bench.begin(f"what telling {boxes} boxes of a changed schedule costs", 20 + boxes / 25)
        figures = measure(*size)
        meant = boxes if schedules % 2 else boxes // communes
        told = figures["posted_first"] == boxes and figures["posted_change"] == meant
        return bench.end({**figures, "ok": told})


def measure(boxes: int, communes: int, schedules: int) -> dict[str, object]:
    from django.conf import settings
    from django.core.management import call_command
    from django.utils import timezone

    from controller.core.config import prepare
    from controller.core.times import ZONE
    from controller.outbox.models import Kind, Message
    from controller.schedules import approved, facts
    from controller.schedules.compiler import Compilation, compile_all
    from controller.schedules.compiling import compile_now
    from controller.schedules.models import Schedule, State

    prepare(settings.LOALANG)
    call_command("migrate", verbosity=0)
    trust()
    populate(boxes, communes, schedules)
    posted = Message.objects.filter(kind=Kind.ASSIGNMENT)
    now = timezone.now()
    places, contents, stations = facts.places(), facts.contents(), facts.stations()
    programmes, rules = facts.programmes(now), facts.rules(now)
    signed = approved.signed({place.unit for place in places}, contents, stations, now)

    def decide() -> Compilation:
        return compile_all(
            places, programmes, zone=ZONE.key, contents=contents, stations=stations, rules=rules, signed=signed
        )

    compilation = decide()
    figures: dict[str, object] = {
        "boxes": boxes,
        "schedules": schedules,
        "manifests": len(compilation.manifests),
        "entries": sum(len(manifest.entries) for manifest in compilation.manifests),
        "signatures_ms": clocked(lambda: approved.signed({place.unit for place in places}, contents, stations, now)),
        "pure_ms": clocked(decide),
        "first_ms": clocked(compile_now),
        "posted_first": posted.count(),
        "idle_ms": clocked(compile_now),
    }
    before = posted.count()
    Schedule.objects.filter(title=str(schedules - 1)).update(state=State.WITHDRAWN)
    return {**figures, "change_ms": clocked(compile_now), "posted_change": posted.count() - before}


def trust() -> None:
    """Roots that name this controller's key, and Hoa as an approver for the province."""
    from controller.cli.roots import sign_roots
    from controller.schedules.signing import domain, schedule_signer
    from controller.trust.services import import_roots
    from protocol.roles import Holder, Role, Roots

    at = int(time.time()) - 60
    holders = (
        Holder(key("root").public_key, "Nguyễn Gốc", (Role.ROOT,), ("77",)),
        Holder(key("hoa").public_key, "Trần Thị Hoa", (Role.CONTENT,), ("77",)),
        Holder(schedule_signer().public_key, "controller", (Role.SCHEDULE,), ("77",)),
    )
    record = Roots(1, domain().province, domain().environment, at, at + 86_400 * 365, (), holders)
    import_roots(sign_roots(record, key("root")))


def key(name: str) -> "KeySigner":
    from protocol.ids import sha256
    from protocol.signing import KeySigner

    return KeySigner.from_seed(sha256(name.encode()))


def approve(bulletin: "Bulletin", by: "Person") -> None:
    """As Hoa's page does it, without the page."""
    from controller.library import approving
    from controller.library.models import Approval
    from controller.schedules.signing import domain
    from protocol.codec import encode
    from protocol.signing import Family, sign

    assert bulletin.sound is not None
    issued = int(bulletin.created.timestamp())
    payload = encode(approving.record(bulletin, epoch=1, issued=issued))
    Approval.objects.create(
        bulletin=bulletin,
        person=by,
        at=bulletin.created,
        sound=bulletin.sound,
        text_hash=bulletin.text_hash,
        payload=payload,
        envelope=sign(payload, Family.APPROVAL, domain(), key("hoa")),
    )


def populate(boxes: int, communes: int, schedules: int) -> None:
    """Boxes are spread evenly; half of the schedules are the province's, half those of one commune each."""
    from django.utils import timezone

    from controller.accounts.models import Person
    from controller.boxes.models import Box, Stage
    from controller.library.models import Blob, BlobKind, Bulletin
    from controller.library.models import State as BulletinState
    from controller.schedules.models import Schedule, ScheduleItem, Target
    from controller.units.models import Unit
    from protocol.ids import box_id, sha256

    now = timezone.now()
    lan, hoa = (Person.objects.create(username=name, display_name=name) for name in ("lan", "hoa"))
    top = Unit.objects.create(code="77", name="Tỉnh", kind="province")
    places = [
        Unit.objects.create(code=f"77-{number}", name=f"Xã {number}", kind="commune", parent=top)
        for number in range(communes)
    ]
    keys = [sha256(number.to_bytes(4, "big")) for number in range(boxes)]
    Box.objects.bulk_create(
        Box(
            id=box_id(key),
            public_key=key,
            name=f"Hộp {number}",
            unit=places[number % communes],
            state=Stage.APPROVED,
            enrolled_at=now,
        )
        for number, key in enumerate(keys)
    )
    for number in range(schedules):
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
            edited_at=now,
            changed=now,
        )
        approve(bulletin, hoa)
        schedule = Schedule.objects.create(
            title=str(number),
            unit=top,
            first_local=f"2030-01-01T{7 + number // 2 % 12:02}:00:00",
            rule="FREQ=DAILY",
            author=lan,
            created=now,
        )
        ScheduleItem.objects.create(schedule=schedule, position=1, bulletin=bulletin)
        Target.objects.create(schedule=schedule, unit=places[number % communes] if number % 2 else top)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    asked = [int(word) for word in sys.argv[1:]]
    sys.exit(main((asked[0], asked[1], asked[2]) if asked else SIZE))
