"""`loalang roots make|next|sign|check|show`: who is trusted to sign what, signed offline by the root keys.

Kept apart from the controller on purpose: whoever owns the controller must not be able to appoint signers. Several
root holders sign one after another, each on a machine of their own: the file that travels between them collects.
"""

import os
import re
import time
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass
from pathlib import Path

from controller.cli import rootspec, signatures, terminal, wording
from controller.cli.rootspec import HolderSpec, RootsSpec, build, read_public, read_spec
from controller.cli.terminal import CliError, Commands, words
from protocol import keyfile, signing
from protocol.codec import decode, encode, pack, unpack
from protocol.errors import ProtocolError, SignatureError
from protocol.roles import (
    FINGERPRINT_BYTES,
    MAX_ROOTS_BYTES,
    Holder,
    Role,
    Roots,
    distinct,
    open_first_roots,
    open_next_roots,
)
from protocol.signing import TAG_SIGN, Domain, Family, KeySigner, SignedBy, Signer

__all__ = [
    "HolderSpec",
    "RootsSpec",
    "add",
    "build",
    "read_public",
    "read_spec",
    "sign_roots",
]


def add(actions: Commands) -> None:
    """`actions` are the sub-commands of `loalang roots`."""
    make = actions.add_parser(
        "make",
        help=words("lập và ký danh sách đầu tiên (máy không nối mạng)", "write and sign the first roots (offline)"),
    )
    _add_writing(make)
    make.set_defaults(run=run_make, held=None)
    following = actions.add_parser(
        "next",
        help=words("lập danh sách kế tiếp, ký bằng khóa cũ và mới", "write the next roots, signed by old and new keys"),
    )
    _add_writing(following)
    _add_held(following, required=True)
    following.set_defaults(run=run_make)
    sign = actions.add_parser(
        "sign", help=words("thêm chữ ký của một khóa gốc (máy không nối mạng)", "add a root key's signature (offline)")
    )
    sign.add_argument("file", type=Path)
    way = sign.add_mutually_exclusive_group(required=True)
    way.add_argument("--key", type=Path, metavar="FILE", help=words("tệp khóa gốc", "root key file"))
    way.add_argument(
        "--signature",
        type=Path,
        metavar="FILE",
        help=words("chữ ký do “loalang sign” tạo", 'a signature made by "loalang sign"'),
    )
    sign.add_argument("--out", required=True, type=Path, metavar="FILE")
    sign.add_argument("--yes", action="store_true", help=words("không hỏi lại", "do not ask for confirmation"))
    _add_held(sign)
    terminal.add_passphrase(sign)
    sign.set_defaults(run=run_sign)
    check = actions.add_parser(
        "check", help=words("kiểm tra chữ ký, xem điều gì đổi", "verify the signatures, show what changes")
    )
    check.add_argument("file", type=Path)
    _add_held(check)
    check.set_defaults(run=run_check)
    holders = actions.add_parser(
        "holders",
        help=words(
            "tệp holders của một danh sách, để sửa cho lần sau", "the holders file of signed roots, to go on from"
        ),
    )
    holders.add_argument("file", type=Path)
    holders.add_argument("--out", type=Path, metavar="FILE")
    holders.set_defaults(run=run_holders)


def _add_writing(parser: ArgumentParser) -> None:
    parser.add_argument("--holders", required=True, type=Path, metavar="FILE", help="JSON")
    parser.add_argument(
        "--root-key",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help=words(
            "tệp khóa gốc, hoặc tệp 64 chữ số hex; có thể lặp lại; không có: ghi yêu cầu ký",
            "root key file, or a file of 64 hex digits; may be repeated; none: write a request to sign",
        ),
    )
    parser.add_argument("--out", required=True, type=Path, metavar="FILE")
    terminal.add_passphrase(parser)


def _add_held(parser: ArgumentParser, *, required: bool = False) -> None:
    parser.add_argument(
        "--held",
        required=required,
        type=Path,
        metavar="FILE",
        help=words("danh sách đang dùng (đã ký)", "the signed roots in force"),
    )


@dataclass(frozen=True)
class File:
    """Roots on their way from one root holder to the next: some signatures, perhaps none yet."""

    roots: Roots
    payload: bytes
    signed: bytes
    """COSE_Sign; empty before the first signature."""


def run_make(args: Namespace) -> int:
    held = read_held(args.held)
    spec = read_spec(terminal.read_text(args.holders))
    rootspec.expect_a_place(spec, os.environ.get("LOALANG_PROVINCE", ""))
    roots = build(spec, int(time.time()), folder=args.holders.parent, after=held.version if held else 0)
    rootspec.expect_flawless(roots)
    payload = rootspec.encoded(roots)
    signers = [_root_signer(path, args) for path in args.root_key]
    for signer in signers:
        _expect_root(signer.public_key, roots, held)
    if held is not None:
        _expect_follows(roots, held)
    made = File(roots, payload, sign_roots(roots, *signers) if signers else b"")
    terminal.write_new(args.out, made.signed or _request(made).encode())
    for line in wording.plain(
        [*wording.roots(roots), *([] if held is None else wording.roots_changes(held, roots)), *_standing(made, held)]
    ):
        terminal.say(line)
    if filled := rootspec.defaults(spec, roots):
        terminal.say(words(f"Tệp không ghi, lấy mặc định: {filled}.", f"Not in the file, filled in: {filled}."))
    terminal.say(
        words(
            f"{args.out}: danh sách người ký số {roots.version}, {len(roots.holders)} khóa, {len(signers)} chữ ký gốc. "
            "Ngày lập theo đồng hồ máy này; nếu sai: chỉnh đồng hồ rồi lập lại.",
            f"{args.out}: roots version {roots.version}, {len(roots.holders)} keys, {len(signers)} root signatures. "
            "Issued by this machine's clock; if it is wrong: set it, and make them again.",
        )
    )
    return 0


def run_sign(args: Namespace) -> int:
    held, file = read_held(args.held), read_file(args.file)
    for line in wording.plain(_described(file, held)):
        terminal.say(line)
    if args.signature is not None:
        made = signatures.read_answer(terminal.read_text(args.signature), Family.ROOTS, file.payload)
    else:
        if not args.yes and not signatures.agrees():
            terminal.say(words("Không ký.", "Not signed."))
            return 1
        made = signing.signed_by(_root_signer(args.key, args), file.payload, Family.ROOTS, file.roots.domain)
    _expect_root(made.public_key, file.roots, held)
    done = File(file.roots, file.payload, _with(file, made))
    if _count(done, held) == _count(file, held):
        raise CliError(words("chữ ký không đúng với danh sách này", "the signature does not fit these roots"))
    terminal.write_new(args.out, done.signed)
    for line in _standing(done, held):
        terminal.say(line)
    terminal.say(words(f"Đã ghi {args.out}.", f"Written to {args.out}."))
    return 0


def run_check(args: Namespace) -> int:
    held, file = read_held(args.held), read_file(args.file)
    for line in wording.plain([*_described(file, held), *_standing(file, held)]):
        terminal.say(line)
    return 0 if _trouble(file, held) is None else 1


def run_holders(args: Namespace) -> int:
    text = rootspec.written(read_file(args.file).roots)
    if args.out is None:
        terminal.say(text.rstrip())
    else:
        terminal.write_new(args.out, text.encode())
    return 0


def show_file(path: Path) -> None:
    """Everything that a file of roots says, in words, and who signed it."""
    file = read_file(path)
    for line in wording.plain([*_described(file, None, hint=False), *_standing(file, None)]):
        terminal.say(line)


def read_fingerprint(text: str) -> bytes:
    """The fingerprint of first roots, however its digits are grouped. Raises `CliError`."""
    digits = "".join(text.split())
    if not re.fullmatch(f"[0-9a-fA-F]{{{2 * FINGERPRINT_BYTES}}}", digits):
        raise CliError(
            words(
                f"--fingerprint: cần {2 * FINGERPRINT_BYTES} chữ số hex như “loalang roots show” in ra",
                f'--fingerprint: {2 * FINGERPRINT_BYTES} hex digits are needed, as "loalang roots show" prints them',
            )
        )
    return bytes.fromhex(digits)


def sign_roots(roots: Roots, *signers: Signer) -> bytes:
    """The roots as they travel: COSE_Sign by the root keys. Raises `ProtocolError` for values that no reader takes."""
    return signing.sign(encode(roots), Family.ROOTS, roots.domain, *signers)


def read_held(path: Path | None) -> Roots | None:
    """The roots in force: they must be signed by their own root keys. Raises `CliError` or `ProtocolError`."""
    return None if path is None else open_first_roots(terminal.read_bytes(path))


def read_file(path: Path) -> File:
    """Signed roots, or a request to sign roots. Raises `CliError` or `ProtocolError`; no signature is verified."""
    data = terminal.read_bytes(path)
    if data.lstrip().startswith(b"{"):
        asked = signatures.read_request(terminal.read_text(path))
        if not isinstance(asked.record, Roots):
            raise CliError(words(f"{path} không phải danh sách người ký", f"{path} holds no roots"))
        return File(asked.record, asked.payload, b"")
    payload = signing.open_signed(data, Family.ROOTS, Domain("0", "x"), max_bytes=MAX_ROOTS_BYTES).payload
    signatures.read_record(Family.ROOTS, payload)
    return File(decode(payload, Roots, max_bytes=MAX_ROOTS_BYTES), payload, data)


def _described(file: File, held: Roots | None, *, hint: bool = True) -> list[str]:
    asked = signatures.ToSign(Family.ROOTS, file.roots.domain, file.roots, file.payload)
    return signatures.describe(asked, held) if hint else wording.roots(file.roots)


def _request(file: File) -> str:
    """The text with which the first root holder begins (protocol/README §11)."""
    return signatures.request_text(file.payload, Family.ROOTS, file.roots.domain)


def _with(file: File, made: SignedBy) -> bytes:
    """The file's signatures and one more; those that are there stay as they are, byte for byte."""
    one = signing.assemble(file.payload, Family.ROOTS, (made,))
    if not file.signed:
        return one
    protected, unprotected, payload, rows = unpack(file.signed[len(TAG_SIGN) :], max_bytes=MAX_ROOTS_BYTES)
    (row,) = unpack(one[len(TAG_SIGN) :], max_bytes=MAX_ROOTS_BYTES)[3]
    if row in rows:
        raise CliError(words("khóa này đã ký danh sách này", "this key has signed these roots already"))
    data = TAG_SIGN + pack([protected, unprotected, payload, [*rows, row]])
    signing.open_signed(data, Family.ROOTS, file.roots.domain, max_bytes=MAX_ROOTS_BYTES)
    return data


def _signers(file: File, by: Roots | None) -> list[Holder]:
    """The root holders of these roots whose signatures verify."""
    if by is None or not file.signed:
        return []
    envelope = signing.open_signed(file.signed, Family.ROOTS, file.roots.domain, max_bytes=MAX_ROOTS_BYTES)
    return [
        holder
        for signature in envelope.signatures
        for holder in by.holders_of(signature.kid, Role.ROOT, file.roots.issued)
        if by.signed(signature, holder)
    ]


def _count(file: File, held: Roots | None) -> int:
    return len(_signers(file, file.roots)) + len(_signers(file, held))


def _standing(file: File, held: Roots | None) -> list[str]:
    """Who has signed, who is missing, and whether a box would take it."""
    lines = []
    for name, by in (
        (words("theo chính nó", "by itself"), file.roots),
        (words("theo bản đang dùng", "by the held"), held),
    ):
        if by is None:
            continue
        signers = _signers(file, by)
        needed = by.persons_needed(Role.ROOT)
        people = ", ".join(sorted({one.person for one in signers})) or "–"
        lines.append(
            words(f"chữ ký gốc {name}: ", f"root signatures {name}: ") + f"{distinct(signers)}/{needed} ({people})"
        )
    trouble = _trouble(file, held)
    if trouble is None:
        return [*lines, words("ĐỦ CHỮ KÝ: các hộp sẽ nhận danh sách này.", "COMPLETE: boxes will take these roots.")]
    if isinstance(trouble, SignatureError):
        return [
            *lines,
            words(
                "CHƯA ĐỦ CHỮ KÝ: người giữ khóa gốc còn lại dùng “loalang roots sign”.",
                'SIGNATURES ARE MISSING: the other root holders go on with "loalang roots sign".',
            ),
        ]
    return [*lines, words(f"KHÔNG HỘP NÀO NHẬN: {trouble}", f"NO BOX WILL TAKE IT: {trouble}")]


def _trouble(file: File, held: Roots | None) -> ProtocolError | None:
    """Why a box would not take it; None when it would."""
    try:
        if not file.signed:
            raise SignatureError("bad-signature", "nobody signed yet")
        if held is None:
            open_first_roots(file.signed)
        else:
            open_next_roots(file.signed, held)
    except ProtocolError as error:
        return error
    return None


def _expect_follows(roots: Roots, held: Roots) -> None:
    """What no signature can heal: another domain, a version, date or era that falls."""
    trial = File(roots, encode(roots), sign_roots(roots, KeySigner.from_seed(bytes(32))))
    trouble = _trouble(trial, held)
    if trouble is not None and not isinstance(trouble, SignatureError):
        raise trouble


def _expect_root(public_key: bytes, roots: Roots, held: Roots | None) -> None:
    """Whoever signs roots holds ROOT in them, or in the version before."""
    known = [one for trust in (roots, held) if trust is not None for one in trust.holders]
    if any(one.key == public_key and Role.ROOT in one.roles for one in known):
        return
    raise CliError(
        words(
            f"khóa {public_key.hex()} không có vai trò ROOT trong danh sách này; thêm vào holders một dòng với "
            '"roles": ["ROOT"] và khóa đó, hoặc thêm --held với danh sách đang dùng',
            f"the key {public_key.hex()} does not hold ROOT in these roots; add a line to holders with "
            '"roles": ["ROOT"] and that key, or give --held with the roots in force',
        )
    )


def _root_signer(path: Path, args: Namespace) -> Signer:
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
