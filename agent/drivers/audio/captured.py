"""An input that is open: `capture` in a process of its own, which may hang where a sound server does, and is killed."""

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Final

from agent.drivers.audio import capture
from agent.drivers.audio.capture import INSTANT

PATIENCE_S: Final = 3.0
"""An input that gives nothing for so long is gone."""
LAST_S: Final = 1.0
PROGRAM: Final = Path(capture.__file__)


class GoneError(Exception):
    """The input gives nothing; says why."""


class Captured:
    """Whoever has it closes it."""

    def __init__(self, process: Process, frames: int, patience_s: float) -> None:
        self._process = process
        self._frames = frames
        self._patience_s = patience_s

    @classmethod
    async def begin(
        cls, device: str | None, frames: int, program: Path = PROGRAM, patience_s: float = PATIENCE_S
    ) -> "Captured":
        """`device`: part of the input's name; None for the default. `frames`: samples in a block. Raises GoneError."""
        arguments = (str(program), device or "", str(frames))
        try:
            process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=PIPE, stderr=PIPE)
        except OSError as error:
            raise GoneError(str(error)) from error
        return cls(process, frames, patience_s)

    @classmethod
    async def look(cls, device: str | None, program: Path = PROGRAM, patience_s: float = PATIENCE_S) -> str:
        """The name of the input of which `device` is a part; it is not opened. Raises GoneError."""
        looking = await cls.begin(device, 0, program, patience_s)
        assert looking._process.stdout is not None
        try:
            async with asyncio.timeout(patience_s):
                name = (await looking._process.stdout.read()).decode(errors="replace")
            if await looking._process.wait():
                raise GoneError(await looking._last_words())
        except TimeoutError as error:
            raise GoneError("the sound server does not answer") from error
        finally:
            await looking.close()
        return name

    async def read(self) -> tuple[int, bytes]:
        """The instant of its first sample (monotonic clock, ns), and a block. Raises GoneError."""
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(self._patience_s):
                head = await self._process.stdout.readexactly(INSTANT.size)
                block = await self._process.stdout.readexactly(2 * self._frames)
        except TimeoutError as error:
            raise GoneError("no sound comes") from error
        except asyncio.IncompleteReadError as error:
            raise GoneError(await self._last_words()) from error
        return INSTANT.unpack(head)[0], block

    async def close(self) -> None:
        """Returns when the process is gone, or after LAST_S: one that waits in the kernel may outlive its death."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_S):
                await self._process.wait()

    async def _last_words(self) -> str:
        assert self._process.stderr is not None
        said = (await self._process.stderr.read()).decode(errors="replace").strip().splitlines()
        return said[-1] if said else "the stream ended"
