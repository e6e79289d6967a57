"""Scheduled sound: on time, in order, once, and written down."""

from pathlib import Path

from protocol.report import Result
from tests.agent.player.studio import Studio, at, entry
from tests.support import virtual_time


def test_a_bulletin_sounds_at_its_instant_from_beginning_to_end(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            studio.adopt(entry("s1", "06:00:00", "b30"))
            await studio.until(at("06:01:00"))
            (heard,) = studio.heard()
            assert heard.first_sample_ms == at("06:00:00")
            assert heard.ended_ms == at("06:00:30")
            (row,) = studio.journal.rows
            assert (row.result, row.started_ms, row.ended_ms) == (Result.PLAYED, at("06:00:00"), at("06:00:30"))
            assert row.final
            assert studio.journal.opened == {}

    virtual_time.run(story())
