"""The panel of a real daemon, whose controller and broker have never been there."""

import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from agent.__main__ import main
from agent.config import parse
from agent.core import pin
from agent.core.panel import Code
from agent.drivers import audio
from controller.demo.layout import BOARD_TOML, BOX_TOML, CODE, DURESS_CODE, EAR_TOML, Layout, box_toml, local_toml
from tests.support.agents import Agent, eventually

BOX = """
[box]
name = "Trụ sở An Phú"
state_dir = "state"
[controller]
url = "http://127.0.0.1:9"
[sound]
output = "fake"
recordings = "."
lead_in_ms = 0
[panel]
driver = "fake"
emergency = 5
key = 6
stop = 7
amplifier = 8
status_lamp = 9
on_air_lamp = 10
select = [11, 12]
messages = [1, 2]
hold_ms = 500
"""


def heard(folder: Path) -> list[dict[str, object]]:
    file = folder / "sounded.jsonl"
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


def test_the_button_sounds_a_box_that_nobody_has_ever_reached_and_stop_ends_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "box.toml"
    config.write_text(BOX, encoding="utf-8")

    def wire(contact: str, position: str) -> str:
        assert main(["wire", contact, position, "--config", str(config), "--json"]) == 0
        return capsys.readouterr().out

    with Agent(config) as agent:
        eventually((tmp_path / "state" / "control.sock").exists, "the service socket")
        wire("key", "on")
        wire("emergency", "on")
        eventually(lambda: "the button was pressed" in agent.log(), "the press")
        eventually(lambda: "stage=STARTED" in agent.log(), "the first sample")
        wire("emergency", "off")
        wire("stop", "on")
        eventually(lambda: heard(tmp_path), "the end of the pass")
        assert [row["complete"] for row in heard(tmp_path)] == [False]
        assert main(["status", "--config", str(config), "--lang", "vi"]) == 0
        said = capsys.readouterr().out
        assert "“Lũ, ngập lụt”: đã bị hủy hoặc thay thế" in said
        assert "lệnh dừng và khóa loa: đã thực hiện" in said
        assert main(["wire", "bell", "on", "--config", str(config), "--lang", "en"]) == 1
        assert "there are emergency, key, stop, select 1, select 2" in capsys.readouterr().err


def test_the_wires_command_says_what_each_lamp_shows_and_what_that_means(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "box.toml"
    config.write_text(BOX, encoding="utf-8")

    def said(*words: str) -> str:
        assert main([*words, "--config", str(config), "--lang", "en"]) == 0
        return capsys.readouterr().out

    with Agent(config):
        eventually((tmp_path / "state" / "control.sock").exists, "the service socket")
        assert "status: steady. The box runs and is ready." in said("wire", "select", "2", "on")
        keyed = said("wire", "key", "on")
        assert "status: double, every 2 s. Unlocked (key turned, or a code entered)" in keyed
        assert keyed.splitlines()[1:] == ["on air: dark. The microphone is closed."]
        assert "fault" not in keyed  # no such lamp is wired
        assert "Lamps: \n  status: double, every 2 s." in said("status")
        for words in (["select", "2"], ["on"], ["key", "ON"]):
            assert main(["wire", *words, "--config", str(config), "--lang", "vi"]) == 2
            assert "wire key on, wire select 2 on" in capsys.readouterr().err


def test_the_wire_to_a_pretended_horn_can_be_cut_where_the_ear_hears_recordings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """That it is heard no more then is shown in test_recorded_ear; here, that the command reaches it."""
    config = tmp_path / "box.toml"
    config.write_text(BOX.replace('"fake"\nrecordings', '"wav"\nrecordings') + '[ear]\ndevice = "recordings"\n')
    with Agent(config):
        eventually((tmp_path / "state" / "control.sock").exists, "the service socket")
        assert main(["wire", "horn", "off", "--config", str(config)]) == 0
        assert main(["wire", "bell", "on", "--config", str(config), "--lang", "en"]) == 1
        assert "select 2, horn" in capsys.readouterr().err


def test_a_relay_on_pins_that_cannot_be_had_stays_the_fault_panel(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "box.toml"
    panel = '[panel]\ndriver = "gpiod"\nchip = "/dev/nothing"\namplifier = 8\n'
    config.write_text(BOX.partition("[panel]")[0] + panel, encoding="utf-8")
    with Agent(config):
        eventually((tmp_path / "state" / "control.sock").exists, "the service socket")
        assert main(["status", "--config", str(config), "--json"]) == 0
        assert "PANEL" in json.dumps(json.loads(capsys.readouterr().out))


@pytest.mark.parametrize("text", [None, "not a key", "\xff"])
def test_a_tokens_file_that_is_missing_or_damaged_is_the_fault_panel_and_the_box_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None
) -> None:
    config = tmp_path / "box.toml"
    config.write_text(BOX + 'token = "panel.key"\n', encoding="utf-8")
    if text is not None:
        (tmp_path / "panel.key").write_text(text, encoding="latin-1")
    with Agent(config) as agent:
        eventually((tmp_path / "state" / "control.sock").exists, "the service socket")
        assert main(["status", "--config", str(config), "--json"]) == 0
        assert "PANEL" in capsys.readouterr().out
        assert "panel.key, is no key file" in agent.log()


def press_and_hear(folder: Path, agent: Agent) -> None:
    """The alarm of this box sounds."""
    eventually((folder / "state" / "control.sock").exists, "the service socket")
    for contact in ("key", "emergency"):
        assert main(["wire", contact, "on", "--config", str(folder / "box.toml")]) == 0
    eventually(lambda: "stage=STARTED" in agent.log(), "the first sample")


def test_fault_46_the_press_goes_on_after_kill_minus_nine_as_the_kernel_kills_for_want_of_memory(
    tmp_path: Path,
) -> None:
    config = tmp_path / "box.toml"
    config.write_text(BOX + '[clock]\ntrust = "system"\n', encoding="utf-8")
    with Agent(config) as agent:
        press_and_hear(tmp_path, agent)
        agent.kill()
        agent.start()
        eventually(lambda: any(row["complete"] for row in heard(tmp_path)), "a whole pass after the restart")


def test_a_box_without_the_communes_token_says_at_the_terminal_that_it_reaches_no_other(tmp_path: Path) -> None:
    config = tmp_path / "box.toml"
    config.write_text(BOX, encoding="utf-8")

    def talk(to: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "agent", "talk", "--lang", "vi", "--to", to, "--config", str(config)]
        return subprocess.run(command, input="24681357\n", capture_output=True, text=True, check=False, timeout=60)

    with Agent(config) as agent:
        eventually((tmp_path / "state" / "control.sock").exists, "the service socket")
        for to, why in (
            ("commune", "không giữ khóa của xã"),
            ("ABCD-EFGH", "không giữ khóa của xã"),
            ("xã", "mã hộp dạng"),
        ):
            done = talk(to)
            assert done.returncode != 0
            assert why in done.stderr
        assert "the microphone is open" not in agent.log()


def test_somebody_talks_from_the_terminal_until_ctrl_c(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "box.toml"
    config.write_text(BOX, encoding="utf-8")
    with Agent(config) as agent:
        eventually((tmp_path / "state" / "control.sock").exists, "the service socket")
        with subprocess.Popen([sys.executable, "-m", "agent", "talk", "--config", str(config)]) as talking:
            eventually(lambda: "the microphone is open" in agent.log(), "the microphone")

            def sounding() -> object:
                assert main(["status", "--config", str(config), "--json"]) == 0
                return json.loads(capsys.readouterr().out)["sounding"]

            eventually(sounding, "the voice at the loudspeaker")
            talking.send_signal(signal.SIGINT)
        assert talking.returncode == 0
        eventually(lambda: 'event="the microphone is closed"' in agent.log(), "its end")
        eventually(
            lambda: [row["complete"] for row in heard(tmp_path)] == [True],
            "what was heard, to the end that who spoke gave it",
        )


def test_the_boxes_of_the_demo_have_a_button(tmp_path: Path) -> None:
    text = BOX_TOML.format(name="x", state="s", port=1, ca="ab" * 32, output="wav", recordings="r")
    panel = parse(text, tmp_path / "box.toml").panel
    assert {"emergency", "key", "stop", "microphone"} <= dict(panel.lines).keys()
    assert panel.driver == "fake"


def test_the_real_box_of_the_demo_has_a_page_a_code_a_duress_code_and_a_microphone_to_try(tmp_path: Path) -> None:
    layout = Layout(tmp_path, 8080, 1883, 8443, 8099)
    box = box_toml(layout, name="x", home=tmp_path, output="wav", ca="ab" * 32)
    config = parse(box + local_toml(layout) + BOARD_TOML + EAR_TOML, tmp_path / "box.toml")
    assert config.local == "127.0.0.1:8099"
    codes = config.panel.code, config.panel.duress_code
    assert [pin.judge(entered, *codes) for entered in (CODE, DURESS_CODE)] == [Code.RIGHT, Code.DURESS]
    heard: list[bytes] = []

    async def listen() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.1):
                await audio.microphone(config).listen(lambda pcm, _: heard.append(pcm))

    asyncio.run(listen())
    assert any(heard[0]), "a tone, so that the recording shows that somebody spoke"


def test_what_box_toml_has_wrong_of_the_fitted_parts_is_named_with_its_way_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "box.toml"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        fitted = f"""token = "panel.key"
[local]
listen = "127.0.0.1:{taken.getsockname()[1]}"
[board]
driver = "png"
size = "64x32"
picture = "board.png"
"""
        config.write_text(BOX + fitted, encoding="utf-8")
        with Agent(config):
            eventually((tmp_path / "state" / "control.sock").exists, "the service socket")
            assert main(["selftest", "--config", str(config), "--lang", "vi"]) == 1
            told = capsys.readouterr().out
            for part in (
                "✗ Tệp khóa của xã đọc được: panel.token: panel.key không phải tệp khóa",
                "✓ Bảng tin nhận hình: png",
                "✗ Trang của hộp mở được: không mở được 127.0.0.1:",
            ):
                assert part in told
            assert main(["status", "--config", str(config), "--lang", "vi"]) == 0
            faults = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("Lỗi: "))
            assert "hãy tạo bằng “loalang key new”" in faults
