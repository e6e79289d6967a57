"""A sound card is missed before it is needed, and known to be back before it is needed."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from agent.ports.sound import SoundError
from protocol.report import FaultCode
from tests.agent.player.studio import Studio, at, entry, order
from tests.support import virtual_time

GONE, BACK = (FaultCode.AUDIO_DEVICE, True), (FaultCode.AUDIO_DEVICE, False)


def watched(folder: Path, story: Callable[[Studio], object], *, plugged_in: bool = True) -> None:
    """With a player that also watches its device."""

    async def main() -> None:
        studio = Studio(folder, wall=at("10:00:00"))
        if not plugged_in:
            studio.speaker.unplug()
        watching = asyncio.ensure_future(studio.player.watch_the_device())
        async with studio:
            await story(studio)  # type: ignore[misc]
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching

    virtual_time.run(main())


def test_a_card_that_is_missing_from_the_start_is_a_fault_at_once(tmp_path: Path) -> None:
    async def story(studio: Studio) -> None:
        await studio.until(at("10:00:01"))
        assert studio.faults == [GONE]

    watched(tmp_path, story, plugged_in=False)


def test_a_card_that_is_back_clears_its_fault_within_half_a_minute_though_nothing_is_due(tmp_path: Path) -> None:
    async def story(studio: Studio) -> None:
        await studio.until(at("10:05:00"))
        studio.speaker.plug_in()
        await studio.until(at("10:05:31"))
        assert studio.faults[-1] == BACK

    watched(tmp_path, story, plugged_in=False)


def test_a_card_pulled_out_in_a_bulletin_that_is_over_since_is_known_to_be_back(tmp_path: Path) -> None:
    async def story(studio: Studio) -> None:
        studio.adopt(entry("s1", "10:01:00", "b60"))
        await studio.until(at("10:01:50"))
        studio.speaker.unplug()
        await studio.until(at("10:10:00"))
        assert studio.faults[-1] == GONE
        studio.speaker.plug_in()
        await studio.until(at("10:10:31"))
        assert studio.faults[-1] == BACK

    watched(tmp_path, story)


def test_an_alarm_is_tried_at_once_whatever_a_trial_has_found(tmp_path: Path) -> None:
    async def story(studio: Studio) -> None:
        await studio.until(at("10:00:10"))
        studio.speaker.plug_in()
        studio.accept(order(1, studio))
        await studio.until(at("10:00:14"))
        assert studio.speaker.sounding
        await studio.until(at("10:02:00"))
        assert studio.faults == [GONE, BACK]

    watched(tmp_path, story, plugged_in=False)


def test_an_output_that_sounds_though_something_is_wrong_with_it_is_told_from_the_start(tmp_path: Path) -> None:
    async def story(studio: Studio) -> None:
        studio.speaker.trouble = "no output is called 'second'"
        await studio.until(at("10:00:01"))
        assert studio.faults == [GONE]
        studio.speaker.trouble = ""
        await studio.until(at("10:00:31"))
        assert studio.faults == [GONE, BACK]

    watched(tmp_path, story)


def test_what_the_selftest_finds_of_the_card_is_the_fault_too(tmp_path: Path) -> None:
    async def story(studio: Studio) -> None:
        await studio.until(at("10:00:10"))
        studio.speaker.unplug()
        with pytest.raises(SoundError):
            await studio.player.try_the_device()
        assert studio.faults == [BACK, GONE]

    watched(tmp_path, story)
