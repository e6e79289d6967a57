"""What a box is to be told, from what it said and what the controller has. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from protocol.manifest import NO_ASSIGNMENT, PlaceInOrder
from protocol.report import Ack, Beat, FaultCode, Hello, Stage, holdings_digest

NO_CHAIN = bytes(8)
MAX_ACKED = 64


@dataclass(frozen=True)
class Picture:
    """What the controller knows of one box after it stored everything that arrived."""

    place: PlaceInOrder = NO_ASSIGNMENT
    """Of its assignment."""
    roots_version: int = 0
    """Of the newest roots; 0 for none."""
    known_roots: int = 0
    """The newest version that the box is known to hold."""
    chain: bytes = NO_CHAIN
    """The chain that the box last wrote to."""
    log_seq: int = 0
    """Newest stored row of that chain."""
    accepted: tuple[bytes, ...] = ()
    """Unexpired orders that it said to have accepted."""
    lists: Mapping[str, int] = field(default_factory=dict)
    """Of each unit of its place that has a delegation, the version in force."""
    owed: Mapping[bytes, bytes] = field(default_factory=dict)
    """Live orders that it has not answered: envelope by id."""
    known_lists: Mapping[str, int] = field(default_factory=dict)
    """The versions of the delegations that it is known to hold."""
    speaking: tuple[bytes, ...] = ()
    """Envelopes of the sessions of live voice that are on in its place."""

    @property
    def known_to_be_newest(self) -> bool:
        return self.known_roots == self.roots_version and self.known_lists == self.lists


@dataclass(frozen=True)
class Needs:
    """What is to be sent to a box."""

    roots: bool = False
    since: int = 0
    """The version of the roots that it holds: what leads on from there is sent."""
    lists: tuple[str, ...] = ()
    """Units whose delegation it lacks."""
    orders: tuple[bytes, ...] = ()
    """Envelopes; sessions of live voice stand behind them."""
    assignment: bool = False
    acknowledge: bool = False


def after_hello(hello: Hello, picture: Picture) -> Needs:
    """Only what is missing; the acknowledgement always, so that the box knows which rows to send."""
    return Needs(
        roots=hello.roots_version < picture.roots_version,
        since=hello.roots_version,
        lists=tuple(unit for unit, version in picture.lists.items() if (unit, version) not in hello.delegations),
        orders=(
            *(envelope for identity, envelope in picture.owed.items() if identity not in hello.orders),
            *picture.speaking,
        ),
        assignment=max(hello.place_in_force, hello.place_wanted) < picture.place,
        acknowledge=True,
    )


def after_beat(beat: Beat, picture: Picture) -> Needs | None:
    """None while the box holds what it should; else what a lost message may have been."""
    if beat.digest == in_step(picture):
        return None
    return Needs(
        roots=picture.known_roots < picture.roots_version,
        since=picture.known_roots,
        lists=tuple(picture.lists),
        orders=tuple(picture.owed.values()),
        assignment=beat.place_in_force < picture.place,
        acknowledge=True,
    )


def in_step(picture: Picture) -> bytes:
    """The digest of a box that holds everything, every live order too, and has nothing that is not stored here."""
    return holdings_digest(
        picture.place,
        picture.roots_version,
        tuple({*picture.accepted, *picture.owed}),
        picture.chain,
        picture.log_seq,
        picture.log_seq,
        tuple(picture.lists.items()),
    )


@dataclass
class Received:
    """What of one box was stored in a batch, to be acknowledged together."""

    log: tuple[bytes, int] | None = None
    """The chain that rows came of, and its newest stored row."""
    receipts: list[tuple[bytes, Stage]] = field(default_factory=list)
    faults: list[tuple[FaultCode, int]] = field(default_factory=list)


def acknowledgements(box: str, picture: Picture, received: Received) -> list[Ack]:
    """At least one; more where a batch held more than a message carries."""
    chain, log_seq = received.log or (picture.chain, picture.log_seq)
    rounds = max(len(received.receipts), len(received.faults), 1)
    return [
        Ack(
            box=box,
            chain=chain,
            log_seq=log_seq,
            receipts=tuple(received.receipts[start : start + MAX_ACKED]),
            faults=tuple(received.faults[start : start + MAX_ACKED]),
        )
        for start in range(0, rounds, MAX_ACKED)
    ]
