"""What a visitor of the demo finds: boxes in use, a bulletin about to sound, one that waits for approval,
an exception to the quiet hours that lacks its second signature, and the weather on the boards.
"""

import datetime as dt
from typing import Final

from django.utils import timezone

from controller.accounts import signing
from controller.accounts.models import Person
from controller.boxes import services as boxes
from controller.boxes.models import Box
from controller.boxes.models import Stage as BoxStage
from controller.core.times import ZONE
from controller.demo import world
from controller.demo.layout import PASSPHRASE, REAL
from controller.demo.processes import wait_until
from controller.demo.stage import Stage
from controller.library import approving
from controller.library import services as library
from controller.library.models import Bulletin, Class, State, Voice
from controller.schedules import excepting, lines
from controller.schedules import services as schedules
from controller.trust.services import trust_of
from controller.units.services import unit_by_code
from protocol import keyfile
from protocol.signing import Family, signed_by

FIRST_IN_S: Final = 60
VACCINATION: Final = (
    "Lịch tiêm chủng mở rộng tháng 12",
    "Trạm y tế phường thông báo: tiêm chủng mở rộng cho trẻ dưới 5 tuổi vào lúc 7h30 ngày 05/12, tại trạm y tế. "
    "Đề nghị phụ huynh mang theo sổ tiêm chủng.",
)
MEETING: Final = (
    "Mời họp khu phố",
    "UBND phường mời bà con khu phố 1 dự họp lúc 19h00 ngày 28/11 tại nhà văn hóa khu phố, bàn về vệ sinh môi trường.",
)
WEATHER: Final = "28–34 °C, chiều có dông"
NIGHT_IN: Final = dt.timedelta(days=1, hours=10)
"""In the middle of the demo's next night but one (`world.regulate`)."""
NEW_YEAR: Final = "Tập dượt đón giao thừa tại quảng trường, Công văn số 45/UBND-VX"


def lay_out(stage: Stage) -> None:
    """Approve every box, put one bulletin on the air and leave another to be approved."""
    people = {person.username: person for person in Person.objects.all()}
    total = stage.boxes + 1
    wait_until(
        "every box has introduced itself",
        lambda: Box.objects.count() == total,
        within_s=60,
        programs=stage.programs,
    )
    for box in Box.objects.filter(state=BoxStage.WAITING):
        boxes.approve(box, unit_by_code(place_of(box.name)), people["tuan"])
    here = unit_by_code(world.HERE)
    on_air = _write(VACCINATION, people["lan"])
    _write(MEETING, people["lan"])
    wait_until("the bulletin is spoken", lambda: _ready(on_air), within_s=60, programs=stage.programs)
    assert on_air.sound is not None
    payload = approving.payload_for(on_air, trust_of(here.code), timezone.now())
    signer = keyfile.unseal(stage.layout.key_file("hoa").read_text(), PASSPHRASE)
    library.approve(on_air, people["hoa"], signed_by(signer, payload, Family.APPROVAL, signing.domain()), payload)
    first = (timezone.now() + dt.timedelta(seconds=FIRST_IN_S)).astimezone(ZONE)
    draft = schedules.Draft(
        title="Bản tin sức khỏe",
        unit=here.code,
        bulletins=(on_air.pk,),
        first=first.replace(tzinfo=None, microsecond=0),
        targets=schedules.Aimed(units=(here.code,)),
        repeats=3,
        gap_s=60,
    )
    schedules.publish(draft, people["lan"])
    line = lines.write(WEATHER, here, 12, people["lan"])
    lines.sign(line, people["hoa"], signed_by(signer, bytes(line.payload), Family.APPROVAL, signing.domain()))
    start = timezone.now().replace(minute=0, second=0, microsecond=0) + NIGHT_IN
    asked = excepting.prepare(people["lan"], [here], start, start + dt.timedelta(hours=1), NEW_YEAR)
    signed = signed_by(signer, bytes(asked.payload), Family.EXCEPTION, signing.domain())
    excepting.sign(asked, people["hoa"], signed)


def place_of(name: str) -> str:
    """The commune of a box of the demo, by its name."""
    return world.HERE if name == REAL else world.unit_of(int(name.rsplit(" ", 1)[-1]))


def _write(content: tuple[str, str], author: Person) -> Bulletin:
    title, text = content
    words = library.Words(title, text, "vi", Voice.SOUTH, Class.ORDINARY)
    return library.write(words, unit_by_code(world.HERE), author)


def _ready(bulletin: Bulletin) -> bool:
    bulletin.refresh_from_db()
    return bulletin.state == State.READY
