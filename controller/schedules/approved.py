"""What persons have signed that counts at each place today: approvals of bulletins and stations, exceptions to quiet.

A box asks the same functions under the trust of its own place, so a key that one commune took away counts in another.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from controller.core.times import shown
from controller.library.models import Approval, Bulletin
from controller.library.papers import Check, is_good, signers, trust_or_none
from controller.schedules import facts
from controller.schedules.compiler import Content, Seal, Signed
from controller.schedules.models import BoardLine, QuietException, StationApproval
from controller.schedules.models import Station as StationRow
from controller.units.models import Unit
from controller.units.rules import above, covers
from protocol import approval as wire
from protocol.approval import Subject, open_approval, open_exception, station_hash
from protocol.bulletin import Bulletin as BulletinRecord
from protocol.codec import decode
from protocol.delegation import Delegation
from protocol.ids import sha256
from protocol.manifest import Line, Station
from protocol.trust import Trust


@dataclass(frozen=True)
class _Paper:
    """A signed approval, not yet believed."""

    name: str
    record: wire.Approval
    envelope: bytes
    covers: bool = True
    """It names all that boards show of it today; one that does not lets the sound through alone."""

    def rank(self) -> tuple[bool, int, int]:
        """The best first: what covers everything, the newest of it; of the others the one of the highest class."""
        older, lower = -self.record.issued, -self.record.klass
        return (not self.covers, older, lower) if self.covers else (not self.covers, lower, older)


def signed(
    units: Iterable[str], contents: Mapping[str, Content], stations: Mapping[str, Station], now: dt.datetime
) -> dict[str, Signed]:
    """By unit: what counts there. Nothing where nobody is trusted."""
    at_s = int(now.timestamp())
    papers = _by_scope([*_of_bulletins(contents), *_of_stations(stations)], at_s)
    exceptions = [
        (tuple(row.area), bytes(row.envelope or b""))
        for row in QuietException.objects.exclude(envelope=None).filter(dropped_at=None, end__gt=now).order_by("id")
    ]
    signed_lines = BoardLine.objects.exclude(envelope=None).filter(dropped_at=None, until__gt=now)
    written = tuple(signed_lines.select_related("unit").order_by("-at", "-pk"))
    judge = _Judge()
    found = {}
    for unit in units:
        trust = trust_or_none(unit)
        if trust is None:
            continue
        here, takes = above(unit), judge.of(trust)
        seals: dict[Subject, dict[str, Seal]] = {Subject.BULLETIN: {}, Subject.STATION: {}}
        for paper in sorted((paper for code in here for paper in papers.get(code, ())), key=_Paper.rank):
            known = seals[paper.record.subject]
            if paper.name not in known and takes(paper.envelope, open_approval):
                known[paper.name] = Seal(paper.envelope, paper.record.klass)
        good = tuple(
            envelope
            for area, envelope in exceptions
            if any(code in here for code in area) and takes(envelope, open_exception)
        )
        found[unit] = Signed(seals[Subject.BULLETIN], seals[Subject.STATION], good, _line(written, here, takes))
    return found


def _line(
    written: Iterable[BoardLine], here: Iterable[str], takes: Callable[[bytes, Check], bool]
) -> tuple[Line, bytes] | None:
    """The newest that boxes at this place (its units) would show."""
    for row in written:
        envelope = bytes(row.envelope or b"")
        if row.unit.code in here and takes(envelope, open_approval):
            return Line(row.text, int(row.until.timestamp())), envelope
    return None


def why_not(what: Bulletin | StationRow | None, unit: str, trust: Trust | None, now: dt.datetime) -> str:
    """Why no approval of this counts in this unit, in words: what became of the newest one, if there is any."""
    if trust is None:
        return _("chưa có danh sách người được tin cậy")
    rows = () if what is None else what.approvals.exclude(envelope=None).order_by("-at")
    for row in rows:
        record, who = decode(bytes(row.payload), wire.Approval), signers(row.signatures.all())
        if now.timestamp() >= record.expires:
            end = dt.datetime.fromtimestamp(record.expires, dt.UTC)
            return _("chữ ký duyệt của %(who)s hết hạn lúc %(end)s") % {"who": who, "end": shown(end)}
        if not covers(record.scope, unit):
            return _("%(who)s chỉ duyệt cho đơn vị %(scope)s") % {"who": who, "scope": _name(record.scope)}
        if not is_good(bytes(row.envelope or b""), trust, open_approval):
            return _("chữ ký duyệt của %(who)s không còn được tin cậy ở đó") % {"who": who}
        return _("đã được sửa sau khi %(who)s duyệt") % {"who": who}
    return _("chưa ai ký duyệt")


def _name(code: str) -> str:
    return Unit.objects.filter(code=code).values_list("name", flat=True).first() or code


class _Judge:
    """Remembers what it found: thousands of places trust the same people."""

    def __init__(self) -> None:
        self._trusts: dict[tuple[Delegation, ...], int] = {}
        self._found: dict[tuple[bytes, int], bool] = {}

    def of(self, trust: Trust) -> Callable[[bytes, Check], bool]:
        """Whether boxes that trust like this take an envelope. Roots are the same for all: lists tell them apart."""
        number = self._trusts.setdefault(trust.delegations, len(self._trusts))

        def takes(envelope: bytes, check: Check) -> bool:
            if (envelope, number) not in self._found:
                self._found[envelope, number] = is_good(envelope, trust, check)
            return self._found[envelope, number]

        return takes


def _of_bulletins(contents: Mapping[str, Content]) -> Iterable[_Paper]:
    rows = Approval.objects.exclude(envelope=None).values_list("bulletin_id", "payload", "envelope")
    for number, payload, envelope in rows.filter(bulletin__in=[int(name[1:]) for name in contents]):
        name, record = facts.BULLETIN.format(number), decode(bytes(payload), wire.Approval)
        shown = contents[name].bulletin
        if record.subject is Subject.BULLETIN and (record.hash, record.language) == (shown.sound, shown.language):
            yield _Paper(name, record, bytes(envelope or b""), _covers(record, shown))


def _covers(record: wire.Approval, shown: BulletinRecord) -> bool:
    """Whether boxes would show all of these words, and the picture, by this approval (`approval.judge_manifest`)."""
    words = not shown.text or record.text == sha256(shown.text.encode())
    return words and record.title == shown.title and shown.picture in (None, record.picture)


def _of_stations(stations: Mapping[str, Station]) -> Iterable[_Paper]:
    rows = StationApproval.objects.exclude(envelope=None).values_list("station_id", "payload", "envelope")
    for code, payload, envelope in rows:
        record = decode(bytes(payload), wire.Approval)
        if code in stations and record.hash == station_hash(stations[code]):
            yield _Paper(code, record, bytes(envelope or b""))


def _by_scope(papers: Iterable[_Paper], at_s: int) -> Mapping[str, list[_Paper]]:
    """By the unit at and below which they may sound; without those that have ended."""
    found: dict[str, list[_Paper]] = defaultdict(list)
    for paper in papers:
        if at_s < paper.record.expires:
            found[paper.record.scope].append(paper)
    return found
