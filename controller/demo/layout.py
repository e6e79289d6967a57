"""Where the demo keeps its things, and what its boxes are told: all below one folder that every start makes anew."""

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
    def boxes(self) -> Path:
        """The simulated boxes, a folder each."""
        return self.folder / "boxes"

    @property
    def url(self) -> str:
        return f"http://localhost:{self.web_port}"

    def key_file(self, username: str) -> Path:
        return self.keys / f"{username}.key.json"

    def environment(self) -> dict[str, str]:
        """The controller's configuration (`controller.core.config`)."""
        return {
            "LOALANG_DATA": str(self.data),
            "LOALANG_PROVINCE": PROVINCE,
            "LOALANG_ENVIRONMENT": ENVIRONMENT,
            # The broker's ACL knows the bridge by this name.
            "LOALANG_BROKER": f"mqtt://controller@127.0.0.1:{self.broker_port}",
            "LOALANG_BROKER_PUBLIC": f"mqtt://127.0.0.1:{self.broker_port}",
        }


BOX_TOML: Final = """\
[box]
name = "{name}"
state_dir = "{state}"

[controller]
url = "http://127.0.0.1:{port}"
province = "{province}"
environment = "{environment}"
root_keys = ["{root_key}"]

[sound]
output = "{output}"
recordings = "{recordings}"
# No amplifier hangs on these boxes, so nothing has to warm up before the first sample.
lead_in_ms = 0

[clock]
trust = "system"
"""


def box_toml(layout: Layout, *, name: str, home: Path, output: str, root_key: bytes) -> str:
    """The text of a box.toml for a box of this demo that lives in `home`."""
    return BOX_TOML.format(
        name=name,
        state=home / "state",
        port=layout.web_port,
        province=PROVINCE,
        environment=ENVIRONMENT,
        root_key=root_key.hex(),
        output=output,
        recordings=home / "recordings",
    )
