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
from protocol.messages import DRILL, PREPARED

OUTPUTS: Final = ("auto", "portaudio", "wav", "fake")
BOARDS: Final = ("alpha", "hdmi", "hub75", "png")
SIZES: Final = {"alpha": "96x16", "hdmi": "1920x1080", "png": "128x64"}
"""Where box.toml names none; of HUB75 panels nobody can guess how many there are."""
BAUDS: Final = (1_200, 2_400, 4_800, 9_600, 19_200, 38_400)
MAPPINGS: Final = (
    "regular",
    "adafruit-hat",
    "adafruit-hat-pwm",
    "regular-pi1",
    "classic",
    "classic-pi1",
    "compute-module",
)
"""Of rpi-rgb-led-matrix, lib/hardware-mapping.c."""
OWN_KEYS: Final = {
    "port": ("alpha",),
    "baud": ("alpha",),
    "answers": ("alpha",),
    "panel": ("hub75",),
    "mapping": ("hub75",),
    "picture": ("png",),
}
"""Keys of [board] that are not for every driver."""
LEAST_DOTS: Final = (32, 16)
"""Of a board: the smallest letters are 16 dots high with their marks, and the time of day must fit in one row."""
MOST_DOTS: Final = (4_096, 4_096)
MOST_ALPHA_DOTS: Final = (255, 31)
PANEL_DOTS: Final = ((8, 8), (256, 256))
"""Of one HUB75 panel, at least and at most."""
PIN_DRIVERS: Final = ("none", "auto", "gpiod", "gpiozero", "fake")
CONTACTS: Final = ("emergency", "key", "microphone", "stop", "service", "tamper", "mains", "battery")
OUTPUT_LINES: Final = ("amplifier", "status_lamp", "fault_lamp", "on_air_lamp")
MAX_LINE: Final = 255
MAX_PI_LINE: Final = 27
"""The last GPIO on the header of a Raspberry Pi; another computer's chip is named with `chip`."""
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
MESSAGES: Final = tuple(message.code for message in PREPARED if message.code != DRILL)
"""What an emergency button may sound."""
MAX_MESSAGE: Final = 65_535
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
        output=reader.choice("sound", "output", OUTPUTS, default="auto"),
        recordings=reader.path("sound", "recordings", default=state_dir / "recordings"),
        lead_in_ms=reader.number("sound", "lead_in_ms", 0, MAX_LEAD_IN_MS, default=1_500),
        device=reader.text("sound", "device", _between(1, 200), default="") or None,
        second=reader.text("sound", "second", _between(1, 200), default="") or None,
        voice=reader.choice("sound", "voice", ACCENTS, default=ACCENTS[0]),
        announcer=reader.optional_folder("sound", "announcer"),
        ear_device=reader.text("ear", "device", _between(1, 200), default="") or None,
        ear_adc=Path(adc) if (adc := reader.text("ear", "adc", _between(1, 200), default="")) else None,
        ear_threshold=float(reader.number("ear", "threshold", *THRESHOLDS, default=HEARD)),
        board=_board(reader, state_dir),
        clock_trust=reader.choice("clock", "trust", TRUSTS, default="synchronised"),
        control_socket=reader.path("control", "socket", default=state_dir / "control.sock"),
        panel=_panel(reader),
    )
    if len(str(config.control_socket).encode()) > MAX_SOCKET_PATH:
        reader.fail(
            "control.socket",
            f"the path is longer than {MAX_SOCKET_PATH} bytes; choose a shorter one",
            f"đường dẫn dài hơn {MAX_SOCKET_PATH} byte; hãy chọn đường dẫn ngắn hơn",
        )
    _check_sound(reader, config)
    reader.finish()
    return config


def _check_sound(reader: "_Reader", config: Config) -> None:
    """What of loudspeaker and ear cannot be right together."""
    if config.second is not None and config.second == config.device:
        reader.fail(
            "sound.second",
            "is the same output as device; name another one, or take this line away",
            "trùng với device; hãy ghi đầu ra khác, hoặc bỏ dòng này",
        )
    if reader.has("ear") and config.ear_device is None and config.ear_adc is None:
        reader.fail(
            "[ear]",
            "has nothing to hear with; name the microphone (device) or the measuring chip (adc), or drop the table",
            "không có gì để nghe; hãy ghi micrô (device) hoặc chip đo (adc), hoặc bỏ mục [ear]",
        )
    if config.ear_device == RECORDINGS and config.output != "wav":
        reader.fail(
            "ear.device",
            'the recordings are only there with output = "wav" under [sound]',
            'chỉ có bản ghi khi đặt output = "wav" dưới [sound]',
        )


def _board(reader: "_Reader", state_dir: Path) -> BoardConfig | None:
    port = reader.text("board", "port", _between(1, 200), default="")
    driver = reader.choice("board", "driver", BOARDS, default="alpha" if port else "")
    most = MOST_ALPHA_DOTS if driver == "alpha" else MOST_DOTS
    size = reader.text("board", "size", _size(LEAST_DOTS, most), default="")
    panel = reader.text("board", "panel", _size(*PANEL_DOTS), default="64x32")
    night = reader.text("board", "night", _stretch, default="18:00-06:00")
    board = BoardConfig(
        driver=driver,
        port=port,
        baud=reader.number("board", "baud", BAUDS[0], BAUDS[-1], default=9_600),
        answers=reader.choice("board", "answers", ("yes", "no"), default="no") == "yes",
        size=_dots(size or SIZES.get(driver, panel)),
        fills=driver == "hdmi" and not size,
        panel=_dots(panel),
        mapping=reader.choice("board", "mapping", MAPPINGS, default="regular"),
        picture=reader.path("board", "picture", default=state_dir / "board.png"),
        page_s=reader.number("board", "page_s", 2, 60, default=6),
        brightness=reader.number("board", "brightness", 1, 100, default=100),
        night_brightness=reader.number("board", "night_brightness", 0, 100, default=30),
        night=_seconds(night),
    )
    if not reader.has("board"):
        return None
    _check_board(reader, board, sized=bool(size))
    return board


def _check_board(reader: "_Reader", board: BoardConfig, *, sized: bool) -> None:
    """What cannot be right together."""
    if not board.driver:
        reader.fail(
            "board.driver",
            f'is missing; write which board it is, driver = "…" ({", ".join(BOARDS)}), or take the table away',
            f'còn thiếu; hãy ghi loại bảng, driver = "…" ({", ".join(BOARDS)}), hoặc bỏ mục [board]',
        )
    for key, drivers in OWN_KEYS.items():
        if reader.has("board", key) and board.driver not in drivers:
            reader.fail(
                f"board.{key}",
                f"is for {', '.join(drivers)}, and driver is {board.driver}; take this line away, or change driver",
                f"chỉ dành cho {', '.join(drivers)}, mà driver là {board.driver}; hãy bỏ dòng này, hoặc đổi driver",
            )
    if board.driver == "alpha" and not board.port:
        reader.fail(
            "board.port",
            'is missing; name the serial line, such as port = "/dev/ttyUSB0"',
            'còn thiếu; hãy ghi cổng nối tiếp, như port = "/dev/ttyUSB0"',
        )
    if board.baud not in BAUDS:
        speeds = ", ".join(str(baud) for baud in BAUDS)
        reader.fail(
            "board.baud",
            f"no serial line has {board.baud}; write what the sign is set to, one of {speeds}",
            f"không có tốc độ {board.baud}; hãy ghi tốc độ đã đặt ở bảng, một trong {speeds}",
        )
    if board.driver == "hub75" and not sized:
        reader.fail(
            "board.size",
            'is missing; write the dots of all panels together, such as size = "128x64" for four of 64x32',
            'còn thiếu; hãy ghi số điểm của cả bảng, như size = "128x64" khi ghép bốn tấm 64x32',
        )
    if board.driver == "hub75" and any(whole % part for whole, part in zip(board.size, board.panel, strict=True)):
        reader.fail(
            "board.size",
            "is not a whole number of panels; write a multiple of panel, such as twice 64x32: 128x32",
            "không chia hết cho kích thước một tấm; hãy viết bội số của panel, như hai tấm 64x32: 128x32",
        )


def _board_keys(board: BoardConfig | None) -> dict[str, object]:
    if board is None:
        return {}
    size = None if board.fills else "x".join(str(part) for part in board.size)
    night = "-".join(f"{second // 3600:02}:{second // 60 % 60:02}" for second in board.night)
    keys: dict[str, object] = {
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
    return {key: value for key, value in keys.items() if board.driver in OWN_KEYS.get(key, BOARDS)}


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
        written = [f"{key} = {_toml(value)}" for key, value in keys.items() if value is not None]
        lines += [f"[{table}]", *written, ""] if written else []
    return "\n".join(lines)


def _panel(reader: "_Reader") -> PanelConfig:
    default = PanelConfig()
    numbers = [(name, reader.optional_number("panel", name, 0, MAX_LINE)) for name in (*CONTACTS, *OUTPUT_LINES)]
    panel = PanelConfig(
        driver=reader.choice("panel", "driver", PIN_DRIVERS, default=default.driver),
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
        talk_to=reader.choice("panel", "talk_to", TALK_TO, default=default.talk_to),
    )
    if panel.talk_to and panel.token is None:
        reader.fail(
            "panel.talk_to",
            "other boxes believe the commune's token alone; set panel.token",
            "hộp khác chỉ tin khóa của xã; hãy đặt panel.token",
        )
    _check_pins(reader, panel)
    _check_messages(reader, panel)
    _check_codes(reader, panel)
    return panel


def _check_pins(reader: "_Reader", panel: PanelConfig) -> None:
    """Every number is on the computer's header, and has one wire."""
    wired = [*panel.lines, *((f"select[{place}]", number) for place, number in enumerate(panel.select))]
    for name, number in wired:
        if number > MAX_PI_LINE and panel.chip == PanelConfig().chip:
            reader.fail(
                f"panel.{name}",
                f"a Raspberry Pi has GPIO 0 to {MAX_PI_LINE}, not {number}; with another computer name its chip",
                f"Raspberry Pi có GPIO 0 đến {MAX_PI_LINE}, không có {number}; với máy khác hãy ghi chip = …",
            )
    numbers = [number for _, number in wired]
    for number in sorted({number for number in numbers if numbers.count(number) > 1}):
        names = ", ".join(name for name, other in wired if other == number)
        reader.fail(
            "[panel]",
            f"GPIO {number} stands twice, at {names}; give each wire a pin of its own",
            f"GPIO {number} được ghi hai lần, ở {names}; mỗi dây cần một chân riêng",
        )


def _check_messages(reader: "_Reader", panel: PanelConfig) -> None:
    wired, messages = dict(panel.lines), panel.messages
    unknown = [message for message in messages if message not in MESSAGES]
    if unknown:
        known = ", ".join(str(message) for message in MESSAGES)
        reader.fail(
            "panel.messages",
            f"there is no prepared message {unknown[0]}; choose from {known}",
            f"không có nội dung soạn sẵn số {unknown[0]}; hãy chọn trong {known}",
        )
    if len(set(messages)) < len(messages):
        twice = next(message for message in messages if messages.count(message) > 1)
        reader.fail(
            "panel.messages",
            f"message {twice} stands twice; give each line of select a message of its own",
            f"nội dung {twice} được ghi hai lần; mỗi chân của select cần một nội dung riêng",
        )
    if not panel.select and len(messages) > 1:
        reader.fail(
            "panel.messages",
            f"nothing chooses among {len(messages)} messages; wire select = […], or leave the one to sound",
            f"không có gì để chọn trong {len(messages)} nội dung; hãy đấu select = […], hoặc chỉ ghi một nội dung",
        )
    if panel.select and len(panel.select) != len(messages):
        reader.fail(
            "panel.messages",
            f"names {len(messages)} messages for {len(panel.select)} lines of select; give one for each",
            f"có {len(messages)} bản tin cho {len(panel.select)} chân của select; mỗi chân cần một bản tin",
        )
    if "emergency" in wired and not ("key" in wired or panel.code or panel.token):
        reader.fail(
            "panel.emergency",
            "nothing keeps a child from pressing it; wire a key switch (key), or set a code",
            "ai cũng bấm được; hãy nối công tắc chìa khóa (key) hoặc đặt mã (code)",
        )


def _check_codes(reader: "_Reader", panel: PanelConfig) -> None:
    """Hashes of one code differ by their salts: `loalang-agent panel-code` compares the codes themselves."""
    if panel.duress_code and not (panel.code or panel.token):
        reader.fail(
            "panel.duress_code",
            "there is no right code beside it, so it is known for what it is; set code, or token",
            "không có mã đúng bên cạnh nên ai cũng biết đây là mã bị ép buộc; hãy đặt code, hoặc token",
        )
    if panel.duress_code and panel.duress_code == panel.code:
        reader.fail(
            "panel.duress_code",
            "is the same as code: no alarm could be raised; make another with `loalang-agent panel-code --duress`",
            "trùng với code: sẽ không báo động được; hãy làm mã khác bằng “loalang-agent panel-code --duress”",
        )


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

    def has(self, table: str, key: str | None = None) -> bool:
        """Whether this table, or this key of it, is written there."""
        return table in self._tables and (key is None or key in self._tables[table])

    def text(self, table: str, key: str, check: Check, *, default: str | None = None) -> str:
        value = self._take(table, key, default)
        if not isinstance(value, str):
            self.fail(
                f"{table}.{key}",
                f'must be a text in quotes, not {value!r}: {key} = "…"',
                f'phải là chữ trong dấu ngoặc kép, không phải {value!r}: {key} = "…"',
            )
        wrong = check(value) if self.has(table, key) else None
        if wrong is not None:
            self.fail(f"{table}.{key}", *wrong)
        return value

    def choice(self, table: str, key: str, choices: tuple[str, ...], *, default: str) -> str:
        value = self._take(table, key, default)
        if value not in choices and self.has(table, key):
            names = ", ".join(choices)
            self.fail(
                f"{table}.{key}",
                f'{value!r} is not possible; choose one of {names}, in quotes: {key} = "{choices[0]}"',
                f'không thể là {value!r}; hãy chọn một trong {names}, trong ngoặc kép: {key} = "{choices[0]}"',
            )
        return str(value)

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


def _size(least: tuple[int, int], most: tuple[int, int]) -> Check:
    """Of dots across and down, both limits included."""
    limits = f"{least[0]}x{least[1]}", f"{most[0]}x{most[1]}"

    def check(text: str) -> Said | None:
        if re.fullmatch(r"[1-9][0-9]*x[1-9][0-9]*", text) and len(text) < 20:
            if all(low <= dots <= high for low, dots, high in zip(least, _dots(text), most, strict=True)):
                return None
            return (
                f"{text!r} is not possible; write a size from {limits[0]} to {limits[1]} dots",
                f"không thể là {text!r}; hãy viết kích thước từ {limits[0]} đến {limits[1]} điểm",
            )
        return (
            f'{text!r} is not a size; write dots across x dots down, such as "96x16", {limits[0]} to {limits[1]}',
            f'{text!r} không phải kích thước; hãy viết số điểm ngang x số điểm dọc, như "96x16", '
            f"từ {limits[0]} đến {limits[1]}",
        )

    return check


def _stretch(text: str) -> Said | None:
    clock = r"([01][0-9]|2[0-3]):[0-5][0-9]"
    if not re.fullmatch(f"{clock}-{clock}", text):
        return (
            f'{text!r} is not a stretch of the day; write such as "18:00-06:00"',
            f'{text!r} không phải khoảng giờ; hãy viết như "18:00-06:00"',
        )
    if len(set(_seconds(text))) == 1:
        return (
            f'{text!r} begins when it ends; write "18:00-06:00"; for no night set night_brightness = brightness',
            f'{text!r} bắt đầu và kết thúc cùng lúc; hãy viết như "18:00-06:00"; không cần giờ tối thì đặt '
            "night_brightness bằng brightness",
        )
    return None


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
