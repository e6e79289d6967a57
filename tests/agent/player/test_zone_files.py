"""Fault 15: the tz database is replaced under a running box, which then starts again."""

import zoneinfo
from collections import Counter
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import msgspec
import pytest

from protocol.bulletin import BulletinClass
from protocol.manifest import Entry, Kind
from protocol.quantities import DAY_MS, MINUTE_MS
from protocol.report import Result
from tests.agent.player.studio import Studio, at
from tests.support import virtual_time

HOME = "Asia/Ho_Chi_Minh"
HOUR_MS = 60 * MINUTE_MS
TIMES = "FREQ=DAILY;BYHOUR=5,6,7,8,12;BYMINUTE=0"
OFFSET_MS = {"Asia/Singapore": HOUR_MS, "Asia/Dhaka": -HOUR_MS, HOME: 0}
"""By how much earlier noon is there than at home."""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A tz database of one zone, which is asked for as long as the test runs."""
    database = tmp_path / "zoneinfo"
    (database / HOME).parent.mkdir(parents=True)
    replace_zone(database, HOME)
    yield database
    zoneinfo.reset_tzpath()
    zoneinfo.ZoneInfo.clear_cache()


def replace_zone(database: Path, like: str) -> None:
    """From now on clocks at home show what they show there."""
    (database / HOME).write_bytes((files("tzdata.zoneinfo.Asia") / like.removeprefix("Asia/")).read_bytes())
    zoneinfo.reset_tzpath(to=[database])
    zoneinfo.ZoneInfo.clear_cache()


@pytest.mark.parametrize("like", OFFSET_MS)
@pytest.mark.parametrize("when", ["05:58:00", "06:00:20", "06:10:00", "07:59:59"])
def test_fault_15_no_item_sounds_twice_or_vanishes_when_the_zone_file_is_replaced(
    tmp_path: Path, folder: Path, like: str, when: str
) -> None:
    async def story() -> None:
        daily = Entry("s1", Kind.PROGRAMME, BulletinClass.ORDINARY, "2026-11-23T05:00:00", ("b60",), TIMES)
        async with Studio(tmp_path, wall=at("04:30:00")) as studio:
            studio.adopt(daily)
            await studio.until(at(when))
            await studio.stop()
            replace_zone(folder, like)
            now = studio.clock.now_ms()
            assert studio.holdings.manifest is not None
            read_anew = msgspec.structs.replace(studio.holdings.manifest)
            studio.change(manifest=read_anew, awake_ms=now, finished=studio.journal.finished(now - 2 * DAY_MS))
            studio.player = studio.build()
            studio.start()
            await studio.until(at("14:00:00"))
            ended = Counter(row.play for row in studio.journal.rows if row.final)
            assert set(ended.values()) == {1}
            assert {row.play.partition("#")[0] for row in studio.journal.rows} == {
                f"s1@2026-11-24T{hour:02}:00:00" for hour in (5, 6, 7, 8, 12)
            }
            noon = next(row for row in studio.journal.rows if "T12:00:00" in row.play)
            assert noon.started_ms == at("12:00:00") - OFFSET_MS[like]
            whole = Counter(row.play for row in studio.journal.rows if row.result is Result.PLAYED)
            assert set(whole.values()) == {1}

    virtual_time.run(story())
