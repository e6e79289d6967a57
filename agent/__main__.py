"""The command line: `loalang-agent run` is the daemon; the other commands talk to it over its service socket."""

import argparse
import asyncio
import getpass
import json
import logging
import os
import re
import secrets
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final, TextIO, cast

import structlog

from agent import config as box_config
from agent import swarm
from agent.core import pin, wording
from agent.core.code import approve_url, qr_text
from agent.core.panel import DEBOUNCE_MS, Code
from agent.daemon import VERSION, box_of, forget_time, run_box
from agent.drivers.systemd import Notifier
from agent.errors import AgentError, ConfigError, LinkError, StoreError
from agent.link.control import ask
from agent.ports.sound import SoundError
from protocol.ids import enrolment_code

OK: Final = 0
FAILED: Final = 1
WRONG_USE: Final = 2
TALK_RENEW_S: Final = 1.0
COUNTS_S: Final = 5 * DEBOUNCE_MS / 1_000
"""So long after an edge the panel has taken it."""
DEFAULT_CONFIG: Final = Path("/etc/loalang/box.toml")


class MisuseError(AgentError):
    """The call says what no command understands."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0; 1 when the daemon or a check fails; 2 when the call or box.toml is wrong."""
    options = _parser().parse_args(arguments)
    language = getattr(options, "lang", _language())
    _set_up_log()
    try:
        return int(options.do(options))
    except (ConfigError, MisuseError) as error:
        return _complain([error], language, WRONG_USE)
    except AgentError as error:
        return _complain([error], language, FAILED)
    except BaseExceptionGroup as group:
        known, unknown = group.split(AgentError)
        if unknown is not None or known is None:
            raise
        return _complain(_leaves(known), language, FAILED)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="loalang-agent", description="Loa Làng: phần mềm trên hộp thiết bị / the box's daemon"
    )
    parser.add_argument("--version", action="version", version=f"loalang-agent {VERSION}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, help_text: str, do: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        found = commands.add_parser(name, help=help_text, description=help_text)
        found.set_defaults(do=do)
        return found

    def at_the_box(name: str, help_text: str, do: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        found = command(name, help_text, do)
        found.add_argument("--config", type=Path, default=DEFAULT_CONFIG, metavar="BOX.TOML")
        found.add_argument("--lang", choices=("vi", "en"), default=_language())
        found.add_argument("--json", action="store_true", help="một đối tượng JSON / one JSON object")
        return found

    run = command("run", "chạy hộp / run the box", _run)
    run.add_argument("--config", type=Path, default=DEFAULT_CONFIG, metavar="BOX.TOML")
    at_the_box("status", "hộp đang làm gì / what the box is doing", _status)
    explain = at_the_box("explain", "vì sao hộp phát hay im lặng / why it sounds or is silent", _explain)
    explain.add_argument("--at", metavar="TIME", help="06:00 | 2026-11-24T06:00")
    at_the_box("fetch", "tải ngay những gì còn thiếu / fetch what is missing now", _fetch)
    at_the_box("selftest", "thử từng bộ phận / try every part", _selftest)
    at_the_box("code", "mã hộp, để duyệt / the box's code, for its approval", _code)
    at_the_box("speak-code", "đọc mã hộp ra loa / speak the code over the loudspeaker", _speak_code)
    at_the_box("forget-time", "bỏ mốc giờ sai đã lưu / drop a wrong instant that was kept as passed", _forget_time)
    talk = at_the_box(
        "talk", "nói qua micrô của hộp, đến khi bấm Ctrl-C / speak at the box's microphone until Ctrl-C", _talk
    )
    talk.add_argument(
        "--to",
        metavar="commune|XXXX-XXXX,…",
        help="nói cả ra hộp khác: toàn xã, hoặc các hộp mang mã này / to other boxes too: the commune, or these codes",
    )
    wire = at_the_box(
        "wire", 'đóng, mở một tiếp điểm giả (panel.driver = "fake") / close or open a pretended contact', _wire
    )
    wire.add_argument("words", nargs="+", metavar="CONTACT on|off", help="emergency on, key off, select 2 on …")
    panel_code = command(
        "panel-code", "mã mở khóa nút khẩn cấp, để ghi vào box.toml / a code of the panel, for box.toml", _panel_code
    )
    panel_code.add_argument("--duress", action="store_true", help="mã khi bị ép buộc / the duress code")
    panel_code.add_argument("--config", type=Path, default=DEFAULT_CONFIG, metavar="BOX.TOML")
    panel_code.add_argument("--lang", choices=("vi", "en"), default=_language())
    simulate = command(
        "simulate", "nhiều hộp giả lập trong một tiến trình / many simulated boxes in one process", _simulate
    )
    simulate.add_argument("--count", type=int, default=20, metavar="N")
    simulate.add_argument("--dir", type=Path, required=True, metavar="D", help="mỗi hộp một thư mục / a folder per box")
    simulate.add_argument("--template", type=Path, required=True, metavar="BOX.TOML")
    return parser


def _run(options: argparse.Namespace) -> int:
    config = box_config.load(options.config)
    notifier = Notifier.from_environment()
    return _until_told(lambda stop: run_box(config, stop, notifier))


def _simulate(options: argparse.Namespace) -> int:
    configs = swarm.configure(box_config.load(options.template), options.dir, options.count)
    return _until_told(lambda stop: swarm.simulate(configs, stop))


def _status(options: argparse.Namespace) -> int:
    answer = _ask(options, "status")
    return _print(options, answer, wording.status(answer, options.lang))


def _explain(options: argparse.Namespace) -> int:
    answer = _ask(options, "explain", at=options.at)
    return _print(options, answer, str(answer["text"]))


def _fetch(options: argparse.Namespace) -> int:
    answer = _ask(options, "fetch")
    return _print(options, answer, wording.fetched(answer, options.lang))


def _selftest(options: argparse.Namespace) -> int:
    answer = _ask(options, "selftest")
    marks = {True: "✓", False: "✗"}
    lines = [f"{marks[bool(check['ok'])]} {check['label']}: {check['detail']}" for check in answer["checks"]]
    _print(options, answer, "\n".join(lines))
    return OK if answer["passed"] else FAILED


def _code(options: argparse.Namespace) -> int:
    """From the daemon, else from the key: it is the same, and a box that does not run can be approved ahead."""
    config = box_config.load(options.config)
    try:
        answer = _ask(options, "status")
        box, approved = str(answer["id"]), bool(answer["approved"])
    except LinkError:
        box, approved = box_of(config), None
    code = enrolment_code(box)
    url = approve_url(config.url, code)
    states = {
        "vi": {True: "đã duyệt", False: "chờ duyệt", None: "loalang-agent chưa chạy"},
        "en": {True: "approved", False: "waiting for approval", None: "the daemon does not run"},
    }
    text = f"{box}  {code}  ({states[options.lang][approved]})"
    if not approved:
        text = f"{text}\n{qr_text(url)}\n{url}"
    return _print(options, {"id": box, "code": code, "approved": approved, "url": url}, text)


def _speak_code(options: argparse.Namespace) -> int:
    answer = _ask(options, "speak-code")
    said = {"vi": "Đã đọc mã {code} ra loa.", "en": "The code {code} was spoken."}
    return _print(options, answer, said[options.lang].format(code=answer["code"]))


def _talk(options: argparse.Namespace) -> int:
    """Hold-to-talk: the daemon closes the microphone by itself when nobody says any more that it is held."""
    words = _TALK[options.lang]
    whom = _to_whom(options)
    try:
        is_open = _ask(options, "talk", on=True, **whom)["open"]
    except KeyboardInterrupt:  # it may be open already
        _ask(options, "talk", on=False)
        return _print(options, {"open": False}, words["closed"])
    if not is_open:
        raise AgentError(_TALK["en"]["locked"], vi=_TALK["vi"]["locked"])
    print(words["open"] if options.to is None else words["opening"], file=sys.stderr)
    said = ""
    try:
        while (answer := _ask(options, "talk", on=True, again=True))["open"]:
            if options.to is not None and (now := wording.reach(answer["reach"], options.lang)) != said:
                said = now
                print(said, file=sys.stderr)
            time.sleep(TALK_RENEW_S)
    except KeyboardInterrupt:
        pass
    finally:
        _ask(options, "talk", on=False)
    return _print(options, {"open": False}, words["closed"])


def _to_whom(options: argparse.Namespace) -> dict[str, object]:
    """What `--to` asks for: the code of the panel opens the commune's token."""
    if options.to is None:
        return {}
    codes = [] if options.to == "commune" else [one.strip().upper() for one in options.to.split(",")]
    wrong = [one for one in codes if re.fullmatch(r"[A-Z2-7]{4}-[A-Z2-7]{4}", one) is None]
    if wrong:
        raise AgentError(
            f"--to {wrong[0]}: give 'commune', or codes of boxes as XXXX-XXXX, with commas between them",
            vi=f"--to {wrong[0]}: hãy ghi 'commune', hoặc mã hộp dạng XXXX-XXXX, cách nhau bằng dấu phẩy",
        )
    asked = _TALK[options.lang]["code"]
    code = _secret(asked) if sys.stdin.isatty() else sys.stdin.readline().strip()
    return {"to": codes, "code": code}


def _wire(options: argparse.Namespace) -> int:
    """What the lamps show is asked for once the contact has been still for long enough to count."""
    *contact, position = options.words
    if not contact or position not in ("on", "off"):
        said = " ".join(options.words)
        raise MisuseError(
            f"{said!r}: write which contact, then on or off, such as: wire key on, wire select 2 on",
            vi=f"{said!r}: hãy ghi tên tiếp điểm, rồi on hoặc off, như: wire key on, wire select 2 on",
        )
    answer = _ask(options, "wire", contact=" ".join(contact), on=position == "on")
    time.sleep(COUNTS_S)
    lamps = _ask(options, "status")["lamps"]
    return _print(options, {**answer, "lamps": lamps}, "\n".join(wording.lamps(lamps, options.lang)) or "–")


_TALK: Final = {
    "vi": {
        "open": "Micrô đang mở: mọi người nghe thấy. Bấm Ctrl-C để ngắt.",
        "opening": "Micrô đang mở; loa của hộp này phát ngay. Bấm Ctrl-C để ngắt.",
        "code": "Mã của bảng điều khiển: ",
        "closed": "Micrô đã đóng.",
        "locked": "không mở được micrô: công tắc bảo trì đang khóa âm ly, hoặc đang có người nói",
    },
    "en": {
        "open": "The microphone is open: everybody hears it. Ctrl-C closes it.",
        "opening": "The microphone is open; this box's own loudspeaker sounds it at once. Ctrl-C closes it.",
        "code": "Code of the panel: ",
        "closed": "The microphone is closed.",
        "locked": "the microphone cannot be opened: the service switch keeps the amplifier off, or somebody speaks",
    },
}


def _panel_code(options: argparse.Namespace) -> int:
    """The hash of a code, as box.toml wants it; the code itself is written nowhere."""
    words = _CODES[options.lang]
    entered = _secret(words["first"])
    if not re.fullmatch(r"[0-9]+", entered) or len(entered) < pin.MIN_CODE:
        raise AgentError(_CODES["en"]["digits"], vi=_CODES["vi"]["digits"])
    if entered != _secret(words["again"]):
        raise AgentError(_CODES["en"]["differ"], vi=_CODES["vi"]["differ"])
    key, other = ("duress_code", "code") if options.duress else ("code", "duress_code")
    if pin.judge(entered, _written(options.config, other), "") is Code.RIGHT:
        raise AgentError(_CODES["en"]["same"].format(other), vi=_CODES["vi"]["same"].format(other))
    print(f'{key} = "{pin.hash_of(entered, secrets.token_bytes(pin.SALT_BYTES))}"')
    return OK


def _written(config: Path, key: str) -> str:
    """The hash of a code in this box.toml; empty where there is none to compare with."""
    if not config.is_file():
        return ""
    try:
        panel = box_config.load(config).panel
    except ConfigError as error:
        for language, text in (("vi", "chưa so được với mã kia"), ("en", "not compared with the other code")):
            print(f"{text}: {error.said(language)}", file=sys.stderr)
        return ""
    return panel.code if key == "code" else panel.duress_code


def _secret(asked: str) -> str:
    """What is typed unseen. Raises AgentError."""
    try:
        return getpass.getpass(asked)
    except EOFError as error:
        raise AgentError(_CODES["en"]["nothing"], vi=_CODES["vi"]["nothing"]) from error


_CODES: Final = {
    "vi": {
        "first": f"Mã số (ít nhất {pin.MIN_CODE} chữ số): ",
        "again": "Nhập lại mã số: ",
        "digits": f"mã phải có ít nhất {pin.MIN_CODE} chữ số, chỉ gồm chữ số 0 đến 9",
        "differ": "hai lần nhập không giống nhau; hãy chạy lại lệnh này",
        "same": "mã này trùng với {} trong box.toml; hãy chọn mã khác",
        "nothing": "chưa nhập mã nào; hãy chạy lệnh này ở màn hình dòng lệnh rồi gõ mã",
    },
    "en": {
        "first": f"Code ({pin.MIN_CODE} digits at least): ",
        "again": "The same code again: ",
        "digits": f"a code has {pin.MIN_CODE} digits at least, and nothing but digits from 0 to 9",
        "differ": "the two codes differ; run this command again",
        "same": "this code is the same as {} in box.toml; choose another one",
        "nothing": "no code was entered; run this command at a terminal and type it",
    },
}


def _forget_time(options: argparse.Namespace) -> int:
    forget_time(box_config.load(options.config))
    text = {
        "vi": "Đã bỏ mốc giờ đã lưu; hãy chỉnh đúng đồng hồ rồi khởi động lại loalang-agent.",
        "en": "The kept instant is forgotten; set the clock, then start loalang-agent again.",
    }
    return _print(options, {"forgotten": True}, text[options.lang])


def _ask(options: argparse.Namespace, command: str, **arguments: object) -> dict[str, Any]:
    config = box_config.load(options.config)
    return asyncio.run(ask(config.control_socket, command, language=options.lang, **arguments))


def _print(options: argparse.Namespace, answer: dict[str, Any], text: str) -> int:
    print(json.dumps(answer, ensure_ascii=False) if options.json else text)
    return OK


def _until_told(start: Callable[[asyncio.Event], Awaitable[None]]) -> int:
    """Run until SIGTERM or SIGINT, then stop in order."""

    async def body() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await start(stop)

    asyncio.run(body())
    return OK


def _language() -> str:
    """Vietnamese unless the terminal is set to English."""
    chosen = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return "en" if chosen.startswith("en") else "vi"


def _set_up_log() -> None:
    level = logging.getLevelNamesMapping().get(os.environ.get("LOALANG_LOG", "info").upper(), logging.INFO)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], bool_as_flag=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _Stderr())),
        cache_logger_on_first_use=True,
    )


class _Stderr:
    """Standard error as it is when a line is written, whoever has redirected it since the log was set up."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def _complain(errors: Sequence[AgentError], language: str, code: int) -> int:
    """What went wrong, in the reader's language; where that is not known, at least which part it was."""
    for error in errors:
        kinds = {} if error.vi else _HEADINGS[language]
        heading = next((text for kind, text in kinds.items() if isinstance(error, kind)), "")
        print(f"loalang-agent: {heading}{error.said(language)}", file=sys.stderr)
    return code


_HEADINGS: Final[dict[str, dict[type[AgentError], str]]] = {
    "vi": {
        ConfigError: "Cấu hình chưa đúng. ",
        StoreError: "Bộ nhớ của hộp không dùng được. ",
        SoundError: "Âm thanh không dùng được. ",
        LinkError: "Không liên lạc được. ",
    },
    "en": {},
}


def _leaves(group: BaseExceptionGroup[AgentError]) -> list[AgentError]:
    found: list[AgentError] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


if __name__ == "__main__":
    sys.exit(main())
