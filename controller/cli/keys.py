"""`loalang key new`, `loalang key show`: a person's signing key, made on that person's own machine."""

import secrets
from argparse import Namespace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from controller.cli import terminal
from controller.cli.terminal import Commands, words
from protocol import keyfile
from protocol.ids import key_id
from protocol.signing import KeySigner


def add(commands: Commands) -> None:
    parser = commands.add_parser("key", help=words("khóa ký của một người", "a person's signing key"))
    actions = parser.add_subparsers(dest="action", required=True, metavar="new|show")
    new = actions.add_parser(
        "new", help=words("tạo khóa mới, cất trong một tệp có mật khẩu", "make a key, sealed in a file")
    )
    new.add_argument(
        "--person",
        required=True,
        help=words("họ tên, đúng như trong danh sách người ký", "name, as it stands in the roots"),
    )
    new.add_argument("--out", type=Path, metavar="FILE", help="khoa-XXXXXXXX.json")
    terminal.add_passphrase(new)
    new.set_defaults(run=run_new)
    show = actions.add_parser(
        "show", help=words("xem phần công khai của một tệp khóa", "show the public part of a key file")
    )
    show.add_argument("file", type=Path)
    show.set_defaults(run=run_show)


def run_new(args: Namespace) -> int:
    phrase = terminal.passphrase(
        args, words("Mật khẩu của khóa (từ 8 ký tự)", "Passphrase (8 characters or more)"), twice=True
    )
    text = make_key_file(args.person, phrase)
    out: Path = args.out or Path(f"khoa-{key_id(keyfile.read(text).public_key).hex()}.json")
    terminal.write_new(out, text.encode(), mode=terminal.SECRET_MODE)
    _describe(text)
    terminal.say(
        words(
            f"Đã cất trong {out}. Giữ tệp và mật khẩu ở hai nơi; không gửi tệp này cho ai.",
            f"Sealed in {out}. Keep file and passphrase apart; give the file to nobody.",
        )
    )
    return 0


def run_show(args: Namespace) -> int:
    _describe(terminal.read_text(args.file))
    return 0


def make_key_file(person: str, phrase: str) -> str:
    """The text of a key file with a fresh key. Raises `ProtocolError` for a short passphrase or an unusable name."""
    signer = KeySigner(Ed25519PrivateKey.generate())
    salt, nonce = secrets.token_bytes(keyfile.SALT_BYTES), secrets.token_bytes(keyfile.NONCE_BYTES)
    return keyfile.seal(signer, person, phrase, salt=salt, nonce=nonce)


def _describe(text: str) -> None:
    file = keyfile.read(text)
    terminal.say(words(f"người giữ:  {file.person}", f"person: {file.person}"))
    terminal.say(words(f"công khai:  {file.public_key.hex()}", f"public: {file.public_key.hex()}"))
    terminal.say(words(f"số khóa:    {key_id(file.public_key).hex()}", f"key id: {key_id(file.public_key).hex()}"))
