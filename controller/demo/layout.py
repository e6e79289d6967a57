"""Where the demo keeps its things, and what its boxes are told: all below one folder that every start makes anew."""

import base64
import hashlib
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROVINCE: Final = "79"
ENVIRONMENT: Final = "demo"
PASSPHRASE: Final = "loa lang demo"  # noqa: S105 - printed for every visitor
"""Of every sample key file. A demo's: it guards nothing."""
REAL: Final = "Nhà văn hóa khu phố 1"
"""Name of the real agent's box."""
SIMULATED: Final = "Cụm loa mô phỏng"
"""Simulated boxes have this name and a number of two digits."""


@dataclass(frozen=True)
class Layout:
    """Paths and ports of one demo."""

    folder: Path
    web_port: int
    broker_port: int
    tls_port: int = 0
    """Where the boxes find the controller by HTTPS."""
    local_port: int = 0
    """Of the real agent's own page."""

    @property
    def data(self) -> Path:
        """The controller's data folder."""
        return self.folder / "controller"

    @property
    def keys(self) -> Path:
        """Key files of the sample people, and the root key."""
        return self.folder / "keys"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def agent(self) -> Path:
        """The real agent: box.toml, its state and recordings."""
        return self.folder / "agent"

    @property
    def broker(self) -> Path:
        """The broker's configuration."""
        return self.folder / "broker"

    @property
    def boxes(self) -> Path:
        """The simulated boxes, a folder each."""
        return self.folder / "boxes"

    @property
    def url(self) -> str:
        return f"http://localhost:{self.web_port}"

    def key_file(self, username: str) -> Path:
        return self.keys / f"{username}.key.json"

    def environment(self, *, tls: bool) -> dict[str, str]:
        """The controller's configuration (`controller.core.config`); `tls`: the broker takes certificates."""
        scheme, user = ("mqtts", "") if tls else ("mqtt", "controller@")
        return {
            "LOALANG_DATA": str(self.data),
            "LOALANG_PROVINCE": PROVINCE,
            "LOALANG_ENVIRONMENT": ENVIRONMENT,
            "LOALANG_BROKER": f"{scheme}://{user}localhost:{self.broker_port}",
            "LOALANG_BROKER_PUBLIC": f"{scheme}://localhost:{self.broker_port}",
            "LOALANG_BROKER_DIR": str(self.broker),
        }


BOX_TOML: Final = """\
[box]
name = "{name}"
state_dir = "{state}"

[controller]
url = "https://localhost:{port}"
ca = "{ca}"

[sound]
output = "{output}"
recordings = "{recordings}"
# No amplifier hangs on these boxes, so nothing has to warm up before the first sample.
lead_in_ms = 0

[clock]
trust = "system"

# A panel of pretended contacts: `loalang-agent wire key on`, `wire emergency on`, three seconds, `wire emergency off`;
# `wire select 2 on` chooses another message, `wire microphone on` opens the microphone. See docs/panel.md.
[panel]
driver = "fake"
emergency = 5
key = 6
select = [20, 21, 26]
messages = [1, 2, 4]
microphone = 13
stop = 19
service = 16
amplifier = 23
status_lamp = 22
fault_lamp = 27
on_air_lamp = 18
"""
LOCAL_TOML: Final = """\
code = "{code}"
duress_code = "{duress}"

# The box's own page, where these codes are entered; for this machine alone.
[local]
listen = "127.0.0.1:{port}"
"""
"""The real agent's; it goes on in [panel]."""
CODE: Final = "13572468"
DURESS_CODE: Final = "86427531"
"""Of the demo's panel; printed for every visitor, as the passphrase is."""
BOARD_TOML: Final = """
[board]
driver = "png"
"""
"""The real agent has a board that is a file, `state/board.png`."""
EAR_TOML: Final = """
# It hears what it records; `loalang-agent wire horn off` cuts the pretended horn's wire.
[ear]
device = "recordings"
"""
"""And an ear, where it does not sound on a loudspeaker."""


def local_toml(layout: Layout) -> str:
    """What the real agent's box.toml says besides: its codes and its own page."""
    code, duress = (scrypt_hash(secret) for secret in (CODE, DURESS_CODE))
    return LOCAL_TOML.format(code=code, duress=duress, port=layout.local_port)


def scrypt_hash(code: str) -> str:
    """As `loalang-agent panel-code` writes it: `agent/core/pin.py` reads it."""
    salt = secrets.token_bytes(16)
    digest = hashlib.scrypt(code.encode(), salt=salt, n=1 << 14, r=8, p=1, dklen=32)
    salt_text, digest_text = (base64.urlsafe_b64encode(part).decode() for part in (salt, digest))
    return f"scrypt${salt_text}${digest_text}"


def box_toml(layout: Layout, *, name: str, home: Path, output: str, ca: str) -> str:
    """The text of a box.toml for a box of this demo that lives in `home`."""
    return BOX_TOML.format(
        name=name,
        state=home / "state",
        port=layout.tls_port,
        ca=ca,
        output=output,
        recordings=home / "recordings",
    )
