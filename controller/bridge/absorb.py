"""A batch of messages into the database in one transaction, and what to answer after its commit.

Boxes deliver at least once and keep everything until it is acknowledged, so a batch that fails is simply forgotten: it
comes again.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db import DatabaseError, transaction

from controller.boxes import services as boxes
from controller.boxes.models import Box, BoxState, Stage
from controller.bridge.answers import NO_CHAIN, Needs, Picture, Received, acknowledgements, after_beat, after_hello
from controller.bridge.intake import Arrived, PanelOrder, box_of, open_message
from controller.live import services as live
from controller.orders import panels, rollcall
from controller.reports import services as reports
from controller.schedules.models import AssignmentRow
from controller.trust import services as trust
from controller.units.rules import above
from protocol import topics
from protocol.codec import encode
from protocol.errors import ProtocolError
from protocol.manifest import NO_ASSIGNMENT
from protocol.report import Beat, Hello, LogBatch, Receipt
from protocol.signing import Domain, Family, Signer, sign1

log = structlog.get_logger("bridge")


@dataclass(frozen=True)
class Outgoing:
    """To be published."""

    topic: str
    payload: bytes


@dataclass(frozen=True)
class Incoming:
    """As it came from the broker."""

    topic: str
    payload: bytes


def absorb(batch: Sequence[Incoming], domain: Domain, signer: Signer, now: datetime) -> list[Outgoing]:
    """Verify, store, and answer. What nobody signed, or nobody can read, is logged and left."""
    arrived, in_use = _open(batch, domain)
    if not arrived:
        return []
    with transaction.atomic():
        received, arrived = _store(arrived, in_use, now)
        pictures = _pictures(in_use, now)
        _note_in_step(arrived, pictures)
    needs = _needs(arrived, pictures, received)
    return _outgoing(needs, pictures, received, domain, signer)


def absorb_patiently(batch: Sequence[Incoming], domain: Domain, signer: Signer, now: datetime) -> list[Outgoing]:
    """`absorb`; where a message breaks it in a way that nobody foresaw, that message is left and the others count.

    A box that does not get its acknowledgement says everything again, so an error that ended the bridge would end it
    again and again, for all boxes. Raises `DatabaseError` only: then the whole batch comes again.
    """
    try:
        return absorb(batch, domain, signer, now)
    except DatabaseError:
        raise
    except Exception:
        if len(batch) > 1:
            return [out for message in batch for out in absorb_patiently([message], domain, signer, now)]
        log.exception("a message was left: it breaks the program", topic=batch[0].topic[:80])
        return []


def resend(now: datetime) -> list[Outgoing]:
    """Every live order once more to every box that has not answered it."""
    return [Outgoing(topics.down(box), bytes(order.envelope or b"")) for box, order in rollcall.owed(now)]


def _open(batch: Sequence[Incoming], domain: Domain) -> tuple[list[Arrived], dict[str, Box]]:
    names = set()
    for message in batch:
        try:
            names.add(box_of(message.topic))
        except ProtocolError as error:
            log.warning("a topic that no box has", topic=message.topic[:80], error=str(error))
    found = {box.pk: box for box in Box.objects.filter(pk__in=names, state=Stage.APPROVED).select_related("unit")}
    keys = {identity: bytes(box.public_key) for identity, box in found.items()}
    arrived = []
    for message in batch:
        try:
            arrived.append(open_message(message.topic, message.payload, keys, domain))
        except ProtocolError as error:
            log.warning("a message was not accepted", topic=message.topic[:80], code=error.code, error=str(error)[:200])
    return arrived, {identity: found[identity] for identity in {one.box for one in arrived}}


def _store(
    arrived: Iterable[Arrived], in_use: dict[str, Box], now: datetime
) -> tuple[dict[str, Received], list[Arrived]]:
    """What is to be acknowledged, and what of all this is worth an answer: everything but beats of long ago."""
    received: dict[str, Received] = defaultdict(Received)
    hellos, beats, receipts, faults = [], [], [], []
    for one in arrived:
        said = one.said
        if isinstance(said, Hello):
            hellos.append((said, now))
        elif isinstance(said, Beat):
            beats.append((one.box, said, now))
        elif isinstance(said, PanelOrder):
            panels.relay(said.raw, one.box, now)
        elif isinstance(said, LogBatch):
            stored = reports.store(in_use[one.box], said, now)
            received[one.box].log = (stored.chain, stored.seq)
        elif isinstance(said, Receipt):
            receipts.append(said)
            received[one.box].receipts.append((said.order, said.stage))
        else:
            faults.append((said, now))
            received[one.box].faults.append((said.code, said.at))
    boxes.note_hellos(hellos)
    counted = boxes.note_beats(beats)
    boxes.note_faults(faults)
    for stranger in rollcall.record(receipts, now):
        log.warning("a receipt for an order that is not ours", box=stranger.box, order=stranger.order.hex())
    return received, [one for one in arrived if not isinstance(one.said, Beat) or (one.box, one.said) in counted]


def _pictures(names: Collection[str], now: datetime) -> dict[str, Picture]:
    roots = trust.current()
    assigned = {
        row.box_id: row.place_in_order
        for row in AssignmentRow.objects.filter(box_id__in=names).only("era", "epoch", "generation")
    }
    accepted = rollcall.accepted(now, names)
    owed: dict[str, dict[bytes, bytes]] = defaultdict(dict)
    for box, order in rollcall.owed(now, names):
        owed[box][bytes.fromhex(order.pk)] = bytes(order.envelope or b"")
    pictures = {}
    units = dict(Box.objects.filter(pk__in=names).values_list("pk", "unit__code"))
    lists = {code: trust.versions(above(code)) for code in {code for code in units.values() if code}}
    speaking = live.on_air(now)
    for state in BoxState.objects.filter(box_id__in=names):
        unit = units.get(state.box_id) or ""
        chain = bytes(state.log_chain) or NO_CHAIN
        pictures[state.box_id] = Picture(
            place=assigned.get(state.box_id, NO_ASSIGNMENT),
            roots_version=roots.version if roots else 0,
            known_roots=state.roots_version,
            known_lists=state.delegations,
            chain=chain,
            log_seq=reports.stored_up_to(state.box_id, chain),
            accepted=accepted.get(state.box_id, ()),
            owed=owed.get(state.box_id, {}),
            speaking=tuple(bytes(one.envelope or b"") for one in speaking if live.is_for(one, state.box_id, unit)),
            lists=lists.get(unit, {}),
        )
    return pictures


def _note_in_step(arrived: Iterable[Arrived], pictures: dict[str, Picture]) -> None:
    """A digest that matches proves that the box has taken over the newest roots and lists."""
    proven = {
        one.box
        for one in arrived
        if isinstance(one.said, Beat)
        and one.box in pictures
        and not pictures[one.box].known_to_be_newest
        and after_beat(one.said, pictures[one.box]) is None
    }
    for box in sorted(proven):
        picture = pictures[box]
        BoxState.objects.filter(box_id=box).update(roots_version=picture.roots_version, delegations=dict(picture.lists))


def _needs(arrived: Iterable[Arrived], pictures: dict[str, Picture], received: dict[str, Received]) -> dict[str, Needs]:
    """By box; the newest word of each counts."""
    needs: dict[str, Needs] = {box: Needs(acknowledge=True) for box in received}
    for one in arrived:
        picture = pictures.get(one.box)
        if picture is None:
            continue
        if isinstance(one.said, Hello):
            needs[one.box] = after_hello(one.said, picture)
        elif isinstance(one.said, Beat):
            missing = after_beat(one.said, picture)
            if missing is not None:
                needs[one.box] = missing
    return needs


def _outgoing(
    needs: dict[str, Needs], pictures: dict[str, Picture], received: dict[str, Received], domain: Domain, signer: Signer
) -> list[Outgoing]:
    """Roots and delegations first: the rest is verified with them. Then orders, the programme, the acknowledgement."""
    chains = {since: trust.roots_after(since) for since in {need.since for need in needs.values() if need.roots}}
    lists = trust.newest_lists(sorted({unit for need in needs.values() for unit in need.lists}))
    wanted = [box for box, need in needs.items() if need.assignment]
    assignments = dict(AssignmentRow.objects.filter(box_id__in=wanted).values_list("box_id", "message"))
    out = []
    for box, need in needs.items():
        topic = topics.down(box)
        out += [Outgoing(topic, data) for data in (chains[need.since] if need.roots else ())]
        out += [Outgoing(topic, bytes(lists[unit].envelope or b"")) for unit in need.lists if unit in lists]
        out += [Outgoing(topic, envelope) for envelope in need.orders]
        if box in assignments:
            out.append(Outgoing(topic, bytes(assignments[box])))
        if need.acknowledge:
            for ack in acknowledgements(box, pictures.get(box, Picture()), received.get(box, Received())):
                out.append(Outgoing(topic, sign1(encode(ack), Family.ACK, domain, signer)))
    return out
