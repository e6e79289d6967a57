"""Whoever stands at the real agent's box in the journey: pretended contacts, a cut wire, what sounds meanwhile."""

import json
import socket
import time
from typing import Final

from controller.demo.errors import DemoError
from controller.demo.stage import Stage

HOLD_MS: Final = 3_000
"""The emergency button, and STOP to open the lock (docs/panel.md)."""
BRIEF_MS: Final = 300
"""So long a finger presses at least."""
ANSWER_S: Final = 20
UNFINISHED: Final = ".wav.part"


class Panel:
    """The contacts of the box that is wired to pretended pins."""

    def __init__(self, stage: Stage) -> None:
        self._home = stage.layout.agent

    def wire(self, contact: str, on: bool) -> int:
        """Close or open a contact, as `loalang-agent wire` does; when that was done, epoch milliseconds.

        "horn" is the wire to the loudspeaker.
        """
        request = {"command": "wire", "contact": contact, "on": on, "language": "en"}
        try:
            with socket.socket(socket.AF_UNIX) as service:
                service.settimeout(ANSWER_S)
                service.connect(str(self._home / "state" / "control.sock"))
                service.sendall(json.dumps(request).encode() + b"\n")
                with service.makefile("r", encoding="utf-8") as answers:
                    answer = json.loads(answers.readline())
        except (OSError, ValueError) as error:
            raise DemoError(f"the real box's service socket: {error}") from error
        if not answer["ok"]:
            raise DemoError(f"{contact}: {answer['error']}")
        return round(time.time() * 1000)

    def press(self, contact: str, hold_ms: int = 0) -> None:
        """Press and let go."""
        self.wire(contact, True)
        time.sleep(max(hold_ms, BRIEF_MS) / 1000)
        self.wire(contact, False)

    def sounding_since(self) -> tuple[str, int] | None:
        """The play that is being recorded, and the instant of its first sample; None while nothing sounds."""
        for path in (self._home / "recordings").glob(f"*{UNFINISHED}"):
            first_ms, _, play = path.name.removesuffix(UNFINISHED).partition("-")
            return play, int(first_ms)
        return None
