"""A box whose built-in sounds are gone still raises the alarm, as a siren; a drill it does not."""

import asyncio
import shutil
from pathlib import Path

from agent.core.cueing import Cue
from agent.drivers.clock import SystemClock
from agent.ports.sound import ToneKind, ToneSound
from agent.services.checks import Checks, digest_here
from agent.services.content import GONE, Content, Ready, Unready
from agent.services.recordings import SHIPPED, Recordings
from protocol.order import Status
from protocol.timeline import HeldOrder, Holdings, Segment, at
from tests.support.box_parts import NOW_MS, NOW_S
from tests.support.small_controller import alert


def first_pass(status: Status) -> Segment:
    order = alert(1, at_s=NOW_S, status=status)
    segment = at(Holdings(None, None, (HeldOrder(order, NOW_MS, 0, 20_000),)), NOW_MS)
    assert segment is not None
    return segment


def content(folder: Path, segment: Segment) -> Ready | Unready:
    shutil.copy(SHIPPED / "index.json", folder)
    clock = SystemClock("system")
    checks = Checks(clock, digest_here, lambda: None)
    wanted = Content(clock, lambda _: None, Recordings(folder), lambda _: None, checks)
    return asyncio.run(wanted.of(segment, Cue(segment.start_ms, 0, None, 0, segment.start_ms), "flood", ""))


def test_an_alarm_is_a_siren_of_the_same_length(tmp_path: Path) -> None:
    ready = content(tmp_path, first_pass(Status.ACTUAL))
    assert isinstance(ready, Ready)
    assert ready.sources == (ToneSound(ToneKind.WAIL, 20_000),)
    assert ready.detail == f"{GONE}: sounded a siren instead"


def test_a_drill_is_silent(tmp_path: Path) -> None:
    assert content(tmp_path, first_pass(Status.EXERCISE)) == Unready(GONE)
