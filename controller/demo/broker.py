"""The demo's MQTT broker on loopback: Mosquitto where it is installed, else an embedded one without access control."""

import importlib.util
import os
import shutil
import sys
from pathlib import Path

from controller.demo.errors import DemoError
from controller.demo.processes import Program

# A box writes and reads only below its own id, and reads the orders of every unit; the controller reads and writes all.
ACL = """\
user controller
topic readwrite ll/1/#

pattern readwrite ll/1/box/%u/#
pattern read ll/1/unit/+/orders
"""

CONFIG = """\
listener {port} 127.0.0.1
allow_anonymous true
acl_file {acl}
persistence false
max_queued_messages 100000
set_tcp_nodelay true
{user}
"""


CHOICES = ("auto", "mosquitto", "embedded")


def broker(port: int, folder: Path, log: Path, choice: str = "auto") -> tuple[Program, str]:
    """The broker's program for this port, not yet started, and what to tell the newcomer about it.

    `choice` is one of CHOICES. Raises `DemoError` when the broker that was chosen is not installed.
    """
    mosquitto = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if mosquitto is not None and choice != "embedded":
        folder.mkdir(parents=True, exist_ok=True)
        acl, config = folder / "acl", folder / "mosquitto.conf"
        acl.write_text(ACL)
        acl.chmod(0o600)
        # Started by root, Mosquitto becomes the user `mosquitto`, who cannot read this folder.
        user = "user root" if os.getuid() == 0 else ""
        config.write_text(CONFIG.format(port=port, acl=acl.resolve(), user=user))
        return Program(
            "Mosquitto", [mosquitto, "-c", str(config.resolve())], log=log
        ), "Mosquitto, with access control (ACL)"
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
        return Program(
            "embedded broker", command, log=log
        ), "iotcore (embedded): it has NO access control; apt-get install mosquitto for that"
    raise DemoError(
        f"--broker {choice}: not installed here. apt-get install mosquitto, or run `make demo`, "
        "which installs the embedded one"
    )
