"""What goes up: at least once, until it is acknowledged; beats when they are due."""

import asyncio
import itertools
import random
from pathlib import Path

from msgspec.structs import replace

from agent.ports.journal import Play
from protocol.codec import decode, encode
from protocol.ids import sha256
from protocol.manifest import NO_ASSIGNMENT, PlaceInOrder
from protocol.report import MAX_BEAT_BYTES, Ack, Beat, FaultCode, Grade, Hello, LogBatch, Receipt, Result
from protocol.roles import Era, Role
from protocol.signing import Family, sign1, verify1
from tests.support import virtual_time
from tests.support.box_parts import BOX, NOW_MS, NOW_S, SIGNER, Parts, assignment, parts, signed_manifest
from tests.support.small_controller import DOMAIN, Programme, alert, key, roots, signed, signed_roots


def played(box: Parts, *numbers: int) -> None:
    for number in numbers:
        box.store.journal.begin(Play(f"p{number}", "s1", "b1", "ab" * 32, 1_000, 1_000, emergency=False))
        box.store.journal.end(f"p{number}", 2_000, Result.PLAYED, Grade.CLAIMED, "")


def logged(box: Parts) -> list[int]:
    batches = [decode(verify1(raw, Family.LOG, DOMAIN, SIGNER.public_key), LogBatch) for raw in box.uplink.of("log")]
    return [row.seq for batch in batches for row in batch.rows]


def test_hello_comes_first_on_every_connection_and_says_what_the_box_holds(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.trusts().assigned()
            order = alert(1, at_s=NOW_S)
            box.inbox.take(signed(order))
            played(box, 1)
            running = asyncio.create_task(box.reporter.run())
            for connection in (1, 2):
                box.reporter.connected()
                await asyncio.sleep(5)
                assert len(box.uplink.of("hello")) == connection
            running.cancel()
            assert box.uplink.published[0][0] == "hello"
            hello = decode(verify1(box.uplink.of("hello")[-1], Family.HELLO, DOMAIN, SIGNER.public_key), Hello)
            assert (hello.box, hello.roots_version, hello.generation, hello.wanted) == (BOX, 1, 0, 1)
            assert (hello.orders, hello.log_seq) == ((order.id,), 1)

    virtual_time.run(main())


def test_a_box_whose_clock_was_set_back_greets_again_and_once(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            running = asyncio.create_task(box.reporter.run())
            box.reporter.connected()
            await asyncio.sleep(300)
            box.clock.jump(3_600_000)
            await asyncio.sleep(300)
            assert len(box.uplink.of("hello")) == 1
            box.clock.jump(-3_600_000)
            await asyncio.sleep(300)
            running.cancel()
            hellos = _payloads(box, "hello", Family.HELLO)
            assert len(hellos) == 2
            assert decode(hellos[1], Hello).at < NOW_MS + 3_600_000

    virtual_time.run(main())


def test_hello_and_beat_say_the_era_and_epoch_of_what_the_box_has_and_of_what_it_waits_for(tmp_path: Path) -> None:
    """After a new era a low number is the newer one."""

    async def main() -> None:
        with parts(tmp_path) as box:
            running = asyncio.create_task(box.reporter.run())
            await asyncio.sleep(1)
            assert said(box) == (NO_ASSIGNMENT, NO_ASSIGNMENT, NO_ASSIGNMENT)
            manifest = signed_manifest(Programme().manifest())
            box.office.files[sha256(manifest)] = manifest
            box.trusts()
            for version, place in enumerate([(1, 7, 9), (2, 3, 4)], 2):
                era, epoch, generation = place
                box.inbox.take(signed_roots(replace(roots(version, at_s=NOW_S), eras=(Era(Role.SCHEDULE, era),))))
                record = replace(assignment(generation, manifest), epoch=epoch, era=era)
                box.inbox.take(sign1(encode(record), Family.ASSIGNMENT, DOMAIN, key("controller")))
                while version == 2 and await box.fetcher.step():
                    pass
            box.reporter.connected()
            await asyncio.sleep(5)
            running.cancel()
            assert said(box) == ((1, 7, 9), (2, 3, 4), (1, 7, 9))

    virtual_time.run(main())


def said(box: Parts) -> tuple[PlaceInOrder, PlaceInOrder, PlaceInOrder]:
    """In the newest hello: in force and wanted; in the newest beat: in force."""
    hello = decode(_payloads(box, "hello", Family.HELLO)[-1], Hello)
    return hello.place_in_force, hello.place_wanted, decode(box.uplink.of("beat")[-1], Beat).place_in_force


def test_a_silent_box_beats_once_a_minute(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            running = asyncio.create_task(box.reporter.run())
            box.reporter.connected()
            await asyncio.sleep(3_600)
            running.cancel()
            assert 60 <= len(box.uplink.of("beat")) <= 61
            assert all(len(raw) <= MAX_BEAT_BYTES for raw in box.uplink.of("beat"))

    virtual_time.run(main())


def test_a_change_is_beaten_within_a_second_and_never_more_than_once_a_second(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            running = asyncio.create_task(box.reporter.run())
            box.reporter.connected()
            await asyncio.sleep(30)
            before = len(box.uplink.of("beat"))
            for turn in range(100):
                box.faults.note(FaultCode.FETCH, turn % 2 == 0, "")
                await asyncio.sleep(0.1)
            await asyncio.sleep(1)
            beats = box.uplink.of("beat")[before:]
            running.cancel()
            assert 9 <= len(beats) <= 12
            assert decode(beats[-1], Beat).faults == 0
            assert 1 << FaultCode.FETCH in {decode(raw, Beat).faults for raw in beats}

    virtual_time.run(main())


def test_everything_arrives_however_often_the_line_breaks_and_nothing_is_repeated_once_acknowledged(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            chance, numbers = random.Random(1), itertools.count(1)
            box.trusts().assigned()
            running = asyncio.create_task(box.reporter.run())
            for _ in range(60):
                box.uplink.connected = chance.random() < 0.5
                if box.uplink.connected:
                    box.reporter.connected()
                played(box, *itertools.islice(numbers, chance.randrange(8)))
                await asyncio.sleep(chance.uniform(0, 40))
                if box.uplink.connected and chance.random() < 0.5:
                    seen = max(logged(box), default=0)
                    box.store.outbox.acknowledge(Ack(BOX, box.store.outbox.chain(), seen))
            box.uplink.connected = True
            box.reporter.connected()
            await asyncio.sleep(60)
            newest = box.store.outbox.log_seq()
            assert set(logged(box)) == set(range(1, newest + 1))
            box.store.outbox.acknowledge(Ack(BOX, box.store.outbox.chain(), newest))
            count = len(box.uplink.of("log"))
            box.reporter.connected()
            await asyncio.sleep(600)
            running.cancel()
            assert len(box.uplink.of("log")) == count

    virtual_time.run(main())


def test_a_thousand_rows_go_out_in_batches_that_follow_each_other(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            played(box, *range(250))
            running = asyncio.create_task(box.reporter.run())
            box.reporter.connected()
            await asyncio.sleep(10)
            running.cancel()
            assert logged(box) == list(range(1, 251))

    virtual_time.run(main())


def test_receipts_and_faults_are_said_again_until_they_are_acknowledged(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.trusts().assigned()
            box.inbox.take(signed(alert(1, at_s=NOW_S)))
            box.faults.raised(FaultCode.AUDIO_DEVICE, "unplugged")
            running = asyncio.create_task(box.reporter.run())
            box.reporter.connected()
            await asyncio.sleep(70)
            assert len(box.uplink.of("receipt")) >= 3
            assert len({decode(raw_receipt, Receipt) for raw_receipt in _payloads(box, "receipt", Family.RECEIPT)}) == 1
            receipt, fault = box.store.outbox.receipts()[0], box.store.outbox.faults()[0]
            ack = Ack(BOX, box.store.outbox.chain(), 0, ((receipt.order, receipt.stage),), ((fault.code, fault.at),))
            box.store.outbox.acknowledge(ack)
            count = len(box.uplink.of("receipt")), len(box.uplink.of("fault"))
            await asyncio.sleep(300)
            running.cancel()
            assert (len(box.uplink.of("receipt")), len(box.uplink.of("fault"))) == count

    virtual_time.run(main())


def test_a_clock_that_the_wire_has_no_number_for_does_not_end_the_reporter(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            running = asyncio.create_task(box.reporter.run())
            box.clock.jump(200 * 365 * 86_400_000)
            box.reporter.connected()
            await asyncio.sleep(60)
            assert not running.done()
            box.clock.jump(-200 * 365 * 86_400_000)
            await asyncio.sleep(60)
            assert box.uplink.of("beat") != []
            running.cancel()

    virtual_time.run(main())


def test_a_row_that_cannot_be_sent_keeps_back_none_of_the_others(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.trusts().assigned()
            box.store.book.reject(b"x" * 16, "a code that is longer than the wire carries", NOW_MS - 1)
            order = alert(1, at_s=NOW_S)
            box.inbox.take(signed(order))
            box.faults.raised(FaultCode.AUDIO_DEVICE, "a name in latin-1: \udce9")
            played(box, 1)
            running = asyncio.create_task(box.reporter.run())
            box.reporter.connected()
            await asyncio.sleep(30)
            assert not running.done()
            running.cancel()
            receipts = [decode(raw, Receipt) for raw in _payloads(box, "receipt", Family.RECEIPT)]
            assert {receipt.order for receipt in receipts} == {order.id}
            assert len(box.uplink.of("fault")) >= 1
            assert logged(box)[0] == 1

    virtual_time.run(main())


def _payloads(box: Parts, kind: str, family: Family) -> list[bytes]:
    return [verify1(raw, family, DOMAIN, SIGNER.public_key) for raw in box.uplink.of(kind)]
