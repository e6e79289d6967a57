"""The store: what returned is there after a restart, and damage is survived."""

import hashlib
import itertools
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import StoreError
from agent.ports.journal import Play
from agent.services.inbox import MAX_ASSIGNMENT_BYTES
from agent.store import inheritance, trust_file
from agent.store.blobs import BlobShelf
from agent.store.database import Database
from agent.store.inheritance import MATTERS_MS, MAX_ENDINGS_OF_ONE
from agent.store.key import load_or_make
from agent.store.lock import only_one
from agent.store.memory import MAX_LISTS_ELSEWHERE, MAX_MARKS, Memory
from agent.store.orders import Orders
from agent.store.outbox import Outgoing
from agent.store.plays import Plays
from protocol.codec import encode, pack
from protocol.compose import order_id
from protocol.delegation import MAX_DELEGATION_BYTES
from protocol.gate import Accept, Ending
from protocol.manifest import Assignment, Manifest
from protocol.order import MessageType, Order, Status
from protocol.report import Ack, FaultCode, Grade, Result, Stage, chain_hash
from protocol.roles import MAX_ROOTS_BYTES
from tests.support.small_controller import alert, key, roots, signed, signed_roots

BOX = "a" * 16


def play(name: str, planned_ms: int = 1_000) -> Play:
    return Play(name, "s1", "b1", "ab" * 32, planned_ms, planned_ms, emergency=False)


def plays(database: Database) -> Plays:
    clock = itertools.count(1_000)
    return Plays(database, lambda: next(clock), lambda: None)


def accept(order: Order) -> Accept:
    return Accept(order, order.id, (), 0, key("Hoa").public_key)


def test_what_was_about_to_sound_is_open_after_a_restart_and_closes_into_exactly_one_row(tmp_path: Path) -> None:
    with closing(Database(tmp_path)) as database:
        plays(database).begin(play("p1"))
    with closing(Database(tmp_path)) as database:
        journal, outbox = plays(database), Outgoing(database, BOX)
        assert [each.play for each in journal.open()] == ["p1"]
        journal.end("p1", None, Result.CUT, Grade.CLAIMED, "power", final=False)
        journal.end("p1", None, Result.CUT, Grade.CLAIMED, "power", final=False)
        assert journal.open() == []
        assert [row.play for row in outbox.rows_after(0, 10)[1]] == ["p1"]
        assert journal.finished(0) == frozenset()


def test_a_session_counts_what_was_heard_and_neither_what_was_missed_nor_an_emergency(tmp_path: Path) -> None:
    with closing(Database(tmp_path)) as database:
        journal = plays(database)
        for name in ("s1@2026-11-24T06:00:00#1.1", "s1@2026-11-24T06:10:00#1.1", f"{'ab' * 16}#1"):
            journal.begin(play(name))
            journal.started(name, 10_000)
        journal.end("s1@2026-11-24T06:00:00#1.1", 70_000, Result.PLAYED, Grade.CLAIMED, "")
        journal.end("s1@2026-11-24T06:10:00#1.1", None, Result.CUT, Grade.NONE, "power", final=False)
        journal.end(f"{'ab' * 16}#1", 90_000, Result.PLAYED, Grade.CLAIMED, "")
        journal.missed(play("s1@2026-11-24T06:20:00#1.1"), "late")
        assert journal.heard(0) == ((10_000, 70_000), (10_000, 10_000))


def test_a_missed_play_is_told_once(tmp_path: Path) -> None:
    with closing(Database(tmp_path)) as database:
        journal, outbox = plays(database), Outgoing(database, BOX)
        journal.missed(play("p1"), "late")
        journal.missed(play("p1"), "late")
        assert [(row.play, row.result) for row in outbox.rows_after(0, 10)[1]] == [("p1", Result.MISSED)]
        assert journal.finished(0) == {"p1"}


@settings(deadline=None)
@given(ends=st.lists(st.sampled_from(list(Result)), min_size=1, max_size=12), ask=st.integers(0, 12))
def test_the_log_is_one_chain_from_whatever_row_one_reads_it(
    tmp_path_factory: pytest.TempPathFactory, ends: list[Result], ask: int
) -> None:
    with closing(Database(tmp_path_factory.mktemp("store"))) as database:
        journal, outbox = plays(database), Outgoing(database, BOX)
        for number, result in enumerate(ends):
            journal.begin(play(f"p{number}"))
            journal.started(f"p{number}", 1_007)
            journal.end(f"p{number}", 2_000, result, Grade.CLAIMED, "")
        digest = bytes(32)
        for row in outbox.rows_after(0, 100)[1][:ask]:
            digest = chain_hash(digest, row)
        before, rows = outbox.rows_after(min(ask, len(ends)), 100)
        assert before == digest
        assert [row.seq for row in rows] == list(range(ask + 1, len(ends) + 1))
        assert all(row.start_error_ms == 7 for row in rows)


def test_the_outbox_empties_only_by_acknowledgements_of_its_own_chain(tmp_path: Path) -> None:
    with closing(Database(tmp_path)) as database:
        journal, outbox = plays(database), Outgoing(database, BOX)
        journal.missed(play("p1"), "late")
        journal.missed(play("p2"), "late")
        outbox.note_fault(FaultCode.FETCH, True, 5, "no answer")
        assert not outbox.acknowledge(Ack(BOX, b"stranger", 2))
        assert outbox.acknowledge(Ack(BOX, outbox.chain(), 1))
        assert not outbox.acknowledge(Ack(BOX, outbox.chain(), 1))
        assert outbox.acked_seq() == 1
        assert outbox.acknowledge(Ack(BOX, outbox.chain(), 99))
        assert outbox.acked_seq() == 2
        assert outbox.acknowledge(Ack(BOX, outbox.chain(), 0, (), ((FaultCode.FETCH, 5),)))
        assert outbox.faults() == []
        assert outbox.active_faults() == {FaultCode.FETCH}
        outbox.note_fault(FaultCode.FETCH, False, 5, "")
        assert outbox.active_faults() == set()
        assert [fault.at for fault in outbox.faults()] == [6]


def test_an_order_is_accepted_with_its_window_and_its_receipt_or_not_at_all(tmp_path: Path) -> None:
    order = alert(7, at_s=1_000)
    with closing(Database(tmp_path)) as database:
        Orders(database).accept(signed(order), accept(order), 1_000_500, 10_000)
    with closing(Database(tmp_path)) as database:
        book, outbox = Orders(database), Outgoing(database, BOX)
        assert order.id in book.seen()
        assert book.windows()[key("Hoa").public_key].seen(7)
        assert book.orders(0)[0].tape_ms == 10_000
        assert [receipt.stage for receipt in outbox.receipts()] == [Stage.ACCEPTED]
        with pytest.raises(StoreError):
            book.accept(signed(order), accept(order), 1_000_900, 10_000)
        assert len(outbox.receipts()) == 1


def test_a_cancel_ends_what_it_names_in_the_same_moment_and_nothing_starts_after_it(tmp_path: Path) -> None:
    order = alert(7, at_s=1_000)
    cancel = alert(8, at_s=1_001, type=MessageType.CANCEL, references=(order.id,), sound=None)
    with closing(Database(tmp_path)) as database:
        book, outbox = Orders(database), Outgoing(database, BOX)
        book.accept(signed(order), accept(order), 1_000_500, 10_000)
        assert book.progress(order.id, Stage.STARTED, 1_000_600, 1_000_600, Grade.CLAIMED)
        book.accept(signed(cancel), accept(cancel), 1_001_500, 0)
        assert not book.progress(order.id, Stage.DONE, 1_002_000, 1_000_600, Grade.CLAIMED)
        stages = {(receipt.order, receipt.stage) for receipt in outbox.receipts()}
        assert stages == {
            (order.id, Stage.ACCEPTED),
            (order.id, Stage.STARTED),
            (order.id, Stage.CANCELLED),
            (cancel.id, Stage.ACCEPTED),
            (cancel.id, Stage.DONE),
        }
        assert book.ended() == {order.id: (Ending(0, Status.ACTUAL, MessageType.CANCEL),)}


def test_a_start_that_turns_out_to_be_surer_is_told_again_even_when_the_order_was_cancelled_meanwhile(
    tmp_path: Path,
) -> None:
    order = alert(7, at_s=1_000)
    cancel = alert(8, at_s=1_001, type=MessageType.CANCEL, references=(order.id,), sound=None)
    with closing(Database(tmp_path)) as database:
        book, outbox = Orders(database), Outgoing(database, BOX)
        book.accept(signed(order), accept(order), 1_000_500, 10_000)
        assert book.progress(order.id, Stage.STARTED, 1_000_600, 1_000_600, Grade.CLAIMED)
        book.accept(signed(cancel), accept(cancel), 1_001_500, 0)
        outbox.acknowledge(Ack(BOX, outbox.chain(), 0, ((order.id, Stage.STARTED), (order.id, Stage.CANCELLED))))
        assert not book.progress(order.id, Stage.STARTED, 1_000_600, 1_000_600, Grade.CLAIMED)
        assert book.progress(order.id, Stage.STARTED, 1_000_600, 1_000_600, Grade.RENDERED)
        assert not book.progress(order.id, Stage.STARTED, 1_000_600, 1_000_600, Grade.RENDERED)
        (told,) = [receipt for receipt in outbox.receipts() if receipt.order == order.id and receipt.stage > 1]
        assert (told.stage, told.grade, told.first_sample) == (Stage.STARTED, Grade.RENDERED, 1_000_600)
        assert book.orders(0)[0].stage is Stage.CANCELLED


def test_fault_38_an_alarm_that_was_not_heard_is_told_once_and_goes_on(tmp_path: Path) -> None:
    order = alert(7, at_s=1_000)
    with closing(Database(tmp_path)) as database:
        book, outbox = Orders(database), Outgoing(database, BOX)
        assert not book.progress(order.id, Stage.NOT_HEARD, 1_000_400, None, Grade.CLAIMED)
        book.accept(signed(order), accept(order), 1_000_500, 10_000)
        book.progress(order.id, Stage.STARTED, 1_000_600, 1_000_600, Grade.CLAIMED)
        assert book.progress(order.id, Stage.NOT_HEARD, 1_026_000, 1_000_600, Grade.CLAIMED)
        assert not book.progress(order.id, Stage.NOT_HEARD, 1_056_000, 1_000_600, Grade.CLAIMED)
        assert [held.stage for held in book.orders(0)] == [Stage.STARTED]
        assert book.progress(order.id, Stage.DONE, 1_060_000, 1_000_600, Grade.ACOUSTIC)
        assert [(receipt.stage, receipt.at) for receipt in outbox.receipts()] == [
            (Stage.ACCEPTED, 1_000_500),
            (Stage.STARTED, 1_000_600),
            (Stage.NOT_HEARD, 1_026_000),
            (Stage.DONE, 1_060_000),
        ]
        outbox.acknowledge(Ack(BOX, outbox.chain(), 0, ((order.id, Stage.NOT_HEARD),)))
        assert Stage.NOT_HEARD not in {receipt.stage for receipt in outbox.receipts()}


def test_an_update_for_later_leaves_the_order_alone_until_its_hour(tmp_path: Path) -> None:
    order = alert(7, at_s=1_000)
    update = alert(8, at_s=1_001, type=MessageType.UPDATE, references=(order.id,), not_before=1_100)
    with closing(Database(tmp_path)) as database:
        book = Orders(database)
        book.accept(signed(order), accept(order), 1_000_500, 10_000)
        book.accept(signed(update), accept(update), 1_001_500, 10_000)
        assert [held.stage for held in book.orders(0)] == [Stage.ACCEPTED, Stage.ACCEPTED]


def test_a_test_order_is_receipted_and_over(tmp_path: Path) -> None:
    order = alert(7, at_s=1_000, status=Status.TEST)
    with closing(Database(tmp_path)) as database:
        book, outbox = Orders(database), Outgoing(database, BOX)
        book.accept(signed(order), accept(order), 1_000_500, 10_000)
        assert [receipt.stage for receipt in outbox.receipts()] == [Stage.ACCEPTED, Stage.DONE]


def test_the_same_receipts_go_out_again_when_an_order_comes_again(tmp_path: Path) -> None:
    order = alert(7, at_s=1_000)
    with closing(Database(tmp_path)) as database:
        book, outbox = Orders(database), Outgoing(database, BOX)
        book.accept(signed(order), accept(order), 1_000_500, 10_000)
        first = outbox.receipts()
        outbox.acknowledge(Ack(BOX, outbox.chain(), 0, ((order.id, Stage.ACCEPTED),)))
        assert outbox.receipts() == []
        book.answer_again(order.id)
        assert outbox.receipts() == first


def test_the_floor_of_time_outlives_a_damaged_database_and_wears_no_card_out(tmp_path: Path) -> None:
    written: list[int] = []

    def counting(folder: Path, kept: trust_file.Kept) -> None:
        written.append(kept.floor_ms)
        trust_file.write(folder, kept)

    day_ms = 86_400_000
    with closing(Database(tmp_path, write_trust=counting)) as database:
        memory = Memory(database)
        for number in range(3 * 144 + 1):  # every ten minutes of three days
            memory.raise_floor(100 * day_ms + number * 600_000)
    assert written == [100 * day_ms, 101 * day_ms, 102 * day_ms, 103 * day_ms]
    (tmp_path / "box.sqlite3").write_bytes(b"this was a database once" * 400)
    with closing(Database(tmp_path)) as database:
        assert Memory(database).floor_ms() == 103 * day_ms


def test_in_a_flood_the_ends_of_alarms_wait_for_the_next_write_and_acceptances_never_do(tmp_path: Path) -> None:
    written: list[int] = []

    def counting(folder: Path, kept: trust_file.Kept) -> None:
        written.append(len(kept.ended))
        trust_file.write(folder, kept)

    def alarm(number: int) -> bytes:
        """Comes and sounds to its end; its id."""
        order = alert(number, at_s=1_000 + number)
        book.accept(signed(order), accept(order), 1_000_000 + number, 10_000)
        assert order.id in {row[0] for row in trust_file.read(tmp_path).seen}
        assert book.progress(order.id, Stage.DONE, 1_000_500 + number, None, Grade.NONE)
        return order.id

    def kept_as_done() -> set[bytes]:
        return {row[0] for row in trust_file.read(tmp_path).ended}

    with closing(Database(tmp_path, write_trust=counting)) as database:
        book, memory = Orders(database), Memory(database)
        few = [alarm(number) for number in range(1, 11)]
        assert kept_as_done() == set(few), "ten alarms in ten minutes are no flood"
        many = [alarm(number) for number in range(11, 111)]
        assert len(written) == 20 + 100
        assert kept_as_done() == {*few, *many[:-1]}, "each acceptance writes the ends before it too"
        memory.settle()
        assert kept_as_done() == {*few, *many}
        last = alarm(111)
        assert last in kept_as_done(), "after the settlement the first are written at once again"
        for number in range(112, 140):
            last = alarm(number)
        assert last not in kept_as_done()
    assert last in kept_as_done(), "a box that is stopped owes nothing"


def test_a_trust_file_that_could_not_be_written_is_written_at_the_next_settlement(tmp_path: Path) -> None:
    full = [True]

    def write(folder: Path, kept: trust_file.Kept) -> None:
        if full[0]:
            raise OSError(28, "No space left on device")
        trust_file.write(folder, kept)

    order = alert(1, at_s=1_000)
    with closing(Database(tmp_path, write_trust=write)) as database:
        Orders(database).accept(signed(order), accept(order), 1_000_000, 10_000)
        full[0] = False
        Memory(database).settle()
        assert order.id in {row[0] for row in trust_file.read(tmp_path).seen}


@pytest.mark.parametrize("kind", [MessageType.CANCEL, MessageType.STOP])
def test_what_silences_is_in_the_trust_file_at_once_in_a_flood_too(kind: MessageType, tmp_path: Path) -> None:
    with closing(Database(tmp_path)) as database:
        book = Orders(database)
        for number in range(1, 41):
            order = alert(number, at_s=1_000 + number)
            book.accept(signed(order), accept(order), 1_000_000 + number, 10_000)
            book.progress(order.id, Stage.DONE, 1_000_500 + number, None, Grade.NONE)
        order = alert(41, at_s=1_041)
        book.accept(signed(order), accept(order), 1_000_041, 10_000)
        references = (order.id,) if kind is MessageType.CANCEL else ()
        silencing = alert(42, at_s=1_042, type=kind, sound=None, references=references)
        book.accept(signed(silencing), accept(silencing), 1_000_042, 0)
        kept = trust_file.read(tmp_path)
        locks = {row[0] for row in kept.live if row[9]}
        assert silencing.id in (locks if kind is MessageType.STOP else {row[1] for row in kept.endings})


def test_roots_and_generations_only_rise(tmp_path: Path) -> None:
    with closing(Database(tmp_path)) as database:
        memory = Memory(database)
        newer, older = roots(2, at_s=1_000), roots(1, at_s=1_000)
        memory.keep_roots(signed_roots(newer), newer)
        with pytest.raises(StoreError):
            memory.keep_roots(signed_roots(older), older)
        wanted = Assignment(BOX, 3, bytes(32), 10, ("77",), 1, 2)
        memory.keep_wanted(b"signed", wanted)
        with pytest.raises(StoreError):
            memory.keep_wanted(b"signed", wanted)
        memory.adopt(wanted, Manifest("Asia/Ho_Chi_Minh", (), ()), 77)
        memory.raise_floor(500)
        memory.raise_floor(400)
    with closing(Database(tmp_path)) as database:
        memory = Memory(database)
        assert memory.roots() == newer
        assert memory.wanted() == wanted
        force = memory.in_force()
        assert force is not None
        assert (force.assignment, force.adopted_ms) == (wanted, 77)
        assert memory.floor_ms() == 500


@settings(deadline=None)
@given(cuts=st.lists(st.integers(1, 4_000), max_size=6))
def test_a_download_goes_on_behind_what_is_there_however_often_it_is_cut(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("store")
    data = bytes(range(256)) * 64
    name = hashlib.sha256(data).digest()
    with closing(Database(folder)) as database:
        shelf = BlobShelf(database, folder / "blobs")
        arrived = 0
        for cut in cuts:
            intake = shelf.take_in(name, len(data))
            assert intake.received == arrived
            intake.write(data[arrived : arrived + cut])
            arrived = min(len(data), arrived + cut)
            intake.close()
            assert shelf.path(name) is None
        intake = shelf.take_in(name, len(data))
        intake.write(data[intake.received :])
        assert shelf.admit(intake)
        path = shelf.path(name)
        assert path is not None
        assert path.read_bytes() == data


def test_bytes_that_are_not_what_their_name_says_are_never_kept(tmp_path: Path) -> None:
    with closing(Database(tmp_path)) as database:
        shelf = BlobShelf(database, tmp_path / "blobs")
        name = hashlib.sha256(b"good").digest()
        intake = shelf.take_in(name, 4)
        intake.write(b"evil")
        assert not shelf.admit(intake)
        assert shelf.path(name) is None
        assert list((tmp_path / "blobs").iterdir()) == []
        intake = shelf.take_in(name, 4)
        with pytest.raises(StoreError, match="more than the announced"):
            intake.write(b"goods")
        intake.close()


def test_a_file_without_its_row_is_cleared_away_and_a_row_without_its_file_is_forgotten(tmp_path: Path) -> None:
    names = [hashlib.sha256(data).digest() for data in (b"one", b"two", b"three")]
    with closing(Database(tmp_path)) as database:
        shelf = BlobShelf(database, tmp_path / "blobs")
        for data, name in zip((b"one", b"two", b"three"), names, strict=True):
            intake = shelf.take_in(name, len(data))
            intake.write(data)
            assert shelf.admit(intake)
        (tmp_path / "blobs" / names[0].hex()).unlink()
        with database.change() as connection:
            connection.execute("DELETE FROM blobs WHERE hash = ?", (names[1],))
        (tmp_path / "blobs" / f"{'ab' * 32}.part").write_bytes(b"x")
    with closing(Database(tmp_path)) as database:
        shelf = BlobShelf(database, tmp_path / "blobs")
        shelf.sweep()
        assert set(shelf.sizes()) == {names[2]}
        assert [file.name for file in (tmp_path / "blobs").iterdir()] == [names[2].hex()]


def test_a_damaged_database_is_put_aside_and_a_new_chain_begins(tmp_path: Path) -> None:
    with closing(Database(tmp_path)) as database:
        chain = Outgoing(database, BOX).chain()
        path = database.path
    path.write_bytes(b"this was a database once" * 400)
    with closing(Database(tmp_path)) as database:
        assert database.put_aside is not None
        assert database.put_aside.exists()
        assert Outgoing(database, BOX).chain() != chain
    with closing(Database(tmp_path)) as database:
        assert database.put_aside is None


def test_pages_that_were_overwritten_inside_the_file_are_noticed_too(tmp_path: Path) -> None:
    with closing(Database(tmp_path)) as database:
        journal = plays(database)
        for number in range(200):
            journal.missed(play(f"p{number}"), "late" * 40)
        path = database.path
        with database.change() as connection:
            assert connection is not None
    data = bytearray(path.read_bytes())
    data[4096 * 3 : 4096 * 12] = b"\xff" * (4096 * 9)
    path.write_bytes(bytes(data))
    with closing(Database(tmp_path)) as database:
        assert database.put_aside is not None


def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    with closing(Database(tmp_path)) as database, database.change() as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="newer version"):
        Database(tmp_path)
    assert list(tmp_path.glob("*.damaged*")) == []


def test_the_key_is_made_once_for_nobody_else_to_read(tmp_path: Path) -> None:
    made = load_or_make(tmp_path)
    assert load_or_make(tmp_path).public_key == made.public_key
    assert (tmp_path / "box.key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "box.key").write_text("not a key")
    with pytest.raises(StoreError, match="restore it"):
        load_or_make(tmp_path)


def test_one_state_folder_has_one_daemon(tmp_path: Path) -> None:
    with only_one(tmp_path), pytest.raises(StoreError, match="another loalang-agent"), only_one(tmp_path):
        pass
    with only_one(tmp_path):
        pass


DAMAGE = b"this was a database once" * 400


def test_a_rebuilt_database_remembers_whom_to_trust_and_which_orders_were_heard(tmp_path: Path) -> None:
    first, second, third = alert(1, at_s=1_000), alert(2, at_s=1_000), alert(3, at_s=1_000)
    cancel = alert(9, at_s=1_000, type=MessageType.CANCEL, references=(third.id,), sound=None)
    newer, older = roots(2, at_s=1_000), roots(1, at_s=1_000)
    for round_, heard in enumerate([[], [first], [first, second]]):
        with closing(Database(tmp_path)) as database:
            memory, book = Memory(database), Orders(database)
            assert (database.put_aside is not None) is bool(round_)
            assert set(book.seen()) >= {order.id for order in heard}
            if round_ == 0:
                memory.keep_roots(signed_roots(newer), newer)
                book.accept(signed(cancel), accept(cancel), 1_000_000, 0)
                book.accept(signed(first), accept(first), 1_000_100, 10_000)
            else:
                assert memory.roots() == newer
                with pytest.raises(StoreError):
                    memory.keep_roots(signed_roots(older), older)
                assert book.windows()[key("Hoa").public_key].seen(1)
                assert book.ended() == {third.id: (Ending(0, Status.ACTUAL, MessageType.CANCEL),)}
            if round_ == 1:
                book.answer_again(first.id)
                assert [(each.order, each.at) for each in Outgoing(database, BOX).receipts()] == [(first.id, 1_000_100)]
                book.accept(signed(second), accept(second), 1_000_200, 10_000)
            path = database.path
        path.write_bytes(DAMAGE)


def test_a_rebuilt_database_goes_on_with_an_alarm_that_had_not_ended_and_with_no_other(tmp_path: Path) -> None:
    live, done, called_off = alert(1, at_s=1_000), alert(2, at_s=1_000), alert(3, at_s=1_000)
    cancel = alert(9, at_s=1_000, type=MessageType.CANCEL, references=(called_off.id,), sound=None)
    with closing(Database(tmp_path)) as database:
        book = Orders(database)
        for order in (live, done, called_off):
            book.accept(signed(order), accept(order), 1_000_100, 10_000)
        book.progress(live.id, Stage.STARTED, 1_000_200, 1_000_200, Grade.CLAIMED)
        book.accept(signed(cancel), accept(cancel), 1_000_300, 0)
        book.progress(done.id, Stage.DONE, 1_000_400, 1_000_200, Grade.CLAIMED)
        path = database.path
    path.write_bytes(DAMAGE)
    with closing(Database(tmp_path)) as database:
        book = Orders(database)
        stages = {held.order.id: held.stage for held in book.orders(0)}
        assert stages == {
            live.id: Stage.STARTED,
            done.id: Stage.DONE,
            called_off.id: Stage.CANCELLED,
            cancel.id: Stage.DONE,
        }
        assert [(held.order, held.tape_ms) for held in book.orders(0) if held.ended_ms is None] == [(live, 10_000)]
        assert set(book.seen()) == {live.id, done.id, called_off.id, cancel.id}
        assert [(each.order, each.stage) for each in Outgoing(database, BOX).receipts()] == [(live.id, Stage.ACCEPTED)]
        assert book.progress(live.id, Stage.DONE, 1_000_500, 1_000_450, Grade.CLAIMED)
    path.write_bytes(DAMAGE)
    with closing(Database(tmp_path)) as database:
        assert [held for held in Orders(database).orders(0) if held.ended_ms is None] == []


def test_an_alarm_that_has_certainly_expired_does_not_come_back_with_a_rebuilt_database(tmp_path: Path) -> None:
    order = alert(1, at_s=1_000)
    with closing(Database(tmp_path)) as database:
        Memory(database).raise_floor(order.expires * 1_000)
        Orders(database).accept(signed(order), accept(order), 1_000_100, 10_000)
        path = database.path
    path.write_bytes(DAMAGE)
    with closing(Database(tmp_path)) as database:
        assert Orders(database).orders(0) == []
        assert Orders(database).seen() == {order.id}


@pytest.mark.parametrize("spoil", [lambda data: data[:-1], lambda data: b"", lambda data: data[:40] + b"x" + data[41:]])
def test_a_box_whose_trust_file_is_damaged_is_not_taken_for_one_that_never_had_roots(
    tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    with closing(Database(tmp_path)) as database:
        assert not Memory(database).has_lost_roots()
        Memory(database).keep_roots(signed_roots(roots(2, at_s=1_000)), roots(2, at_s=1_000))
        path = database.path
    path.unlink()
    file = tmp_path / "trust.2"
    file.write_bytes(spoil(file.read_bytes()))
    for _ in range(2):
        with closing(Database(tmp_path)) as database:
            memory = Memory(database)
            assert (memory.roots(), memory.has_lost_roots()) == (None, True)
            memory.forget_floor()
        path.write_bytes(DAMAGE)
    with closing(Database(tmp_path)) as database:
        memory = Memory(database)
        memory.keep_roots(signed_roots(roots(3, at_s=1_000)), roots(3, at_s=1_000))
        assert not memory.has_lost_roots()
    path.write_bytes(DAMAGE)
    with closing(Database(tmp_path)) as database:
        assert Memory(database).roots() == roots(3, at_s=1_000)


def test_roots_whose_record_cannot_be_read_are_read_from_what_was_signed_and_else_they_are_lost(tmp_path: Path) -> None:
    held = roots(2, at_s=1_000)
    with closing(Database(tmp_path)) as database:
        Memory(database).keep_roots(signed_roots(held), held)
        for key_, expected in (("roots.record", (held, False)), ("roots", (None, True))):
            with database.change() as connection:
                connection.execute("UPDATE state SET value = x'00' WHERE key = ?", (key_,))
            memory = Memory(database)
            assert (memory.roots(), memory.has_lost_roots()) == expected


def test_a_trust_file_that_cannot_be_read_is_written_anew_from_a_good_database(tmp_path: Path) -> None:
    held = roots(2, at_s=1_000)
    with closing(Database(tmp_path)) as database:
        Memory(database).keep_roots(signed_roots(held), held)
        path = database.path
    (tmp_path / "trust.2").write_bytes(b"rotten")
    with closing(Database(tmp_path)):
        pass
    path.write_bytes(DAMAGE)
    with closing(Database(tmp_path)) as database:
        assert Memory(database).roots() == held


def cancel_row(signer: str, number: int, of: bytes, at_ms: int) -> tuple[bytes, bytes, int, int, int, int]:
    """A row of the table `endings`."""
    name = order_id(key(signer).public_key, number.to_bytes(12, "big"))
    return of, name, int(MessageType.CANCEL), 0, int(Status.ACTUAL), at_ms


def test_no_flood_of_cancels_makes_a_box_with_a_damaged_database_forget_whom_it_trusts_or_what_others_cancelled(
    tmp_path: Path,
) -> None:
    held, called_off, never_seen = roots(2, at_s=1_000), alert(1, at_s=1_000), b"n" * 16
    with closing(Database(tmp_path)) as database:
        memory, book = Memory(database), Orders(database)
        memory.keep_roots(signed_roots(held), held)
        book.accept(signed(called_off), accept(called_off), 1_000_000, 10_000)
        flood = [cancel_row("Lan", n, n.to_bytes(16, "little"), 2_000_000 + n) for n in range(120_000)]
        honest = [cancel_row("Minh", 1, never_seen, 1_000_100), cancel_row("Lan", 1, called_off.id, 1_000_100)]
        with database.change() as connection:
            connection.executemany("INSERT INTO endings VALUES (?, ?, ?, ?, ?, ?)", [*flood, *honest])
        database.keep_trust()
        path = database.path
    path.write_bytes(DAMAGE)
    with closing(Database(tmp_path)) as database:
        assert Memory(database).roots() == held
        ended = Orders(database).ended()
        assert {called_off.id, never_seen} <= set(ended)
        assert len(ended) == 1 + MAX_ENDINGS_OF_ONE


def test_no_flood_of_stops_and_lesser_alarms_drives_an_alarm_of_the_province_out_of_the_trust_file(
    tmp_path: Path,
) -> None:
    order, template = alert(1, at_s=1_000), alert(2, at_s=1_000)
    with closing(Database(tmp_path)) as database:
        Orders(database).accept(signed(order), accept(order), 1_000_000, 10_000)
        rows = [
            (number.to_bytes(16, "little"), b"r" * 900, encode(template), 1_000_001, 1, 9, 1_600_000, 1, None, locks)
            for number in range(3_000)
            for locks in [number % 2]
        ]
        with database.change() as connection:
            connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)", rows)
        database.keep_trust()
        path = database.path
    path.write_bytes(DAMAGE)
    with closing(Database(tmp_path)) as database:
        assert order in [held.order for held in Orders(database).orders(0)]


def test_cancels_that_cannot_matter_any_more_are_not_kept(tmp_path: Path) -> None:
    with closing(Database(tmp_path)) as database:
        Memory(database).raise_floor(1_000_000 + MATTERS_MS)
        with database.change() as connection:
            rows = [cancel_row("Lan", n, n.to_bytes(16, "big"), 1_000_000 + n) for n in (0, 1)]
            connection.executemany("INSERT INTO endings VALUES (?, ?, ?, ?, ?, ?)", rows)
        database.keep_trust()
        path = database.path
    path.write_bytes(DAMAGE)
    with closing(Database(tmp_path)) as database:
        assert set(Orders(database).ended()) == {(1).to_bytes(16, "big")}


def fullest() -> trust_file.Kept:
    """As much of everything as there can be."""
    big = 1 << 47
    whole = (b"i" * 16, b"r" * 900, b"r" * 900, big, 5, big, big, 5, 1 << 31, 1)
    return trust_file.Kept(
        roots=b"r" * MAX_ROOTS_BYTES,
        windows=((b"k" * 33, 0xFFFF_FFFF, b"b" * 8),) * inheritance.MAX_WINDOWS,
        seen=((b"i" * 16, big),) * inheritance.MAX_SEEN,
        endings=((b"i" * 16, b"e" * 16, 4, 5, 2, big),) * inheritance.MAX_ENDINGS,
        floor_ms=big,
        live=(whole,) * (inheritance.MAX_LIVE + inheritance.MAX_LOCKS),
        delegations=(
            *((f"delegation/{'7' * 32}", b"d" * MAX_DELEGATION_BYTES),) * (6 + MAX_LISTS_ELSEWHERE),
            *((f"delegation.record/{'7' * 32}", b"m" * 80),) * MAX_MARKS,
        ),
        ended=((*whole, big),) * inheritance.MAX_ENDED,
        wanted=b"w" * MAX_ASSIGNMENT_BYTES,
    )


def test_the_limits_of_what_is_kept_add_up_to_less_than_what_is_read_back(tmp_path: Path) -> None:
    trust_file.write(tmp_path, fullest())
    assert trust_file.read(tmp_path) == fullest()


def test_where_all_would_be_too_much_the_least_valuable_goes_and_roots_and_lists_never(tmp_path: Path) -> None:
    kept = msgspec.structs.replace(fullest(), ended=fullest().ended * 20, seen=fullest().seen * 20)
    trust_file.write(tmp_path, kept)
    back = trust_file.read(tmp_path)
    assert not back.lost
    assert (back.roots, back.delegations, back.wanted, back.live) == (
        kept.roots,
        kept.delegations,
        kept.wanted,
        kept.live,
    )
    with pytest.raises(StoreError, match="more than"):
        trust_file.write(tmp_path, msgspec.structs.replace(kept, roots=b"r" * trust_file.MAX_BYTES))
    assert trust_file.read(tmp_path) == back


def test_one_order_that_cannot_be_read_makes_no_box_mute_and_is_not_taken_again(tmp_path: Path) -> None:
    bad, good = alert(1, at_s=1_000), alert(2, at_s=1_000)
    with closing(Database(tmp_path)) as database:
        for order in (bad, good):
            Orders(database).accept(signed(order), accept(order), 1_000_000, 10_000)
        with database.change() as connection:
            connection.execute("UPDATE orders SET record = x'80' WHERE id = ?", (bad.id,))
        book = Orders(database)
        assert [held.order for held in book.orders(0)] == [good]
        assert set(book.seen()) == {bad.id, good.id}


def test_a_trust_file_of_the_version_before_is_read(tmp_path: Path) -> None:
    order, held = alert(1, at_s=1_000), roots(2, at_s=1_000)
    row = [order.id, signed(order), encode(order), 1_000_100, 0, 10_000, 1_600_000, 1, 0, 0]
    payload = pack([signed_roots(held), encode(held), [], [[order.id, 1_000_100]], [], 5, [row], []])
    (tmp_path / "trust.2").write_bytes(hashlib.sha256(payload).digest() + payload)
    with closing(Database(tmp_path)) as database:
        assert Memory(database).roots() == held
        assert [each.order for each in Orders(database).orders(0)] == [order]


def test_an_order_is_kept_though_the_trust_file_cannot_be_written(tmp_path: Path) -> None:
    with closing(Database(tmp_path)) as database:
        (tmp_path / "trust.part").mkdir()
        order = alert(1, at_s=1_000)
        book = Orders(database)
        book.accept(signed(order), accept(order), 1_000_500, 10_000)
        assert [held.order for held in book.orders(0)] == [order]


@given(said=st.lists(st.tuples(st.integers(1, 6), st.integers(0, 3), st.integers(0, 9)), max_size=12))
@settings(deadline=None, max_examples=40)
def test_what_the_book_has_in_memory_is_what_a_restart_reads(
    tmp_path_factory: pytest.TempPathFactory, said: list[tuple[int, int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("store")
    with closing(Database(folder)) as database:
        book = Orders(database)
        for sequence, what, at in said:
            order = alert(sequence, at_s=1_000)
            if what == 0 and order.id not in book.seen():
                book.accept(signed(order), accept(order), 1_000_000 + at, 10_000)
            elif what == 1:
                end = alert(sequence + 20, at_s=1_000, type=MessageType.CANCEL, references=(order.id,), sound=None)
                if end.id not in book.seen():
                    book.accept(signed(end), accept(end), 1_000_000 + at, 0)
            elif what == 2:
                book.progress(order.id, Stage(at % 6), 1_000_000 + at, None, Grade.NONE)
            elif what == 3 and at == 9:
                book.prune(1_600_000 + 90 * 86_400_000 + 1)
        again = Orders(database)
        assert list(book.orders(0)) == list(again.orders(0))
        assert (set(book.seen()), book.windows(), book.ended()) == (
            set(again.seen()),
            again.windows(),
            again.ended(),
        )
        assert book.known() == again.known()


def test_orders_and_cancels_of_more_than_ninety_days_ago_are_dropped_and_their_sequences_are_not(
    tmp_path: Path,
) -> None:
    old, young = alert(1, at_s=1_000), alert(2, at_s=1_000 + 86_400)
    cancel = alert(3, at_s=1_000, type=MessageType.CANCEL, references=(b"x" * 16,), sound=None)
    with closing(Database(tmp_path)) as database:
        book = Orders(database)
        for order in (old, young, cancel):
            book.accept(signed(order), accept(order), order.issued * 1000, 10_000)
        book.prune(old.expires * 1000 + 90 * 86_400_000 + 1)
        assert set(book.seen()) == {young.id}
        assert book.ended() == {}
        assert book.windows()[key("Hoa").public_key].seen(1)
