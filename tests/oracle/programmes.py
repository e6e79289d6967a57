"""Adversarial manifests and assignments: a programme that may come into force, then wrong in exactly one way.

As in `cases`, `legitimate` is known by how it was made, and None where only the agreement of both is asked for.
"""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from tests.oracle import envelope, hostile, schedule
from tests.oracle.cbor import write
from tests.oracle.persons import DAY_S, DOMAIN, ELSEWHERE, NOW_S, PATH, Key, World, aad, sign, worlds
from tests.oracle.schedule import Brought

BOX: Final = "p6eadqz4lksk5tf5"
SERVER: Final = Key("controller")
OTHER_BOX: Final = "b" * 16
ORDINARY, PRIORITY = 1, 2
PROGRAMME, RELAY, FILLER = 1, 2, 3
MAX_PICTURE: Final = 262_144
RULES: Final = (
    "", "FREQ=DAILY", "FREQ=WEEKLY;BYDAY=MO,TU,WE", "FREQ=DAILY;BYHOUR=6,11,17;BYMINUTE=0,30", "FREQ=MONTHLY;BYDAY=1MO",
    "FREQ=YEARLY;COUNT=9", "FREQ=DAILY;INTERVAL=2;UNTIL=20261231T235959", "FREQ=MONTHLY;BYMONTHDAY=-1;WKST=SU",
)  # fmt: skip
NO_RULES: Final = (
    "DAILY", "FREQ=HOURLY", "FREQ=DAILY;FREQ=DAILY", "INTERVAL=2", "FREQ=WEEKLY;BYDAY=1MO", "FREQ=DAILY;COUNT=0",
    "FREQ=DAILY;COUNT=2;UNTIL=20261231T235959", "FREQ=DAILY;UNTIL=20261231T235959Z", "FREQ=DAILY;UNTIL=2026121T060000",
    "freq=daily", "FREQ=DAILY;BYMONTH=13", "FREQ=DAILY;BYMONTH=0", "FREQ=DAILY;BYHOUR=24", "FREQ=DAILY;",
    "FREQ=DAILY;BYHOUR=0,1,2,3,4,5,6,7,8,9;BYMINUTE=0,1,2,3,4,5,6,7,8,9", "FREQ=DAILY;INTERVAL=1,2",
    "FREQ=DAILY;WKST=1", "FREQ=DAILY;X=1",
)  # fmt: skip

Record = dict[str, Any]


@dataclass(frozen=True)
class ProgrammeCase:
    """One question to both."""

    name: str
    world: int
    brought: Brought
    legitimate: bool | None


@dataclass
class Paper:
    """An approval or an exception in the making."""

    family: int
    fields: Record
    signers: tuple[Key, ...]

    def raw(self) -> bytes:
        payload = write(list(self.fields.values()))
        return sign(payload, self.family, [key.row(payload, self.family) for key in self.signers])


@dataclass
class Draft:
    rng: random.Random
    world: World
    number: int
    entries: list[Record]
    bulletins: list[Record]
    blobs: list[list[Any]]
    stations: list[Record]
    approvals: list[Paper]
    exceptions: list[Paper]
    assignment: Record
    policies: list[Any] = field(default_factory=lambda: [[0, [[75600, 18000]], 127, 10, None, []]])
    zone: Any = "Asia/Ho_Chi_Minh"
    raw_papers: list[Any] = field(default_factory=list)
    at_s: int = NOW_S
    later_s: int = NOW_S
    held: tuple[int, int, int] | None = None
    of_manifest: Key = SERVER
    of_assignment: Key = SERVER
    domain: tuple[str, str] = DOMAIN
    odd: Callable[[list[Any]], list[Any]] = lambda fields: fields
    """What is written into the manifest otherwise than its tables say."""
    odd_assignment: Callable[[list[Any]], list[Any]] = lambda fields: fields
    shipped: Callable[[bytes], bytes] = lambda raw: raw
    """What happens to the manifest's finished bytes, before the assignment names them."""
    line: list[Any] | None = None
    misnamed: bool = False
    sent: Callable[[bytes], bytes] = lambda raw: raw
    """What happens to the assignment's finished bytes."""

    def case(self, name: str, *, legitimate: bool | None) -> ProgrammeCase:
        fields = [
            self.zone,
            self.policies,
            [list(one.values()) for one in self.entries],
            [list(one.values()) for one in self.bulletins],
            self.blobs,
            [list(one.values()) for one in self.stations],
            [one.raw() for one in self.approvals] + self.raw_papers,
            [one.raw() for one in self.exceptions],
            self.line,
        ]
        manifest = self.shipped(sign1(write(self.odd(fields)), schedule.MANIFEST, self.of_manifest, self.domain))
        named = sha256(manifest).digest()
        record = self.assignment | {"manifest": bytes(32) if self.misnamed else named, "size": len(manifest)}
        raw = self.sent(
            sign1(
                write(self.odd_assignment(list(record.values()))), schedule.ASSIGNMENT, self.of_assignment, self.domain
            )
        )
        brought = Brought(raw, manifest, BOX, self.held, self.at_s, self.later_s)
        return ProgrammeCase(name, self.number, brought, legitimate)


def sign1(payload: bytes, family: int, key: Key, domain: tuple[str, str] = DOMAIN, kid: bytes | None = None) -> bytes:
    """A machine's message."""
    protected = write({1: -8, 16: family})
    signature = key.raw(write(["Signature1", protected, aad(domain, family), payload]))
    return b"\xd2" + write([protected, {4: kid or key.id}, payload, signature])


def draft(rng: random.Random) -> Draft:
    """A programme that every question lets pass."""
    number = rng.randrange(len(worlds()))
    world = worlds()[number]
    bulletins = [_bulletin(rng, index) for index in range(rng.randint(1, 3))]
    blobs = [[one["sound"], rng.randint(1, 9_000_000), rng.randint(1_000, 600_000)] for one in bulletins]
    blobs += [_picture_of(rng, one) for one in bulletins if one["picture"]]
    stations = [_station(index) for index in range(rng.randint(0, 2))]
    entries = [_entry(rng, index, bulletins, stations) for index in range(rng.randint(1, 3))]
    approvals = [_approval(rng, world, entries, one) for one in (*bulletins, *stations)]
    issued = NOW_S - rng.randrange(DAY_S)
    assignment = {
        "box": BOX,
        "generation": rng.randint(2, 99),
        "manifest": b"",
        "size": 0,
        "units": list(PATH),
        "issued": issued,
        "valid_until": issued + 50 * DAY_S,
        "policy": rng.choice((None, [2, [], 127, None, None, []])),
        "gain_cb": rng.choice((0, -60)),
        "site": "Nhà văn hóa",
        "epoch": 2,
        "era": 0,
    }
    exceptions = [_exception(rng) for _ in range(rng.choice((0, 0, 1, 3, 6)))]
    made = Draft(rng, world, number, entries, bulletins, blobs, stations, approvals, exceptions, assignment)
    made.of_assignment = rng.choice((Key("controller"), Key("commune's server")))
    made.of_manifest = rng.choice((Key("controller"), Key("commune's server"), Key("far server")))
    if rng.random() < 0.5:
        made.line = [rng.choice(("28–34 °C, chiều có dông", "ồ" * 200)), NOW_S + rng.choice((-1, 0, DAY_S))]
        made.approvals.append(_approval_of_line(rng, world, made.line))
    made.later_s = NOW_S + rng.choice((0, 0, DAY_S, 30 * DAY_S, 400 * DAY_S, -600))
    made.held = rng.choice((None, (0, 2, made.assignment["generation"] - 1), (0, 1, 2**32 - 1)))
    return made


def _bulletin(rng: random.Random, index: int) -> Record:
    return {
        "id": f"b{index}",
        "title": "Tiêm chủng",
        "language": rng.choice(("vi", "en")),
        "sound": rng.randbytes(32),
        "text": rng.choice(("", "Thứ Năm, tại trạm y tế.", "ồ\n" * 500)),
        "picture": rng.choice((None, rng.randbytes(32))),
    }


def _picture_of(rng: random.Random, bulletin: Record) -> list[Any]:
    return [bulletin["picture"], rng.choice((1, MAX_PICTURE)), 0]


def _station(index: int) -> Record:
    return {"code": f"dai-{index}", "name": "VOV1", "url": f"https://radio.example/{index}"}


def _entry(rng: random.Random, index: int, bulletins: list[Record], stations: list[Record]) -> Record:
    kind = rng.choice((PROGRAMME, PROGRAMME, FILLER, *([RELAY] if stations else [])))
    playlist = [one["id"] for one in rng.sample(bulletins, rng.randint(0 if kind == RELAY else 1, len(bulletins)))]
    return {
        "id": f"e{index}",
        "kind": kind,
        "klass": rng.choice((ORDINARY, ORDINARY, PRIORITY)),
        "first": "2026-11-24T06:00:00",
        "playlist": playlist,
        "rule": rng.choice(RULES),
        "until": rng.choice((None, "2027-11-24T06:00:00")),
        "excluded": rng.choice(([], ["2026-11-25T06:00:00"])),
        "added": [],
        "commune_order": rng.randint(0, 9),
        "repeats": rng.randint(1, 3),
        "gap_s": rng.choice((0, 30)),
        "pause_ms": rng.choice((0, 1_000, 299_999)),
        "window_s": rng.choice((300, DAY_S)),
        "length_s": 0 if kind == PROGRAMME else rng.choice((1, 1_800, DAY_S)),
        "station": rng.choice(stations)["code"] if kind == RELAY else None,
        "gain_cb": rng.choice((0, -30)),
        "board_s": rng.choice((0, 3_600, 366 * DAY_S)),
    }


def _approval(rng: random.Random, world: World, entries: list[Record], of: Record) -> Paper:
    """For the highest class in which this bulletin or station is scheduled, or above."""
    name, is_station = of.get("id", of.get("code")), "code" in of
    highest = max([one["klass"] for one in entries if name in (*one["playlist"], one["station"])], default=ORDINARY)
    signer = rng.choice((Key("Hoa"), Key("Lan"), Key("Tuấn")))
    issued = NOW_S - rng.choice((0, 60, 100 * DAY_S))
    ends = rng.choice((NOW_S + 1, NOW_S + DAY_S, issued + 366 * DAY_S))
    fields = {
        "subject": 2 if is_station else 1,
        "hash": sha256(write(list(of.values()))).digest() if is_station else of["sound"],
        "text": None if is_station else rng.choice((None, sha256(of["text"].encode()).digest(), rng.randbytes(32))),
        "klass": rng.choice((highest, PRIORITY)),
        "language": rng.choice(("vi", "fr")) if is_station else of["language"],
        "scope": rng.choice(PATH if signer != Key("Lan") else PATH[1:]),
        "epoch": rng.choice((1, world.version)),
        "issued": issued,
        "expires": ends,
        "title": rng.choice(("", of.get("title", ""), "Tiêm  chủng")),
        "picture": rng.choice((None, of.get("picture"), rng.randbytes(32))),
    }
    return Paper(envelope.APPROVAL, fields, (signer,))


def _approval_of_line(rng: random.Random, world: World, line: list[Any]) -> Paper:
    """Of this line, or of another; whatever it is, the programme comes into force."""
    said = rng.choice((line, line, line, [line[0], line[1] + 1], ["Nắng", line[1]]))
    issued = NOW_S - rng.choice((0, 60))
    fields = {
        "subject": rng.choice((3, 3, 3, 1, 2)),
        "hash": sha256(write(said)).digest(),
        "text": None,
        "klass": ORDINARY,
        "language": "vi",
        "scope": rng.choice((*PATH, *ELSEWHERE)),
        "epoch": rng.choice((1, world.version)),
        "issued": issued,
        "expires": rng.choice((line[1], line[1], NOW_S + DAY_S + 1)),
        "title": rng.choice((said[0], said[0], "")),
        "picture": None,
    }
    return Paper(envelope.APPROVAL, fields, (rng.choice((Key("Hoa"), Key("Hoa"), Key("Minh"))),))


def _exception(rng: random.Random) -> Paper:
    """Often near another, sometimes not good or for elsewhere: none decides whether the programme comes into force."""
    start = NOW_S + rng.choice((0, 3_600, 6 * DAY_S, 7 * DAY_S)) + rng.choice((-1, 0, 1)) + rng.randrange(3) * 43_200
    fields = {
        "epoch": 7,
        "issued": NOW_S - 60 + rng.choice((0, 0, 0, 360, 361)),
        "area": rng.choice((["77"], ["77-26506-03", "79"], ["77-26560"])),
        "start": start,
        "end": start + rng.choice((1, 3_600, 43_200, DAY_S, DAY_S, DAY_S + 1, 0)),
        "reason": "Giao thừa",
    }
    signers = rng.choice((("Hoa", "Minh"), ("Minh", "Hoa"), ("Hoa", "Minh"), ("Hoa", "Lan"), ("Hoa",)))
    return Paper(envelope.EXCEPTION, fields, tuple(map(Key, signers)))


# Harmless: what may be there besides


def spice(made: Draft) -> None:
    rng = made.rng
    if rng.random() < 0.3:  # nobody names it, so nobody needs to have approved it
        made.bulletins.append(_bulletin(rng, 9))
        made.blobs.append([made.bulletins[-1]["sound"], 1, 1])
        made.blobs.extend([_picture_of(rng, made.bulletins[-1])] if made.bulletins[-1]["picture"] else [])
    if rng.random() < 0.3:
        made.raw_papers = [rng.choice((b"", rng.randbytes(80), made.approvals[0].raw()))]
    if rng.random() < 0.3:
        worse = Paper(envelope.APPROVAL, made.approvals[0].fields | {"klass": ORDINARY}, made.approvals[0].signers)
        made.approvals.insert(rng.randrange(len(made.approvals) + 1), worse)
    for one in made.bulletins:  # the same sound with other words and another picture
        made.approvals += [_approval(rng, made.world, made.entries, one) for _ in range(rng.choice((0, 1, 3)))]
    if rng.random() < 0.2:  # approved by a clock that is ahead of the box's: silent for a while, but no hindrance
        made.assignment["issued"] = NOW_S
        made.at_s = made.later_s = NOW_S - 3_600
    if rng.random() < 0.1:
        made.odd = lambda fields: [*fields, "of a newer writer"]
    rng.shuffle(made.approvals)


# Wrong in one way. Each returns False where this draft has nothing to be wrong with.

Defect = Callable[[Draft], Any]


def _named(made: Draft, kind: tuple[int, ...] = (PROGRAMME, RELAY, FILLER)) -> Record | None:
    return next((one for one in made.entries if one["kind"] in kind), None)


def _needed(made: Draft) -> Paper:
    """The approval of something that an entry names."""
    name = next(name for one in made.entries for name in (*one["playlist"], one["station"]) if name is not None)
    things = {one.get("id", one.get("code")): one for one in (*made.bulletins, *made.stations)}
    thing = things[name]
    hashed = thing["sound"] if "sound" in thing else sha256(write(list(thing.values()))).digest()
    return next(one for one in made.approvals if one.fields["hash"] == hashed)


def _approved(**changes: Any) -> Defect:
    return lambda made: _needed(made).fields.update(changes)


def _signed_by(*names: str) -> Defect:
    def defect(made: Draft) -> None:
        paper = _needed(made)
        paper.signers = tuple(map(Key, names))
        paper.fields["scope"] = "77"

    return defect


def _entries(kinds: tuple[int, ...], **changes: Any) -> Defect:
    def defect(made: Draft) -> bool:
        one = _named(made, kinds)
        if one is not None:
            one.update(changes)
        return one is not None

    return defect


def _assigned(**changes: Any) -> Defect:
    return lambda made: made.assignment.update(changes)


def _set(**changes: Any) -> Defect:
    def defect(made: Draft) -> None:
        for name, value in changes.items():
            setattr(made, name, value)

    return defect


def _without_approval(made: Draft) -> None:
    made.approvals.remove(_needed(made))


def _another_sound_under_its_name(made: Draft) -> None:
    """A second bulletin of one id: whoever looks the name up may find the one that nobody heard."""
    fresh = made.rng.randbytes(32)
    made.blobs.append([fresh, 1, 1_000])
    made.bulletins.insert(made.rng.choice((0, len(made.bulletins))), made.bulletins[0] | {"sound": fresh})


def _exchanged(made: Draft) -> None:
    needed = _needed(made).fields["hash"]
    fresh = made.rng.randbytes(32)
    for one in made.bulletins:
        if one["sound"] == needed:
            one["sound"] = fresh
            made.blobs.append([fresh, 1, 1_000])
            return
    next(one for one in made.stations if sha256(write(list(one.values()))).digest() == needed)["url"] += "/evil"


def _of_a_lower_class(made: Draft) -> None:
    _needed(made).fields["klass"] = ORDINARY
    for one in made.entries:
        one["klass"] = PRIORITY


def _in_another_language(made: Draft) -> bool:
    paper = _needed(made)
    paper.fields["language"] = "fr"
    return bool(paper.fields["subject"] == 1)


def _ahead(made: Draft) -> None:
    _needed(made).fields |= {"issued": NOW_S + 301, "expires": NOW_S + DAY_S}


def _over_something_else(made: Draft) -> None:
    paper = _needed(made)
    raw = paper.raw()
    made.approvals.remove(paper)
    made.raw_papers.append(raw[:-1] + bytes([raw[-1] ^ 1]))


def _twice(rows: str) -> Defect:
    def defect(made: Draft) -> bool:
        listed = getattr(made, rows)
        listed.extend(listed[:1])
        return bool(listed)

    return defect


def _not_later(made: Draft) -> None:
    epoch, generation = made.assignment["epoch"], made.assignment["generation"]
    made.held = made.rng.choice(((0, epoch, generation), (0, epoch, generation + 1), (0, epoch + 1, 1)))


def _no_length(made: Draft) -> None:
    made.blobs[0][2] = 0


def _picture(**changes: Any) -> Defect:
    """Of the blob of a bulletin's picture: another hash, size or length."""

    def defect(made: Draft) -> bool:
        named = {one["picture"] for one in made.bulletins} - {None}
        blob = next((one for one in made.blobs if one[0] in named), None)
        if blob is not None:
            blob[:] = [changes.get(field, held) for field, held in zip(("hash", "size", "length"), blob, strict=True)]
        return blob is not None

    return defect


def _sounds_a_picture(made: Draft) -> bool:
    one = made.bulletins[0]
    if one["picture"] is None:
        return False
    one["sound"] = one["picture"]
    return True


def _longer_than_a_day(made: Draft) -> bool:
    one = _named(made, (PROGRAMME,))
    if one is not None:
        one.update(repeats=3, gap_s=DAY_S // 2)
    return one is not None


def _flipped(raw: bytes) -> bytes:
    return raw[:-1] + bytes([raw[-1] ^ 1])


DEFECTS: Final[dict[str, Defect]] = {
    "an approval is missing": _without_approval,
    "another sound than was approved": _exchanged,
    "two bulletins of one id": _another_sound_under_its_name,
    "approved in a lower class": _of_a_lower_class,
    "approved in another language": _in_another_language,
    "approved for another place": lambda made: _approved(scope=made.rng.choice(ELSEWHERE))(made),
    "an approval that has ended": lambda made: _needed(made).fields.update(issued=NOW_S - DAY_S, expires=NOW_S),
    "an approval of more than a year": _approved(issued=NOW_S - 60, expires=NOW_S - 59 + 366 * DAY_S),
    "an approval dated ahead": _ahead,
    "an approval under newer roots": _approved(epoch=99),
    "an approval of the other subject": lambda made: _approved(subject=3 - _needed(made).fields["subject"])(made),
    "approved by the server": _signed_by("controller"),
    "approved by nobody known": _signed_by("nobody"),
    "approved by one who may not": _signed_by("Dung"),
    "approved by one whose units these are not": _signed_by("Lan"),
    "approved by a panel": _signed_by("Hải's panel"),
    "a broken approval": _over_something_else,
    "without the province's rules": lambda made: _set(policies=made.rng.choice(([], [[1], [2]])))(made),
    "no such zone": lambda made: _set(zone=made.rng.choice(("", "Asia/Sai_Gon", "../zone", "Asia")))(made),
    "words for boards that are too long": lambda made: made.bulletins[0].update(text="ồ" * 1_001),
    "words for boards that are none": lambda made: made.bulletins[0].update(text=b"abc"),
    "words on boards for more than a year": _entries((PROGRAMME, RELAY, FILLER), board_s=366 * DAY_S + 1),
    "no such bulletin": lambda made: made.entries[0]["playlist"].append("b77"),
    "no such station": _entries((RELAY,), station="dai-77"),
    "a relay of nothing": _entries((RELAY,), station=None),
    "a station that is no relay's": lambda made: (
        bool(made.stations) and _entries((PROGRAMME, FILLER), station="dai-0")(made)
    ),
    "nothing to play": _entries((PROGRAMME, FILLER), playlist=[]),
    "a programme with a slot": _entries((PROGRAMME,), length_s=60),
    "a slot of no length": _entries((RELAY, FILLER), length_s=0),
    "a slot of more than a day": _entries((RELAY, FILLER), length_s=DAY_S + 1),
    "a window of more than a day": _entries((PROGRAMME, RELAY, FILLER), window_s=DAY_S + 1),
    "a pause that is none": _entries((PROGRAMME, RELAY, FILLER), pause_ms=300_000),
    "longer than a day": _longer_than_a_day,
    "no such day": _entries((PROGRAMME, RELAY, FILLER), first="2026-02-30T06:00:00"),
    "of another century": _entries((PROGRAMME, RELAY, FILLER), until="2200-01-01T00:00:00"),
    "no rule": lambda made: made.entries[0].update(rule=made.rng.choice(NO_RULES)),
    "an emergency by schedule": _entries((PROGRAMME, RELAY, FILLER), klass=3),
    "a line without words": _set(line=["", NOW_S + DAY_S]),
    "a line that is too long": _set(line=["ồ" * 201, NOW_S + DAY_S]),
    "a line without an end": _set(line=["Mưa"]),
    "a blob twice": _twice("blobs"),
    "an entry twice": _twice("entries"),
    "a station twice": _twice("stations"),
    "a sound without a length": _no_length,
    "a picture that is no blob": _picture(hash=bytes(32)),
    "a picture that is too large": _picture(size=MAX_PICTURE + 1),
    "a picture that sounds": _picture(length=1),
    "a sound that is a picture": _sounds_a_picture,
    "a sound that is no blob": lambda made: made.blobs.pop(0),
    "a manifest signed by a person": _set(of_manifest=Key("Hoa")),
    "a manifest signed by nobody known": _set(of_manifest=Key("nobody")),
    "a manifest signed by an old server": _set(of_manifest=Key("old server")),
    "a broken manifest": _set(shipped=_flipped),
    "a manifest in another envelope": _set(shipped=lambda raw: b"\xd8\x62" + raw[1:]),
    "another manifest than is named": _set(misnamed=True),
    "an assignment signed by a person": _set(of_assignment=Key("Hoa")),
    "an assignment signed by an old server": _set(of_assignment=Key("old server")),
    "an assignment of another place's server": _set(of_assignment=Key("far server")),
    "a broken assignment": _set(sent=_flipped),
    "of another province": _set(domain=("79", "test")),
    "of another environment": _set(domain=("77", "demo")),
    "another box's": _assigned(box=OTHER_BOX),
    "of another era": _assigned(era=1),
    "not later than what is held": _not_later,
    "no generation": _assigned(generation=0),
    "a place that does not begin with the province": _assigned(units=list(PATH[1:])),
    "a place with a step left out": _assigned(units=[PATH[0], PATH[2]]),
    "a place in two communes": _assigned(units=[*PATH[:2], "77-26560"]),
    "a place upside down": _assigned(units=list(reversed(PATH))),
    "no place": _assigned(units=[]),
}


def any_case(rng: random.Random) -> ProgrammeCase:
    """One in four is right; others are wrong in one way, in several, in odd values, or in their bytes."""
    chance, made = rng.random(), draft(rng)
    if rng.random() < 0.6:
        spice(made)
    if chance < 0.25:
        return made.case("legitimate", legitimate=True)
    if chance < 0.65:
        return wrong(rng, rng.choice(list(DEFECTS)))
    if chance < 0.8:
        names = rng.sample(list(DEFECTS), 2)
        for name in names:
            with suppress(StopIteration, LookupError, ValueError):  # the one may have taken what the other is about
                DEFECTS[name](made)
        return made.case(" and ".join(names), legitimate=None)
    if chance < 0.9:
        setattr(made, rng.choice(("odd", "odd", "odd_assignment")), lambda fields: hostile.odd_value(fields, rng))
        return made.case("odd values", legitimate=None)
    if chance < 0.95:
        made.of_assignment = made.of_manifest = Key("lost server")
        return made.case("of a server that some lists revoke", legitimate=None)
    made.shipped, made.sent = (rng.choice((lambda raw: raw, lambda raw: hostile.mutated(raw, rng))) for _ in range(2))
    return made.case("mutated bytes", legitimate=None)


def wrong(rng: random.Random, name: str) -> ProgrammeCase:
    """A draft that can have this defect, with it and with nothing else."""
    while True:
        made = draft(rng)
        if any(one["playlist"] or one["station"] for one in made.entries) and DEFECTS[name](made) is not False:
            return made.case(name, legitimate=False)
