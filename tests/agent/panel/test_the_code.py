"""Codes of the panel: kept as hashes, entered on the box's own page, told apart from a duress code by nobody."""

import asyncio
import contextlib
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent.core import code, pin
from agent.core.panel import Code
from agent.link.local_page import LocalPage
from agent.services.panel_code import CodeJudge, judged
from protocol import keyfile
from tests.support.broker import free_port
from tests.support.small_controller import key

RIGHT = pin.hash_of("24681357", b"s" * 16)
DURESS = pin.hash_of("99990000", b"t" * 16)
TOKEN = keyfile.seal(
    key("panel"), "Trụ sở An Phú", "11223344", salt=b"u" * 16, nonce=b"v" * 12, iterations=keyfile.MIN_ITERATIONS
)


@pytest.mark.parametrize(
    ("entered", "found"),
    [("24681357", Code.RIGHT), ("99990000", Code.DURESS), ("24681358", Code.WRONG), ("", Code.WRONG)],
)
def test_a_code_is_known_by_its_hash(entered: str, found: Code) -> None:
    assert pin.judge(entered, RIGHT, DURESS) is found
    assert "24681357" not in RIGHT


def test_no_code_is_right_where_none_is_set() -> None:
    assert pin.judge("", "", "") is Code.WRONG


def test_the_code_of_the_communes_token_opens_it_and_is_a_right_one() -> None:
    opened = judged("11223344", "", DURESS, TOKEN)
    assert opened.code is Code.RIGHT
    assert opened.token is not None
    assert opened.token.public_key == key("panel").public_key
    assert judged("24681357", RIGHT, DURESS, TOKEN).token is None
    assert judged("99990000", RIGHT, DURESS, TOKEN).code is Code.DURESS


def _ask(request: str, *, has_code: bool = True) -> tuple[str, list[str]]:
    """The answer of the local page to these bytes, and what was entered."""
    entered: list[str] = []

    async def page(unlocked: bool | None) -> str:
        return code.unlock_form(unlocked)

    async def enter(text: str) -> bool:
        entered.append(text)
        return text == "24681357"

    async def main() -> str:
        port = free_port()
        running = asyncio.create_task(LocalPage(f"127.0.0.1:{port}", page, enter if has_code else None).run())
        reader = writer = None
        while writer is None:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert reader is not None
        writer.write(request.replace("HERE", f"127.0.0.1:{port}").encode())
        answer = (await reader.read()).decode()
        writer.close()
        running.cancel()
        return answer

    return asyncio.run(main()), entered


FORM = "POST / HTTP/1.1\r\nHost: HERE\r\nOrigin: http://HERE\r\nContent-Length: 13\r\n\r\ncode=24681357"


def test_the_code_is_entered_on_the_boxs_own_page() -> None:
    answer, entered = _ask(FORM)
    assert "Đã mở khóa" in answer
    assert entered == ["24681357"]
    wrong, _ = _ask(FORM.replace("57", "58"))
    assert "Mã không đúng" in wrong


@pytest.mark.parametrize(
    "request_",
    [
        FORM.replace("Origin: http://HERE", "Origin: http://elsewhere.example"),
        FORM.replace("Origin: http://HERE\r\n", ""),
    ],
)
def test_another_site_cannot_use_up_the_attempts_and_is_told_why(request_: str) -> None:
    answer, entered = _ask(request_)
    assert answer.startswith("HTTP/1.1 403")
    assert "Mã chỉ nhập được trên chính trang này" in answer
    assert "the field Origin" in answer
    assert entered == []


def test_there_is_no_other_page() -> None:
    answer, entered = _ask(FORM.replace("POST / ", "POST /x "))
    assert answer.startswith("HTTP/1.1 404")
    assert "There is one page" in answer
    assert entered == []


def _panel_code(typed: str, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "-m", "agent", "panel-code", "--lang", "en", *more]
    return subprocess.run(
        command, input=typed, capture_output=True, text=True, check=False, timeout=60, start_new_session=True
    )


def test_a_code_is_made_of_digits_typed_twice_and_whoever_types_nothing_is_told_what_to_do() -> None:
    for typed, said in (
        ("abcdefgh\nabcdefgh\n", "8 digits at least, and nothing but digits"),
        ("1234567\n1234567\n", "8 digits at least"),
        ("24681357\n24681358\n", "the two codes differ; run this command again"),
        ("", "no code was entered; run this command at a terminal"),
        ("24681357\n", "no code was entered"),
    ):
        done = _panel_code(typed)
        assert done.returncode == 1
        assert said in done.stderr
        assert "Traceback" not in done.stderr
        assert done.stdout == ""
    good = _panel_code("24681357\n24681357\n")
    assert "Code (8 digits at least): " in good.stderr
    assert "The same code again: " in good.stderr
    assert pin.judge("24681357", good.stdout.partition('"')[2].strip().strip('"'), "") is Code.RIGHT


def test_a_duress_code_that_is_the_right_one_is_not_made_since_no_alarm_could_be_raised(tmp_path: Path) -> None:
    config = tmp_path / "box.toml"
    box = '[box]\nname = "Trụ sở"\nstate_dir = "state"\n[controller]\nurl = "https://nguon.example.vn"\n[panel]\n'
    config.write_text(f'{box}code = "{RIGHT}"\n', "utf-8")
    done = _panel_code("24681357\n24681357\n", "--duress", "--config", str(config))
    assert done.returncode == 1
    assert "the same as code in box.toml; choose another one" in done.stderr
    other = _panel_code("99990000\n99990000\n", "--duress", "--config", str(config))
    assert other.stdout.startswith('duress_code = "scrypt$')


def test_a_box_without_a_code_takes_nothing_in() -> None:
    assert _ask(FORM, has_code=False)[0].startswith("HTTP/1.1 404")


def test_a_code_is_judged_though_every_thread_of_the_daemon_hangs() -> None:
    async def main() -> None:
        end = threading.Event()
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(2))
        hung = [loop.run_in_executor(None, end.wait) for _ in range(3)]
        try:
            async with asyncio.timeout(30):
                assert (await CodeJudge(RIGHT, DURESS, TOKEN)("24681357")).code is Code.RIGHT
        finally:
            end.set()
            await asyncio.gather(*hung)

    asyncio.run(main())
