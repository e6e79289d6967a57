"""What a person has approved may sound, and nothing else that the server names."""

from typing import Any

import msgspec
import pytest

from protocol.approval import (
    Approval,
    QuietException,
    Subject,
    exceptions_at,
    judge_manifest,
    line_hash,
    open_approval,
    open_exception,
    station_hash,
)
from protocol.bulletin import BulletinClass
from protocol.codec import encode
from protocol.errors import ProtocolError, SignatureError
from protocol.ids import sha256
from protocol.manifest import Entry, Kind, Line, Manifest
from protocol.quantities import DAY_S
from protocol.signing import Family, KeySigner, sign
from protocol.trust import Trust
from tests.protocol.examples import APPROVAL, EXCEPTION, MANIFEST
from tests.protocol.people import (
    COMMUNE,
    CONTROLLER,
    DOMAIN,
    DUNG,
    HAMLET,
    HOA,
    LAN,
    MINH,
    NOW_S,
    OTHER_COMMUNE,
    PROVINCE,
    ROOTS,
    TRUST,
    TUAN,
)

PLACE = (PROVINCE, COMMUNE, HAMLET)


def approved(*signers: KeySigner, **changes: Any) -> bytes:
    record = msgspec.structs.replace(APPROVAL, **changes)
    return sign(encode(record), Family.APPROVAL, DOMAIN, *(signers or (HOA,)))


def excepted(*signers: KeySigner, **changes: Any) -> bytes:
    record = msgspec.structs.replace(EXCEPTION, **changes)
    return sign(encode(record), Family.EXCEPTION, DOMAIN, *(signers or (HOA, MINH)))


def programme(*approvals: bytes, **changes: Any) -> Manifest:
    return msgspec.structs.replace(MANIFEST, approvals=approvals, **changes)


def unapproved(manifest: Manifest, trust: Trust = TRUST) -> tuple[str, ...]:
    return judge_manifest(manifest, trust, PLACE, NOW_S).unapproved


def test_a_bulletin_that_an_approver_signed_may_sound_and_one_that_nobody_signed_may_not() -> None:
    assert unapproved(programme(approved())) == ()
    assert unapproved(programme()) == ("b7",)
    assert judge_manifest(programme(), TRUST, PLACE, NOW_S).manifest.entries == ()


@pytest.mark.parametrize("signer", [CONTROLLER, TUAN])
def test_neither_the_server_nor_a_technician_approves(signer: KeySigner) -> None:
    with pytest.raises(SignatureError):
        open_approval(approved(signer), TRUST)
    assert unapproved(programme(approved(signer))) == ("b7",)


@pytest.mark.parametrize(
    "changes",
    [
        {"hash": sha256(b"another sound")},
        {"language": "en"},
        {"scope": OTHER_COMMUNE},
        {"expires": NOW_S},
        {"epoch": 8},
        {"subject": Subject.STATION},
    ],
)
def test_an_approval_is_for_these_bytes_this_language_this_place_and_this_time(changes: dict[str, Any]) -> None:
    assert unapproved(programme(approved(**changes))) == ("b7",)


def test_what_was_approved_as_ordinary_is_not_scheduled_as_priority() -> None:
    urgent = tuple(msgspec.structs.replace(row, klass=BulletinClass.PRIORITY) for row in MANIFEST.entries)
    assert unapproved(programme(approved(), entries=urgent)) == ("b7",)
    assert unapproved(programme(approved(klass=BulletinClass.PRIORITY), entries=urgent)) == ()


def test_a_communes_approver_approves_for_the_commune_and_not_for_the_province() -> None:
    assert unapproved(programme(approved(LAN, scope=COMMUNE))) == ()
    with pytest.raises(SignatureError):
        open_approval(approved(LAN), TRUST)


def test_what_an_officer_approved_who_has_left_stays_good_and_what_a_lost_key_approved_does_not() -> None:
    def dated(**ends: int) -> Trust:
        rows = tuple(msgspec.structs.replace(row, **ends) if row.person == "Hoa" else row for row in ROOTS.holders)
        return Trust(msgspec.structs.replace(ROOTS, holders=rows))

    assert unapproved(programme(approved()), dated(not_after=NOW_S - 60)) == ()
    assert unapproved(programme(approved()), dated(not_after=APPROVAL.issued - 1)) == ("b7",)
    gone = tuple(row for row in ROOTS.holders if row.person != "Hoa")
    assert unapproved(programme(approved()), Trust(msgspec.structs.replace(ROOTS, holders=gone))) == ("b7",)


def test_a_station_is_approved_like_a_bulletin_by_its_name_and_address() -> None:
    (station,) = MANIFEST.stations
    relay = Entry("r1", Kind.RELAY, BulletinClass.ORDINARY, "2026-11-24T05:30:00", (), length_s=600, station="vov1")
    named = approved(subject=Subject.STATION, hash=station_hash(station), text=None)
    assert unapproved(programme(named, entries=(relay,))) == ()
    assert unapproved(programme(approved(), entries=(relay,))) == ("vov1",)
    moved = msgspec.structs.replace(station, url="https://thief.example/stream")
    assert unapproved(programme(named, entries=(relay,), stations=(moved,))) == ("vov1",)


def test_a_station_that_was_approved_as_ordinary_is_not_relayed_as_priority() -> None:
    station = {"subject": Subject.STATION, "hash": station_hash(MANIFEST.stations[0]), "text": None}
    relay = Entry("r1", Kind.RELAY, BulletinClass.PRIORITY, "2026-11-24T05:30:00", (), length_s=600, station="vov1")
    ordinary = approved(**station, klass=BulletinClass.ORDINARY)
    urgent = approved(**station, klass=BulletinClass.PRIORITY)
    assert unapproved(programme(ordinary, entries=(relay,))) == ("vov1",)
    for both in ((ordinary, urgent), (urgent, ordinary)):
        assert unapproved(programme(*both, entries=(relay,))) == ()


def test_a_picture_is_shown_only_where_the_same_approval_names_it() -> None:
    picture = sha256(b"the bytes of map.png")
    with_picture = tuple(msgspec.structs.replace(row, picture=picture) for row in MANIFEST.bulletins)

    def shown(*approvals: bytes) -> bytes | None:
        judged = judge_manifest(programme(*approvals, bulletins=with_picture), TRUST, PLACE, NOW_S)
        assert (judged.unapproved, len(judged.manifest.entries)) == ((), 1)
        return judged.manifest.bulletins[0].picture

    assert shown(approved(picture=picture)) == picture
    assert shown(approved()) is None
    assert shown(approved(picture=sha256(b"another"))) is None
    for both in ((approved(), approved(picture=picture)), (approved(picture=picture), approved())):
        assert shown(*both) == picture
    judged = judge_manifest(programme(approved(picture=picture)), TRUST, PLACE, NOW_S)
    assert judged.manifest.bulletins == MANIFEST.bulletins


MAP_A, MAP_B = sha256(b"map of quarter A"), sha256(b"map of quarter B")
A = {"title": "Sơ tán khu A", "text": sha256(b"A"), "picture": MAP_A}
B = {"title": "Sơ tán khu B", "text": sha256(b"B"), "picture": MAP_B}


@pytest.mark.parametrize(
    ("signed", "says", "shown"),
    [
        ((A, B), ("Sơ tán khu A", "", MAP_B), ("Sơ tán khu A", "", None)),
        ((A, B), ("Sơ tán khu A", "B", None), ("Sơ tán khu A", "", None)),
        ((A, B), ("", "A", MAP_B), ("", "A", None)),
        ((A, B), ("Sơ tán khu A", "B", MAP_B), ("", "B", MAP_B)),
        ((A, B), ("Sơ tán khu B", "B", MAP_B), ("Sơ tán khu B", "B", MAP_B)),
        ((A, {**A, "picture": None}), ("Sơ tán khu A", "", None), ("Sơ tán khu A", "", None)),
        ((A, B), ("Sơ tán", "C", MAP_B), ("", "", MAP_B)),
        ((), ("Sơ tán khu A", "A", MAP_A), ("", "", None)),
    ],
)
def test_title_text_and_picture_come_from_one_approval(
    signed: tuple[dict[str, Any], ...], says: tuple[Any, ...], shown: tuple[Any, ...]
) -> None:
    """Whoever signed map B with title B has not signed it with title A, though both say the same sound."""
    title, text, picture = says
    bulletins = (msgspec.structs.replace(MANIFEST.bulletins[0], title=title, text=text, picture=picture),)
    for order in (signed, signed[::-1]):
        made = programme(*(approved(**one) for one in order), bulletins=bulletins)
        (left,) = judge_manifest(made, TRUST, PLACE, NOW_S).manifest.bulletins
        assert (left.title, left.text, left.picture) == shown


def test_a_line_beside_the_clock_is_shown_only_where_its_record_is_signed() -> None:
    line = Line("28–34 °C, chiều có dông", NOW_S + 3_600)

    def shown(made: Line, trusted: Trust = TRUST, **changes: Any) -> Line | None:
        named = {"subject": Subject.LINE, "hash": line_hash(line), "title": line.text, "expires": line.until}
        judged = judge_manifest(programme(approved(), approved(**(named | changes)), line=made), trusted, PLACE, NOW_S)
        assert judged.unapproved == ()
        return judged.manifest.line

    assert shown(line) == line
    assert shown(msgspec.structs.replace(line, text="Nắng")) is None
    assert shown(msgspec.structs.replace(line, until=NOW_S + 7_200)) is None
    assert shown(line, subject=Subject.BULLETIN) is None
    assert shown(line, scope=OTHER_COMMUNE) is None
    assert shown(line, expires=NOW_S) is None
    assert shown(line, expires=line.until + 1) is None
    assert shown(line, title="Nắng") is None
    wrong = Line("Nắng", line.until)
    assert shown(wrong, hash=line_hash(wrong)) is None
    assert shown(wrong, title="Nắng") is None
    assert judge_manifest(programme(approved(), line=line), TRUST, PLACE, NOW_S).manifest.line is None
    assert judge_manifest(programme(approved()), TRUST, PLACE, NOW_S).manifest.line is None


def test_what_is_approved_sounds_on_when_something_beside_it_is_not() -> None:
    other = msgspec.structs.replace(MANIFEST.entries[0], id="s13", playlist=("b8",))
    judged = judge_manifest(programme(approved(), entries=(*MANIFEST.entries, other)), TRUST, PLACE, NOW_S)
    assert (judged.unapproved, [row.id for row in judged.manifest.entries]) == (("b8",), ["s12"])


def test_a_sound_that_was_approved_in_two_languages_is_approved_in_both() -> None:
    other = "kxm" if APPROVAL.language != "kxm" else "vi"
    for both in ((approved(), approved(language=other)), (approved(language=other), approved())):
        assert unapproved(programme(*both)) == ()
    assert unapproved(programme(approved(language=other))) == ("b7",)


def test_an_exception_is_not_dated_ahead_of_the_readers_time() -> None:
    for ahead_s, good in ((300, True), (301, False), (5 * 365 * 86_400, False)):
        record = {"issued": NOW_S + ahead_s, "start": NOW_S + ahead_s, "end": NOW_S + ahead_s + 3_600}
        manifest = programme(approved(), exceptions=(excepted(**record),))
        assert bool(exceptions_at(manifest, TRUST, PLACE, NOW_S)) is good
        assert exceptions_at(manifest, TRUST, PLACE, NOW_S + ahead_s) != ()
        if not good:
            with pytest.raises(ProtocolError, match="ahead"):
                open_exception(excepted(**record), TRUST, NOW_S)


def test_two_persons_of_the_province_make_an_exception_and_one_or_a_commune_does_not() -> None:
    assert open_exception(excepted(), TRUST) == EXCEPTION
    for signers in ((HOA,), (HOA, HOA), (HOA, LAN), (LAN, DUNG)):
        with pytest.raises(SignatureError):
            open_exception(excepted(*signers), TRUST)


@pytest.mark.parametrize("end", [EXCEPTION.start, EXCEPTION.start - 1, EXCEPTION.start + 86_401])
def test_an_exception_is_short(end: int) -> None:
    with pytest.raises(ProtocolError, match="24 hours"):
        open_exception(excepted(end=end), TRUST)


@pytest.mark.parametrize(
    ("issued", "expires", "good"),
    [
        (NOW_S, NOW_S + 366 * DAY_S, True),
        (NOW_S, NOW_S + 366 * DAY_S + 1, False),
        (NOW_S, NOW_S, False),
        (NOW_S + 300, NOW_S + DAY_S, True),
        (NOW_S + 301, NOW_S + DAY_S, False),
    ],
)
def test_an_approval_lasts_a_year_at_most_and_is_not_dated_ahead(issued: int, expires: int, good: bool) -> None:
    assert (unapproved(programme(approved(issued=issued, expires=expires))) == ()) is good


def test_an_approval_that_ends_before_it_begins_is_none() -> None:
    with pytest.raises(ProtocolError, match="366 days"):
        open_approval(approved(issued=NOW_S, expires=NOW_S), TRUST)


def test_who_approves_by_a_date_that_lies_back_does_so_for_a_year_after_their_time_at_most() -> None:
    ended = NOW_S - 366 * DAY_S - 60
    rows = tuple(msgspec.structs.replace(row, not_after=ended) if row.person == "Hoa" else row for row in ROOTS.holders)
    trust = Trust(msgspec.structs.replace(ROOTS, holders=rows))
    best = approved(issued=ended, expires=ended + 366 * DAY_S)
    assert open_approval(best, trust).issued == ended
    assert unapproved(programme(best), trust) == ("b7",)
    with pytest.raises(ProtocolError, match="366 days"):
        open_approval(approved(issued=ended, expires=NOW_S + DAY_S), trust)


def test_an_exception_was_signed_within_the_year() -> None:
    last = EXCEPTION.end - 366 * DAY_S
    assert open_exception(excepted(issued=last), TRUST).issued == last
    with pytest.raises(ProtocolError, match="366 days"):
        open_exception(excepted(issued=last - 1), TRUST)


def hours(*spans: tuple[int, int]) -> list[int]:
    """How many hours each of these exceptions, from hour to hour, adds up to: those that count."""
    rows = [excepted(start=NOW_S + start * 3600, end=NOW_S + end * 3600) for start, end in spans]
    found = exceptions_at(programme(approved(), exceptions=tuple(rows)), TRUST, PLACE, NOW_S)
    return [(row.end - row.start) // 3600 for row in found]


def test_many_exceptions_that_adjoin_are_no_endless_one() -> None:
    """50 of a day each are one day in a week; the evenings of Tết are well within it."""
    assert hours(*((24 * day, 24 * day + 24) for day in range(50))) == [24] * 8
    assert hours(*((12 * part, 12 * part + 12) for part in range(14))) == [12, 12]
    assert hours((10, 24), (0, 20), (20, 24)) == [20, 4]
    assert hours(*((24 * day + 21, 24 * day + 24) for day in range(4))) == [3, 3, 3, 3]


def test_an_exception_counts_in_its_area_and_a_bad_one_means_nothing() -> None:
    here, elsewhere, forged = excepted(), excepted(area=(OTHER_COMMUNE,)), excepted(LAN, DUNG)
    manifest = programme(approved(), exceptions=(here, elsewhere, forged, b"noise"))
    assert exceptions_at(manifest, TRUST, PLACE, NOW_S) == (EXCEPTION,)
    assert exceptions_at(manifest, TRUST, (PROVINCE, OTHER_COMMUNE), NOW_S) == (
        EXCEPTION,
        msgspec.structs.replace(EXCEPTION, area=(OTHER_COMMUNE,)),
    )


@pytest.mark.parametrize(
    ("changes", "code", "field", "message"),
    [
        ({"epoch": 8}, "roots-newer", "epoch", "signed under roots 8"),
        ({"expires": APPROVAL.issued}, "bad-record", "expires", "ends within 366 days after its issue"),
        ({"issued": NOW_S + 301, "expires": NOW_S + 999}, "future", "issued", "issued 301 s ahead"),
    ],
)
def test_of_an_approval_that_is_not_good_it_is_said_why(
    changes: dict[str, Any], code: str, field: str, message: str
) -> None:
    with pytest.raises(ProtocolError) as caught:
        open_approval(approved(**changes), TRUST, NOW_S)
    assert (caught.value.code, caught.value.field, caught.value.message) == (code, f"Approval.{field}", message)


@pytest.mark.parametrize(
    ("changes", "code", "field", "message"),
    [
        ({"epoch": 8}, "roots-newer", "epoch", "signed under roots 8"),
        ({"end": EXCEPTION.start}, "bad-record", "end", "ends within 24 hours after its start"),
        ({"issued": EXCEPTION.end - 367 * DAY_S}, "bad-record", "end", "ends within 366 days after its issue"),
        ({"issued": NOW_S + 301}, "future", "issued", "issued 301 s ahead"),
    ],
)
def test_of_an_exception_that_is_not_good_it_is_said_why(
    changes: dict[str, Any], code: str, field: str, message: str
) -> None:
    with pytest.raises(ProtocolError) as caught:
        open_exception(excepted(**changes), TRUST, NOW_S)
    assert (caught.value.code, caught.value.field, caught.value.message) == (code, f"QuietException.{field}", message)


def test_who_is_lacking_is_said() -> None:
    for data, opening, what, role, needed in (
        (approved(TUAN), open_approval, f"an approval for {APPROVAL.scope}", "CONTENT", 1),
        (excepted(TUAN), open_exception, "an exception to quiet hours", "EXCEPTION", 2),
    ):
        with pytest.raises(SignatureError) as caught:
            opening(data, TRUST)
        said = f"{what} needs {needed} person(s) with role {role}, 0 signed"
        assert (caught.value.code, caught.value.message) == ("bad-signature", said)


@pytest.mark.parametrize("opening", [open_approval, open_exception])
def test_what_is_longer_than_its_family_may_be_is_refused_before_it_is_read(opening: Any) -> None:
    with pytest.raises(ProtocolError) as caught:
        opening(bytes(2_049), TRUST)
    assert caught.value.code == "too-long"


def test_what_is_no_approval_or_not_for_here_hides_none_that_comes_after_it() -> None:
    for worse in (b"noise", approved(scope=OTHER_COMMUNE)):
        assert unapproved(programme(worse, approved())) == ()
    manifest = programme(approved(), exceptions=(b"noise", excepted()))
    assert exceptions_at(manifest, TRUST, PLACE, NOW_S) == (EXCEPTION,)


def test_everything_that_nobody_approved_is_named_and_not_the_last_alone() -> None:
    first = msgspec.structs.replace(MANIFEST.entries[0], id="s13", playlist=("b8",))
    assert unapproved(programme(entries=(first, *MANIFEST.entries))) == ("b7", "b8")


def test_the_records_are_what_the_page_says() -> None:
    assert isinstance(APPROVAL, Approval)
    assert isinstance(EXCEPTION, QuietException)
