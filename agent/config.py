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
from protocol.live import WARM_MS

OUTPUTS: Final = ("auto", "portaudio", "wav", "fake")
BOARDS: Final = ("alpha", "hdmi", "hub75", "png")
SIZES: Final = {"alpha": "96x16", "hdmi": "1920x1080", "hub75": "64x32", "png": "128x64"}
PIN_DRIVERS: Final = ("none", "auto", "gpiod", "gpiozero", "fake")
CONTACTS: Final = ("emergency", "key", "microphone", "stop", "service", "tamper", "mains", "battery")
OUTPUT_LINES: Final = ("amplifier", "status_lamp", "fault_lamp", "on_air_lamp")
MAX_LINE: Final = 255
MAX_MESSAGE: Final = 65_535
ACCENTS: Final = ("north", "central", "south")
TALK_TO: Final = ("commune",)
TRUSTS: Final = ("synchronised", "system")
MAX_LEAD_IN_MS: Final = WARM_MS
"""An officer who speaks live is told to wait for so long; of whatever settles later the first words would be lost."""
HEARD: Final = 5
THRESHOLDS: Final = (4, 12)
"""Below these a microphone would hear the box by chance, above them never."""
RECORDINGS: Final = "recordings"
"""The `ear_device` that hears what the output "wav" writes."""
MAX_SOCKET_PATH: Final = 100  # sun_path holds 108 bytes (unix(7))

_FINGERPRINT = re.compile(r"^[0-9a-fA-F]{64}$")
_CODE_HASH = re.compile(r"^scrypt\$[A-Za-z0-9_=-]{24}\$[A-Za-z0-9_=-]{44}$")
_SHORT_FINGERPRINT = re.compile(r"^[0-9a-fA-F]{32}$")


@dataclass(frozen=True)
class BoardConfig:
    """The board of a box: table [board], docs/boards.md."""

    driver: str
    """One of BOARDS."""
    port: str
    """Serial line of a sign of the Alpha protocol; empty for the others."""
    baud: int
    """Bits a second on that line."""
    answers: bool
    """The line runs both ways: the sign is asked whether it read what was written."""
    size: tuple[int, int]
    """Dots across and down."""
    fills: bool
    """On HDMI: no size was given, the picture fills the screen."""
    panel: tuple[int, int]
    """Of one HUB75 panel; `size` is a whole number of them."""
    mapping: str
    """How the HUB75 adapter is wired, in the words of rpi-rgb-led-matrix."""
    picture: Path
    """The file of the board that is a file."""
    page_s: int
    """Seconds that a page stands."""
    brightness: int
    """Percent."""
    night_brightness: int
    """Percent; an alarm is as bright at night as by day."""
    night: tuple[int, int]
    """From when until when it is night, in seconds of the local day."""


@dataclass(frozen=True)
class PanelConfig:
    """What is wired to the box's pins, and what unlocks its button."""

    driver: str = "none"
    """One of PIN_DRIVERS; "none": nothing is wired."""
    chip: str = "/dev/gpiochip0"
    """For gpiod."""
    lines: tuple[tuple[str, int], ...] = ()
    """Of CONTACTS and OUTPUT_LINES those that are wired, with their GPIO numbers."""
    select: tuple[int, ...] = ()
    """GPIO numbers of the buttons, or of the rotary switch's positions, that choose a message."""
    messages: tuple[int, ...] = (1,)
    """The prepared messages that `select` chooses, in the same order; the first where nothing chooses."""
    active_high: tuple[str, ...] = ()
    """Contacts that are on when their line is high ("select": all of those); the others close to ground."""
    active_low: tuple[str, ...] = ()
    """Outputs that are on when their line is low."""
    hold_ms: int = 3_000
    """How long the emergency button is held."""
    code: str = ""
    """Hash of the code that unlocks the button (`loalang-agent panel-code`)."""
    duress_code: str = ""
    """Hash of the code that looks accepted and reports."""
    token: Path | None = None
    """The commune's key file; the code that opens it is a right one."""
    microphone: str | None = None
    """Part of the name of the PortAudio input; None for the default."""
    talk_to: str = ""
    """One of TALK_TO: whom else the panel's microphone reaches while the code is open; empty for nobody."""


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
    """Where the outputs "wav" and "fake" leave what sounded."""
    lead_in_ms: int
    """Milliseconds from the amplifier's power to the first sample."""
    device: str | None
    """Name of the PortAudio output; None for the default."""
    second: str | None
    """Name of the output that sounds when the first one fails; None for none."""
    voice: str
    """With which accent the box speaks: one of ACCENTS."""
    announcer: Path | None
    """Folder of the announcer's recordings of prepared messages; None where there is none."""
    ear_device: str | None
    """Name of the PortAudio input beside the loudspeaker, "default" for the system's, RECORDINGS; None for no ear."""
    ear_adc: Path | None
    """File of the measuring chip at the amplifier, /sys/bus/iio/…/in_voltage…_raw; None where there is none."""
    ear_threshold: float
    """Score from which on the microphone has heard the box, see `agent.core.proof`."""
    board: BoardConfig | None
    """None where the box has no board."""
    clock_trust: str
    """One of TRUSTS: believe the system clock only when the kernel says that it is synchronised, or always."""
    control_socket: Path
    """Unix socket of `status`, `explain`, `fetch`, `selftest`."""
    panel: PanelConfig = PanelConfig()
    """[panel]: buttons, lamps, relay."""


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
        voice=reader.text("sound", "voice", _one_of(ACCENTS), default=ACCENTS[0]),
        announcer=reader.optional_folder("sound", "announcer"),
        ear_device=reader.text("ear", "device", _between(1, 200), default="") or None,
        ear_adc=Path(adc) if (adc := reader.text("ear", "adc", _between(1, 200), default="")) else None,
        ear_threshold=float(reader.number("ear", "threshold", *THRESHOLDS, default=HEARD)),
        board=_board(reader, state_dir),
        clock_trust=reader.text("clock", "trust", _one_of(TRUSTS), default="synchronised"),
        control_socket=reader.path("control", "socket", default=state_dir / "control.sock"),
        panel=_panel(reader),
    )
    if len(str(config.control_socket).encode()) > MAX_SOCKET_PATH:
        reader.fail(
            "control.socket",
            f"the path is longer than {MAX_SOCKET_PATH} bytes; choose a shorter one",
            f"đường dẫn dài hơn {MAX_SOCKET_PATH} byte; hãy chọn đường dẫn ngắn hơn",
        )
    if config.ear_device == RECORDINGS and config.output != "wav":
        reader.fail(
            "ear.device",
            'the recordings are only there with output = "wav" under [sound]',
            'chỉ có bản ghi khi đặt output = "wav" dưới [sound]',
        )
    reader.finish()
    return config


def _board(reader: "_Reader", state_dir: Path) -> BoardConfig | None:
    port = reader.text("board", "port", _between(1, 200), default="")
    driver = reader.text("board", "driver", _one_of(BOARDS), default="alpha" if port else "")
    size = reader.text("board", "size", _size, default="")
    panel = reader.text("board", "panel", _size, default="64x32")
    night = reader.text("board", "night", _stretch, default="18:00-06:00")
    board = BoardConfig(
        driver=driver,
        port=port,
        baud=reader.number("board", "baud", 1_200, 38_400, default=9_600),
        answers=reader.text("board", "answers", _one_of(("yes", "no")), default="no") == "yes",
        size=_dots(size or SIZES.get(driver, SIZES["alpha"])),
        fills=driver == "hdmi" and not size,
        panel=_dots(panel),
        mapping=reader.text("board", "mapping", _between(1, 40), default="regular"),
        picture=reader.path("board", "picture", default=state_dir / "board.png"),
        page_s=reader.number("board", "page_s", 2, 60, default=6),
        brightness=reader.number("board", "brightness", 1, 100, default=100),
        night_brightness=reader.number("board", "night_brightness", 0, 100, default=30),
        night=_seconds(night),
    )
    if driver == "alpha" and not port:
        reader.fail(
            "board.port",
            'is missing; name the serial line, such as port = "/dev/ttyUSB0"',
            'còn thiếu; hãy ghi cổng nối tiếp, như port = "/dev/ttyUSB0"',
        )
    if driver == "alpha" and (board.size[0] > 255 or board.size[1] > 31):
        reader.fail("board.size", "such a sign has 255x31 dots at most", "loại bảng này có nhiều nhất 255x31 điểm")
    if driver == "hub75" and any(whole % part for whole, part in zip(board.size, board.panel, strict=True)):
        reader.fail("board.size", "is not a whole number of panels", "không chia hết cho kích thước một tấm (panel)")
    return board if driver else None


def _board_keys(board: BoardConfig | None) -> dict[str, object]:
    if board is None:
        return {}
    size = None if board.fills else "x".join(str(part) for part in board.size)
    night = "-".join(f"{second // 3600:02}:{second // 60 % 60:02}" for second in board.night)
    return {
        "driver": board.driver,
        "port": board.port or None,
        "baud": board.baud,
        "answers": "yes" if board.answers else "no",
        "size": size,
        "panel": "x".join(str(part) for part in board.panel),
        "mapping": board.mapping,
        "picture": str(board.picture),
        "page_s": board.page_s,
        "brightness": board.brightness,
        "night_brightness": board.night_brightness,
        "night": night,
    }


def _dots(size: str) -> tuple[int, int]:
    width, height = size.split("x")
    return int(width), int(height)


def _seconds(stretch: str) -> tuple[int, int]:
    start, end = (int(text[:2]) * 3600 + int(text[3:]) * 60 for text in stretch.split("-"))
    return start, end


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
            "voice": None if config.voice == ACCENTS[0] else config.voice,
            "announcer": None if config.announcer is None else str(config.announcer),
        },
        "ear": {
            "device": config.ear_device,
            "adc": None if config.ear_adc is None else str(config.ear_adc),
            "threshold": None if config.ear_threshold == HEARD else round(config.ear_threshold),
        },
        "board": _board_keys(config.board),
        "clock": {"trust": config.clock_trust},
        "control": {"socket": str(config.control_socket)},
        "local": {"listen": config.local or None},
        "panel": _panel_table(config.panel),
    }
    lines: list[str] = []
    for table, keys in tables.items():
        if not keys:
            continue
        lines.append(f"[{table}]")
        lines += [f"{key} = {_toml(value)}" for key, value in keys.items() if value is not None]
        lines.append("")
    return "\n".join(lines)


def _panel(reader: "_Reader") -> PanelConfig:
    default = PanelConfig()
    numbers = [(name, reader.optional_number("panel", name, 0, MAX_LINE)) for name in (*CONTACTS, *OUTPUT_LINES)]
    panel = PanelConfig(
        driver=reader.text("panel", "driver", _one_of(PIN_DRIVERS), default=default.driver),
        chip=reader.text("panel", "chip", _between(1, 100), default=default.chip),
        lines=tuple((name, number) for name, number in numbers if number is not None),
        select=reader.numbers("panel", "select", 0, MAX_LINE),
        messages=reader.numbers("panel", "messages", 1, MAX_MESSAGE) or default.messages,
        active_high=reader.names("panel", "active_high", (*CONTACTS, "select")),
        active_low=reader.names("panel", "active_low", OUTPUT_LINES),
        hold_ms=reader.number("panel", "hold_ms", 500, 10_000, default=default.hold_ms),
        code=reader.text("panel", "code", _code_hash, default=""),
        duress_code=reader.text("panel", "duress_code", _code_hash, default=""),
        token=reader.optional_path("panel", "token", must_exist=False),  # what is wrong with it is the fault PANEL
        microphone=reader.text("panel", "microphone_device", _between(1, 200), default="") or None,
        talk_to=reader.text("panel", "talk_to", _one_of(TALK_TO), default=default.talk_to),
    )
    if panel.talk_to and panel.token is None:
        reader.fail(
            "panel.talk_to",
            "other boxes believe the commune's token alone; set panel.token",
            "hộp khác chỉ tin khóa của xã; hãy đặt panel.token",
        )
    wired = dict(panel.lines)
    used = [*wired.values(), *panel.select]
    if len(set(used)) < len(used):
        reader.fail("[panel]", "one GPIO number stands twice", "một số chân GPIO được ghi hai lần")
    if panel.select and len(panel.select) != len(panel.messages):
        reader.fail(
            "panel.messages",
            f"names {len(panel.messages)} messages for {len(panel.select)} lines of select; give one for each",
            f"có {len(panel.messages)} bản tin cho {len(panel.select)} chân của select; mỗi chân cần một bản tin",
        )
    if "emergency" in wired and not ("key" in wired or panel.code or panel.token):
        reader.fail(
            "panel.emergency",
            "nothing keeps a child from pressing it; wire a key switch (key), or set a code",
            "ai cũng bấm được; hãy nối công tắc chìa khóa (key) hoặc đặt mã (code)",
        )
    return panel


def _panel_table(panel: PanelConfig) -> dict[str, object]:
    default = PanelConfig()
    values: dict[str, object] = {
        "driver": panel.driver,
        "chip": panel.chip,
        **dict(panel.lines),
        "select": list(panel.select),
        "messages": list(panel.messages),
        "active_high": list(panel.active_high),
        "active_low": list(panel.active_low),
        "hold_ms": panel.hold_ms,
        "code": panel.code,
        "duress_code": panel.duress_code,
        "token": None if panel.token is None else str(panel.token),
        "microphone_device": panel.microphone,
        "talk_to": panel.talk_to,
    }
    usual: dict[str, object] = {"driver": default.driver, "chip": default.chip, "messages": list(default.messages)}
    usual |= {"hold_ms": default.hold_ms, "code": "", "duress_code": "", "talk_to": ""}
    return {key: value for key, value in values.items() if value not in (None, []) and value != usual.get(key)}


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
                place = "[box], [controller], [sound], [ear], [board], [clock], [control], [local], [panel]"
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

    def optional_number(self, table: str, key: str, low: int, high: int) -> int | None:
        if key not in self._tables.get(table, {}):
            self._known.setdefault(table, set()).add(key)
            return None
        return self.number(table, key, low, high, default=low)

    def numbers(self, table: str, key: str, low: int, high: int) -> tuple[int, ...]:
        """A list of whole numbers; empty where the key is not there."""
        value = self._take(table, key, [])
        good = isinstance(value, list) and all(type(row) is int and low <= row <= high for row in value)
        if not good or not isinstance(value, list):
            self.fail(
                f"{table}.{key}",
                f"must be a list of whole numbers from {low} to {high}, not {value!r}: {key} = [5, 6]",
                f"phải là danh sách số nguyên từ {low} đến {high}, không phải {value!r}: {key} = [5, 6]",
            )
        return tuple(value)

    def names(self, table: str, key: str, choices: tuple[str, ...]) -> tuple[str, ...]:
        """A list of some of these; empty where the key is not there."""
        value = self._take(table, key, [])
        if not isinstance(value, list) or any(row not in choices for row in value):
            names = ", ".join(choices)
            self.fail(
                f"{table}.{key}",
                f"must be a list of some of {names}, not {value!r}",
                f"phải là danh sách gồm các tên trong {names}, không phải {value!r}",
            )
        return tuple(value)

    def path(self, table: str, key: str, *, default: Path | None = None) -> Path:
        value = self._take(table, key, None if default is None else str(default))
        if not isinstance(value, str) or not value or "\0" in value:
            en, vi = (
                f"must be a path in quotes, not {value!r}",
                f"phải là đường dẫn trong ngoặc kép, không phải {value!r}",
            )
            self.fail(f"{table}.{key}", en, vi)
        return (self._path.parent / Path(value).expanduser()).absolute()

    def optional_path(self, table: str, key: str, *, must_exist: bool = True) -> Path | None:
        if key not in self._tables.get(table, {}):
            self._known.setdefault(table, set()).add(key)
            return None
        path = self.path(table, key)
        if must_exist and not path.is_file():
            self.fail(
                f"{table}.{key}",
                f"{path} is not a file; copy it there or remove the key",
                f"{path} không phải là tệp; hãy chép tệp vào đó hoặc bỏ khóa này",
            )
        return path

    def optional_folder(self, table: str, key: str) -> Path | None:
        if key not in self._tables.get(table, {}):
            self._known.setdefault(table, set()).add(key)
            return None
        path = self.path(table, key)
        if not path.is_dir():
            self.fail(
                f"{table}.{key}",
                f"{path} is not a folder; make it or remove the key",
                f"{path} không phải là thư mục; hãy tạo thư mục hoặc bỏ khóa này",
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


def _size(text: str) -> Said | None:
    if re.fullmatch(r"[1-9][0-9]{0,3}x[1-9][0-9]{0,3}", text) and min(_dots(text)) >= 7 and max(_dots(text)) <= 4096:
        return None
    return (
        f'{text!r} is not a size; write dots across x dots down, such as "96x16"',
        f'{text!r} không phải kích thước; hãy viết số điểm ngang x số điểm dọc, như "96x16"',
    )


def _stretch(text: str) -> Said | None:
    clock = r"([01][0-9]|2[0-3]):[0-5][0-9]"
    if re.fullmatch(f"{clock}-{clock}", text):
        return None
    return (
        f'{text!r} is not a stretch of the day; write such as "18:00-06:00"',
        f'{text!r} không phải khoảng giờ; hãy viết như "18:00-06:00"',
    )


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


def _code_hash(text: str) -> Said | None:
    if _CODE_HASH.match(text):
        return None
    return (
        "is not the hash of a code; write the line that `loalang-agent panel-code` prints, never the code itself",
        "không phải mã đã băm; hãy ghi dòng mà “loalang-agent panel-code” in ra, không ghi chính mã số",
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
