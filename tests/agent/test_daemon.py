"""The daemon as a technician meets it: real processes, a real broker, the commands at the box."""

import contextlib
import datetime as dt
import json
import socket
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from agent.__main__ import main
from agent.config import load
from agent.drivers.systemd import Notifier
from agent.store.database import Database
from agent.store.memory import Memory
from agent.swarm import configure
from protocol.report import FaultCode, Stage
from tests.support.agents import Agent, Swarm, eventually
from tests.support.broker import Broker
from tests.support.small_controller import Programme, SmallController, alert, box_toml, signed, tone

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
pytestmark = pytest.mark.broker


def soon(programme: Programme, name: str, seconds: float) -> None:
    """A short bulletin so many seconds from now."""
    first = dt.datetime.now(VIETNAM) + dt.timedelta(seconds=seconds)
    programme.add(name, first.strftime("%Y-%m-%dT%H:%M:%S"), tone(300), 300)


def sounded(folder: Path) -> list[str]:
    """Causes of what a person beside the box would have heard to its end."""
    file = folder / "sounded.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [heard["cause"] for heard in map(json.loads, lines) if heard["complete"]]


def test_a_box_is_enrolled_fed_and_heard_and_goes_on_when_everybody_else_is_gone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "box" / "box.toml"
    with Broker(tmp_path) as broker:
        with SmallController(broker.port) as controller:
            box_toml(config.parent, controller)
            with Agent(config) as agent:
                eventually(lambda: controller.heard.hellos, "a hello")
                programme = Programme()
                soon(programme, "first", 2)
                soon(programme, "second", 5)
                controller.publish(programme)
                eventually(lambda: sounded(config.parent) == ["first"], "the first bulletin")
                eventually(lambda: controller.heard.rows, "its row")

                assert main(["status", "--config", str(config), "--lang", "vi"]) == 0
                said = capsys.readouterr().out
                assert "Lịch phát: đang dùng lịch số 1, là lịch mới nhất\n" in said
                assert "Kết nối: có (nghe thấy trung tâm " in said
                assert main(["status", "--config", str(config), "--json"]) == 0
                assert json.loads(capsys.readouterr().out)["connected"] is True
                assert main(["selftest", "--config", str(config), "--lang", "en"]) == 0
                assert "✗" not in capsys.readouterr().out
                assert main(["fetch", "--config", str(config), "--lang", "en"]) == 0
                assert "Nothing is missing; programme 1 is in force." in capsys.readouterr().out
                assert main(["fetch", "--config", str(config), "--lang", "vi"]) == 0
                assert "Không thiếu gì; đang dùng lịch số 1." in capsys.readouterr().out
                assert main(["explain", "--config", str(config), "--lang", "en", "--at", "2026-11-24T03:00"]) == 0
                assert "At 03:00 on Tuesday 24/11/2026: silent." in capsys.readouterr().out
                assert main(["explain", "--config", str(config), "--lang", "en", "--at", "03:15"]) == 0
                assert "At 03:15 on" in capsys.readouterr().out
                assert main(["explain", "--config", str(config), "--lang", "en", "--at", "tomorrow"]) == 1
                assert "write 06:00 or 2026-11-24T06:00" in capsys.readouterr().err
                assert main(["explain", "--config", str(config), "--lang", "vi", "--at", "tomorrow"]) == 1
                assert "loalang-agent: 'tomorrow' không phải là giờ; hãy viết 06:00" in capsys.readouterr().err

                broker.kill()
                controller.http.shutdown()
                eventually(lambda: sounded(config.parent) == ["first", "second"], "the second bulletin, offline")
                eventually(lambda: "no connection to the broker; trying again" in agent.log(), "the log says so")
                assert main(["selftest", "--config", str(config), "--lang", "en"]) == 1
                assert "check SIM, cable and controller.url" in capsys.readouterr().out

                broker.start()
                eventually(lambda: len(controller.heard.rows) == 2, "both rows")
                assert agent.stop() == 0
        assert main(["status", "--config", str(config)]) == 1
        assert "loalang-agent run" in capsys.readouterr().err


def test_two_daemons_never_share_a_state_folder_nor_a_service_socket(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Broker(tmp_path) as broker, SmallController(broker.port) as controller:
        config = box_toml(tmp_path / "box", controller)
        with Agent(config):
            socket_path = load(config).control_socket
            eventually(socket_path.exists, "the service socket")
            assert main(["run", "--config", str(config)]) == 1
            assert "một loalang-agent khác đang chạy với thư mục này; hãy dừng nó" in capsys.readouterr().err
            other = tmp_path / "other.toml"
            text = config.read_text(encoding="utf-8").replace('state_dir = "state"', 'state_dir = "other"')
            other.write_text(f'{text}\n[control]\nsocket = "{socket_path}"\n', encoding="utf-8")
            assert main(["run", "--config", str(other)]) == 1
            assert "hãy dừng nó, hoặc đổi control.socket" in capsys.readouterr().err
            assert main(["status", "--config", str(config)]) == 0


def test_a_wrong_instant_that_was_kept_is_shown_with_the_way_out_and_dropped_by_a_technician(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Broker(tmp_path) as broker, SmallController(broker.port) as controller:
        config = box_toml(tmp_path / "box", controller)
        state = load(config).state_dir
        with contextlib.closing(Database(state)) as database:
            Memory(database).raise_floor(4_000_000_000_000)
        with Agent(config) as agent:
            eventually(load(config).control_socket.exists, "the service socket")
            assert main(["status", "--config", str(config), "--lang", "en"]) == 0
            assert "Clock: the clock shows" in capsys.readouterr().out
            assert main(["selftest", "--config", str(config), "--lang", "en"]) == 1
            assert "run loalang-agent forget-time" in capsys.readouterr().out
            assert main(["forget-time", "--config", str(config), "--lang", "en"]) == 1
            assert "stop it" in capsys.readouterr().err
            assert agent.stop() == 0
            (state / "network-time").write_text("what was kept of a wrong network time")
            assert main(["forget-time", "--config", str(config), "--lang", "en"]) == 0
            assert not (state / "network-time").exists()
            agent.start()
            eventually(load(config).control_socket.exists, "the service socket")
            capsys.readouterr()
            assert main(["status", "--config", str(config), "--lang", "en"]) == 0
            assert "Clock: right, from the network (NTP)\n" in capsys.readouterr().out


def test_a_broker_that_hangs_is_found_by_the_selftest_while_the_connection_still_stands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Broker(tmp_path) as broker, SmallController(broker.port) as controller:
        config = box_toml(tmp_path / "box", controller)
        with Agent(config):
            eventually(lambda: controller.heard.hellos, "a hello")
            broker.hang()
            try:
                assert main(["selftest", "--config", str(config), "--lang", "vi"]) == 1
            finally:
                broker.go_on()
            said = capsys.readouterr().out
            assert "✓ Biết giờ" in said
            assert "✗ Trao đổi được với trung tâm" in said
            assert "không xác nhận tin nhắn trong 10 giây; hãy thử lại" in said


def test_the_announcers_recordings_sound_where_they_can_and_what_is_wrong_with_others_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "announcer"
    folder.mkdir()
    (folder / "1.wav").write_bytes(tone(2_000))
    (folder / "7.opus").write_bytes(b"no sound at all")
    with Broker(tmp_path) as broker, SmallController(broker.port) as controller:
        config = box_toml(tmp_path / "box", controller, announcer=str(folder))
        with Agent(config):
            eventually(lambda: controller.heard.hellos, "a hello")
            programme = Programme()
            soon(programme, "first", 2)
            controller.publish(programme)
            eventually(lambda: sounded(config.parent), "the first bulletin")
            controller.order(signed(alert(1)))
            eventually(lambda: len(sounded(config.parent)) == 2, "the alarm")
            heard = json.loads((config.parent / "sounded.jsonl").read_text().splitlines()[-1])
            assert heard["sources"] == ["1.wav"]
            assert 2_000 <= heard["ended_ms"] - heard["first_sample_ms"] < 3_000
            assert main(["selftest", "--config", str(config), "--lang", "vi"]) == 1
            said = capsys.readouterr().out
            assert "✗ Bản ghi của phát thanh viên dùng được: 7.opus: không phát được: " in said
        told = {fault.detail for fault in controller.heard.faults if fault.code is FaultCode.ANNOUNCER}
        assert [detail.split(": ")[0] for detail in told] == ["7.opus"]
        (folder / "7.opus").unlink()
        hellos = len(controller.heard.hellos)
        with Agent(config):
            eventually(lambda: len(controller.heard.hellos) > hellos, "a hello")
            assert main(["selftest", "--config", str(config), "--lang", "vi"]) == 0
            assert "✓ Bản ghi của phát thanh viên dùng được: 1.wav\n" in capsys.readouterr().out
            eventually(lambda: not controller.heard.faults[-1].raised, "the fault is over")


def test_a_wrong_box_toml_is_said_in_one_line_and_leaves_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    assert main(["run", "--config", str(tmp_path / "no.toml")]) == 2
    assert "không có tệp này; hãy chỉ đường dẫn" in capsys.readouterr().err
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    assert main(["run", "--config", str(tmp_path / "no.toml")]) == 2
    (tmp_path / "box.toml").write_text('[box]\nname = "x"\nstate_dir = "state"\n[controler]\n')
    assert main(["run", "--config", str(tmp_path / "box.toml")]) == 2
    said = capsys.readouterr().err
    assert "no such file" in said
    assert "controller.url: is missing" in said
    assert [file.name for file in tmp_path.iterdir()] == ["box.toml"]


def test_a_swarm_is_many_boxes_of_which_only_those_of_the_area_obey(tmp_path: Path, short_folder: Path) -> None:
    with Broker(tmp_path) as broker, SmallController(broker.port) as controller:
        template = box_toml(short_folder / "template", controller)
        folder = short_folder / "boxes"
        with Swarm(template, folder, 4):
            eventually(lambda: len({hello.box for hello in controller.heard.hellos}) == 4, "four boxes")
            programme = Programme()
            soon(programme, "all", 2)
            controller.publish(programme, list(controller.keys)[:3])
            folders = sorted(folder.iterdir())
            assert [each.name for each in folders] == ["box-01", "box-02", "box-03", "box-04"]
            eventually(lambda: sum(sounded(each) == ["all"] for each in folders) == 3, "three that sound")
            order = alert(1)
            controller.order(signed(order))
            eventually(
                lambda: sum(stage is Stage.STARTED for _, _, stage in controller.heard.receipts.copy()) == 3,
                "three that obey",
            )
        assert load(folders[0] / "box.toml") == configure(load(template), folder, 1)[0]
        assert len(controller.heard.rows) >= 3


def test_systemd_is_told_when_the_daemon_is_ready_alive_and_stopping(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(address)
        sock.settimeout(5)
        notifier = Notifier(address, "4000000")
        assert notifier.ping_s == 2.0
        notifier.ready()
        notifier.alive()
        notifier.stopping()
        assert [sock.recv(100) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]
    notifier.alive()
    Notifier(None, "nonsense").alive()
