"""A microphone through PortAudio: opened for a track, read by its own thread in blocks of 100 ms, closed after it."""

import asyncio
import contextlib
import threading
from typing import Any, Final

import numpy as np
import pyaudio

from agent.drivers.audio import source
from agent.drivers.audio.hush import hushed
from agent.drivers.audio.played import folded
from agent.ports.clock import Clock
from agent.ports.ear import Block, EarError

BLOCK_FRAMES: Final = source.RATE_HZ // 10
WAITING: Final = 50
"""Blocks that wait for a daemon that is busy; more are dropped, and the gap shows in the instants."""
PATIENCE_S: Final = 3.0
"""A microphone that gives nothing for so long is gone."""


class PortAudioMicrophone:
    """`device`: part of an input's name, or "default"."""

    def __init__(self, clock: Clock, device: str) -> None:
        self._clock = clock
        self._device = device

    async def listen(self) -> "OpenMicrophone":
        return await asyncio.to_thread(OpenMicrophone, self._clock, self._device, asyncio.get_running_loop())


class OpenMicrophone:
    """An open input and its thread."""

    def __init__(self, clock: Clock, name: str, loop: asyncio.AbstractEventLoop) -> None:
        self._clock = clock
        self._loop = loop
        self._blocks: asyncio.Queue[Block | EarError] = asyncio.Queue()
        self._closed = threading.Event()
        with hushed():
            self._open(name)
        self._thread = threading.Thread(target=self._listen, name="ear", daemon=True)
        self._thread.start()

    def _open(self, name: str) -> None:
        self._audio = pyaudio.PyAudio()
        try:
            self._stream = self._audio.open(
                rate=source.RATE_HZ,
                channels=1,
                format=pyaudio.paInt16,
                input=True,
                input_device_index=self._index(name),
                frames_per_buffer=BLOCK_FRAMES,
            )
        except (OSError, EarError) as error:
            self._audio.terminate()
            raise _gone(str(error)) from error

    async def read(self) -> Block:
        try:
            async with asyncio.timeout(PATIENCE_S):
                block = await self._blocks.get()
        except TimeoutError as error:
            raise _gone("it gives nothing") from error
        if isinstance(block, EarError):
            raise block
        return block

    def close(self) -> None:
        self._closed.set()

    def _listen(self) -> None:
        try:
            while not self._closed.is_set():
                taken = self._stream.read(BLOCK_FRAMES, exception_on_overflow=False)
                # The latency that PortAudio states is the size of a buffer; what waits in it is what we are late by.
                late = BLOCK_FRAMES + int(self._stream.get_read_available())
                at_ms = self._clock.boot_ms() - source.milliseconds(late)
                samples = np.frombuffer(taken, np.int16).astype(np.float32) / np.float32(32_768)
                self._give(Block(folded(samples), at_ms))
        except OSError as error:
            self._give(_gone(str(error)))
        finally:
            with contextlib.suppress(OSError):
                self._stream.close()
            self._audio.terminate()

    def _give(self, block: Block | EarError) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._take, block)

    def _take(self, block: Block | EarError) -> None:
        if self._blocks.qsize() < WAITING or isinstance(block, EarError):
            self._blocks.put_nowait(block)

    def _index(self, name: str) -> int | None:
        if name == "default":
            return None
        infos: list[dict[str, Any]] = [
            dict(self._audio.get_device_info_by_index(index)) for index in range(self._audio.get_device_count())
        ]
        inputs = [info for info in infos if int(info["maxInputChannels"]) > 0]
        for info in inputs:
            if name in str(info["name"]):
                return int(info["index"])
        known = ", ".join(str(info["name"]) for info in inputs) or "none"
        raise EarError(f"no input is called {name!r}; ear.device in box.toml may be one of: {known}")


def _gone(why: str) -> EarError:
    return EarError(f"the microphone does not answer: {why}", vi=f"micrô không trả lời: {why}")
