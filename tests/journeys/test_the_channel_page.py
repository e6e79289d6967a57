"""docs/channel.md: every command on the page is run, in its order, and a box comes through every one of them."""

import json
import re
import shlex
import shutil
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from tests.support.agents import Agent, eventually
from tests.support.broker import free_port
from tests.support.program import Loalang

PAGE: Final = Path(__file__).parents[2] / "docs" / "channel.md"
HOST: Final = "nguon.example.vn"
MOSQUITTO: Final = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")
pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(MOSQUITTO is None, reason="apt-get install mosquitto: the page is about it"),
]


def commands() -> list[list[str]]:
    """Every line of the page that a person types."""
    blocks = re.findall(r"```console\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return [shlex.split(line.removeprefix("$ ")) for block in blocks for line in block.splitlines()]


@dataclass
class Server:
    """The page's server, with the names and ports of this machine."""

    program: Loalang
    folder: Path
    stack: ExitStack
    tls_port: int = field(default_factory=free_port)
    broker_port: int = field(default_factory=free_port)
    ca: str = ""
    said: list[str] = field(default_factory=list)
    """What each command printed."""

    def do(self, words: list[str]) -> None:
        match words:
            case ["loalang", "serve", "--tls-port", "8443"]:
                self.program.start("--tls-port", str(self.tls_port))
                self.stack.callback(self.program.stop)
            case ["mosquitto", "-c", config]:
                assert config == "loalang-data/broker/mosquitto.conf"
                self._start_broker()
            case ["loalang", "pki", action, *options]:
                options = [option.replace(HOST, "localhost") for option in options]
                if action in ("init", "server"):
                    options += ["--broker-port", str(self.broker_port), "--broker-address", "127.0.0.1"]
                self._note(self.program.must("pki", action, *options))
            case ["loalang-agent", "code", "--config", "box.toml"]:
                done = subprocess.run(
                    [sys.executable, "-m", "agent", "code", "--config", str(self.folder / "box.toml"), "--json"],
                    capture_output=True,
                    text=True,
                    check=True,
                )
                self.said.append(done.stdout)
            case _:
                raise AssertionError(f"docs/channel.md has a command that nobody tries: {words}")

    def _note(self, said: str) -> None:
        self.said.append(said)
        found = re.search(r'^ca = "([0-9a-f]{64})"$', said, re.MULTILINE)
        assert found, said
        self.ca = found[1]

    def _start_broker(self) -> None:
        assert MOSQUITTO is not None
        home = self.folder / "data" / "broker"
        process = subprocess.Popen([MOSQUITTO, "-c", str(home / "mosquitto.conf")], stderr=subprocess.DEVNULL)
        self.stack.callback(process.wait)
        self.stack.callback(process.kill)
        eventually((home / "mosquitto.pid").exists, "the broker")

    def approve(self, box: str) -> None:
        self.program.python(
            "from controller.boxes.models import Box; from controller.boxes import services; "
            "from controller.accounts.models import Person; from controller.units.services import unit_by_code; "
            f"services.approve(Box.objects.get(pk='{box}'), unit_by_code('79'), Person.objects.get())"
        )

    def retire(self, box: str) -> None:
        self.program.python(
            "from controller.boxes.models import Box; from controller.boxes import services; "
            "from controller.accounts.models import Person; "
            f"services.retire(Box.objects.get(pk='{box}'), Person.objects.get())"
        )

    def shown_serial(self) -> str:
        """Of the certificate that the web server shows now."""
        context = ssl.create_default_context(cafile=str(self.folder / "data" / "pki" / "ca.pem"))
        request = urllib.request.Request(f"https://localhost:{self.tls_port}/box/v1/ca")
        with urllib.request.urlopen(request, context=context, timeout=5) as answer:
            assert b"BEGIN CERTIFICATE" in answer.read()
        return ssl.get_server_certificate(("localhost", self.tls_port))


@contextmanager
def server(tmp_path: Path) -> Iterator[Server]:
    with ExitStack() as stack:
        program = Loalang(tmp_path, None, province="79")
        made = Server(program, tmp_path, stack)
        program.env["LOALANG_BROKER"] = f"mqtts://localhost:{made.broker_port}"
        program.must("units", "import", "--root", "79")
        program.must("person", "add", "tuan", "--name", "Tuấn", "--appoint", "technician@79")
        yield made


def write_box_toml(made: Server) -> Path:
    file = made.folder / "box.toml"
    file.write_text(
        f"""[box]
name = "Cụm loa thử"
state_dir = "state"
[controller]
url = "https://localhost:{made.tls_port}"
ca = "{made.ca}"
[sound]
output = "fake"
""",
        encoding="utf-8",
    )
    return file


def test_a_box_comes_through_every_command_of_the_page(tmp_path: Path) -> None:
    todo = commands()
    assert len(todo) == 8
    with server(tmp_path) as made:
        for words in todo[:3]:
            made.do(words)
        with Agent(write_box_toml(made)) as agent:
            eventually(lambda: "waiting for approval" in agent.log(), "the box waits")
            made.do(todo[3])
            said = json.loads(made.said[-1])
            assert said["approved"] is False
            made.approve(said["id"])
            eventually(lambda: "connected to the broker" in agent.log(), "the box at the broker")
            assert "1 còn hạn" in made.program.must("pki", "show")
            made.do(todo[4])
            for words in todo[5:7]:  # the server's certificate, the bridge's
                before = made.shown_serial()
                made.do(words)
                if words[2] == "server":
                    eventually(lambda: made.shown_serial() != before, "the renewed certificate is shown")  # noqa: B023
            old = made.ca
            made.do(todo[7])
            assert made.ca != old
            agent.kill()
            agent.start()
            eventually(lambda: agent.log().count("connected to the broker") >= 2, "the box, after the CA was rotated")

            made.retire(said["id"])
            agent.kill()
            connected, lost = (agent.log().count(what) for what in ("connected to the broker", "no connection to"))
            agent.start()
            eventually(lambda: agent.log().count("no connection to") >= lost + 2, "the revoked box is refused")
            assert agent.log().count("connected to the broker") == connected
