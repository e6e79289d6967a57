"""The processes that receive stations: each has the network, and a pipe into the player process, which has none.

One that dies is started again while the slot lasts; meanwhile the player process sounds the fallback.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import structlog

from agent.drivers.audio.engine.relay import NO_ADDRESS, WITHOUT
from agent.ports.sound import RelaySound, Sound, SoundError

LOOK_S: Final = 0.2
"""So often it is looked after them."""
BACKOFF_S: Final = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Before one is started that follows so many that died soon."""
WELL_S: Final = 60.0
"""One that has lived for so long was well."""
HOPELESS: Final = (NO_ADDRESS, WITHOUT)
"""Exit codes after which another would do no better."""

log = structlog.get_logger(__name__)


class Stations:
    """Those of one track: received from its hand-over to its end. Needs a running loop."""

    def __init__(self, sounds: Iterable[Sound], beneath: Path | None = None) -> None:
        """`beneath`: where their pipes lie; None: the system's place for passing files."""
        self._beneath = beneath
        self._urls = {sound.url for sound in sounds if isinstance(sound, RelaySound)}
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._keepers: list[asyncio.Task[None]] = []
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
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
            self.pipes[url] = pipe
            self._processes[url] = _receiver(url, pipe)
            self._keepers.append(asyncio.ensure_future(self._keep(url)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for keeper in self._keepers:
            keeper.cancel()
        for process in self._processes.values():
            bury(process)
        if self._folder is not None:
            with contextlib.suppress(OSError):  # what a dying card keeps is nobody's matter here
                self._folder.cleanup()

    async def _keep(self, url: str) -> None:
        """Start it again whenever it has died."""
        died = 0
        while True:
            began = time.monotonic()
            code = await _end_of(self._processes[url])
            if code in HOPELESS:
                log.warning("a station cannot be received here", url=url, code=code)
                return
            died = 1 if time.monotonic() - began > WELL_S else died + 1
            wait_s = BACKOFF_S[min(died, len(BACKOFF_S)) - 1]
            log.warning("the process that receives a station died", url=url, code=code, again_in_s=wait_s)
            await asyncio.sleep(wait_s)
            with contextlib.suppress(OSError):  # no memory: after the next wait
                self._processes[url] = _receiver(url, self.pipes[url])


async def _end_of(process: "subprocess.Popen[bytes]") -> int:
    """Its exit code."""
    while (code := process.poll()) is None:  # noqa: ASYNC110 - asyncio's own subprocesses want a loop's child watcher
        await asyncio.sleep(LOOK_S)
    return code


def _receiver(url: str, pipe: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "agent.drivers.audio.engine.relay", url, pipe]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def bury(process: "subprocess.Popen[bytes]") -> None:
    """Kill it, and wait for its end elsewhere: one that hangs in a driver ends when that lets it."""
    process.kill()
    threading.Thread(target=process.wait, name="bury", daemon=True).start()
