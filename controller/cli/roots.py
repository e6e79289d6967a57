"""`loalang roots make`: who is trusted to sign what, written by people in JSON, signed offline by the root keys.

Kept apart from the controller on purpose: whoever owns the controller must not be able to appoint signers.
"""

import base64
import binascii
import re
import time
from argparse import Namespace
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from controller.cli import terminal
from controller.cli.terminal import CliError, Commands, words
from protocol import keyfile, signing
from protocol.codec import encode
from protocol.errors import ProtocolError
from protocol.roles import Holder, Role, Roots, Threshold
from protocol.signing import Family, KeySigner, Signer

DAY_S: Final = 86_400
KEY_BYTES: Final = 32
THRESHOLDS: Final = {"EMERGENCY": 2}
"""Where the file names none: an emergency takes two persons."""


class HolderSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One key and its roles; the key as `public` (hex or base64url) or as `key_file`, of which only that is read."""

    person: str
    roles: tuple[str, ...]
    scope: tuple[str, ...]
    public: str = ""
    key_file: str = ""


class RootsSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `--holders FILE` holds."""

    province: str
    environment: str
    version: Annotated[int, Meta(ge=1)]
    holders: tuple[HolderSpec, ...]
    valid_days: Annotated[int, Meta(ge=1, le=3660)] = 366
    thresholds: dict[str, int] = msgspec.field(default_factory=lambda: dict(THRESHOLDS))


def add(actions: Commands) -> None:
    """`actions` are the sub-commands of `loalang roots`."""
    make = actions.add_parser(
        "make",
        help=words("lập và ký danh sách người ký (làm ở máy không nối mạng)", "write and sign the roots (offline)"),
    )
    make.add_argument("--holders", required=True, type=Path, metavar="FILE", help="JSON")
    make.add_argument(
        "--root-key",
        required=True,
        action="append",
        type=Path,
        metavar="FILE",
        help=words(
            "tệp khóa gốc, hoặc tệp 64 chữ số hex; có thể lặp lại",
            "root key file, or a file of 64 hex digits; may be repeated",
        ),
    )
    make.add_argument("--out", required=True, type=Path, metavar="FILE")
    terminal.add_passphrase(make)
    make.set_defaults(run=run_make)


def run_make(args: Namespace) -> int:
    spec = read_spec(terminal.read_text(args.holders))
    roots = build(spec, int(time.time()), folder=args.holders.parent)
    signers = [_root_signer(path, args) for path in args.root_key]
    terminal.write_new(args.out, sign_roots(roots, *signers))
    terminal.say(
        words(
            f"{args.out}: danh sách người ký số {roots.version}, {len(roots.holders)} khóa, ký bằng khóa gốc",
            f"{args.out}: roots version {roots.version}, {len(roots.holders)} keys, signed by the root keys",
        )
    )
    for signer in signers:
        terminal.say(f"  {signer.public_key.hex()}")
    issued, expires = (time.strftime("%d-%m-%Y %H:%M", time.localtime(at)) for at in (roots.issued, roots.expires))
    terminal.say(
        words(
            f"Ngày lập theo đồng hồ máy này: {issued}; hết hạn {expires}. Nếu sai: chỉnh đồng hồ rồi lập lại.",
            f"Issued, by this machine's clock: {issued}; expires {expires}. If wrong: set the clock, make them again.",
        )
    )
    return 0


def read_spec(text: str) -> RootsSpec:
    """The holders file. `CliError` names the field that is wrong."""
    try:
        return msgspec.json.decode(text.encode(), type=RootsSpec)
    except msgspec.DecodeError as error:
        raise CliError(words(f"tệp người ký sai: {error}", f"the holders file is wrong: {error}")) from error


def build(spec: RootsSpec, now_s: int, *, folder: Path = Path()) -> Roots:
    """The roots that this file describes, issued now. Key files are looked up from `folder`."""
    return Roots(
        version=spec.version,
        province=spec.province,
        environment=spec.environment,
        issued=now_s,
        expires=now_s + spec.valid_days * DAY_S,
        thresholds=tuple(
            Threshold(_role(name, "thresholds"), persons) for name, persons in sorted(spec.thresholds.items())
        ),
        holders=tuple(
            Holder(
                key=_public(row, index, folder),
                person=row.person,
                roles=tuple(sorted({_role(name, f"holders[{index}].roles") for name in row.roles})),
                scope=row.scope,
            )
            for index, row in enumerate(spec.holders)
        ),
    )


def sign_roots(roots: Roots, *signers: Signer) -> bytes:
    """The roots as they travel: COSE_Sign by the root keys. Raises `ProtocolError` for values that no reader takes."""
    return signing.sign(encode(roots), Family.ROOTS, roots.domain, *signers)


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


def _public(row: HolderSpec, index: int, folder: Path) -> bytes:
    field = f"holders[{index}]"
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
                f"{field}.public: không phải khóa Ed25519 32 byte (hex hoặc base64url)",
                f"{field}.public: not a 32-byte Ed25519 key (hex or base64url)",
            )
        )
    return key


def read_public(text: str) -> bytes | None:
    """A raw public key written as 64 hex digits or unpadded base64url; None if it is neither."""
    text = text.strip()
    try:
        key = bytes.fromhex(text) if len(text) == 64 else base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (ValueError, binascii.Error):
        return None
    return key if len(key) == KEY_BYTES else None


def _root_signer(path: Path, args: Namespace) -> KeySigner:
    text = terminal.read_text(path)
    if text.lstrip().startswith("{"):
        person = keyfile.read(text).person
        return keyfile.unseal(
            text,
            terminal.passphrase(args, words(f"Mật khẩu khóa gốc của {person}", f"Passphrase of {person}'s root key")),
        )
    seed = text.strip()
    if not re.fullmatch("[0-9a-fA-F]{64}", seed):
        raise ProtocolError(
            "not-a-key-file",
            words(f"{path} không phải tệp khóa hay 64 chữ số hex", f"{path} is neither a key file nor 64 hex digits"),
        )
    return KeySigner.from_seed(bytes.fromhex(seed))
