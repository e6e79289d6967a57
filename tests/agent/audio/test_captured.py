"""Inputs that hang, end or are slow: each in a process of its own, which is gone when nobody listens any more."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.drivers.clock import SystemClock
from agent.drivers.ear.portaudio import BLOCK_FRAMES, PortAudioMicrophone
from agent.ports.ear import EarError

SPEAKS = f"""
import os, sys, time
sys.stdout.buffer.write(time.monotonic_ns().to_bytes(8, "little") + bytes(2 * {BLOCK_FRAMES}))
sys.stdout.buffer.flush()
"""
HANGS = "import time; time.sleep(600)"


def ear(folder: Path, program: str, patience_s: float = 30) -> PortAudioMicrophone:
    """Its program notes its process before it does as told."""
    file = folder / "program.py"
    file.write_text(f"import os; open({str(folder / 'pid')!r}, 'w').write(str(os.getpid()))\n{program}", "utf-8")
    return PortAudioMicrophone(SystemClock("system"), "default", file, patience_s)


async def comes(what: Callable[[], bool]) -> bool:
    """Whether it becomes so, within ten seconds."""
    for _ in range(500):
        if what():
            return True
        await asyncio.sleep(0.02)
    return False


def is_noted(folder: Path) -> bool:
    return (folder / "pid").exists() and (folder / "pid").read_text("utf-8") != ""


def is_gone(folder: Path) -> bool:
    """Neither there nor a zombie."""
    return not Path("/proc", (folder / "pid").read_text("utf-8")).exists()


def test_an_ear_that_hangs_when_it_is_opened_holds_no_thread_and_leaves_no_process(tmp_path: Path) -> None:
    async def main() -> None:
        before = threading.active_count()
        for _ in range(3):
            with pytest.raises(EarError, match="does not answer: no sound comes"):
                await ear(tmp_path, HANGS, patience_s=1).listen()
            assert is_gone(tmp_path)
        assert threading.active_count() <= before + 1, "but for what waits for the last process"

    asyncio.run(main())


def test_a_track_that_ends_while_its_ear_is_being_opened_leaves_no_process(tmp_path: Path) -> None:
    async def main() -> None:
        listening = asyncio.create_task(ear(tmp_path, HANGS).listen())
        assert await comes(lambda: is_noted(tmp_path))
        listening.cancel()
        await asyncio.wait([listening])
        assert is_gone(tmp_path)

    asyncio.run(main())


def test_an_ear_gives_dated_blocks_until_it_is_closed_and_its_process_with_it(tmp_path: Path) -> None:
    async def main() -> None:
        clock = SystemClock("system")
        before_ms = clock.boot_ms()
        listening = await ear(tmp_path, SPEAKS + HANGS).listen()
        block = await listening.read()
        assert len(block.samples) == BLOCK_FRAMES // 3
        assert before_ms <= block.at_ms <= clock.boot_ms()
        await listening.close()
        assert is_gone(tmp_path)

    asyncio.run(main())


def test_an_ear_that_ends_says_its_last_words(tmp_path: Path) -> None:
    async def main() -> None:
        listening = await ear(tmp_path, SPEAKS + "sys.exit('unplugged')").listen()
        await listening.read()
        with pytest.raises(EarError, match="does not answer: unplugged"):
            await listening.read()
        await listening.close()
        assert is_gone(tmp_path)

    asyncio.run(main())
