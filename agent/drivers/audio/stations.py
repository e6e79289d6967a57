"""The processes that receive stations: each has the network, and a pipe into the player process, which has none."""

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from agent.ports.sound import RelaySound, Sound, SoundError


class Stations:
    """Those of one track: received from its hand-over to its end."""

    def __init__(self, sounds: Iterable[Sound], beneath: Path | None = None) -> None:
        """`beneath`: where their pipes lie; None: the system's place for passing files."""
        self._beneath = beneath
        self._urls = {sound.url for sound in sounds if isinstance(sound, RelaySound)}
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._processes: list[subprocess.Popen[bytes]] = []
        self.pipes: dict[str, str] = {}
        """Where the samples of which address come out."""

    def __enter__(self) -> Self:
        """Raises SoundError where there is no room, no memory, or no right to write."""
        try:
            return self._open()
        except OSError as error:
            self.__exit__(None, None, None)
            raise SoundError(
                f"the station cannot be received: {error}", vi=f"không thu được đài: {error}", device=False
            ) from error

    def _open(self) -> Self:
        if not self._urls:
            return self
        self._folder = tempfile.TemporaryDirectory(prefix="loa-relay-", dir=self._beneath)
        for number, url in enumerate(sorted(self._urls)):
            pipe = str(Path(self._folder.name) / str(number))
            os.mkfifo(pipe, 0o600)
            command = [sys.executable, "-m", "agent.drivers.audio.engine.relay", url, pipe]
            self._processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL))
            self.pipes[url] = pipe
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            bury(process)
        if self._folder is not None:
            with contextlib.suppress(OSError):  # what a dying card keeps is nobody's matter here
                self._folder.cleanup()


def bury(process: "subprocess.Popen[bytes]") -> None:
    """Kill it, and wait for its end elsewhere: one that hangs in a driver ends when that lets it."""
    process.kill()
    threading.Thread(target=process.wait, name="bury", daemon=True).start()
