"""`loalang serve` from outside: what it says when something is missing, and that nothing of it is left behind."""

import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
import requests
from paho.mqtt.enums import CallbackAPIVersion

from protocol import topics
from protocol.signing import KeySigner
from tests.support.broker import Broker
from tests.support.program import Loalang
from tests.support.province import key


def test_a_port_in_use_is_said_with_the_way_out_and_nothing_stays_running(tmp_path: Path) -> None:
    program = Loalang(tmp_path, None)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", program.port))
        taken.listen()
        done = program.run("serve", "--port", str(program.port))
    assert done.returncode == 2
    assert f"127.0.0.1:{program.port}" in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_its_broker_the_pages_work_and_it_keeps_trying(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        broker.kill()
        program = Loalang(tmp_path, broker.port)
        program.start()
        try:
            assert program.answers()
            _eventually(lambda: "no broker" in program.log())
            assert "LOALANG_BROKER" in program.log()
            broker.start()
            _eventually(lambda: "broker connected" in program.log())
        finally:
            assert program.stop() == 0
        assert "Traceback" not in program.log()


def test_no_broker_configured_is_a_warning_not_an_end(tmp_path: Path) -> None:
    program = Loalang(tmp_path, None)
    program.start()
    assert program.stop() == 0
    assert "set LOALANG_BROKER" in program.log()


@pytest.mark.parametrize(
    ("name", "value"),
    [("LOALANG_BROKER", "http://nowhere"), ("LOALANG_PROVINCE", "Bà Rịa"), ("LOALANG_DATA", "/proc/nowhere")],
)
def test_a_wrong_setting_is_named_in_one_sentence(tmp_path: Path, name: str, value: str) -> None:
    program = Loalang(tmp_path, None)
    program.env[name] = value
    done = program.run("serve", "--port", str(program.port))
    assert done.returncode == 2
    assert done.stderr.startswith(f"loalang: {name}")
    assert "Traceback" not in done.stderr


def test_web_bridge_and_worker_also_run_alone(tmp_path: Path) -> None:
    """A message that the web's process writes is published by a bridge in another process."""
    with Broker(tmp_path) as broker:
        program = Loalang(tmp_path, broker.port)
        box = "a" * 16
        heard: list[bytes] = []
        client = mqtt.Client(CallbackAPIVersion.VERSION2)
        client.on_message = lambda _client, _data, message: heard.append(bytes(message.payload))
        client.connect("127.0.0.1", broker.port)
        client.subscribe(topics.down(box), qos=1)
        client.loop_start()
        program.start("--web")
        bridge = Loalang(tmp_path, broker.port)
        try:
            assert "broker connected" not in program.log()
            bridge.start_without_pages("--bridge")
            _eventually(lambda: "broker connected" in bridge.log())
            program.python(
                "from controller.outbox import services; from controller.outbox.models import Kind; "
                f"services.post_many([({topics.down(box)!r}, b'hello')], Kind.ORDER)"
            )
            _eventually(lambda: heard == [b"hello"])
        finally:
            client.disconnect()
            client.loop_stop()
            assert bridge.stop() == 0
            assert program.stop() == 0


ROOT_SEED = bytes(range(32))
ROOT = KeySigner.from_seed(ROOT_SEED)


def test_keys_signatures_and_roots_are_made_without_the_controllers_database(tmp_path: Path) -> None:
    program = Loalang(tmp_path, None)
    phrase = tmp_path / "phrase"
    phrase.write_text("một mật khẩu dài\n")
    person = ["--person", "Trần Thị Hoa", "--passphrase-file", str(phrase)]
    program.must("key", "new", *person, "--out", str(tmp_path / "hoa.json"))
    assert "Trần Thị Hoa" in program.must("key", "show", str(tmp_path / "hoa.json"))
    again = program.run("key", "new", *person, "--out", str(tmp_path / "hoa.json"))
    assert again.returncode == 2
    assert "không ghi đè" in again.stderr
    assert (tmp_path / "hoa.json").stat().st_mode & 0o077 == 0, "nobody else may read it"
    holders = {
        "province": "77",
        "environment": "test",
        "version": 1,
        "holders": [
            {"person": "Trần Thị Hoa", "roles": ["EMERGENCY"], "scope": ["77"], "key_file": "hoa.json"},
            {"person": "Gốc", "roles": ["ROOT"], "scope": ["77"], "public": ROOT.public_key.hex()},
        ],
    }
    (tmp_path / "holders.json").write_text(json.dumps(holders))
    (tmp_path / "root").write_text(ROOT_SEED.hex())
    made = ["roots", "make", "--holders", str(tmp_path / "holders.json"), "--root-key", str(tmp_path / "root")]
    program.must(*made, "--out", str(tmp_path / "roots.cose"))
    assert (tmp_path / "roots.cose").stat().st_size > 100
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"holders": [{"person": "Hoa", "roles": ["EMPEROR"], "scope": ["77"], "public": "00" * 32}]}, "EMPEROR"),
        ({"holders": [{"person": "Hoa", "roles": ["CANCEL"], "scope": ["77"], "public": "short"}]}, "public"),
        ({"holders": [{"person": "Hoa", "roles": ["CANCEL"], "scope": ["77"]}]}, "key_file"),
        ({"version": 0}, "version"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_holders_file_with_a_mistake_is_refused_by_the_name_of_the_field(
    tmp_path: Path, change: dict[str, object], named: str
) -> None:
    program = Loalang(tmp_path, None)
    good = {"person": "Hoa", "roles": ["CANCEL"], "scope": ["77"], "public": key("hoa").public_key.hex()}
    spec = {"province": "77", "environment": "test", "version": 1, "holders": [good], **change}
    (tmp_path / "holders.json").write_text(json.dumps(spec))
    (tmp_path / "root").write_text("11" * 32)
    made = ["roots", "make", "--holders", str(tmp_path / "holders.json"), "--root-key", str(tmp_path / "root")]
    done = program.run(*made, "--out", str(tmp_path / "roots.cose"))
    assert done.returncode == 2
    assert named in done.stderr
    assert not (tmp_path / "roots.cose").exists()


def test_an_unknown_unit_and_an_unknown_role_are_refused_at_the_command_line(tmp_path: Path) -> None:
    program = Loalang(tmp_path, None)
    unknown = program.run("person", "add", "hoa", "--name", "Hoa", "--appoint", "signer@99-1")
    assert unknown.returncode == 2
    assert "99-1" in unknown.stderr
    role = program.run("person", "add", "hoa", "--name", "Hoa", "--appoint", "emperor@77")
    assert role.returncode == 2
    assert "emperor" in role.stderr


def test_a_stranger_who_sends_too_much_is_told_so_and_nothing_of_it_is_kept(tmp_path: Path) -> None:
    program = Loalang(tmp_path, None)
    spool = tmp_path / "tmp"
    spool.mkdir()
    program.env["TMPDIR"] = str(spool)
    program.start("--web")
    try:
        for body in (bytes(6_000_000), iter([bytes(1_000_000)] * 8)):
            answer = requests.post(f"{program.url}/ban-tin/moi/", data=body, timeout=20)
            assert answer.status_code == 413
            assert "nhiều nhất 5 MB" in answer.text
        assert program.answers()
        assert list(spool.iterdir()) == []
    finally:
        assert program.stop() == 0


def test_what_the_server_writes_is_for_its_user_alone(tmp_path: Path) -> None:
    program = Loalang(tmp_path, None)
    program.must("migrate")
    data = tmp_path / "data"
    assert [path for path in (data, *data.rglob("*")) if path.stat().st_mode & 0o077] == []


def test_a_broker_that_hangs_is_noticed_although_its_connection_stands(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        program = Loalang(tmp_path, broker.port)
        program.start("--web", "--bridge")
        try:
            _eventually(lambda: "broker connected" in program.log())
            broker.hang()
            _eventually(lambda: "no broker" in program.log(), within_s=60)
        finally:
            assert program.stop() == 0


def _eventually(true: Callable[[], bool], within_s: float = 20) -> None:
    deadline = time.monotonic() + within_s
    pause = threading.Event()
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        pause.wait(0.05)
