"""The demo's MQTT broker on loopback: Mosquitto where it is installed, else an embedded one that takes everybody."""

import importlib.util
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from controller.demo.errors import DemoError
from controller.demo.processes import Program

CHOICES = ("auto", "mosquitto", "embedded")


@dataclass(frozen=True)
class Broker:
    """The broker's program, not yet started."""

    program: Program
    about: str
    """What to tell the newcomer."""
    tls: bool
    """Whether it takes boxes by their certificates."""


def broker(port: int, folder: Path, log: Path, choice: str = "auto") -> Broker:
    """The broker for this port; Mosquitto reads its configuration from `folder`.

    `choice` is one of CHOICES. Raises `DemoError` when the broker that was chosen is not installed.
    """
    mosquitto = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if mosquitto is not None and choice != "embedded":
        config = folder / "mosquitto.conf"  # written by `pki.services.set_up_broker`, before the start
        about = "Mosquitto, with certificates on both sides (mTLS) and access control (ACL)"
        return Broker(Program("Mosquitto", [mosquitto, "-c", str(config.absolute())], log=log), about, tls=True)
    if importlib.util.find_spec("iotcore") is not None and choice != "mosquitto":
        command = [
            sys.executable,
            "-m",
            "iotcore",
            "--listen",
            "127.0.0.1",
            "--port",
            str(port),
            "--log-level",
            "CRITICAL",
        ]
        about = "iotcore (embedded): NO certificates of boxes and NO access control; apt-get install mosquitto for them"
        return Broker(Program("embedded broker", command, log=log), about, tls=False)
    raise DemoError(
        f"--broker {choice}: not installed here. apt-get install mosquitto, or run `make demo`, "
        "which installs the embedded one"
    )
