"""Lan edits, Hoa approves; what nobody approved is left out and named; Hoa and Tuấn allow an hour at midnight."""

import datetime as dt
import re
from pathlib import Path

import msgspec
import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone

from controller.accounts import signing
from controller.accounts.models import Person, Role
from controller.accounts.services import appoint
from controller.boxes.models import BoxState
from controller.core.errors import NotAllowed, Refused
from controller.core.times import ZONE
from controller.library import files
from controller.library import services as library
from controller.library.approving import read
from controller.library.models import Bulletin, State
from controller.schedules import excepting, services, stations
from controller.schedules.arrears import arrears, silent
from controller.schedules.compiling import compile_now
from controller.schedules.models import AssignmentRow, EntryKind, QuietException, Schedule, Station, Target
from controller.schedules.preview import holdings
from controller.schedules.services import Aimed, Draft
from controller.schedules.signing import domain, schedule_signer
from controller.trust.epochs import raise_epoch
from controller.trust.services import current, trust_of
from controller.units.models import Unit
from controller.worker.loop import do_all
from protocol.approval import exceptions_at, judge_manifest, open_approval
from protocol.codec import decode, encode
from protocol.ids import sha256
from protocol.manifest import Assignment, Kind, Manifest
from protocol.roles import Holder, Threshold
from protocol.roles import Role as Trusted
from protocol.signing import Family, KeySigner, SignedBy, sign1, signed_by, verify1
from protocol.timeline import plan
from tests.support import virtual_time
from tests.support.box_parts import BOX, Parts, parts
from tests.support.installation import install
from tests.support.officers import (
    HOA,
    HOA_ABOVE,
    NEXT,
    TUAN,
    WARD,
    Office,
    approval_fields,
    approve,
    approved,
    key,
    office,
    payload_of,
    ready,
    roots,
    tomorrow,
    trust,
)
from tests.support.signing_kit import fields

pytestmark = pytest.mark.django_db


@pytest.fixture
def here(settings: LazySettings, tmp_path: Path) -> Office:
    install(settings, tmp_path)
    return office()


@pytest.fixture(autouse=True)
def _boxes_have_a_state(here: Office) -> None:
    for box in here.boxes:
        BoxState.objects.create(box=box)


def browser(person: Person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def put_on(bulletin: Bulletin, here: Office, at: dt.datetime | None = None, unit: str = WARD) -> Schedule:
    draft = Draft(bulletin.title, WARD, (bulletin.pk,), at or tomorrow(9), Aimed(units=(unit,)))
    return services.publish(draft, here.lan)


def told(here: Office, number: int = 0) -> tuple[Assignment, Manifest]:
    row = AssignmentRow.objects.get(box=here.boxes[number])
    mine = schedule_signer().public_key
    assignment = decode(verify1(bytes(row.message), Family.ASSIGNMENT, domain(), mine), Assignment)
    signed = files.path_of(assignment.manifest.hex()).read_bytes()
    return assignment, decode(verify1(signed, Family.MANIFEST, domain(), mine), Manifest, max_bytes=1 << 20)


def by_hoa(payload: bytes, family: Family = Family.APPROVAL, name: str = "hoa") -> SignedBy:
    return signed_by(key(name), payload, family, signing.domain())


# Approving


def test_of_two_approvals_of_one_sound_boxes_get_the_one_whose_words_stand_in_the_bulletin_now(here: Office) -> None:
    bulletin = ready(here)
    library.edit(bulletin, library.Words(bulletin.title, bulletin.text, klass=2), here.lan)
    do_all(timezone.now())
    bulletin.refresh_from_db()
    approve(bulletin, here.hoa)
    before = bulletin.sound_id
    library.edit(bulletin, library.Words("Cúp điện ngày mai", bulletin.text), here.lan)
    do_all(timezone.now())
    bulletin.refresh_from_db()
    assert bulletin.sound_id == before
    approve(bulletin, here.hoa)
    put_on(bulletin, here)
    do_all(timezone.now())
    assignment, manifest = told(here)
    judged = judge_manifest(manifest, trust_of(WARD), ("79", WARD), assignment.issued)
    assert judged.unapproved == ()
    assert [row.title for row in judged.manifest.bulletins] == ["Cúp điện ngày mai"]


def test_a_signature_over_other_bytes_approves_nothing(here: Office) -> None:
    bulletin = ready(here)
    asked = payload_of(bulletin)
    other = encode(msgspec.structs.replace(read(asked), scope="77"))
    with pytest.raises(Refused, match="Chữ ký không đúng"):
        approve(bulletin, here.hoa, asked, other)
    with pytest.raises(Refused, match="đã được sửa"):
        approve(bulletin, here.hoa, other)
    bulletin.refresh_from_db()
    assert (bulletin.state, bulletin.approvals.count()) == (State.READY, 0)


def test_a_page_without_a_signature_approves_nothing(here: Office) -> None:
    bulletin = ready(here)
    sent = approval_fields(bulletin, here.hoa)
    answer = browser(here.hoa).post(f"/ban-tin/{bulletin.pk}/duyet/", {**sent, "signature": ""})
    assert answer.status_code == 422
    bulletin.refresh_from_db()
    assert bulletin.state == State.READY


def test_audio_that_was_changed_after_the_page_was_made_is_not_approved(here: Office) -> None:
    bulletin, other = ready(here), ready(here, "Họp dân", "Mời bà con họp dân.")
    sent = approval_fields(bulletin, here.hoa)
    Bulletin.objects.filter(pk=bulletin.pk).update(sound=other.sound)
    answer = browser(here.hoa).post(f"/ban-tin/{bulletin.pk}/duyet/", sent)
    assert answer.status_code == 422
    assert "đã được sửa sau khi bạn mở trang" in answer.text
    bulletin.refresh_from_db()
    assert bulletin.state == State.READY


def test_somebody_whom_the_trust_does_not_name_cannot_approve_and_is_told_who_can(here: Office) -> None:
    trust(roots(2, HOA_ABOVE, TUAN, Holder(key("minh").public_key, "Lê Minh", (Trusted.CONTENT,), (WARD,))))
    bulletin = ready(here)
    with pytest.raises(NotAllowed, match="Lê Minh"):
        approve(bulletin, here.hoa)
    assert "Người duyệt được: Lê Minh" in browser(here.hoa).get(f"/ban-tin/{bulletin.pk}/").text


def test_what_the_approver_sees_is_read_from_what_is_signed(here: Office) -> None:
    bulletin = ready(here)
    page = browser(here.hoa).get(f"/ban-tin/{bulletin.pk}/").text
    assert "Bạn sẽ ký duyệt" in page
    assert "<dd>Phường 1</dd>" in page
    approve(bulletin, here.hoa)
    envelope = bytes(bulletin.approvals.get().envelope or b"")
    record = open_approval(envelope, trust_of(WARD))
    spoken = library.spoken_text(bulletin)
    assert (record.hash.hex(), record.text, record.scope) == (bulletin.sound_id, sha256(spoken.encode()), WARD)


def test_where_two_must_approve_the_first_signature_is_not_enough(here: Office) -> None:
    appoint(here.minh, Role.APPROVER, here.ward)
    minh = Holder(key("minh").public_key, "Lê Minh", (Trusted.CONTENT,), (WARD,))
    trust(roots(2, HOA, HOA_ABOVE, TUAN, minh, thresholds=(Threshold(Trusted.CONTENT, 2),)))
    bulletin = ready(here)
    approve(bulletin, here.hoa)
    bulletin.refresh_from_db()
    assert bulletin.state == State.READY
    with pytest.raises(Refused, match="đã ký rồi"):
        approve(bulletin, here.hoa)
    assert "1/2" in browser(here.minh).get(f"/ban-tin/{bulletin.pk}/").text
    approve(bulletin, here.minh)
    bulletin.refresh_from_db()
    assert bulletin.state == State.APPROVED


# Compiling


def test_what_nobody_approves_any_more_is_left_out_and_named_with_whom_to_ask_and_the_rest_goes_on(
    here: Office,
) -> None:
    minh = Holder(key("minh").public_key, "Lê Minh", (Trusted.CONTENT,), (WARD,))
    put_on(approved(here), here)
    trust(roots(2, HOA_ABOVE, TUAN, minh))
    compile_now()
    assert told(here)[1].entries == ()
    (row,) = silent(timezone.now())
    assert (row.title, row.places, row.who) == ("Cúp điện", "Phường 1", "Lê Minh")
    page = browser(here.lan).get("/lich/").text
    assert "“Cúp điện”</a> không phát ở Phường 1" in page
    assert arrears(timezone.now()) is None
    trust(roots(3, HOA, HOA_ABOVE, TUAN))
    compile_now()
    assert len(told(here)[1].entries) == 1
    assert silent(timezone.now()) == []


def test_an_approved_bulletin_whose_signature_does_not_count_any_more_is_signed_again(here: Office) -> None:
    bulletin = approved(here)
    put_on(bulletin, here)
    new = Holder(key("hoa mới").public_key, "Trần Thị Hoa", (Trusted.CONTENT,), (WARD,))
    trust(roots(2, new, HOA_ABOVE, TUAN))
    here.hoa.keys.create(public_key=key("hoa mới").public_key, label="2", created=timezone.now())
    page = browser(here.hoa).get(f"/ban-tin/{bulletin.pk}/").text
    assert "không có chữ ký duyệt còn giá trị" in page
    asked = payload_of(bulletin)
    library.approve(bulletin, here.hoa, by_hoa(asked, name="hoa mới"), asked)
    compile_now()
    assert len(told(here)[1].entries) == 1


def test_a_bulletin_is_not_scheduled_where_its_approval_does_not_reach(here: Office) -> None:
    appoint(here.lan, Role.EDITOR, Unit.objects.get(code="77-747"))
    bulletin = approved(here)
    with pytest.raises(Refused, match="được duyệt cho Phường 1"):
        put_on(bulletin, here, unit="77-747")
    put_on(bulletin, here)
    Target.objects.update(unit=Unit.objects.get(code="77-747"))  # as a move of units would leave it
    compile_now()
    assert len(told(here)[1].entries) == 1
    assert told(here, 2)[1].entries == ()
    assert [row.places for row in silent(timezone.now())] == [Unit.objects.get(code=NEXT).name]


def test_an_ordinary_bulletin_between_urgent_ones_makes_none_of_them_silent(here: Office) -> None:
    ordinary, urgent = approved(here), ready(here, "Khẩn", "Tin khẩn.")
    library.edit(urgent, library.Words("Khẩn", "Tin khẩn.", klass=2), here.lan)
    do_all(timezone.now())
    urgent.refresh_from_db()
    approve(urgent, here.hoa)
    services.publish(Draft("Hai", WARD, (ordinary.pk, urgent.pk), tomorrow(9), Aimed(units=(WARD,))), here.lan)
    compile_now()
    assert len(told(here)[1].entries[0].playlist) == 2


def test_a_box_takes_the_manifest_and_refuses_one_whose_approval_was_exchanged(here: Office, tmp_path: Path) -> None:
    put_on(approved(here), here)
    compile_now()
    assignment, manifest = told(here)
    other = ready(here, "Họp dân", "Mời bà con họp dân.")
    approve(other, here.hoa)
    exchanged = msgspec.structs.replace(manifest, approvals=(bytes(other.approvals.get().envelope or b""),))
    units = assignment.units
    assert judge_manifest(manifest, trust_of(WARD), units, assignment.issued).unapproved == ()
    assert judge_manifest(exchanged, trust_of(WARD), units, assignment.issued).unapproved == ("b1",)

    newest = current()
    assert newest is not None

    def offer(box: Parts, record: Manifest, generation: int) -> None:
        raw = sign1(encode(record), Family.MANIFEST, domain(), schedule_signer())
        names = {"box": BOX, "generation": generation, "manifest": sha256(raw), "manifest_size": len(raw)}
        place = msgspec.structs.replace(assignment, **names)
        sounds = {row.hash: files.path_of(row.hash.hex()).read_bytes() for row in record.blobs}
        box.office.files.update({sha256(raw): raw, **sounds})
        box.inbox.take(sign1(encode(place), Family.ASSIGNMENT, domain(), schedule_signer()))

    async def in_force(box: Parts, record: Manifest, generation: int) -> int:
        offer(box, record, generation)
        while await box.fetcher.step():
            pass
        force = box.store.desired.in_force()
        return 0 if force is None else force.assignment.generation

    async def main() -> list[int]:
        with parts(tmp_path / "box") as box:
            box.clock.jump(assignment.issued * 1000 - box.clock.now_ms())
            box.inbox.take_first(bytes(newest.data))
            return [await in_force(box, record, n) for n, record in enumerate((manifest, exchanged, manifest), 1)]

    assert virtual_time.run(main()) == [1, 1, 3]


def test_a_raised_epoch_makes_every_assignment_later_than_those_of_the_other_machine(here: Office) -> None:
    compile_now()
    before = told(here)[0]
    raise_epoch()
    compile_now()
    after = told(here)[0]
    assert (before.epoch, after.epoch) == (1, 2)
    assert after.is_later(msgspec.structs.replace(before, generation=10_000))


# Stations


def relay(here: Office) -> Station:
    station = Station.objects.create(code="vov1", name="VOV1", url="https://radio.example/vov1")
    schedule = Schedule.objects.create(
        title="Tiếp sóng",
        unit=here.ward,
        kind=EntryKind.RELAY,
        first_local=tomorrow(10).isoformat(timespec="seconds"),
        length_s=900,
        station=station,
        author=here.lan,
        created=timezone.now(),
    )
    Target.objects.create(schedule=schedule, unit=here.ward)
    return station


def test_a_station_is_relayed_once_somebody_has_signed_its_record(here: Office) -> None:
    station = relay(here)
    put_on(approved(here), here)
    compile_now()
    assert [entry.kind for entry in told(here)[1].entries] == [Kind.PROGRAMME]
    assert [row.title for row in silent(timezone.now())] == ["VOV1"]
    assert "“VOV1”</a> ở Phường 1: chưa ai ký duyệt" in browser(here.lan).get("/lich/").text
    asked = stations.payload_for(station, WARD, timezone.now())
    stations.approve_station(station, here.hoa, by_hoa(asked), asked)
    compile_now()
    assert {entry.kind for entry in told(here)[1].entries} == {Kind.PROGRAMME, Kind.RELAY}
    assert silent(timezone.now()) == []


def test_a_station_that_moved_is_not_what_was_signed(here: Office) -> None:
    station = relay(here)
    asked = stations.payload_for(station, WARD, timezone.now())
    stations.approve_station(station, here.hoa, by_hoa(asked), asked)
    Station.objects.update(url="https://elsewhere.example/")
    compile_now()
    assert told(here)[1].entries == ()
    with pytest.raises(Refused, match="đã được sửa"):
        stations.approve_station(station, here.hoa, by_hoa(asked), asked)


def test_a_station_on_the_pages_from_the_form_to_the_signature_that_boxes_take(here: Office) -> None:
    lan, hoa, tuan = browser(here.lan), browser(here.hoa), browser(here.tuan)
    again = {"name": "VOV1", "url": "https://radio.example/vov1"}
    page = lan.post("/lich/dai/", again).headers["Location"]
    assert "của đài “VOV1”" in lan.post("/lich/dai/", again).text
    for url in ("ftp://radio.example/", "radio.example", "https://" + "x" * 300):
        assert "errorlist" in lan.post("/lich/dai/", {"name": "Đài", "url": url}).text
    assert Station.objects.count() == 1
    assert "Chưa ai ký duyệt đài này: không hộp nào tiếp sóng." in lan.get(page).text
    assert "chưa ai ký duyệt" in lan.get("/lich/dai/").text
    assert "Bạn sẽ ký duyệt" not in lan.get(page).text
    shown = hoa.get(page).text
    assert "<dd>Phường 1</dd>" in shown
    payload = signing.from_base64url(re.findall(r'name="payload" value="([^"]+)"', shown)[0])
    assert hoa.post(f"{page}ky/", {"payload": "?"}).status_code == 422
    sent = fields(key("hoa"), payload, Family.APPROVAL, signing.domain())
    assert hoa.post(f"{page}ky/", {**sent, "payload": signing.to_base64url(payload)}).status_code == 302
    assert "đã duyệt: Phường 1" in lan.get("/lich/dai/").text
    assert "Bạn sẽ ký duyệt" not in hoa.get(page).text, "it is signed"
    station = Station.objects.get()
    assert [good for _row, _who, good in stations.standings(station, timezone.now())] == [True]
    moved = {"name": "VOV1", "url": "https://elsewhere.example/"}
    assert lan.post(page, moved).status_code == 422
    assert tuan.post(page, moved).status_code == 302
    assert "không còn hiệu lực" in lan.get(page).text
    assert "chưa ai ký duyệt" in lan.get("/lich/dai/").text


# Exceptions


def midnight() -> dt.datetime:
    return tomorrow(23, 55).replace(tzinfo=ZONE)


def prepared(here: Office) -> QuietException:
    return excepting.prepare(here.tuan, [here.ward], midnight(), midnight() + dt.timedelta(hours=1), "Giao thừa")


def signs(row: QuietException, here: Office, who: str) -> QuietException:
    person, name = {"hoa": (here.hoa, "hoa 2"), "tuan": (here.tuan, "tuan")}[who]
    signed = by_hoa(bytes(row.payload), Family.EXCEPTION, name)
    return excepting.sign(row, person, signed)


@pytest.fixture
def hoa_above(here: Office) -> KeySigner:
    """Hoa's second key, which the province's roots name for exceptions."""
    here.hoa.keys.create(public_key=key("hoa 2").public_key, label="2", created=timezone.now())
    return key("hoa 2")


@pytest.mark.usefixtures("hoa_above")
def test_one_signature_opens_no_hour_and_two_open_it_in_its_area_alone(here: Office) -> None:
    bulletin = approved(here)
    row = prepared(here)
    signs(row, here, "hoa")
    compile_now()
    assert told(here)[1].exceptions == ()
    with pytest.raises(Refused, match="giờ yên lặng"):
        put_on(bulletin, here, tomorrow(23, 57))
    with pytest.raises(Refused, match="đã ký rồi"):
        signs(row, here, "hoa")
    signs(row, here, "tuan")
    put_on(bulletin, here, tomorrow(23, 57))
    compile_now()
    assignment, manifest = told(here)
    assert len(exceptions_at(manifest, trust_of(WARD), assignment.units, assignment.issued)) == 1
    assert told(here, 2)[1].exceptions == ()
    at = midnight()
    held = holdings(AssignmentRow.objects.get(box=here.boxes[0]), at)
    start = int(at.timestamp() * 1000)
    assert [part.start_ms - start for part in plan(held, start, start + 600_000).segments] == [120_000]


@pytest.mark.usefixtures("hoa_above")
def test_an_exception_that_is_given_up_brings_the_quiet_back(here: Office) -> None:
    row = prepared(here)
    signs(row, here, "hoa")
    signs(row, here, "tuan")
    compile_now()
    assert told(here)[1].exceptions
    with pytest.raises(NotAllowed):
        excepting.drop(row, here.lan)
    excepting.drop(row, here.tuan)
    compile_now()
    assert told(here)[1].exceptions == ()


def hours_from(here: Office, day: int, hours: int, where: str = "") -> QuietException:
    start = midnight() + dt.timedelta(days=day)
    unit = Unit.objects.get(code=where or here.ward.code)
    return excepting.prepare(here.tuan, [unit], start, start + dt.timedelta(hours=hours), "Tết")


@pytest.mark.usefixtures("hoa_above")
def test_what_boxes_would_pass_over_since_a_week_has_had_its_24_hours_is_said_before_it_is_signed(
    here: Office,
) -> None:
    for day in range(3):
        row = hours_from(here, day, 7)
        signs(row, here, "hoa")
        signs(row, here, "tuan")
    with pytest.raises(Refused, match="24 giờ trong 7 ngày"):
        hours_from(here, 3, 4)
    with pytest.raises(Refused, match="24 giờ trong 7 ngày"):
        hours_from(here, -1, 4, "77")
    hours_from(here, 3, 4, NEXT)
    hours_from(here, 3, 3)
    hours_from(here, 12, 24)
    assert len(excepting.stretches(WARD, timezone.now())) == 3


def test_an_exception_is_not_signed_more_than_a_year_before(here: Office) -> None:
    with pytest.raises(Refused, match="366 ngày"):
        hours_from(here, 366, 1)


def test_somebody_who_may_not_sign_exceptions_is_refused(here: Office) -> None:
    row = prepared(here)
    with pytest.raises(NotAllowed, match="không có trong danh sách"):
        excepting.sign(row, here.hoa, by_hoa(bytes(row.payload), Family.EXCEPTION))


@pytest.mark.parametrize(
    ("hours", "reason", "field"), [(25, "Tết", "end"), (0, "Tết", "end"), (1, " ", "reason"), (1, "x" * 201, "reason")]
)
def test_what_an_exception_may_not_be_is_named(here: Office, hours: int, reason: str, field: str) -> None:
    with pytest.raises(Refused) as caught:
        excepting.prepare(here.tuan, [here.ward], midnight(), midnight() + dt.timedelta(hours=hours), reason)
    assert (caught.value.field, bool(caught.value.way_out)) == (field, True)


@pytest.mark.usefixtures("hoa_above")
def test_an_exception_on_the_pages_from_the_form_to_two_signatures(here: Office) -> None:
    tuan, hoa = browser(here.tuan), browser(here.hoa)
    start, end = midnight(), midnight() + dt.timedelta(hours=1)
    sent = {"unit": WARD, "reason": "Giao thừa"}
    for name, at in (("start", start), ("end", end)):
        sent |= {f"{name}_0": f"{at:%Y-%m-%d}", f"{name}_1": f"{at:%H:%M}"}
    page = tuan.post("/lich/ngoai-gio/moi/", sent).headers["Location"]
    assert "Giao thừa" in tuan.get("/lich/quy-dinh/").text
    row = QuietException.objects.get()
    shown = hoa.get(page).text
    assert "Ký cho phép" in shown
    assert "Phường 1" in shown
    for client, name in ((hoa, "hoa 2"), (tuan, "tuan")):
        made = fields(key(name), bytes(row.payload), Family.EXCEPTION, signing.domain())
        assert client.post(f"{page}ky/", made).status_code == 302
    row.refresh_from_db()
    assert row.envelope is not None
    assert "đã đủ chữ ký" in tuan.get("/lich/quy-dinh/").text


@pytest.mark.usefixtures("hoa_above")
def test_whoever_may_allow_an_hour_is_told_so_and_the_page_says_who_is_still_missing(here: Office) -> None:
    row = prepared(here)
    page = f"/lich/ngoai-gio/{row.pk}/"
    link = f'<a href="{page}">Chờ bạn ký cho phép phát ngoài giờ: Giao thừa</a>'
    tuan, hoa, lan = browser(here.tuan), browser(here.hoa), browser(here.lan)
    assert link in hoa.get("/").text
    assert link not in lan.get("/").text
    signs(row, here, "hoa")
    assert link not in hoa.get("/").text
    shown = hoa.get(page).text
    assert "Đã có 1/2 chữ ký. Bạn đã ký. Còn chờ: Phạm Tuấn." in shown
    assert "Bỏ việc cho phép này" not in shown, "she would be refused"
    assert "Bỏ việc cho phép này" in tuan.get(page).text
    signs(row, here, "tuan")
    assert "Các hộp ở đó tự nhận cùng lịch." in lan.get(page).text
    trust(roots(2, HOA, TUAN))
    assert "Một người ký không còn được tin cậy nên các hộp không nhận." in lan.get(page).text
    assert f'value="{WARD} Phường 1"' in lan.get("/lich/ngoai-gio/moi/").text, "her own unit is offered"
