"""What a box says: hello, beats, its play log, receipts, faults; and the controller's acknowledgement of them."""

import enum
from typing import Annotated

import msgspec
from msgspec import Meta

from protocol.codec import encode, pack
from protocol.ids import BoxId, Name, OrderId, Sha256, Text, UnitCode, sha256
from protocol.manifest import PlaceInOrder
from protocol.quantities import EpochMs, EpochS

Counter = Annotated[int, Meta(ge=0, le=0xFFFF_FFFF_FFFF)]
ChainId = Annotated[bytes, Meta(min_length=8, max_length=8)]
MAX_BEAT_BYTES = 64
MAX_LOG_ROWS = 100
FAULT_BITS = 32
SHOWN = "frame:"
"""How `LogRow.sound` begins where something was shown on a board, not sounded."""


class ClockQuality(enum.IntEnum):
    """Where the box has its time from, ascending in trust (design §5)."""

    NONE = 0
    FLOOR = 1
    NITZ = 2
    RTC = 3
    GNSS = 4
    NTP = 5
    SIGNED = 6


class Doing(enum.IntEnum):
    """What the box is about, in a beat."""

    SILENT = 0
    SOUNDING = 1
    EMERGENCY = 2
    WITHOUT_TIME = 3
    STOPPED = 4


class FaultCode(enum.IntEnum):
    """Faults; the number is the bit of a beat's `faults`."""

    AUDIO_DEVICE = 0
    CONTENT_DAMAGED = 1
    DISK_FULL = 2
    STORE = 3
    CLOCK = 4
    FETCH = 5
    MANIFEST_REFUSED = 6
    ORDER_REFUSED = 7
    CONFLICT = 8
    """Two controllers speak with one key."""
    TRUST = 9
    """The roots have expired, or are about to; or a new version was refused."""
    PLAYER = 10
    """The process that plays failed or hung, and was started again."""
    NOT_HEARD = 11
    """What was played did not come out of the speakers, or a file was silence."""
    BOARD = 12
    PANEL = 13
    """A button or key is stuck, or the pins cannot be read."""
    SERVICE = 14
    """The service switch keeps the amplifier off."""
    TAMPER = 15
    """The cabinet is open."""
    MAINS = 16
    """The box runs on its battery."""
    DURESS = 17
    """The duress PIN was entered. Whoever forces the officer must not see it: not shown at the box."""
    ANNOUNCER = 18
    """A recording of the announcer cannot be sounded; the shipped one sounds instead."""

    @classmethod
    def _missing_(cls, value: object) -> "FaultCode | None":
        """A newer agent's fault that this version has no name for: kept as its number, not refused for ever."""
        if not isinstance(value, int) or not 0 <= value < FAULT_BITS:
            return None
        unnamed = int.__new__(cls, value)
        unnamed._name_, unnamed._value_ = f"FAULT_{value}", value
        return unnamed


class Hello(msgspec.Struct, frozen=True, array_like=True):
    """Sent on every connect, signed: what the box holds. The controller answers with what is missing."""

    box: BoxId
    version: Name
    at: EpochMs
    generation: Counter
    """Of the assignment whose manifest is complete and in force; 0 for none."""
    wanted: Counter
    """Of the newest assignment it has; a later one than that in force while it is fetching."""
    roots_version: Counter
    orders: Annotated[tuple[OrderId, ...], Meta(max_length=64)]
    """Unexpired orders that it has accepted."""
    chain: ChainId
    """Names the play log; a box that lost its store starts another chain."""
    log_seq: Counter
    """The newest row of the play log; rows count from 1."""
    clock: ClockQuality
    boot: EpochMs
    """When the daemon started."""
    delegations: Annotated[tuple[tuple[UnitCode, Counter], ...], Meta(max_length=6)] = ()
    """Of each unit of its place the version of the delegation that it holds."""
    session: Annotated[bytes, Meta(max_length=8)] = b""
    """8 random bytes of this run of the daemon: two runs that take turns are two boxes with one key."""
    epoch: Counter = 1
    """With `era` and `generation`: the place in order of the assignment in force."""
    era: Counter = 0
    wanted_epoch: Counter = 1
    """With `wanted_era` and `wanted`: that of the newest assignment it has."""
    wanted_era: Counter = 0

    @property
    def place_in_force(self) -> PlaceInOrder:
        return (self.era, self.epoch, self.generation)

    @property
    def place_wanted(self) -> PlaceInOrder:
        return (self.wanted_era, self.wanted_epoch, self.wanted)


class Beat(msgspec.Struct, frozen=True, array_like=True):
    """Every 60 s and at every change, unsigned, at most 64 bytes."""

    at: EpochS
    digest: Annotated[bytes, Meta(min_length=16, max_length=16)]
    """See `holdings_digest`."""
    doing: Doing
    clock: ClockQuality
    faults: Annotated[int, Meta(ge=0, le=0xFFFF_FFFF)]
    """Bit n is FaultCode n."""
    generation: Counter
    epoch: Counter = 1
    era: Counter = 0

    @property
    def place_in_force(self) -> PlaceInOrder:
        return (self.era, self.epoch, self.generation)


class Result(enum.IntEnum):
    """How a play ended."""

    PLAYED = 1
    CUT = 2
    """Ended early; `detail` says by what."""
    MISSED = 3
    """Should have sounded and did not; `detail` says why."""


class Grade(enum.IntEnum):
    """How sure it is that it sounded, ascending (design §6)."""

    NONE = 0
    CLAIMED = 1
    RENDERED = 2
    ELECTRICAL = 3
    ACOUSTIC = 4


class LogRow(msgspec.Struct, frozen=True, array_like=True):
    """One line of the play log: one sound from its first sample to its last."""

    seq: Annotated[int, Meta(ge=1, le=0xFFFF_FFFF_FFFF)]
    play: Annotated[str, Meta(min_length=1, max_length=160)]
    """The planner's name for this play (`timeline.Segment.play`)."""
    cause: Annotated[str, Meta(min_length=1, max_length=64)]
    """Id of the schedule's entry, or the order's id in hex."""
    bulletin: Annotated[str, Meta(max_length=64)]
    sound: Annotated[str, Meta(max_length=64)]
    """SHA-256 in hex, "message:7", or "station:vov1"; on a board SHOWN and 32 hex digits of the pictures' SHA-256."""
    planned: EpochMs
    started: EpochMs | None
    """First sample, on the box's clock."""
    ended: EpochMs | None
    result: Result
    grade: Grade
    start_error_ms: Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
    """Actual minus intended instant of the first sample, on the box's clock."""
    detail: Text = ""


class LogBatch(msgspec.Struct, frozen=True, array_like=True):
    """Consecutive rows of a chain, signed by the box. `before` is `chain_hash` up to the row before the first."""

    box: BoxId
    chain: ChainId
    before: Sha256
    rows: Annotated[tuple[LogRow, ...], Meta(min_length=1, max_length=MAX_LOG_ROWS)]


class Stage(enum.IntEnum):
    """How far an order has come on a box."""

    REJECTED = 0
    ACCEPTED = 1
    STARTED = 2
    DONE = 3
    CANCELLED = 4
    EXPIRED = 5
    NOT_HEARD = 6
    """It sounds, and the box's own microphone or line finds no sound; beside the others, not after them."""


class Receipt(msgspec.Struct, frozen=True, array_like=True):
    """A box's signed answer to an order, one for each stage."""

    box: BoxId
    order: OrderId
    stage: Stage
    at: EpochMs
    code: Annotated[str, Meta(max_length=32)] = ""
    """The gate's code, of a rejection."""
    first_sample: EpochMs | None = None
    grade: Grade = Grade.NONE


class Fault(msgspec.Struct, frozen=True, array_like=True):
    """A fault that came or went."""

    box: BoxId
    code: FaultCode
    raised: bool
    at: EpochMs
    detail: Text = ""


class Ack(msgspec.Struct, frozen=True, array_like=True):
    """The controller has these in its database; the box need not send them again."""

    box: BoxId
    chain: ChainId
    log_seq: Counter
    """Every row of the chain up to this one."""
    receipts: Annotated[tuple[tuple[OrderId, Stage], ...], Meta(max_length=64)] = ()
    faults: Annotated[tuple[tuple[FaultCode, EpochMs], ...], Meta(max_length=64)] = ()


def chain_hash(before: bytes, row: LogRow) -> bytes:
    """The hash chain of the play log: SHA-256 over the hash before and the row's bytes; before row 1, 32 zero bytes."""
    return sha256(before + encode(row))


def holdings_digest(  # noqa: PLR0917 - what it digests, in the order in which it is digested
    place: PlaceInOrder,
    roots_version: int,
    orders: tuple[bytes, ...],
    chain: bytes,
    acked_log_seq: int,
    log_seq: int,
    delegations: tuple[tuple[str, int], ...] = (),
) -> bytes:
    """16 bytes that change when what the box holds changes, or when it has something that was not acknowledged.

    `place` is that of the assignment in force: of another era or epoch the same generation is another assignment.
    """
    acked = acked_log_seq == log_seq
    lists = [list(row) for row in sorted(delegations)]
    return sha256(pack([list(place), roots_version, sorted(orders), chain, acked, log_seq, lists]))[:16]
