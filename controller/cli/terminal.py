"""Talking to a person at a terminal: Vietnamese first, English with `--lang en` or LOALANG_LANG=en."""

import getpass
import os
import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    Commands = _SubParsersAction[ArgumentParser]
else:
    Commands = _SubParsersAction

LANGUAGES: Final = ("vi", "en")
SECRET_MODE: Final = 0o600


class CliError(Exception):
    """The command cannot be done as asked. The message says why and what to do."""


class _Chosen:
    language = "vi"


def choose_language(argv: list[str]) -> None:
    """Find the language before the parser is built, since its help is in that language too."""
    wanted = os.environ.get("LOALANG_LANG", "vi")
    for index, word in enumerate(argv):
        if word == "--lang" and index + 1 < len(argv):
            wanted = argv[index + 1]
        elif word.startswith("--lang="):
            wanted = word.removeprefix("--lang=")
    _Chosen.language = wanted if wanted in LANGUAGES else "vi"


def language() -> str:
    """ "vi" or "en"."""
    return _Chosen.language


def words(vi: str, en: str) -> str:
    """The one of the two that this person reads."""
    return en if _Chosen.language == "en" else vi


def say(text: str) -> None:
    """A result, to standard output."""
    sys.stdout.write(text + "\n")


def read_text(path: Path) -> str:
    """A text file; `CliError` names it when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CliError(words(f"không đọc được tệp {path}: {error}", f"cannot read {path}: {error}")) from error


def read_bytes(path: Path) -> bytes:
    """A file; `CliError` names it when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise CliError(words(f"không đọc được tệp {path}: {error}", f"cannot read {path}: {error}")) from error


def write_new(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """A file that must not be there yet: nothing is ever overwritten."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError as error:
        raise CliError(
            words(
                f"tệp {path} đã có; hãy chọn tên khác (không ghi đè)",
                f"{path} exists; choose another name (nothing is overwritten)",
            )
        ) from error
    except OSError as error:
        raise CliError(words(f"không ghi được tệp {path}: {error}", f"cannot write {path}: {error}")) from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def add_passphrase(parser: ArgumentParser) -> None:
    """The option by which a program gives the passphrase; a person is asked for it."""
    parser.add_argument(
        "--passphrase-file",
        type=Path,
        metavar="FILE",
        help=words(
            "tệp có mật khẩu ở dòng đầu (không có: sẽ hỏi)", "file with the passphrase in its first line (else: asked)"
        ),
    )


def passphrase(args: Namespace, prompt: str, *, twice: bool = False) -> str:
    """From `--passphrase-file`, or asked without echo; with `twice`, asked again and compared."""
    file: Path | None = args.passphrase_file
    if file is not None:
        return read_text(file).split("\n", 1)[0].removesuffix("\r")
    if not sys.stdin.isatty():
        raise CliError(
            words(
                "không có bàn phím để hỏi mật khẩu; dùng --passphrase-file",
                "no terminal to ask on; use --passphrase-file",
            )
        )
    first = getpass.getpass(f"{prompt}: ")
    if twice and getpass.getpass(words("Nhập lại: ", "Again: ")) != first:
        raise CliError(words("hai lần nhập không giống nhau; hãy làm lại", "the two do not match; try again"))
    return first
