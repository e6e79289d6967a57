"""How an installer comes by the code of a box: in the terminal, over the loudspeaker, on the local page."""

import asyncio
import socket
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from agent.__main__ import main
from agent.config import parse, to_toml
from agent.core import code
from agent.core.cueing import FADE_MS
from agent.core.lamps import MEANINGS
from agent.errors import AgentError, ConfigError, Told
from agent.link.local_page import LocalPage
from agent.ports.sound import Accent, SoundError
from agent.services.code_speaker import CodeSpeaker
from agent.services.power import TAIL_MS
from protocol.ids import enrolment_code
from tests.agent.player.studio import LEAD_IN_MS, Studio, at, order
from tests.support import virtual_time
from tests.support.box_parts import BOX, Parts, parts
from tests.support.broker import free_port

CODE = enrolment_code(BOX)
PATH = Path("/etc/loalang/box.toml")
BARE = """
[box]
name = "Cụm loa thôn 3"
state_dir = "state"
[controller]
url = "https://nguon.example.vn"
"""


def test_a_box_toml_that_names_only_the_controller_and_its_ca_is_enough() -> None:
    pin = "AB" * 32
    config = parse(BARE + f'ca = "{pin}"\n', PATH)
    assert config.roots is None
    assert config.ca == pin.lower()
    assert parse(to_toml(config), PATH) == config
    with pytest.raises(ConfigError, match=r"controller\.ca.*64 hexadecimal digits"):
        parse(BARE + 'ca = "abc"\n', PATH)


@pytest.mark.parametrize(
    "listen", ["0.0.0.0:8099", "[::]:8099", "8.8.8.8:80", "nguon.vn:80", "127.0.0.1", "127.0.0.1:0"]
)
def test_the_local_page_listens_to_no_wide_world(listen: str) -> None:
    with pytest.raises(ConfigError, match=r"local\.listen.*127\.0\.0\.1:8099"):
        parse(BARE + f'[local]\nlisten = "{listen}"\n', PATH)
    assert parse(BARE + '[local]\nlisten = "192.168.4.1:80"\n', PATH).local == "192.168.4.1:80"


def test_the_code_is_said_in_the_terminal_with_a_qr_whether_the_daemon_runs_or_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "state").mkdir()
    file = tmp_path / "box.toml"
    file.write_text(BARE, encoding="utf-8")
    assert main(["code", "--config", str(file), "--lang", "en"]) == 0
    first = capsys.readouterr().out
    assert "the daemon does not run" in first
    url = first.split()[-1]
    assert url.startswith("https://nguon.example.vn/hop/duyet/")
    assert parse_qs(urlsplit(url).query)["code"][0] in first.splitlines()[0]
    assert any(block in first for block in "▀▄█")
    assert main(["code", "--config", str(file), "--lang", "vi"]) == 0
    assert capsys.readouterr().out.split()[:2] == first.split()[:2], "the key stays, and so does the code"
    assert main(["speak-code", "--config", str(file), "--lang", "en"]) == 1
    assert "start it with 'loalang-agent run'" in capsys.readouterr().err


def test_the_code_is_spelled_so_that_it_can_be_written_down() -> None:
    assert code.spoken("AB2X-7QZ3") == (
        "Mã hộp: a, bê, hai, ích, bảy, quy, dét, ba. Xin nhắc lại: a, bê, hai, ích, bảy, quy, dét, ba."
    )


def speaks(studio: Studio, box: Parts) -> CodeSpeaker:
    return CodeSpeaker(
        CODE,
        accent=Accent.SOUTH,
        say=studio.player.aside.say,
        trust=box.store.trust,
        busy=lambda: studio.player.sounding is not None,
    )


def test_the_code_is_spoken_only_while_the_box_waits(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            async with Studio(tmp_path, wall=at("10:00:00")) as studio:
                await speaks(studio, box).speak()
                assert [heard.cause for heard in studio.heard()] == ["code"]
                assert studio.heard()[0].sources == (f"speech:{code.spoken(CODE)}",)
                assert studio.heard()[0].first_sample_ms == at("10:00:00") + LEAD_IN_MS
                assert not studio.heard_without_power
                await studio.pass_ms(2 * TAIL_MS)
                assert not studio.amplifier.on
                box.store.trust.keep_broker("mqtts://localhost:8883")
                with pytest.raises(AgentError, match="is approved"):
                    await speaks(studio, box).speak()
                assert len(studio.heard()) == 1

    virtual_time.run(main())


def test_an_alarm_ends_the_code_at_once_and_is_heard_with_power(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            async with Studio(tmp_path, wall=at("10:00:00")) as studio:
                speaking = asyncio.create_task(speaks(studio, box).speak())
                await studio.until(at("10:00:03"))
                studio.accept(order(1, studio, repeats=2))
                with pytest.raises(AgentError, match="something sounds now"):
                    await speaking
                with pytest.raises(AgentError, match="something sounds now"):
                    await speaks(studio, box).speak()
                await studio.until(at("10:03:00"))
                code, *alarms = studio.heard()
                assert code.cause == "code"
                assert not code.complete
                assert len(alarms) == 2
                assert at("10:00:03") <= alarms[0].first_sample_ms <= at("10:00:03") + FADE_MS
                assert not studio.heard_without_power
                assert not studio.amplifier.on

    virtual_time.run(main())


def test_a_speaker_that_fails_or_an_installer_who_hangs_up_leaves_no_amplifier_on(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            async with Studio(tmp_path, wall=at("10:00:00")) as studio:
                studio.speaker.unplug()
                with pytest.raises(SoundError):
                    await speaks(studio, box).speak()
                await studio.pass_ms(2 * TAIL_MS)
                assert not studio.amplifier.on
                studio.speaker.plug_in()
                speaking = asyncio.create_task(speaks(studio, box).speak())
                await studio.pass_ms(3_000)
                assert studio.amplifier.on
                speaking.cancel()
                await studio.pass_ms(2 * TAIL_MS)
                assert not studio.amplifier.on
                assert not studio.heard()[-1].complete

    virtual_time.run(main())


def test_a_box_that_cannot_speak_says_what_is_missing_and_leaves_its_amplifier_off(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            async with Studio(tmp_path, wall=at("10:00:00")) as studio:
                studio.speaker.can_speak = False
                with pytest.raises(SoundError, match="espeak-ng is not installed"):
                    await speaks(studio, box).speak()
                await studio.pass_ms(2 * TAIL_MS)
                assert not studio.amplifier.on
                assert studio.heard() == []

    virtual_time.run(main())


STATUS = {"id": BOX, "code": CODE, "name": "Cụm <loa> 3", "approved": False, "connected": False} | {
    "now_ms": 1_795_500_000_000, "zone": "Asia/Ho_Chi_Minh", "clock_complaint": "", "heard": None, "faults": [],
    "fault_details": {},
}  # fmt: skip


async def request(port: int, line: bytes) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(line + b"\r\nHost: x\r\n\r\n")
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    return answer.decode()


def test_the_local_page_that_finds_its_address_taken_says_so_and_is_served_once_it_is_free() -> None:
    async def page(_: bool | None) -> str:
        return code.page(STATUS, "https://nguon.example.vn")

    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            served = LocalPage(f"127.0.0.1:{port}", page, None)
            running = asyncio.create_task(served.run())
            await asyncio.sleep(0.05)
            assert isinstance(served.trouble, Told)
            assert "hãy đổi local.listen trong box.toml" in served.trouble.vi
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        again = asyncio.create_task(served.run())
        await asyncio.sleep(0.05)
        assert not served.trouble
        again.cancel()
        await asyncio.gather(again, return_exceptions=True)

    asyncio.run(main())


def test_the_local_page_shows_what_sounds_the_faults_and_what_the_lamps_tell() -> None:
    status = {**STATUS, "faults": ["BOARD"], "fault_details": {"BOARD": "không nhận <hình>"}}
    shown = code.page(status, "https://nguon.example.vn", lamps=[MEANINGS[0]])
    for part in ("24/11/2026", "không phát gì · nothing", "(không nhận &lt;hình&gt;)", "Đèn TRẠNG THÁI", "Thả tay ra."):
        assert part in shown


def test_the_local_page_shows_who_the_box_is_and_takes_nothing_in() -> None:
    async def main() -> None:
        port = free_port()

        async def page(_: bool | None) -> str:
            return code.page(STATUS, "https://nguon.example.vn")

        running = asyncio.create_task(LocalPage(f"127.0.0.1:{port}", page, None).run())
        await asyncio.sleep(0.05)
        shown = await request(port, b"GET / HTTP/1.1")
        assert CODE in shown
        assert BOX in shown
        assert "<svg" in shown
        assert "Cụm &lt;loa&gt; 3" in shown
        assert "chờ duyệt" in shown
        for line in (b"POST / HTTP/1.1", b"GET /../box.key HTTP/1.1", b"\x00\xff", b""):
            assert "404 Not Found" in await request(port, line)
        assert await request(port, b"GET /" + b"x" * 5_000) == "", "too long: it hangs up"
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(main())
    approved = code.page({**STATUS, "approved": True}, "https://nguon.example.vn")
    assert "<svg" not in approved
