"""Somebody speaks at the box or from afar: the plan follows at once, and a restart ends it."""

from pathlib import Path

from agent.core import cueing
from protocol.priority import Rank
from protocol.report import ClockQuality
from protocol.timeline import Cut, SegmentKind, Voice, at
from tests.support import virtual_time
from tests.support.box_parts import NOW_MS, parts

VOICE = Voice("v1", Rank.MICROPHONE, NOW_MS, NOW_MS + 120_000, in_quiet_hours=True)


def test_a_voice_is_planned_until_it_ends(tmp_path: Path) -> None:
    async def story() -> None:
        with parts(tmp_path) as box:
            box.keeper.speak(VOICE)
            assert box.keeper.changed.is_set()
            row = at(box.keeper.holdings(), NOW_MS + 1_000)
            assert row is not None
            assert (row.kind, row.cause) == (SegmentKind.VOICE, "v1")
            assert cueing.sound_name(row) == "voice:v1"
            box.keeper.end_voice("v1")
            assert at(box.keeper.holdings(), NOW_MS + 1_000) is None
            ending = cueing.sudden_ending(row, None, box.keeper.holdings(), NOW_MS + 1_000)
            assert ending == cueing.Ending("the voice ended", final=True)
            box.keeper.changed.clear()
            box.keeper.end_voice("v1")
            assert not box.keeper.changed.is_set()

    virtual_time.run(story())


def test_a_voice_that_an_alarm_interrupts_may_be_heard_again() -> None:
    assert not cueing.planned_ending(SegmentKind.VOICE, Cut.EMERGENCY, None).final


def test_the_microphone_needs_no_time_and_a_programme_does() -> None:
    assert cueing.may_sound(SegmentKind.VOICE, ClockQuality.NONE)
    assert not cueing.may_sound(SegmentKind.PROGRAMME, ClockQuality.NONE)
