"""The people of a commune, changed in minutes by two administrators; the offline roots stay as they are."""

import asyncio
import datetime as dt
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from msgspec.structs import replace

from controller.accounts.models import Person, PersonKey
from controller.accounts.models import Role as Office
from controller.accounts.services import appoint
from controller.cli.roots import sign_roots
from controller.core.errors import NotAllowed, Refused
from controller.jobs.models import Job
from controller.outbox.models import Message
from controller.schedules.compiling import COMPILE
from controller.trust import delegating, epochs, losing, services, wording
from controller.trust.machine import domain, schedule_signer
from controller.trust.models import DelegationFile, RootsFile
from controller.trust.standing import standing
from controller.units.models import Unit
from protocol.codec import decode, encode
from protocol.compose import order_id, signed_order
from protocol.delegation import open_delegation
from protocol.ids import sha256
from protocol.order import MessageType, Order, Severity, Sound, Status
from protocol.report import Hello
from protocol.roles import Bound, Era, Holder, Role, Roots, root_fingerprint
from protocol.signing import Family, sign, sign1, signed_by, verify1
from tests.support import province, virtual_time
from tests.support.box_parts import SIGNER, Parts, assignment, parts, signed_manifest
from tests.support.installation import install
from tests.support.province import AN_PHU, BINH_MINH, Province
from tests.support.signing_kit import fields
from tests.support.small_controller import Programme, key

pytestmark = pytest.mark.django_db


@pytest.fixture
def here(settings: Any, tmp_path: Path) -> Province:
    """The province, with Sơn and Thủy as administrators and bounds that let them appoint."""
    install(settings, tmp_path)
    made = province.make(timezone.now() - dt.timedelta(hours=1))
    for username, name in (("son", "Đỗ Sơn"), ("thuy", "Bùi Thủy"), ("nga", "Võ Nga")):
        person = Person.objects.create(username=username, display_name=name)
        PersonKey.objects.create(
            person=person, public_key=key(username).public_key, label="khóa 1", created=timezone.now()
        )
        made.people[username] = person
    services.import_roots(sign_roots(administered(made, 2), key("root")))
    return made


def administered(made: Province, version: int) -> Roots:
    record = province.roots(made, timezone.now() - dt.timedelta(minutes=5), version=version)
    admins = tuple(
        Holder(key(name).public_key, made.people[name].display_name, (Role.DELEGATION,), ("77",))
        for name in ("son", "thuy")
    )
    bounds = tuple(Bound(role, ("77",), 400) for role in (Role.COMMUNE, Role.CONTENT, Role.STOP))
    return replace(record, holders=(*record.holders, *admins), bounds=bounds, events=("flood",))


def officer(made: Province, *roles: Role) -> Holder:
    return Holder(key("nga").public_key, made.people["nga"].display_name, roles, (AN_PHU,))


def both_sign(made: Province, row: DelegationFile) -> DelegationFile:
    for name in ("son", "thuy"):
        signed = signed_by(key(name), bytes(row.payload), Family.DELEGATION, domain())
        row = delegating.sign(row, made.people[name], signed)
    return row


def test_one_administrator_publishes_nothing_and_the_second_does(here: Province) -> None:
    row = delegating.prepare(here.people["son"], AN_PHU, [officer(here, Role.STOP)])
    signed = signed_by(key("son"), bytes(row.payload), Family.DELEGATION, domain())
    row = delegating.sign(row, here.people["son"], signed)
    assert (row.published, delegating.in_force(AN_PHU)) == (None, None)
    with pytest.raises(Refused, match="đã ký"):
        delegating.sign(row, here.people["son"], signed)
    before = Message.objects.count()
    row = delegating.sign(
        row, here.people["thuy"], signed_by(key("thuy"), bytes(row.payload), Family.DELEGATION, domain())
    )
    assert row.published is not None
    assert Message.objects.count() == before + 2, "the two boxes of An Phú"
    raw = bytes(row.envelope or b"")
    assert open_delegation(raw, services.current_roots(), None, int(row.published.timestamp())).version == 1


def test_whoever_is_no_administrator_prepares_and_signs_nothing(here: Province) -> None:
    with pytest.raises(NotAllowed):
        delegating.prepare(here.people["hoa"], AN_PHU, [officer(here, Role.STOP)])
    row = delegating.prepare(here.people["son"], AN_PHU, [officer(here, Role.STOP)])
    with pytest.raises(NotAllowed):
        delegating.sign(row, here.people["hoa"], signed_by(key("hoa"), bytes(row.payload), Family.DELEGATION, domain()))
    with pytest.raises(Refused):
        delegating.sign(
            row, here.people["son"], signed_by(key("thuy"), bytes(row.payload), Family.DELEGATION, domain())
        )


@pytest.mark.parametrize("role", [Role.EMERGENCY, Role.DELEGATION, Role.ROOT])
def test_what_the_roots_do_not_let_anybody_give_is_refused_before_it_is_signed(here: Province, role: Role) -> None:
    with pytest.raises(Refused, match="Danh sách gốc không cho"):
        delegating.prepare(here.people["son"], AN_PHU, [officer(here, role)])


def flood(number: int) -> bytes:
    """Nga warns her commune, alone."""
    now = int(timezone.now().timestamp())
    order = Order(
        order_id(key("nga").public_key, number.to_bytes(12, "big")),
        "77", "test", Role.COMMUNE, 2, number, now, now, now + 600, Status.ACTUAL, MessageType.ALERT, Severity.SEVERE,
        "flood", (AN_PHU,), Sound(1, chime=0, repeats=1, gap_s=0),
    )  # fmt: skip
    return signed_order(order, key("nga"))


def sounding(box: Parts) -> int:
    return len(box.keeper.holdings().orders)


def test_the_walks_new_officer_and_lost_phone_from_the_page_to_the_box(
    here: Province, client: Client, tmp_path: Path
) -> None:
    def pressed(name: str, **form: str) -> None:
        client.force_login(here.people[name])
        answer = client.post(reverse("trust:unit", args=[AN_PHU]), form)
        assert answer.status_code == 302, answer.content.decode()

    def signed_on_the_page(name: str) -> None:
        client.force_login(here.people[name])
        row = delegating.waiting(AN_PHU)
        assert row is not None
        form = fields(key(name), bytes(row.payload), Family.DELEGATION, domain())
        assert client.post(reverse("trust:sign", args=[AN_PHU]), form).status_code == 302

    unit = here.boxes["an phú 1"].unit
    assert unit is not None
    appoint(here.people["nga"], Office.SIGNER, unit)
    nga = PersonKey.objects.get(person=here.people["nga"])
    pressed("son", what="add", key=str(nga.pk), roles="COMMUNE", reason="cán bộ mới")
    page = client.get(reverse("trust:unit", args=[AN_PHU])).content.decode()
    assert f"Thêm Võ Nga, khóa {wording.fingerprint(key('nga').public_key)}: báo động trong xã" in page
    assert "chưa được phân công" not in page
    signed_on_the_page("son")
    signed_on_the_page("thuy")
    appointed = services.messages_for(("77", AN_PHU), 2, {})
    pressed("thuy", what="lost", key=key("nga").public_key.hex())
    signed_on_the_page("thuy")
    signed_on_the_page("son")
    revoked = services.messages_for(("77", AN_PHU), 2, {AN_PHU: 1})
    first = [bytes(row.data) for row in RootsFile.objects.order_by("version")]

    async def on_a_box() -> None:
        with parts(tmp_path) as box:
            box.clock.jump(int(timezone.now().timestamp() * 1000) - box.clock.now_ms())
            box.inbox.take_first(first[0])
            box.inbox.take(first[1])
            record = replace(assignment(1, signed_manifest(Programme().manifest())), units=("77", AN_PHU))
            box.inbox.take(sign1(encode(record), Family.ASSIGNMENT, domain(), schedule_signer()))
            assert box.store.desired.wanted() is not None
            box.inbox.take(flood(1))
            assert sounding(box) == 0
            for raw in appointed:
                box.inbox.take(raw)
            box.inbox.take(flood(1))
            assert sounding(box) == 1
            for raw in revoked:
                box.inbox.take(raw)
            box.inbox.take(flood(2))
            assert sounding(box) == 1

    virtual_time.run(on_a_box())


def rooted(record: Roots, name: str, *signers: str) -> bytes:
    """These roots with this one root key, signed by those."""
    fresh = Holder(key(name).public_key, f"Nguyễn {name}", (Role.ROOT,), ("77",))
    others = tuple(row for row in record.holders if Role.ROOT not in row.roles)
    return sign(encode(replace(record, holders=(*others, fresh))), Family.ROOTS, domain(), *map(key, signers))


def test_a_box_that_was_away_for_two_changes_of_the_root_keys_gets_both_in_order(
    here: Province, tmp_path: Path
) -> None:
    third, fourth = administered(here, 3), administered(here, 4)
    held = [bytes(row.data) for row in RootsFile.objects.order_by("version")]
    for raw in (rooted(third, "root 2", "root"), rooted(third, "root 2", "root 2")):
        with pytest.raises(Refused, match="Không nhận"):
            services.import_roots(raw)
    services.import_roots(rooted(third, "root 2", "root", "root 2"))
    with pytest.raises(Refused, match="Không nhận"):
        services.import_roots(rooted(fourth, "root 3", "root", "root 3"))
    services.import_roots(rooted(fourth, "root 3", "root 2", "root 3"))
    missed = services.roots_after(2)
    assert len(missed) == 2

    async def version_after(folder: str, *messages: bytes) -> int:
        with parts(tmp_path / folder) as box:
            box.inbox.take_first(held[0])
            for raw in (held[1], *messages):
                box.inbox.take(raw)
            now = box.store.trust.roots()
            return 0 if now is None else now.version

    assert virtual_time.run(version_after("the newest alone", missed[1])) == 2, "it knows none of its signers"
    assert virtual_time.run(version_after("turned round", *missed[::-1])) == 3
    assert virtual_time.run(version_after("in order", *missed)) == 4


def test_the_first_roots_have_the_fingerprint_that_the_operator_was_told(here: Province) -> None:
    RootsFile.objects.all().delete()
    record = administered(here, 1)
    with pytest.raises(Refused):
        services.import_roots(sign_roots(record, key("root")), b"x" * 16)
    assert services.import_roots(sign_roots(record, key("root")), root_fingerprint(record)).version == 1


def test_a_server_key_that_is_a_persons_too_is_refused(here: Province) -> None:
    both = Holder(key("both").public_key, "máy và người", (Role.SCHEDULE, Role.EMERGENCY), ("77",))
    record = administered(here, 3)
    with pytest.raises(Refused):
        services.import_roots(sign_roots(replace(record, holders=(*record.holders, both)), key("root")))


def test_a_lost_key_of_the_roots_is_taken_away_in_the_unit_without_touching_them(here: Province) -> None:
    row = delegating.prepare(here.people["son"], AN_PHU, [], revoked=[key("lan").public_key])
    both_sign(here, row)
    trust = services.trust_of(AN_PHU)
    assert key("lan").public_key not in {holder.key for holder in trust.holders}
    assert sha256(key("lan").public_key) in trust.revoked
    assert services.current_roots().version == 2


def test_a_controller_that_took_over_counts_on_in_a_higher_epoch_and_all_is_compiled_again(
    here: Province, django_capture_on_commit_callbacks: Any
) -> None:
    del here
    assert epochs.epoch() == 1
    with django_capture_on_commit_callbacks(execute=True):
        assert epochs.raise_epoch() == 2
    assert epochs.epoch() == 2
    assert Job.objects.filter(kind=COMPILE).exists()


def test_a_key_that_no_list_takes_away_is_refused_and_not_offered(here: Province, client: Client) -> None:
    for name in ("thuy", "root"):
        with pytest.raises(Refused, match="khóa gốc"):
            delegating.prepare(here.people["son"], AN_PHU, [], revoked=[key(name).public_key])
    client.force_login(here.people["son"])
    page = client.get(reverse("trust:unit", args=[AN_PHU])).content.decode()
    assert f'<option value="{key("lan").public_key.hex()}">' in page
    assert f'<option value="{key("thuy").public_key.hex()}">' not in page


def test_a_lost_key_that_waits_for_signatures_is_not_forgotten_by_the_next_press(here: Province) -> None:
    delegating.prepare(here.people["son"], AN_PHU, [], revoked=[key("lan").public_key])
    row = delegating.prepare(here.people["thuy"], AN_PHU, [officer(here, Role.STOP)])
    assert delegating.read(row).revoked == (sha256(key("lan").public_key),)
    both_sign(here, row)
    assert key("lan").public_key not in {holder.key for holder in services.trust_of(AN_PHU).holders}


def test_who_lost_a_key_needs_a_new_one_to_come_back(here: Province) -> None:
    both_sign(here, delegating.prepare(here.people["son"], AN_PHU, [], revoked=[key("nga").public_key]))
    with pytest.raises(Refused, match="đã bị thu hồi"):
        delegating.prepare(here.people["son"], AN_PHU, [officer(here, Role.STOP)])


def test_the_page_says_until_when_somebody_counts_on_the_boxes(here: Province, client: Client) -> None:
    record = administered(here, 3)
    shorter = replace(record, bounds=(Bound(Role.STOP, ("77",), 30),))
    services.import_roots(sign_roots(shorter, key("root")))
    both_sign(here, delegating.prepare(here.people["son"], AN_PHU, [officer(here, Role.STOP)]))
    client.force_login(here.people["son"])
    page = client.get(reverse("trust:unit", args=[AN_PHU])).content.decode()
    ends = timezone.localtime() + dt.timedelta(days=30)
    assert f"đến {ends:%d/%m/%Y}" in page


async def hello_of(box: Parts) -> Hello:
    """What the box says when it connects."""
    running = asyncio.create_task(box.reporter.run())
    box.reporter.connected()
    await asyncio.sleep(5)
    running.cancel()
    return decode(verify1(box.uplink.of("hello")[-1], Family.HELLO, domain(), SIGNER.public_key), Hello)


def test_a_new_era_forgets_the_lists_and_reaches_boxes_that_hold_one_of_the_same_number(
    here: Province, tmp_path: Path
) -> None:
    """An administrator's key was stolen: what it appointed counts no more, and is carried into no new list."""
    both_sign(here, delegating.prepare(here.people["son"], AN_PHU, [officer(here, Role.COMMUNE)]))
    old = [bytes(row.data) for row in RootsFile.objects.order_by("version")]
    stolen = services.messages_for(("77", AN_PHU), 2, {})
    services.import_roots(sign_roots(replace(administered(here, 3), eras=(Era(Role.DELEGATION, 1),)), key("root")))
    assert delegating.in_force(AN_PHU) is None
    assert services.versions(("77", AN_PHU)) == {}
    row = delegating.prepare(here.people["son"], AN_PHU, [], revoked=[key("lan").public_key])
    row = both_sign(here, row)
    assert (row.era, row.version) == (1, 1)

    async def a_box_takes(*messages: bytes) -> Hello:
        with parts(tmp_path) as box:
            box.clock.jump(int(timezone.now().timestamp() * 1000) - box.clock.now_ms())
            for raw in messages:
                box.inbox.take(raw)
            return await hello_of(box)

    async def before() -> Hello:
        with parts(tmp_path) as box:
            box.inbox.take_first(old[0])
        record = replace(assignment(1, signed_manifest(Programme().manifest())), units=("77", AN_PHU))
        placed = sign1(encode(record), Family.ASSIGNMENT, domain(), schedule_signer())
        return await a_box_takes(old[1], placed, *stolen)

    assert virtual_time.run(before()).delegations == ((AN_PHU, 1),)
    said = virtual_time.run(a_box_takes(*services.roots_after(2)))
    lacked = services.messages_for(("77", AN_PHU), said.roots_version, dict(said.delegations))
    assert lacked == [bytes(row.envelope or b"")], "the old list does not pass for the new one of its number"
    said = virtual_time.run(a_box_takes(*lacked))
    assert dict(said.delegations) == services.versions(("77", AN_PHU)) == {AN_PHU: 1}


def test_the_key_of_the_server_is_given_nothing_and_the_form_says_so(here: Province, client: Client) -> None:
    """Somebody owns the server, and registers its key as their own."""
    server = schedule_signer().public_key
    row = PersonKey.objects.create(person=here.people["nga"], public_key=server, label="2", created=timezone.now())
    unit = here.boxes["an phú 1"].unit
    assert unit is not None
    appoint(here.people["nga"], Office.EDITOR, unit)
    client.force_login(here.people["son"])
    answer = client.post(reverse("trust:unit", args=[AN_PHU]), {"what": "add", "key": str(row.pk), "roles": "CONTENT"})
    assert answer.status_code == 422
    assert "khóa của máy chủ" in answer.content.decode()
    assert delegating.waiting(AN_PHU) is None


def test_a_name_is_written_into_the_list_in_its_one_spelling(here: Province, client: Client) -> None:
    nga, unit = here.people["nga"], here.boxes["an phú 1"].unit
    assert unit is not None
    appoint(nga, Office.EDITOR, unit)
    nga.display_name = unicodedata.normalize("NFD", " Võ  Nga ")
    nga.save(update_fields=["display_name"])
    client.force_login(here.people["son"])
    key_of = PersonKey.objects.get(person=nga)
    form = {"what": "add", "key": str(key_of.pk), "roles": "STOP"}
    assert client.post(reverse("trust:unit", args=[AN_PHU]), form).status_code == 302
    row = delegating.waiting(AN_PHU)
    assert row is not None
    assert [holder.person for holder in delegating.read(row).holders] == ["Võ Nga"]
    both_sign(here, row)


def second_officer(here: Province, *roles: Role) -> Holder:
    return Holder(key("nhi").public_key, "Hồ Nhi", roles, (AN_PHU,))


def test_a_new_press_goes_on_from_the_list_that_waits_and_says_who_signs_again(here: Province, client: Client) -> None:
    nga, unit = here.people["nga"], here.boxes["an phú 1"].unit
    assert unit is not None
    appoint(nga, Office.EDITOR, unit)
    row = delegating.prepare(here.people["son"], AN_PHU, [second_officer(here, Role.STOP)])
    delegating.sign(row, here.people["son"], signed_by(key("son"), bytes(row.payload), Family.DELEGATION, domain()))
    client.force_login(here.people["thuy"])
    nga_key = PersonKey.objects.get(person=nga)
    form = {"what": "add", "key": str(nga_key.pk), "roles": "STOP"}
    answer = client.post(reverse("trust:unit", args=[AN_PHU]), form, follow=True)
    assert "ký lại" in answer.content.decode()
    waiting = delegating.waiting(AN_PHU)
    assert waiting is not None
    assert {holder.person for holder in delegating.read(waiting).holders} == {"Hồ Nhi", "Võ Nga"}
    client.post(reverse("trust:unit", args=[AN_PHU]), {"what": "remove", "key": key("nga").public_key.hex()})
    waiting = delegating.waiting(AN_PHU)
    assert waiting is not None
    assert {holder.person for holder in delegating.read(waiting).holders} == {"Hồ Nhi"}


def test_a_waiting_list_of_an_older_era_is_not_gone_on_from(here: Province) -> None:
    delegating.prepare(here.people["son"], AN_PHU, [second_officer(here, Role.STOP)])
    services.import_roots(sign_roots(replace(administered(here, 3), eras=(Era(Role.DELEGATION, 1),)), key("root")))
    assert delegating.standing(AN_PHU) is None


def test_only_an_administrator_gives_up_a_list(here: Province, client: Client) -> None:
    row = delegating.prepare(here.people["son"], AN_PHU, [officer(here, Role.STOP)])
    with pytest.raises(NotAllowed):
        delegating.drop(row, here.people["lan"])
    client.force_login(here.people["lan"])
    assert client.post(reverse("trust:drop", args=[AN_PHU])).status_code == 422
    assert delegating.waiting(AN_PHU) is not None
    client.force_login(here.people["thuy"])
    assert client.post(reverse("trust:drop", args=[AN_PHU])).status_code == 302
    assert delegating.waiting(AN_PHU) is None


def test_an_administrator_with_two_keys_may_sign_with_either(here: Province, client: Client) -> None:
    son, record = here.people["son"], administered(here, 3)
    PersonKey.objects.create(person=son, public_key=key("son 2").public_key, label="2", created=timezone.now())
    other = Holder(key("son 2").public_key, son.display_name, (Role.DELEGATION,), ("77",))
    services.import_roots(sign_roots(replace(record, holders=(*record.holders, other)), key("root")))
    row = delegating.prepare(son, AN_PHU, [officer(here, Role.STOP)])
    client.force_login(son)
    page = client.get(reverse("trust:unit", args=[AN_PHU])).content.decode()
    for name in ("son", "son 2"):
        assert PersonKey(public_key=key(name).public_key).name in page
    form = fields(key("son 2"), bytes(row.payload), Family.DELEGATION, domain())
    assert client.post(reverse("trust:sign", args=[AN_PHU]), form).status_code == 302
    assert [one.public_key for one in row.signatures.all()] == [key("son 2").public_key]


def published(here: Province, unit: str, *holders: Holder) -> None:
    both_sign(here, delegating.prepare(here.people["son"], unit, holders))


def test_one_press_prepares_the_loss_in_every_unit_and_the_key_is_revoked_here_when_none_counts_it(
    here: Province, client: Client
) -> None:
    nga = key("nga").public_key
    elsewhere = replace(officer(here, Role.STOP), scope=(BINH_MINH,))
    published(here, AN_PHU, officer(here, Role.STOP), second_officer(here, Role.STOP))
    published(here, BINH_MINH, elsewhere)
    client.force_login(here.people["son"])
    answer = client.post(reverse("trust:unit", args=[AN_PHU]), {"what": "lost", "key": nga.hex()}, follow=True)
    assert BINH_MINH in answer.content.decode()
    page = client.get(reverse("trust:overview")).content.decode()
    for name in ("Xã An Phú", "Xã Bình Minh"):
        assert f"Danh sách số 2 của {name} chờ bạn ký" in page
    registered = PersonKey.objects.get(public_key=nga)
    for unit in (AN_PHU, BINH_MINH):
        assert registered.revoked is None, "it counts somewhere still"
        row = delegating.waiting(unit)
        assert row is not None
        assert delegating.read(row).revoked == (sha256(nga),)
        both_sign(here, row)
        registered.refresh_from_db()
    assert registered.revoked is not None
    left = services.trust_of(AN_PHU).holders
    assert {row.person for row in left if row.scope == (AN_PHU,) and Role.STOP in row.roles} == {"Hồ Nhi"}


def test_the_lost_key_of_a_province_signer_is_taken_away_above_and_the_units_follow(
    here: Province, client: Client
) -> None:
    """Hoa signs for the province, and stands in the commune's list too: one list of the province is enough."""
    hoa = key("hoa").public_key
    published(here, AN_PHU, Holder(hoa, here.people["hoa"].display_name, (Role.CONTENT,), (AN_PHU,)))
    client.force_login(here.people["son"])
    client.post(reverse("trust:unit", args=[AN_PHU]), {"what": "lost", "key": hoa.hex()})
    assert delegating.waiting(AN_PHU) is None
    row = delegating.waiting("77")
    assert row is not None
    both_sign(here, row)
    assert hoa not in {holder.key for holder in services.trust_of(AN_PHU).holders}
    assert PersonKey.objects.get(public_key=hoa).revoked is not None
    page = client.get(reverse("trust:unit", args=[AN_PHU])).content.decode()
    assert f'value="{hoa.hex()}"' not in page
    following = delegating.prepare(here.people["son"], AN_PHU, delegating.with_(delegating.standing(AN_PHU)))
    assert delegating.read(following).holders == ()
    with pytest.raises(Refused, match="đã bị thu hồi"):
        delegating.prepare(here.people["son"], AN_PHU, [Holder(hoa, "Trần Thị Hoa", (Role.STOP,), (AN_PHU,))])


def test_a_signer_who_administers_too_is_offered_and_keeps_the_administrators_role_alone(
    here: Province, client: Client
) -> None:
    record = administered(here, 3)
    both = tuple(
        replace(row, roles=(Role.EMERGENCY, *row.roles)) if row.key == key("thuy").public_key else row
        for row in record.holders
    )
    services.import_roots(sign_roots(replace(record, holders=both), key("root")))
    thuy = key("thuy").public_key
    client.force_login(here.people["son"])
    assert f'<option value="{thuy.hex()}">' in client.get(reverse("trust:unit", args=["77"])).content.decode()
    client.post(reverse("trust:unit", args=["77"]), {"what": "lost", "key": thuy.hex()})
    row = delegating.waiting("77")
    assert row is not None
    both_sign(here, row)
    assert [one.roles for one in services.trust_of(AN_PHU).holders if one.key == thuy] == [(Role.DELEGATION,)]
    assert PersonKey.objects.get(public_key=thuy).revoked is None, "two administrators could lock out all others"
    assert f'<option value="{thuy.hex()}">' not in client.get(reverse("trust:unit", args=["77"])).content.decode()


def test_roots_of_a_new_era_that_bring_a_lost_key_back_are_refused_unless_that_is_said(
    here: Province, client: Client
) -> None:
    both_sign(here, delegating.prepare(here.people["son"], AN_PHU, [], revoked=[key("lan").public_key]))
    client.force_login(here.people["son"])
    page = client.get(reverse("trust:overview")).content.decode()
    assert "Khóa đã thu hồi" in page
    assert PersonKey(public_key=key("lan").public_key).fingerprint in page
    record = replace(administered(here, 3), eras=(Era(Role.DELEGATION, 1),))
    with pytest.raises(Refused, match="Nguyễn Lan") as caught:
        services.import_roots(sign_roots(record, key("root")))
    assert "--readmit" in str(caught.value)
    rest = tuple(row for row in record.holders if row.key != key("lan").public_key)
    assert services.import_roots(sign_roots(replace(record, holders=rest), key("root"))).version == 3
    assert services.import_roots(sign_roots(replace(record, version=4), key("root"))).version == 4, (
        "the era is the same"
    )


def test_a_false_revocation_of_a_thief_is_undone_by_a_new_era(here: Province) -> None:
    both_sign(here, delegating.prepare(here.people["son"], AN_PHU, [], revoked=[key("lan").public_key]))
    record = replace(administered(here, 3), eras=(Era(Role.DELEGATION, 1),))
    services.import_roots(sign_roots(record, key("root")), readmit=True)
    assert key("lan").public_key in {holder.key for holder in services.trust_of(AN_PHU).holders}


def test_the_first_roots_that_have_ended_are_not_taken_over(here: Province) -> None:
    RootsFile.objects.all().delete()
    record = administered(here, 1)
    with pytest.raises(Refused, match="ended"):
        services.import_roots(sign_roots(replace(record, expires=int(timezone.now().timestamp()) - 1), key("root")))


def test_an_administrator_is_told_on_the_home_page_of_a_list_that_lacks_their_signature(here: Province) -> None:
    for name in ("son", "thuy"):
        appoint(here.people[name], Office.VIEWER, Unit.objects.get(code="77"))
    row = delegating.prepare(here.people["son"], AN_PHU, [officer(here, Role.STOP)])
    delegating.sign(row, here.people["son"], signed_by(key("son"), bytes(row.payload), Family.DELEGATION, domain()))
    said = f'<a href="{reverse("trust:unit", args=[AN_PHU])}">Danh sách số 1 của Xã An Phú chờ bạn ký</a>'

    def page(who: str, path: str) -> str:
        browser = Client()
        browser.force_login(here.people[who])
        return browser.get(path).text

    for path in ("/", reverse("trust:overview")):
        assert said in page("thuy", path)
        assert said not in page("son", path), "who has signed"
        assert said not in page("lan", path), "who is no administrator"
    unit = reverse("trust:unit", args=[AN_PHU])
    assert "Bạn đã ký. Cần chữ ký của một người quản lý danh sách khác. Gọi: Bùi Thủy." in page("son", unit)
    assert "hai trong số những người quản lý danh sách (Bùi Thủy, Đỗ Sơn) ký danh sách mới" in page("lan", unit)


def test_an_administrator_sees_units_with_boxes_and_opens_any_other_by_its_name(here: Province) -> None:
    Unit.objects.create(code="77-1003", name="Xã Chưa Có Loa", kind="commune", parent=Unit.objects.get(code="77"))
    browser = Client()
    browser.force_login(here.people["son"])
    appoint(here.people["son"], Office.VIEWER, Unit.objects.get(code="77"))
    page = browser.get(reverse("trust:overview"))
    assert f'href="{reverse("trust:unit", args=[AN_PHU])}"' in page.text
    assert reverse("trust:unit", args=["77-1003"]) not in page.text
    opened = browser.get(reverse("trust:overview"), {"unit": "xã chưa có loa"})
    assert opened["Location"] == reverse("trust:unit", args=["77-1003"])


def test_who_signs_reads_whose_key_is_taken_away_and_the_code_that_its_holder_sees(here: Province) -> None:
    delegating.prepare(here.people["son"], AN_PHU, [officer(here, Role.STOP)], revoked=[key("lan").public_key])
    browser = Client()
    browser.force_login(here.people["thuy"])
    page = browser.get(reverse("trust:unit", args=[AN_PHU])).text
    codes = {name: PersonKey.objects.get(person=here.people[name]).fingerprint for name in ("lan", "nga")}
    assert f"Thêm Võ Nga, khóa {codes['nga']}: dừng và mở loa" in page
    assert f"Thu hồi khóa {codes['lan']} Nguyễn Lan" in page
    assert "gọi cho người được thêm và so mã khóa" in page


def test_the_holder_of_a_key_reads_on_their_own_page_what_it_counts_for(here: Province) -> None:
    def page(who: str) -> str:
        browser = Client()
        browser.force_login(here.people[who])
        return " ".join(browser.get(reverse("accounts:me")).text.split())

    assert "ký lệnh khẩn cấp; hủy lệnh khẩn cấp · Tỉnh Bà Rịa – Vũng Tàu" in page("hoa")
    unlisted = "Khóa này chưa có trong danh sách nào, nên chữ ký của nó chưa có giá trị."
    assert unlisted not in page("hoa")
    assert f"{unlisted} Gọi cho người ký danh sách và đọc mã khóa ở trên: Bùi Thủy, Đỗ Sơn." in page("nga")
    lost = [key(name).public_key for name in ("lan", "hoa")]
    row = delegating.prepare(here.people["son"], AN_PHU, [officer(here, Role.STOP)], revoked=lost)
    assert f"{unlisted} Danh sách mới của Xã An Phú có khóa này và đang chờ người quản lý danh sách ký." in page("nga")
    both_sign(here, row)
    assert "dừng và mở loa · Xã An Phú · đến " in page("nga")
    assert unlisted not in page("nga")
    assert "Các hộp ở Xã An Phú không nhận khóa này nữa" in page("hoa")
    assert "đã thu hồi" in page("lan"), "it counts nowhere any more"


def test_the_form_chooses_nobody_beforehand_and_says_that_the_list_that_waits_is_gone_on_from(here: Province) -> None:
    appoint(here.people["nga"], Office.EDITOR, Unit.objects.get(code=AN_PHU))
    browser = Client()
    browser.force_login(here.people["son"])
    unit = reverse("trust:unit", args=[AN_PHU])
    page = browser.get(unit).text
    assert '<option value="" selected>Chọn người và khóa</option>' in page
    assert f"Võ Nga · khóa 1 · {wording.fingerprint(key('nga').public_key)}</option>" in page
    assert "còn chờ ký" not in page
    assert browser.post(unit, {"what": "add", "key": "", "roles": "STOP"}).status_code == 422
    delegating.prepare(here.people["son"], AN_PHU, [officer(here, Role.STOP)])
    assert "Danh sách mới tiếp nối và thay danh sách số 1 đang chờ" in browser.get(unit).text


def test_a_line_that_newer_roots_do_not_let_a_list_name_hinders_no_later_list(here: Province) -> None:
    published(here, AN_PHU, officer(here, Role.COMMUNE), second_officer(here, Role.STOP))
    narrow = replace(administered(here, 3), bounds=(Bound(Role.STOP, ("77",), 400),))
    services.import_roots(sign_roots(narrow, key("root")))
    following = delegating.prepare(here.people["son"], AN_PHU, delegating.with_(delegating.standing(AN_PHU)))
    assert [row.person for row in delegating.read(following).holders] == ["Hồ Nhi"]
    both_sign(here, following)


def test_a_lost_key_is_taken_out_of_a_list_that_waits_elsewhere_too(here: Province) -> None:
    waiting = replace(officer(here, Role.STOP), scope=(BINH_MINH,))
    delegating.prepare(here.people["son"], BINH_MINH, [waiting])
    made = losing.lose(here.people["thuy"], AN_PHU, key("nga").public_key)
    assert [row.unit for row in made] == [AN_PHU, BINH_MINH]
    assert delegating.read(made[1]).holders == ()


def test_an_administrator_of_one_commune_prepares_a_loss_there_alone(here: Province) -> None:
    record = administered(here, 3)
    small = Holder(key("tuan").public_key, "Phạm Tuấn", (Role.DELEGATION,), (AN_PHU,))
    services.import_roots(sign_roots(replace(record, holders=(*record.holders, small)), key("root")))
    published(here, BINH_MINH, replace(officer(here, Role.STOP), scope=(BINH_MINH,)))
    made = losing.lose(here.people["tuan"], AN_PHU, key("nga").public_key)
    assert [row.unit for row in made] == [AN_PHU]
    both_sign(here, made[0])
    assert PersonKey.objects.get(public_key=key("nga").public_key).revoked is None, "it counts in Bình Minh"


def test_roots_of_the_same_era_leave_to_the_lists_what_they_took_away(here: Province) -> None:
    both_sign(here, delegating.prepare(here.people["son"], AN_PHU, [], revoked=[key("lan").public_key]))
    assert services.import_roots(sign_roots(administered(here, 3), key("root"))).version == 3
    assert key("lan").public_key not in {holder.key for holder in services.trust_of(AN_PHU).holders}


def test_whoever_asks_whom_to_tell_is_sent_to_those_whose_time_and_scope_it_is(here: Province) -> None:
    record, later = administered(here, 3), int(timezone.now().timestamp()) + 86_400
    not_yet = Holder(key("not yet").public_key, "Cao Chưa", (Role.DELEGATION,), ("77",), not_before=later)
    elsewhere = Holder(key("elsewhere").public_key, "Lâm Khác", (Role.DELEGATION,), (BINH_MINH,))
    services.import_roots(sign_roots(replace(record, holders=(*record.holders, not_yet, elsewhere)), key("root")))

    def told() -> str:
        found = standing(key("nga").public_key, timezone.now())
        assert found is not None
        return found.administrators

    assert told() == "Bùi Thủy, Đỗ Sơn", "without an office: those of the province"
    appoint(here.people["nga"], Office.EDITOR, Unit.objects.get(code=AN_PHU))
    assert told() == "Bùi Thủy, Đỗ Sơn"
    appoint(here.people["nga"], Office.EDITOR, Unit.objects.get(code=BINH_MINH))
    assert told() == "Bùi Thủy, Lâm Khác, Đỗ Sơn"


@pytest.mark.parametrize("what", ["", "Remove", "erase"])
def test_a_page_takes_nobody_out_of_a_list_but_when_it_is_asked_to(here: Province, what: str) -> None:
    published(here, AN_PHU, officer(here, Role.STOP))
    browser = Client()
    browser.force_login(here.people["son"])
    unit, form = reverse("trust:unit", args=[AN_PHU]), {"key": key("nga").public_key.hex()}
    answer = browser.post(unit, {**form, "what": what})
    assert (answer.status_code, delegating.waiting(AN_PHU)) == (422, None)
    assert "Trang này không có thao tác đó" in answer.text
    assert browser.post(unit, {**form, "what": "remove"}).status_code == 302
    assert delegating.waiting(AN_PHU) is not None


@pytest.mark.parametrize(
    ("who", "lost", "why"),
    [
        ("son", "zz", "Không đọc được khóa này"),
        ("son", "thuy", "Khóa của Bùi Thủy là"),
        ("hoa", "nga", "Bạn không phải người quản lý danh sách"),
    ],
)
def test_a_loss_that_no_list_can_say_is_refused_in_words(here: Province, who: str, lost: str, why: str) -> None:
    browser = Client()
    browser.force_login(here.people[who])
    named = lost if lost == "zz" else key(lost).public_key.hex()
    answer = browser.post(reverse("trust:unit", args=[AN_PHU]), {"what": "lost", "key": named})
    assert answer.status_code == 422
    assert why in answer.text
