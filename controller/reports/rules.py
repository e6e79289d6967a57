"""Whether a batch of the play log continues what is known of its chain. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from protocol.report import LogRow, chain_hash

START: Final = bytes(32)
"""The chain's hash before its first row."""
PATIENCE: Final = 3
"""A box that sends the same gap so often does not have the rows before it any more."""


@dataclass(frozen=True)
class ChainState:
    """How far a chain is stored."""

    seq: int = 0
    hash: bytes = START
    ahead: int = 0
    """How often in a row a batch began after a gap."""


@dataclass(frozen=True)
class Anomaly:
    """A place where the log does not fit together."""

    kind: str
    """"gap" or "rewritten"."""
    seq: int
    detail: str


@dataclass(frozen=True)
class Taken:
    """What becomes of a batch."""

    rows: tuple[LogRow, ...]
    """To be stored; rows that are known already are not among them."""
    state: ChainState
    anomaly: Anomaly | None = None


def take(state: ChainState, before: bytes, rows: Sequence[LogRow]) -> Taken:
    """Continue the chain with this batch, which may repeat rows, or begin later than it should.

    Rows that do not count up by one are the box's error: they are taken as far as they do. A gap is not filled in
    silence: the box is acknowledged up to the gap so that it sends again, and only after `PATIENCE` times its rows are
    taken and the gap is named. A history that differs from the stored one is named; what is stored stays.
    """
    rows = _consecutive(rows)
    first = rows[0].seq
    if first > state.seq + 1:
        if state.ahead + 1 < PATIENCE:
            return Taken((), ChainState(state.seq, state.hash, state.ahead + 1))
        gap = Anomaly("gap", state.seq + 1, f"{state.seq + 1}-{first - 1}")
        return Taken(tuple(rows), _after(first - 1, before, rows), gap)
    running, at_known = before, before if first == state.seq + 1 else None
    for row in rows:
        running = chain_hash(running, row)
        if row.seq == state.seq:
            at_known = running
    fresh = tuple(row for row in rows if row.seq > state.seq)
    if not fresh:
        rewritten = at_known is not None and at_known != state.hash
        return Taken((), ChainState(state.seq, state.hash), _rewritten(state.seq) if rewritten else None)
    after = ChainState(fresh[-1].seq, running)
    return Taken(fresh, after, _rewritten(fresh[0].seq) if at_known != state.hash else None)


def _after(seq: int, before: bytes, rows: Sequence[LogRow]) -> ChainState:
    running = before
    for row in rows:
        running, seq = chain_hash(running, row), row.seq
    return ChainState(seq, running)


def _consecutive(rows: Sequence[LogRow]) -> Sequence[LogRow]:
    for index, row in enumerate(rows):
        if row.seq != rows[0].seq + index:
            return rows[:index]
    return rows


def _rewritten(seq: int) -> Anomaly:
    return Anomaly("rewritten", seq, "the rows before do not have the hash that they had")
