"""The roots as people write them: a JSON text with names and dates, and what is wrong with it in a sentence."""

import base64
import binascii
import json
import re
from datetime import date, datetime, time
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from controller.cli import terminal
from controller.cli.terminal import CliError, words
from controller.cli.wording import ZONE
from protocol import keyfile
from protocol.codec import encode
from protocol.curves import RAW_ALG
from protocol.delegation import covers
from protocol.errors import ProtocolError
from protocol.ids import one_spelling
from protocol.manifest import Hours, Level, Policy, Volume
from protocol.passkey import Party
from protocol.quantities import DAY_S, EVERY_DAY
from protocol.roles import TRIALS, Bound, Era, Holder, Role, Roots, Threshold, flaws

THRESHOLDS: Final = {"EMERGENCY": 2}
"""Where the file names none."""
ROOT_PERSONS: Final = 2
"""Of the threshold of ROOT, where the file names none and the environment is no trial."""
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
VALID_DAYS: Final = 366
FOREVER: Final = 0xFFFF_FFFF

Clock = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-4]):[0-5][0-9]\Z", description="HH:MM")]


class HolderSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One key and its roles; the key as `public` (hex or base64url) or as `key_file`, of which only that is read."""

    person: str
    roles: tuple[str, ...]
    scope: tuple[str, ...]
    public: str = ""
    key_file: str = ""
    not_before: str = ""
    """A day (`2026-12-01`, from its beginning) or a moment (`2026-12-01T07:00`), local time; empty: always."""
    not_after: str = ""
    """A day (to its end) or a moment."""
    party: str = ""
    """Of a passkey: the `id` of one of `parties`."""


class HoursSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    start: Clock
    end: Clock
    days: tuple[str, ...] = DAYS


class VolumeSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    start: Clock
    end: Clock
    gain_db: float
    days: tuple[str, ...] = DAYS


class PolicySpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What no schedule may widen."""

    level: str = "PROVINCE"
    quiet: tuple[HoursSpec, ...] = ()
    days: tuple[str, ...] = DAYS
    max_sessions: int | None = None
    max_session_minutes: int | None = None
    volume: tuple[VolumeSpec, ...] = ()


class PartySpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A console for which passkeys were made."""

    id: str
    origins: tuple[str, ...]


class BoundSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What administrators may give away by a delegation."""

    role: str
    scope: tuple[str, ...]
    days: int


class RootsSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `--holders FILE` holds."""

    province: str
    environment: str
    holders: tuple[HolderSpec, ...]
    version: Annotated[int, Meta(ge=1)] | None = None
    """`roots next` counts on where it is left out."""
    valid_days: Annotated[int, Meta(ge=1, le=3660)] = VALID_DAYS
    thresholds: dict[str, int] = msgspec.field(default_factory=lambda: dict(THRESHOLDS))
    eras: dict[str, int] = {}
    policies: tuple[PolicySpec, ...] = ()
    parties: tuple[PartySpec, ...] = ()
    bounds: tuple[BoundSpec, ...] = ()
    events: tuple[str, ...] = ()


def read_spec(text: str) -> RootsSpec:
    """The holders file. `CliError` names the field that is wrong."""
    try:
        return msgspec.json.decode(text.encode(), type=RootsSpec)
    except msgspec.DecodeError as error:
        raise CliError(
            words(f"tệp người ký sai: {_said(str(error))}", f"the holders file is wrong: {error}")
        ) from error


def build(spec: RootsSpec, now_s: int, *, folder: Path = Path(), after: int = 0) -> Roots:
    """The roots that this file describes, issued now. Key files are looked up from `folder`.

    `after` is the version that they follow. Raises `CliError`.
    """
    if spec.version is None and not after:
        raise CliError(words("version: thiếu số; danh sách đầu tiên là 1", "version: missing; the first roots are 1"))
    listed = {name.upper() for name in spec.thresholds}
    root = {} if "ROOT" in listed or spec.environment in TRIALS else {"ROOT": ROOT_PERSONS}
    thresholds = root | spec.thresholds
    return Roots(
        version=spec.version or after + 1,
        province=spec.province,
        environment=spec.environment,
        issued=now_s,
        expires=now_s + spec.valid_days * DAY_S,
        thresholds=tuple(Threshold(_role(name, "thresholds"), persons) for name, persons in sorted(thresholds.items())),
        holders=tuple(_holder(row, f"holders[{index}]", spec, folder) for index, row in enumerate(spec.holders)),
        eras=tuple(Era(_role(name, "eras"), number) for name, number in sorted(spec.eras.items())),
        policies=tuple(_policy(row, f"policies[{index}]") for index, row in enumerate(spec.policies)),
        parties=tuple(Party(row.id, row.origins) for row in spec.parties),
        bounds=tuple(
            Bound(_role(row.role, f"bounds[{index}].role"), row.scope, row.days)
            for index, row in enumerate(spec.bounds)
        ),
        events=spec.events,
    )


def expect_a_place(spec: RootsSpec, ours: str = "") -> None:
    """Raises `CliError` for a province that has no units, that is not this machine's, or that does not hold a scope.

    `ours` is the province for which this machine is set up; empty where it is for none.
    """
    known = provinces()
    if spec.province not in known:
        raise CliError(
            words(
                f"province: không có tỉnh nào mã {spec.province!r}; chọn trong {', '.join(known)}",
                f"province: no province has the code {spec.province!r}; choose of {', '.join(known)}",
            )
        )
    if ours and spec.province != ours:
        raise CliError(
            words(
                f"province: {spec.province!r} không phải tỉnh của máy này (LOALANG_PROVINCE={ours})",
                f"province: {spec.province!r} is not this machine's (LOALANG_PROVINCE={ours})",
            )
        )
    scopes = [(f"holders[{index}].scope", row.scope) for index, row in enumerate(spec.holders)]
    scopes += [(f"bounds[{index}].scope", row.scope) for index, row in enumerate(spec.bounds)]
    for field, units in scopes:
        for unit in units:
            if not covers((spec.province,), unit):
                raise CliError(
                    words(
                        f"{field}: {unit!r} không nằm trong tỉnh {spec.province}",
                        f"{field}: {unit!r} does not lie in the province {spec.province}",
                    )
                )


def provinces() -> tuple[str, ...]:
    """Codes of the provinces whose units are known here."""
    rows = json.loads((resources.files("controller.units") / "data" / "units.json").read_text(encoding="utf-8"))
    return tuple(sorted(row["code"] for row in rows if "-" not in row["code"]))


def defaults(spec: RootsSpec, roots: Roots) -> str:
    """What the file left out and was filled in, in words; empty where it says everything."""
    listed = {name.upper() for name in spec.thresholds}
    filled = [f"thresholds.{row.role.name} = {row.persons}" for row in roots.thresholds if row.role.name not in listed]
    if spec.thresholds == THRESHOLDS:
        filled.append(f"thresholds.EMERGENCY = {THRESHOLDS['EMERGENCY']}")
    if spec.valid_days == VALID_DAYS:
        filled.append(f"valid_days = {VALID_DAYS}")
    if spec.version is None:
        filled.append(f"version = {roots.version}")
    return ", ".join(sorted(set(filled)))


def expect_flawless(roots: Roots) -> None:
    """Raises `CliError` with every reason why no box would take these roots, and the way out of each."""
    found = flaws(roots)
    if found:
        raise CliError("\n".join(_explained(flaw) for flaw in found))


def encoded(roots: Roots) -> bytes:
    """The bytes of the record. `CliError` names the field of the file whose value no reader takes."""
    try:
        return encode(roots)
    except ProtocolError as error:
        raise CliError(
            words(
                f"{_named(error.field)}: giá trị không dùng được ({_said(error.message)}); sửa trong tệp người ký",
                f"{_named(error.field)}: not a value that may stand there ({error.message}); mend the holders file",
            )
        ) from error


_SAID: Final = (
    (r"Object contains unknown field `(.+?)`", r"không có trường nào tên “\1”"),
    (r"Object missing required field `(.+?)`", r"thiếu trường “\1”"),
    (r"Expected `int` >= (\d+)", r"cần số nguyên từ \1 trở lên"),
    (r"Expected `int` <= (\d+)", r"cần số nguyên không quá \1"),
    (r"Expected `(\w+)`, got `(\w+)`", r"cần \1, không phải \2"),
    (r"Expected `(\w+)` of length >= (\d+)", r"cần ít nhất \2"),
    (r"Expected `(\w+)` of length <= (\d+)", r"cần nhiều nhất \2"),
    (r"Expected `str` matching regex .+?(?= - at|$)", r"viết không đúng cách"),
    (r"JSON is malformed: .+", r"không phải JSON đúng cách: thiếu hoặc thừa dấu phẩy, ngoặc, nháy"),
    (r" - at `\$\.?(.*?)`", r", ở \1"),
)
"""What msgspec says of a text that does not fit, in Vietnamese."""


def _said(text: str) -> str:
    for pattern, vi in _SAID:
        text = re.sub(pattern, vi, text)
    return text


_PARTS: Final = {
    "thresholds": Threshold,
    "holders": Holder,
    "eras": Era,
    "policies": Policy,
    "parties": Party,
    "bounds": Bound,
}


def _named(path: str) -> str:
    """`Roots[6][0][1]`, places in arrays, as the file says it: `holders[0].person`."""
    places = [int(place) for place in re.findall(r"\[(\d+)\]", path)]
    if not places:
        return path
    field = Roots.__struct_fields__[places[0]]
    name = field + "".join(f"[{place}]" for place in places[1:2])
    part = _PARTS.get(field)
    if part is not None and len(places) > 2:
        name += f".{part.__struct_fields__[places[2]]}"
    return name


_FLAWS: Final = (
    (
        r"holders: a key stands twice.*",
        "holders: một khóa ghi hai lần; ghi mọi vai trò của một khóa trong cùng một dòng",
        "holders: a key stands twice; name all roles of a key in one line",
    ),
    (
        r"holders: the key of (.+) is a server's and a person's.*",
        "holders: khóa của {0} vừa là của máy chủ vừa là của người; tạo cho máy chủ khóa riêng",
        "holders: the key of {0} is a server's and a person's; a server needs its own",
    ),
    (
        r"holders: (\d+) persons with role ROOT are needed, (\d+) named",
        'holders: cần {0} người có vai trò ROOT, mới có {1}; thêm người với "roles": ["ROOT"] và khóa gốc của họ, '
        "hoặc giảm thresholds.ROOT",
        'holders: {0} persons with role ROOT are needed, {1} named; add persons with "roles": ["ROOT"] and their root '
        "keys, or lower thresholds.ROOT",
    ),
    (
        r"thresholds: ROOT takes 2 persons at least",
        'thresholds: ROOT phải từ 2 người trở lên (chỉ môi trường "demo" và "test" được 1): một khóa gốc bị mất không '
        "được làm mất cả hệ thống",
        'thresholds: ROOT takes 2 persons at least (1 only in the environments "demo" and "test"): one root key that '
        "is stolen must not be enough",
    ),
    (
        r"holders: the name (.+) is to be written as (.+)",
        "holders: tên {0} phải viết là {1}: hai tên nhìn giống nhau không được tính là hai người",
        "holders: the name {0} is to be written as {1}: two names that look the same are not two persons",
    ),
    (
        r"bounds: (\w+) cannot be delegated",
        "bounds: vai trò {0} không giao lại được; chỉ COMMUNE, CONTENT, STOP",
        "bounds: {0} cannot be delegated; only COMMUNE, CONTENT and STOP can",
    ),
)


def _explained(flaw: str) -> str:
    for pattern, vi, en in _FLAWS:
        found = re.fullmatch(pattern, flaw)
        if found:
            return words(vi, en).format(*found.groups())
    return flaw


def _holder(row: HolderSpec, field: str, spec: RootsSpec, folder: Path) -> Holder:
    return Holder(
        key=_public(row, field, folder),
        person=one_spelling(row.person),
        roles=tuple(sorted({_role(name, f"{field}.roles") for name in row.roles})),
        scope=row.scope,
        not_before=_moment(row.not_before, f"{field}.not_before", time.min) if row.not_before else 0,
        not_after=_moment(row.not_after, f"{field}.not_after", time(23, 59, 59)) if row.not_after else FOREVER,
        party=_party(row.party, f"{field}.party", spec) if row.party else 0,
    )


def _role(name: str, field: str) -> Role:
    try:
        return Role[name.upper()]
    except KeyError as error:
        known = ", ".join(role.name for role in Role)
        raise CliError(
            words(
                f"{field}: không có vai trò {name!r}; chọn trong {known}",
                f"{field}: no role {name!r}; choose of {known}",
            )
        ) from error


def _public(row: HolderSpec, field: str, folder: Path) -> bytes:
    if bool(row.public) == bool(row.key_file):
        raise CliError(
            words(f"{field}: cần đúng một trong public, key_file", f"{field}: give exactly one of public, key_file")
        )
    if row.key_file:
        return keyfile.read(terminal.read_text(folder / row.key_file)).public_key
    key = read_public(row.public)
    if key is None:
        raise CliError(
            words(
                f"{field}.public: không phải khóa Ed25519 32 byte hay P-256 33 byte (hex hoặc base64url)",
                f"{field}.public: neither an Ed25519 key of 32 bytes nor a P-256 key of 33 (hex or base64url)",
            )
        )
    return key


def read_public(text: str) -> bytes | None:
    """A raw public key, written in hex or in unpadded base64url; None if it is neither."""
    text = text.strip()
    try:
        in_hex = len(text) in {2 * length for length in RAW_ALG}
        key = bytes.fromhex(text) if in_hex else base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (ValueError, binascii.Error):
        return None
    return key if len(key) in RAW_ALG else None


def _party(name: str, field: str, spec: RootsSpec) -> int:
    known = [row.id for row in spec.parties]
    if name not in known:
        raise CliError(
            words(
                f"{field}: {name!r} không có trong parties; thêm vào đó địa chỉ của hệ thống",
                f"{field}: {name!r} is not one of parties; add the console's address there",
            )
        )
    return known.index(name) + 1


def _moment(text: str, field: str, of_day: time) -> int:
    """Epoch seconds of a local day or moment."""
    try:
        at = datetime.combine(date.fromisoformat(text), of_day) if len(text) == 10 else datetime.fromisoformat(text)
    except ValueError as error:
        raise CliError(
            words(
                f"{field}: {text!r} không phải ngày; ghi như 2026-12-31 hoặc 2026-12-31T17:00",
                f"{field}: {text!r} is no date; write 2026-12-31 or 2026-12-31T17:00",
            )
        ) from error
    return int((at if at.tzinfo else at.replace(tzinfo=ZONE)).timestamp())


def _policy(row: PolicySpec, field: str) -> Policy:
    if row.level.upper() not in Level.__members__:
        raise CliError(
            words(
                f"{field}.level: chọn PROVINCE, COMMUNE hoặc BOX, không phải {row.level!r}",
                f"{field}.level: PROVINCE, COMMUNE or BOX, not {row.level!r}",
            )
        )
    return Policy(
        level=Level[row.level.upper()],
        quiet=tuple(_hours(one.start, one.end, one.days, f"{field}.quiet") for one in row.quiet),
        days=_mask(row.days, f"{field}.days"),
        max_sessions=row.max_sessions,
        max_session_s=None if row.max_session_minutes is None else row.max_session_minutes * 60,
        volume=tuple(
            Volume(_hours(one.start, one.end, one.days, f"{field}.volume"), round(one.gain_db * 10))
            for one in row.volume
        ),
    )


def _hours(start: str, end: str, days: tuple[str, ...], field: str) -> Hours:
    first, last = (int(text[:2]) * 3600 + int(text[3:]) * 60 for text in (start, end))
    return Hours(first, last, _mask(days, f"{field}.days"))


def _mask(days: tuple[str, ...], field: str) -> int:
    mask = 0
    for name in days:
        if name.lower() not in DAYS:
            raise CliError(
                words(
                    f"{field}: không có ngày {name!r}; dùng {', '.join(DAYS)}",
                    f"{field}: no day {name!r}; use {', '.join(DAYS)}",
                )
            )
        mask |= 1 << DAYS.index(name.lower())
    return mask & EVERY_DAY


def written(roots: Roots) -> str:
    """The holders file that describes these roots, without their version: `roots next` counts on."""
    parties = [{"id": row.id, "origins": list(row.origins)} for row in roots.parties]
    text: dict[str, Any] = {
        "province": roots.province,
        "environment": roots.environment,
        "valid_days": max(1, round((roots.expires - roots.issued) / DAY_S)),
        "thresholds": {row.role.name: row.persons for row in roots.thresholds},
        "holders": [_holder_text(row, roots) for row in roots.holders],
        "bounds": [{"role": row.role.name, "scope": list(row.scope), "days": row.days} for row in roots.bounds],
        "parties": parties,
        "eras": {row.role.name: row.number for row in roots.eras},
        "events": list(roots.events),
        "policies": [_policy_text(row) for row in roots.policies],
    }
    return json.dumps({name: value for name, value in text.items() if value}, ensure_ascii=False, indent=2) + "\n"


def _holder_text(row: Holder, roots: Roots) -> dict[str, Any]:
    text: dict[str, Any] = {
        "person": row.person,
        "roles": [role.name for role in row.roles],
        "scope": list(row.scope),
        "public": row.key.hex(),
    }
    if row.not_before:
        text["not_before"] = _moment_text(row.not_before)
    if row.not_after != FOREVER:
        text["not_after"] = _moment_text(row.not_after)
    if row.party:
        text["party"] = roots.parties[row.party - 1].id
    return text


def _moment_text(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, ZONE).isoformat()


def _policy_text(row: Policy) -> dict[str, Any]:
    text: dict[str, Any] = {
        "level": row.level.name,
        "quiet": [_hours_text(one) for one in row.quiet],
        "days": _days_text(row.days),
        "volume": [{**_hours_text(one.hours), "gain_db": one.gain_cb / 10} for one in row.volume],
    }
    if row.max_sessions is not None:
        text["max_sessions"] = row.max_sessions
    if row.max_session_s is not None:
        text["max_session_minutes"] = row.max_session_s // 60
    return text


def _hours_text(row: Hours) -> dict[str, Any]:
    return {"start": _clock_text(row.start), "end": _clock_text(row.end), "days": _days_text(row.days)}


def _clock_text(second: int) -> str:
    return f"{second // 3600:02}:{second % 3600 // 60:02}"


def _days_text(mask: int) -> list[str]:
    return [name for bit, name in enumerate(DAYS) if mask >> bit & 1]
