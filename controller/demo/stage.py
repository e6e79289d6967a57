"""The demo's programs: broker, controller, a real agent, simulated boxes; started in order, stopped in reverse."""

import shutil
import sys
from pathlib import Path
from typing import Final, Self

from controller.demo.broker import broker
from controller.demo.errors import DemoError
from controller.demo.layout import BOARD_TOML, EAR_TOML, REAL, SIMULATED, Layout, box_toml, local_toml
from controller.demo.processes import Program, port_is_open, wait_until

START_S: Final = 40


class Stage:
    """All that runs. As a context manager it stops everything at the end, whatever happened."""

    def __init__(self, layout: Layout, *, boxes: int, broker_choice: str = "auto", aloud: bool = False) -> None:
        """`aloud`: the real agent takes this machine's loudspeaker; else what it sounds goes to WAV files."""
        self.layout = layout
        self.boxes = boxes
        self.aloud = aloud
        chosen = broker(layout.broker_port, layout.broker, layout.logs / "broker.log", broker_choice)
        self.broker, self.about_broker, self.tls = chosen.program, chosen.about, chosen.tls
        serve = ["serve", "--host", "127.0.0.1", "--port", str(layout.web_port), "--tls-port", str(layout.tls_port)]
        self.controller = Program(
            "controller", [_script("loalang"), *serve], log=layout.logs / "controller.log", env=self.environment
        )
        self.agent = Program(
            "real agent",
            [_script("loalang-agent"), "run", "--config", str(layout.agent / "box.toml")],
            log=layout.logs / "agent.log",
        )
        swarm = ["simulate", "--count", str(boxes), "--dir", str(layout.boxes), "--template"]
        self.swarm = Program(
            "simulated boxes",
            [_script("loalang-agent"), *swarm, str(layout.boxes / "template.toml")],
            log=layout.logs / "boxes.log",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for program in (self.swarm, self.agent, self.controller, self.broker):
            program.stop()

    @property
    def environment(self) -> dict[str, str]:
        """The controller's configuration."""
        return self.layout.environment(tls=self.tls)

    @property
    def programs(self) -> tuple[Program, ...]:
        return self.broker, self.controller, self.agent, self.swarm

    def start_broker(self) -> None:
        """Start the broker and wait for its port."""
        self.broker.start()
        port = self.layout.broker_port
        wait_until("the broker answers", lambda: port_is_open(port), within_s=START_S, programs=(self.broker,))

    def start_controller(self) -> None:
        """Start web, bridge and worker and wait for the pages."""
        self.controller.start()
        port = self.layout.web_port
        wait_until("the controller answers", lambda: port_is_open(port), within_s=START_S, programs=(self.controller,))

    def start_boxes(self, ca: str) -> None:
        """Start the real agent, whose board is a picture, and the simulated boxes."""
        for home, name, device, file in (
            (self.layout.agent, REAL, "portaudio" if self.aloud else "wav", "box.toml"),
            (self.layout.boxes, SIMULATED, "fake", "template.toml"),
        ):
            home.mkdir(parents=True, exist_ok=True)
            text = box_toml(self.layout, name=name, home=home, output=device, ca=ca)
            extras = local_toml(self.layout) + BOARD_TOML + ("" if self.aloud else EAR_TOML) if name == REAL else ""
            (home / file).write_text(text + extras, encoding="utf-8")
        self.agent.start()
        self.swarm.start()

    def stop_the_centre(self) -> None:
        """Broker and controller go away, as in a power cut at the province."""
        self.controller.stop()
        self.broker.stop()


def _script(name: str) -> str:
    """A command of this installation."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise DemoError(f"{name} is not installed beside {sys.executable}: run `make demo`, which installs it")
    return found
