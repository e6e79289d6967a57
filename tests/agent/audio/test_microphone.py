"""The box's own microphone through a real PortAudio: what is said into it comes with its level, until it is pulled."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from agent.drivers.audio.capture import BLOCK
from agent.drivers.audio.microphone import SILENCE_CB, PortAudioMicrophone, level_cb
from agent.ports.sound import SoundError
from tests.agent.audio.null_sink import NullSink
from tests.agent.audio.sounds import tone


@pytest.mark.sound
def test_what_is_said_into_it_comes_with_its_level(null_sink: NullSink, tmp_path: Path) -> None:
    """The monitor of the null sink is what PulseAudio takes for a microphone here."""
    said = tone(tmp_path / "tone.wav", 3_000, level=0.5)
    blocks: list[tuple[bytes, int]] = []

    async def main() -> None:
        open_ = asyncio.Event()

        def take(pcm: bytes, level: int) -> None:
            blocks.append((pcm, level))
            open_.set()

        listening = asyncio.create_task(PortAudioMicrophone().listen(take))
        await open_.wait()
        speaking = await asyncio.create_subprocess_exec("paplay", str(said))
        await speaking.wait()
        assert not listening.done()
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)

    asyncio.run(main())
    assert all(len(pcm) == 2 * BLOCK for pcm, _ in blocks)
    loud = [level for _, level in blocks if level > -150]
    assert len(loud) > 80
    assert abs(float(np.median(loud)) + 90) <= 10, "0.5 of full scale is 9 dB below it"


@pytest.mark.sound
def test_one_that_is_pulled_out_while_it_is_open_is_told_within_seconds(null_sink: NullSink) -> None:
    async def main() -> None:
        open_ = asyncio.Event()
        listening = asyncio.create_task(PortAudioMicrophone().listen(lambda *_: open_.set()))
        await open_.wait()
        null_sink.pull_out()
        with pytest.raises(SoundError, match="microphone gives nothing"):
            async with asyncio.timeout(10):
                await listening

    asyncio.run(main())


@pytest.mark.sound
def test_one_that_is_not_there_is_told_by_its_name(null_sink: NullSink) -> None:
    del null_sink
    with pytest.raises(SoundError, match="no input is named 'Quạt'"):
        asyncio.run(PortAudioMicrophone("Quạt").listen(lambda *_: None))


def test_the_level_is_below_full_scale() -> None:
    full = (np.ones(BLOCK) * 32_767).astype("<i2").tobytes()
    assert level_cb(full) == 0
    assert level_cb(bytes(2 * BLOCK)) == level_cb(b"") == SILENCE_CB
