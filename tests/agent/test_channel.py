"""Whom a box speaks to, who it is there, and fault 30: certificates that have run out do not keep an order away."""

import asyncio
import datetime as dt
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from agent.core import certificates
from agent.drivers.clock import FakeClock
from agent.errors import LinkError, UntrustedError
from agent.link.https import HttpsOffice
from agent.link.tls import Tls
from agent.services.enrolment import Enrolment
from agent.services.papers import PaperKeeper
from agent.store.papers import PaperFiles
from controller.pki import authority as making
from controller.pki.authority import Authority
from protocol.codec import encode
from protocol.ids import enrolment_code
from protocol.lifeline import MAX_BYTES, pack
from protocol.report import ClockQuality
from protocol.signing import Family, sign
from protocol.topics import CA_PATH, CERTIFICATE_PATH, ENROL_PATH, LIFELINE_PATH, ROOTS_PATH
from tests.support import virtual_time
from tests.support.agents import eventually
from tests.support.box_parts import BOX, NOW_S, SIGNER, Parts, offer, parts
from tests.support.small_controller import DOMAIN, Programme, alert, key, roots, signed, signed_roots
from tests.support.tls_office import TlsOffice, bundle

NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)
YEARS = 3653 * DAY
KEY = Ed25519PublicKey.from_public_bytes(SIGNER.public_key)
SERVER_KEY = making.new_key()
OLD, NEW, STRANGER = (making.make_authority("77/test", NOW) for _ in range(3))


def server(by: Authority, made: dt.datetime = NOW, life: dt.timedelta = 100 * DAY) -> Any:
    return making.issue_server(by, SERVER_KEY.public_key(), ["localhost"], made, life)


@dataclass
class Box:
    """A box with its papers, before a server that the test dresses up."""

    parts: Parts
    papers: PaperFiles
    office: HttpsOffice
    keeper: PaperKeeper
    server: TlsOffice

    @property
    def believed(self) -> bytes:
        path = self.papers.authorities()
        return b"" if path is None else path.read_bytes()


def at_a_box(
    tmp_path: Path,
    check: Callable[[Box], Coroutine[Any, Any, None]],
    pin: str = OLD.fingerprint,
    *,
    is_new: bool = False,
) -> None:
    """Real TLS on loopback; a box that trusts its roots, has a place, and is told of a broker with TLS.

    One that `is_new` knows nothing but the fingerprint of the CA.
    """

    async def main() -> None:
        state = tmp_path / "state"
        state.mkdir()
        answers = {
            CA_PATH: bundle(OLD),
            ROOTS_PATH: signed_roots(roots(1, at_s=NOW_S)),
            LIFELINE_PATH.format(roots=1): pack(()),
        }
        office = TlsOffice(tmp_path, answers)
        office.show(server(OLD), SERVER_KEY)
        with parts(state) as box, office:
            if not is_new:
                box.trusts().inbox.take(offer(Programme(), 1)[0])
                box.store.trust.keep_broker("mqtts://localhost:8883")
            papers = PaperFiles(state)
            tls = Tls(papers, box.clock, pin=pin)
            https = HttpsOffice(office.url, SIGNER, tls, box.clock)
            keeper = PaperKeeper(
                BOX,
                SIGNER.public_key,
                office=https,
                papers=papers,
                trust=box.store.trust,
                clock=box.clock,
                take=box.inbox.take,
                wakes=box.wakes,
                draw=lambda: 0.5,
            )
            https.on_untrusted = keeper.trouble
            await check(Box(box, papers, https, keeper, office))

    asyncio.run(main())


def test_the_first_connection_fetches_the_ca_that_box_toml_pins(tmp_path: Path) -> None:
    async def check(box: Box) -> None:
        assert await box.office.roots() is not None
        assert box.believed == bundle(OLD)

    at_a_box(tmp_path, check)


def test_a_controller_without_the_pinned_ca_is_told_nothing_and_taught_nothing(tmp_path: Path) -> None:
    async def check(box: Box) -> None:
        box.server.answers[CA_PATH] = bundle(STRANGER)
        box.server.show(server(STRANGER), SERVER_KEY)
        with pytest.raises(UntrustedError, match=r"controller\.ca"):
            await box.office.roots()
        assert box.papers.authorities() is None

    at_a_box(tmp_path, check)


def test_a_man_in_the_middle_with_a_certificate_of_his_own_is_refused(tmp_path: Path) -> None:
    async def check(box: Box) -> None:
        await box.office.roots()
        box.server.show(server(STRANGER), SERVER_KEY)
        with pytest.raises(UntrustedError, match="certificate is not trusted"):
            await box.office.roots()

    at_a_box(tmp_path, check)


def test_a_box_whose_clock_stands_in_1970_enrols_and_looks_at_dates_once_it_knows_the_time(tmp_path: Path) -> None:
    async def check(box: Box) -> None:
        clock, trust = box.parts.clock, box.parts.store.trust
        clock.quality = ClockQuality.NONE
        clock.jump(-clock.now_ms())
        box.parts.watch.look()
        box.server.show(server(OLD, NOW + 3000 * DAY), SERVER_KEY)  # seen from 1970, every certificate is of the future
        box.server.answers[ENROL_PATH] = enrolled("waiting")
        running = asyncio.create_task(enrolment(box).run())
        await asyncio.to_thread(eventually, lambda: ENROL_PATH in box.server.asked, "its introduction")
        assert (trust.broker(), trust.roots()) == (None, None)
        await box.keeper.step()
        assert box.papers.certificate() is None, "nobody has approved it"

        mine = making.pem([making.issue_client(OLD, KEY, BOX, NOW)])
        box.server.answers |= {ENROL_PATH: enrolled("approved"), CERTIFICATE_PATH: mine}
        box.parts.wakes.roots.set()
        await asyncio.to_thread(eventually, trust.roots, "the roots")
        await box.keeper.step()
        assert read(box.papers) == mine
        running.cancel()

        box.parts.inbox.take(offer(Programme(), 1)[0])
        box.parts.inbox.take(signed(alert(1, at_s=NOW_S)))
        assert box.parts.keeper.holdings().orders == (), "without the time nothing sounds"
        clock.quality = ClockQuality.NTP
        clock.jump(NOW_S * 1000 - clock.now_ms())
        box.parts.watch.look()
        assert [held.order.sequence for held in box.parts.keeper.holdings().orders] == [1]
        with pytest.raises(UntrustedError, match="not yet valid"):
            await box.office.roots()

    at_a_box(tmp_path, check, is_new=True)


def enrolled(state: str) -> bytes:
    """What the controller answers to a box that introduces itself."""
    return json.dumps({"state": state, "code": enrolment_code(BOX), "broker": "mqtts://localhost:8883"}).encode()


def enrolment(box: Box) -> Enrolment:
    return Enrolment(
        "Cụm loa thử",
        "0.1.0",
        office=box.office,
        trust=box.parts.store.trust,
        take=box.parts.inbox.take_first,
        wakes=box.parts.wakes,
        draw=lambda: 0.5,
    )


def test_fault_30_server_certificate_expired_and_an_order_still_arrives(tmp_path: Path) -> None:
    async def check(box: Box) -> None:
        await box.office.roots()
        box.server.show(server(OLD, NOW - 30 * DAY, 29 * DAY), SERVER_KEY)
        await an_order_arrives(box, "certificate has expired")

    at_a_box(tmp_path, check)


def test_fault_30_ca_lost_and_made_anew_and_an_order_still_arrives(tmp_path: Path) -> None:
    async def check(box: Box) -> None:
        await box.office.roots()
        box.server.show(server(STRANGER), SERVER_KEY)
        box.server.answers[CA_PATH] = bundle(STRANGER)
        await an_order_arrives(box, "certificate is not trusted")
        assert box.believed == bundle(OLD), "nobody has vouched for that CA"

    at_a_box(tmp_path, check)


def test_fault_30_ca_rotated_and_the_box_follows_because_the_old_one_vouches(tmp_path: Path) -> None:
    async def check(box: Box) -> None:
        await box.office.roots()
        cross = making.cross_sign(OLD, NEW.certificate, NOW)
        box.server.answers[CA_PATH] = bundle(NEW, OLD, crosses=(cross,))
        box.server.show(server(NEW), SERVER_KEY)  # without the cross certificate in its chain: a proxy has left it out
        await an_order_arrives(box, "certificate is not trusted")
        assert await box.office.roots() is not None, "the new CA is believed now"

    at_a_box(tmp_path, check)


def test_a_rotated_ca_is_no_trouble_where_the_server_shows_the_cross_certificate(tmp_path: Path) -> None:
    async def check(box: Box) -> None:
        await box.office.roots()
        box.server.show(server(NEW), SERVER_KEY, making.cross_sign(OLD, NEW.certificate, NOW))
        assert await box.office.roots() is not None

    at_a_box(tmp_path, check)


def test_fault_30_device_certificate_expired_and_the_box_gets_another(tmp_path: Path) -> None:
    async def check(box: Box) -> None:
        stale = making.pem([making.issue_client(OLD, KEY, BOX, NOW - 100 * DAY)])
        fresh = making.pem([making.issue_client(OLD, KEY, BOX, NOW + YEARS / 2)])
        box.papers.keep_certificate(stale)
        box.server.answers[CERTIFICATE_PATH] = fresh
        box.keeper.trouble()  # what the link says when the broker refuses the certificate
        raw = signed(alert(7, at_s=NOW_S))
        box.server.answers[LIFELINE_PATH.format(roots=1)] = pack((raw,))
        await box.keeper.step()
        assert [held.order.sequence for held in box.parts.store.book.orders(0)] == [7]
        path = box.papers.certificate()
        assert path is not None
        assert path.read_bytes() == fresh

    at_a_box(tmp_path, check)


async def an_order_arrives(box: Box, said: str) -> None:
    """Verified TLS fails, and what the lifeline carries is judged by its own signatures."""
    with pytest.raises(UntrustedError, match=said):
        await box.office.roots()
    forged = signed(alert(8, at_s=NOW_S), "Hoa")
    box.server.answers[LIFELINE_PATH.format(roots=1)] = pack((forged, signed(alert(7, at_s=NOW_S)), b"noise"))
    await box.keeper.step()
    assert [held.order.sequence for held in box.parts.store.book.orders(0)] == [7]


def test_a_certificate_of_another_box_or_another_key_is_not_taken(tmp_path: Path) -> None:
    other = making.new_key().public_key()
    for pem in (
        making.pem([making.issue_client(OLD, KEY, "aaaaaaaaaaaaaaaa", NOW)]),
        making.pem([making.issue_client(OLD, other, BOX, NOW)]),
        b"-----BEGIN CERTIFICATE-----\nnoise\n-----END CERTIFICATE-----\n",
    ):
        assert not certificates.is_mine(pem, BOX, SIGNER.public_key)
    assert certificates.is_mine(making.pem([making.issue_client(OLD, KEY, BOX, NOW)]), BOX, SIGNER.public_key)
    del tmp_path


def test_a_ca_is_believed_only_when_a_believed_one_has_signed_it() -> None:
    held = bundle(OLD)
    assert certificates.successors(held, bundle(STRANGER)) == held
    forged = making.cross_sign(STRANGER, NEW.certificate, NOW)
    assert certificates.successors(held, bundle(NEW, STRANGER, crosses=(forged,))) == held
    assert certificates.successors(held, making.pem([server(OLD)])) == held, "a server is no CA"
    grown = certificates.successors(held, bundle(NEW, crosses=(making.cross_sign(OLD, NEW.certificate, NOW),)))
    assert certificates.includes(grown, NEW.fingerprint)
    assert certificates.successors(grown, b"noise") == grown


@given(st.binary(max_size=200))
def test_hostile_bundles_are_no_certificates(noise: bytes) -> None:
    assert certificates.anchors(noise, OLD.fingerprint) is None
    assert certificates.dates(noise) is None


@given(st.integers(0, 2**31), st.integers(1_000, 10_000_000), st.floats(0, 1))
def test_a_certificate_is_renewed_after_two_thirds_of_its_life_and_well_before_its_end(
    start: int, life: int, draw: float
) -> None:
    assert not certificates.renewal_due(start, start + life, start + life * 66 // 100, draw)
    assert certificates.renewal_due(start, start + life, start + life * 71 // 100, draw)


def test_a_box_renews_its_certificate_by_itself_within_ninety_days(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.store.trust.keep_broker("mqtts://localhost:8883")
            papers = PaperFiles(tmp_path)
            now = dt.datetime.fromtimestamp(NOW_S, dt.UTC)
            box.office.chain = first = making.pem([making.issue_client(OLD, KEY, BOX, now)])
            running = asyncio.create_task(keeper(box, papers).run())
            await asyncio.sleep(60)
            assert papers.certificate() is not None
            box.office.chain = second = making.pem([making.issue_client(OLD, KEY, BOX, now + 60 * DAY)])
            await asyncio.sleep(59 * 86_400)
            assert read(papers) == first
            await asyncio.sleep(5 * 86_400)
            assert read(papers) == second
            running.cancel()

    virtual_time.run(main())


def test_a_controller_without_a_ca_is_no_reason_to_stay_away_from_its_broker(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            service = keeper(box, PaperFiles(tmp_path))
            assert service.ready_for("mqtt://localhost:1883")
            assert not service.ready_for("mqtts://localhost:8883")
            box.store.trust.keep_broker("mqtts://localhost:8883")
            await service.step()
            assert service.ready_for("mqtts://localhost:8883")

    virtual_time.run(main())


def test_while_certificates_are_refused_the_lifeline_is_asked_several_times_a_minute_and_then_left_alone(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.store.trust.keep_broker("mqtts://localhost:8883")
            service = keeper(box, PaperFiles(tmp_path))
            running = asyncio.create_task(service.run())
            service.trouble()
            await asyncio.sleep(600)
            assert box.office.lifelines == [], "never for the first roots: nobody verifies this connection"
            box.trusts()
            for _ in range(10):
                service.trouble()
                await asyncio.sleep(30)
            assert len(box.office.lifelines) >= 20
            service.connected()
            before = len(box.office.lifelines)
            await asyncio.sleep(3_600)
            assert len(box.office.lifelines) == before
            running.cancel()

    virtual_time.run(main())


def test_a_box_that_is_years_behind_says_what_it_has_and_asks_on_until_it_has_the_newest_roots(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.store.trust.keep_broker("mqtts://localhost:8883")
            box.trusts(1).assigned()
            box.office.all_roots = {number: signed_roots(roots(number, at_s=NOW_S)) for number in range(1, 601)}
            now, later = alert(7, at_s=NOW_S), alert(8, at_s=NOW_S, epoch=600)
            box.office.owed = (signed(now), signed(later))
            service = keeper(box, PaperFiles(tmp_path))
            service.trouble()
            await service.step()
            assert [held.order for held in box.store.book.orders(0)] == [now], "no order waits behind the roots"
            await service.step()
            await service.step()
            assert [held.order for held in box.store.book.orders(0)] == [now, later]
            await service.step()
            assert box.office.lifelines == [1, 255, 509, 600]

    virtual_time.run(main())


def test_roots_in_a_lifeline_that_their_predecessor_did_not_sign_change_nothing(tmp_path: Path) -> None:
    """Nobody verifies the connection: whoever sits in it may answer whatever they like."""

    async def main() -> None:
        with parts(tmp_path) as box:
            box.store.trust.keep_broker("mqtts://localhost:8883")
            box.trusts(3).assigned()
            forged = sign(encode(roots(4, at_s=NOW_S)), Family.ROOTS, DOMAIN, key("thief"))
            older, order = signed_roots(roots(2, at_s=NOW_S)), alert(7, at_s=NOW_S)
            box.office.owed = (b"", forged, older, signed(alert(8, at_s=NOW_S), "thief", "nobody"), signed(order))
            service = keeper(box, PaperFiles(tmp_path))
            service.trouble()
            await service.step()
            trusted = box.store.trust.roots()
            assert trusted is not None
            assert trusted.version == 3
            assert [held.order for held in box.store.book.orders(0)] == [order]

    virtual_time.run(main())


def test_an_answer_without_an_end_fills_no_memory_and_the_box_asks_again(tmp_path: Path) -> None:
    async def check(box: Box) -> None:
        box.keeper.trouble()
        path = LIFELINE_PATH.format(roots=1)
        box.server.endless.add(path)
        with pytest.raises(LinkError, match="longer than 2097152 bytes"):
            await box.keeper.step()
        assert box.server.sent < 64 * MAX_BYTES
        box.server.endless.clear()
        box.server.answers[path] = pack((), (signed(alert(7, at_s=NOW_S)),))
        await box.keeper.step()
        assert [held.order.sequence for held in box.parts.store.book.orders(0)] == [7]

    at_a_box(tmp_path, check)


def keeper(box: Parts, papers: PaperFiles) -> PaperKeeper:
    clock: FakeClock = box.clock
    return PaperKeeper(
        BOX,
        SIGNER.public_key,
        office=box.office,
        papers=papers,
        trust=box.store.trust,
        clock=clock,
        take=box.inbox.take,
        wakes=box.wakes,
        draw=lambda: 0.5,
    )


def read(papers: PaperFiles) -> bytes:
    path = papers.certificate()
    assert path is not None
    return path.read_bytes()
