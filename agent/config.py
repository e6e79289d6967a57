"""box.toml: read once, every key checked, then handed in as one frozen value.

A technician writes this file at the foot of a pole, so whatever is wrong with it is said in one go: file, key, what is
wrong, and what to write instead. Unknown keys are errors too: a misspelt key is a setting that silently does not hold.
"""

import ipaddress
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

from agent.errors import ConfigError

OUTPUTS: Final = ("auto", "portaudio", "wav", "fake")
TRUSTS: Final = ("synchronised", "system")
MAX_LEAD_IN_MS: Final = 10_000
HEARD: Final = 5
THRESHOLDS: Final = (4, 12)
"""Below these a microphone would hear the box by chance, above them never."""
MAX_SOCKET_PATH: Final = 100  # sun_path holds 108 bytes (unix(7))

_FINGERPRINT = re.compile(r"^[0-9a-fA-F]{64}$")
_SHORT_FINGERPRINT = re.compile(r"^[0-9a-fA-F]{32}$")


@dataclass(frozen=True)
class Config:
    """What the installer decides about one box."""

    name: str
    """For people, until the console gives it a site: 1 to 64 characters."""
    state_dir: Path
    """Folder of everything that the box must not lose; one daemon at a time."""
    url: str
    """Base of the controller's HTTPS interface, without a trailing slash."""
    roots: bytes | None
    """Fingerprint of the first roots, 16 bytes; None: the first that come over the channel of `ca` are taken."""
    ca: str
    """SHA-256 of the controller's CA certificate (DER), 64 hex digits; the certificate itself is fetched. Empty: see
    `ca_file`."""
    ca_file: Path | None
    """PEM of the CA that signs the controller's certificate; None for the one of `ca`, or the system's."""
    local: str
    """host:port of the page for whoever stands at the box; empty for none."""
    output: str
    """One of OUTPUTS."""
    recordings: Path
    """Where the WAV writer and the fake speaker leave what sounded."""
    lead_in_ms: int
    """Milliseconds from the amplifier's power to the first sample."""
    device: str | None
    """Name of the PortAudio output; None for the default."""
    second: str | None
    """Name of the output that sounds when the first one fails; None for none."""
    board: str | None
    """Serial line of a sign of the Alpha protocol; None where the box has no board."""
    board_baud: int
    """Bits a second on that line."""
    ear_device: str | None
    """Name of the PortAudio input beside the loudspeaker, "default" for the system's; None where there is none."""
    ear_adc: Path | None
    """File of the measuring chip at the amplifier, /sys/bus/iio/…/in_voltage…_raw; None where there is none."""
    ear_threshold: float
    """Score from which on the microphone has heard the box, see `agent.core.proof`."""
    clock_trust: str
    """One of TRUSTS: believe the system clock only when the kernel says that it is synchronised, or always."""
    control_socket: Path
    """Unix socket of `status`, `explain`, `fetch`, `selftest`."""


def load(path: Path) -> Config:
    """The configuration in this file. Raises `ConfigError`."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path}: no such file; give the path of this box's box.toml with --config",
            vi=f"{path}: không có tệp này; hãy chỉ đường dẫn tới box.toml của hộp bằng --config",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path}: cannot be read ({error}); it must be a UTF-8 text that this user may read",
            vi=f"{path}: không đọc được ({error}); tệp phải là văn bản UTF-8 mà người dùng này được đọc",
        ) from error
    return parse(text, path)


def parse(text: str, path: Path) -> Config:
    """The configuration in this text; relative paths count from the folder of `path`. Raises `ConfigError`."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{path}: not TOML: {error}; see https://toml.io for the notation",
            vi=f"{path}: không đúng cú pháp TOML: {error}; xem cách viết ở https://toml.io",
        ) from error
    reader = _Reader(path, tables)
    state_dir = reader.path("box", "state_dir")
    config = Config(
        name=reader.text("box", "name", _between(1, 64)),
        state_dir=state_dir,
        url=reader.text("controller", "url", _web_address).rstrip("/"),
        roots=bytes.fromhex(reader.text("controller", "roots", _short_fingerprint, default="")) or None,
        ca=reader.text("controller", "ca", _fingerprint, default="").lower(),
        local=reader.text("local", "listen", _private_address, default=""),
        ca_file=reader.optional_path("controller", "ca_file"),
        output=reader.text("sound", "output", _one_of(OUTPUTS), default="auto"),
        recordings=reader.path("sound", "recordings", default=state_dir / "recordings"),
        lead_in_ms=reader.number("sound", "lead_in_ms", 0, MAX_LEAD_IN_MS, default=1_500),
        device=reader.text("sound", "device", _between(1, 200), default="") or None,
        second=reader.text("sound", "second", _between(1, 200), default="") or None,
        board=reader.text("board", "port", _between(1, 200), default="") or None,
        board_baud=reader.number("board", "baud", 1_200, 38_400, default=9_600),
        ear_device=reader.text("ear", "device", _between(1, 200), default="") or None,
        ear_adc=Path(adc) if (adc := reader.text("ear", "adc", _between(1, 200), default="")) else None,
        ear_threshold=float(reader.number("ear", "threshold", *THRESHOLDS, default=HEARD)),
        clock_trust=reader.text("clock", "trust", _one_of(TRUSTS), default="synchronised"),
        control_socket=reader.path("control", "socket", default=state_dir / "control.sock"),
    )
    if len(str(config.control_socket).encode()) > MAX_SOCKET_PATH:
        reader.fail(
            "control.socket",
            f"the path is longer than {MAX_SOCKET_PATH} bytes; choose a shorter one",
            f"đường dẫn dài hơn {MAX_SOCKET_PATH} byte; hãy chọn đường dẫn ngắn hơn",
        )
    reader.finish()
    return config


def to_toml(config: Config) -> str:
    """The text of a box.toml that says the same."""
    tables: dict[str, dict[str, object]] = {
        "box": {"name": config.name, "state_dir": str(config.state_dir)},
        "controller": {
            "url": config.url,
            "roots": None if config.roots is None else config.roots.hex(),
            "ca": config.ca or None,
            "ca_file": None if config.ca_file is None else str(config.ca_file),
        },
        "sound": {
            "output": config.output,
            "recordings": str(config.recordings),
            "lead_in_ms": config.lead_in_ms,
            "device": config.device,
            "second": config.second,
        },
        "ear": {
            "device": config.ear_device,
            "adc": None if config.ear_adc is None else str(config.ear_adc),
            "threshold": None if config.ear_threshold == HEARD else round(config.ear_threshold),
        },
        "board": {"port": config.board, "baud": None if config.board is None else config.board_baud},
        "clock": {"trust": config.clock_trust},
        "control": {"socket": str(config.control_socket)},
        "local": {"listen": config.local or None},
    }
    lines: list[str] = []
    for table, keys in tables.items():
        lines.append(f"[{table}]")
        lines += [f"{key} = {_toml(value)}" for key, value in keys.items() if value is not None]
        lines.append("")
    return "\n".join(lines)


def _toml(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda match: f"\\u{ord(match[0]):04x}", escaped) + '"'
    return str(value)


Said = tuple[str, str]
"""The same in English and Vietnamese."""
Check = Callable[[str], Said | None]
"""What is wrong with a text and what to write instead, or None."""


class _Reader:
    """Takes keys out of the tables one by one; what is left over at the end is unknown."""

    def __init__(self, path: Path, tables: Mapping[str, Any]) -> None:
        self._path = path
        self._tables: dict[str, dict[str, Any]] = {}
        self._known: dict[str, set[str]] = {}
        for name, table in tables.items():
            if not isinstance(table, dict):
                place = "[box], [controller], [sound], [ear], [board], [clock], [control], [local]"
                self.fail(name, f"stands outside a table; put it under {place}", f"đứng ngoài bảng; đặt dưới {place}")
            self._tables[name] = dict(table)

    def fail(self, key: str, en: str, vi: str) -> NoReturn:
        raise ConfigError(f"{self._path}: {key}: {en}", vi=f"{self._path}: {key}: {vi}")

    def text(self, table: str, key: str, check: Check, *, default: str | None = None) -> str:
        value = self._take(table, key, default)
        if not isinstance(value, str):
            self.fail(
                f"{table}.{key}",
                f'must be a text in quotes, not {value!r}: {key} = "…"',
                f'phải là chữ trong dấu ngoặc kép, không phải {value!r}: {key} = "…"',
            )
        wrong = check(value) if value != default else None
        if wrong is not None:
            self.fail(f"{table}.{key}", *wrong)
        return value

    def number(self, table: str, key: str, low: int, high: int, *, default: int) -> int:
        value = self._take(table, key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            self.fail(
                f"{table}.{key}",
                f"must be a whole number from {low} to {high}, not {value!r}",
                f"phải là số nguyên từ {low} đến {high}, không phải {value!r}",
            )
        return value

    def path(self, table: str, key: str, *, default: Path | None = None) -> Path:
        value = self._take(table, key, None if default is None else str(default))
        if not isinstance(value, str) or not value or "\0" in value:
            en, vi = (
                f"must be a path in quotes, not {value!r}",
                f"phải là đường dẫn trong ngoặc kép, không phải {value!r}",
            )
            self.fail(f"{table}.{key}", en, vi)
        return (self._path.parent / Path(value).expanduser()).absolute()

    def optional_path(self, table: str, key: str) -> Path | None:
        if key not in self._tables.get(table, {}):
            self._known.setdefault(table, set()).add(key)
            return None
        path = self.path(table, key)
        if not path.is_file():
            self.fail(
                f"{table}.{key}",
                f"{path} is not a file; copy it there or remove the key",
                f"{path} không phải là tệp; hãy chép tệp vào đó hoặc bỏ khóa này",
            )
        return path

    def finish(self) -> None:
        for table, keys in self._tables.items():
            known = self._known.get(table)
            if known is None:
                tables = ", ".join(f"[{name}]" for name in self._known)
                self.fail(
                    f"[{table}]",
                    f"no such table; the tables are {tables}",
                    f"không có bảng này; các bảng là {tables}",
                )
            for key in keys:
                if key not in known:
                    names = ", ".join(sorted(known))
                    self.fail(
                        f"{table}.{key}",
                        f"no such key; the keys of [{table}] are {names}",
                        f"không có khóa này; các khóa của [{table}] là {names}",
                    )

    def _take(self, table: str, key: str, default: object) -> object:
        self._known.setdefault(table, set()).add(key)
        value = self._tables.get(table, {}).get(key, default)
        if value is None:
            self.fail(f"{table}.{key}", f"is missing; add it under [{table}]", f"còn thiếu; hãy thêm dưới [{table}]")
        return value


def _between(low: int, high: int) -> Check:
    def check(text: str) -> Said | None:
        if low <= len(text) <= high:
            return None
        return f"must have {low} to {high} characters", f"phải dài từ {low} đến {high} ký tự"

    return check


def _one_of(choices: tuple[str, ...]) -> Check:
    def check(text: str) -> Said | None:
        if text in choices:
            return None
        names = ", ".join(choices)
        return f"{text!r} is not possible; choose one of {names}", f"không thể là {text!r}; hãy chọn một trong {names}"

    return check


def _fingerprint(text: str) -> Said | None:
    if _FINGERPRINT.match(text):
        return None
    return (
        f"{text!r} is not a fingerprint; write the 64 hexadecimal digits that the controller shows",
        f"{text!r} không phải vân tay; hãy viết 64 chữ số hex mà máy chủ cho xem",
    )


def _short_fingerprint(text: str) -> Said | None:
    if _SHORT_FINGERPRINT.match(text):
        return None
    return (
        f"{text!r} is not a fingerprint of roots; write the 32 hexadecimal digits that `loalang roots show` prints",
        f"{text!r} không phải vân tay danh sách; hãy viết 32 chữ số hex mà “loalang roots show” cho xem",
    )


def _private_address(text: str) -> Said | None:
    """Nothing of a box listens to the wide world."""
    host, _, port = text.rpartition(":")
    try:
        address = ipaddress.ip_address(host.strip("[]"))
        good = (address.is_loopback or address.is_private) and not address.is_unspecified and 0 < int(port) < 65_536
    except ValueError:
        good = False
    if good:
        return None
    return (
        f'{text!r} is not an address of this box alone or of its own network; write such as "127.0.0.1:8099"',
        f'{text!r} không phải địa chỉ riêng của hộp hay của mạng nội bộ; hãy viết như "127.0.0.1:8099"',
    )


def _web_address(text: str) -> Said | None:
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query and not parts.fragment
        _ = parts.port
    except ValueError:
        good = False
    if good:
        return None
    return (
        f'{text!r} is not a web address; write "https://" and the name of the controller',
        f'{text!r} không phải địa chỉ web; hãy viết "https://" và tên máy chủ của trung tâm',
    )
