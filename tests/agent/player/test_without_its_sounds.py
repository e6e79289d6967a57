"""What takes the place of a sound that is not here: words, a siren; of a drill nothing without its announcement."""

import asyncio
import shutil
from pathlib import Path

import pytest

from agent.core.cueing import Cue
from agent.drivers.clock import SystemClock
from agent.ports.sound import Accent, FileSound, Sound, SoundError, SpeechSound, ToneKind, ToneSound
from agent.services.checks import Checks, digest_here
from agent.services.content import GONE, MISSING, UNSPOKEN, Content, Ready, Unready
from agent.services.recordings import SHIPPED, Recordings
from protocol.messages import BY_CODE, OWN_WORDS
from protocol.order import Order, Severity, Status
from protocol.order import Sound as Ordered
from protocol.report import FaultCode
from protocol.timeline import HeldOrder, Holdings, Segment, at
from tests.support.box_parts import NOW_MS, NOW_S
from tests.support.small_controller import alert

TAPE_MS = 20_000
WORDS = "Nước sông lên nhanh ở thôn An Phú."
BLOB = Ordered(bytes(32), chime=1, repeats=1, gap_s=0)
CHIME = ToneSound(ToneKind.CHIME, 3_000)
FLOOD = FileSound(SHIPPED / "1.ogg")


def spoken(text: str) -> SpeechSound:
    return SpeechSound(text, Accent.CENTRAL)


class Box:
    """The content of a box whose shelf is empty, and one pass of an order at it."""

    def __init__(self, recordings: Recordings) -> None:
        self.faults: list[tuple[FaultCode, str]] = []
        clock = SystemClock("system")
        self.content = Content(
            clock,
            lambda _: None,
            recordings,
            lambda _: None,
            checks=Checks(clock, digest_here, lambda: None),
            on_fault=lambda code, raised, detail: self.faults.append((code, detail)),
            accent=Accent.CENTRAL,
        )

    def segment(self, order: Order) -> Segment:
        segment = at(Holdings(None, None, (HeldOrder(order, NOW_MS, 0, TAPE_MS),)), NOW_MS)
        assert segment is not None
        return segment

    def of(self, order: Order) -> Ready | Unready:
        segment = self.segment(order)
        cue = Cue(segment.start_ms, 0, None, 0, segment.start_ms)
        return asyncio.run(self.content.of(segment, cue, order, ""))

    def sounds(self, order: Order) -> tuple[tuple[Sound, ...], str]:
        ready = self.of(order)
        assert isinstance(ready, Ready)
        return ready.sources, ready.detail

    def fails(self, order: Order) -> bool:
        """The speaker cannot sound it; whether something else may sound."""
        return self.content.avoid(self.segment(order), SoundError("it does not work", device=False))


def bare(folder: Path) -> Recordings:
    """An installation that has lost its sound files."""
    shutil.copy(SHIPPED / "index.json", folder)
    return Recordings(folder)


def an_order(**changes: object) -> Order:
    return alert(1, at_s=NOW_S, **changes)


def test_a_blob_that_is_not_here_is_the_prepared_message_of_its_event_and_its_words_spoken() -> None:
    flood, other = (an_order(sound=BLOB, board=WORDS, event=event) for event in ("flood", "other"))
    said = f"{MISSING}: sounded message 1 instead, spoken by the box"
    assert Box(Recordings()).sounds(flood) == ((CHIME, FLOOD, spoken(WORDS)), said)
    assert Box(Recordings()).sounds(other) == ((CHIME, spoken(WORDS)), f"{MISSING}: spoken by the box")


def test_words_that_cannot_be_spoken_are_left_out_and_the_rest_sounds() -> None:
    box, order = Box(Recordings()), an_order(sound=BLOB, board=WORDS)
    box.of(order)
    assert box.fails(order)
    assert box.sounds(order) == ((CHIME, FLOOD), f"{MISSING}: sounded message 1 instead")
    assert box.fails(order)
    assert box.sounds(order)[1] == f"{MISSING}: sounded a siren instead"
    assert not box.fails(order)
    assert {code for code, _ in box.faults} == {FaultCode.CONTENT_DAMAGED}


@pytest.mark.parametrize(
    ("severity", "kind"),
    [
        (Severity.EXTREME, ToneKind.WAIL),
        (Severity.SEVERE, ToneKind.TWO_TONE),
        (Severity.MODERATE, ToneKind.CHIME),
        (Severity.MINOR, ToneKind.CHIME),
    ],
)
def test_with_neither_recording_nor_words_a_siren_fills_the_pass(severity: Severity, kind: ToneKind) -> None:
    order = an_order(sound=BLOB, event="other", severity=severity)
    siren = ToneSound(kind, TAPE_MS - 3_000)
    assert Box(Recordings()).sounds(order) == ((CHIME, siren), f"{MISSING}: sounded a siren instead")


def test_a_prepared_message_whose_recording_is_gone_is_spoken(tmp_path: Path) -> None:
    box, order = Box(bare(tmp_path)), an_order()
    assert box.sounds(order) == ((spoken(BY_CODE[1].text_vi),), f"{GONE}: spoken by the box")
    assert box.fails(order)
    assert box.sounds(order) == ((ToneSound(ToneKind.TWO_TONE, TAPE_MS),), f"{GONE}: sounded a siren instead")


def in_own_words(**changes: object) -> Order:
    return an_order(sound=Ordered(OWN_WORDS, chime=1, repeats=1, gap_s=0), board=f" {WORDS}\n", **changes)


def test_an_officers_own_words_are_spoken_as_they_were_meant_and_stand_in_for_nothing() -> None:
    box = Box(Recordings())
    assert box.sounds(in_own_words()) == ((CHIME, spoken(WORDS)), "")
    announcement = FileSound(SHIPPED / "90.ogg")
    assert box.sounds(in_own_words(status=Status.EXERCISE)) == ((CHIME, announcement, spoken(WORDS)), "")


def test_own_words_that_cannot_be_spoken_are_a_siren_and_no_prepared_message_of_their_event() -> None:
    box, order = Box(Recordings()), in_own_words()
    box.of(order)
    assert box.fails(order)
    siren = ToneSound(ToneKind.TWO_TONE, TAPE_MS - 3_000)
    assert box.sounds(order) == ((CHIME, siren), f"{UNSPOKEN}: sounded a siren instead")
    assert not box.fails(order)
    assert box.sounds(in_own_words(id=bytes(16)))[1] == "", "another order's words may do better"


def test_a_drill_is_never_heard_without_its_announcement(tmp_path: Path) -> None:
    drill = an_order(sound=BLOB, board=WORDS, status=Status.EXERCISE)
    assert Box(bare(tmp_path)).of(drill) == Unready(GONE)
    announcement = FileSound(SHIPPED / "90.ogg")
    assert Box(Recordings()).sounds(drill)[0] == (CHIME, announcement, FLOOD, spoken(WORDS))


def test_an_announcers_recording_comes_before_the_shipped_one_until_it_cannot_be_sounded(tmp_path: Path) -> None:
    hers, announced = tmp_path / "1.opus", tmp_path / "90.opus"
    hers.touch()
    announced.touch()
    recordings = Recordings(announcer={"1": (hers, 12_000), "90": (announced, 2_000), "4711": (hers, 1)})
    assert (recordings.lengths_ms["1"], recordings.lengths_ms["90"]) == (12_000, 2_000)
    assert 4711 not in recordings
    box, drill = Box(recordings), an_order(status=Status.EXERCISE)
    assert box.sounds(drill) == ((FileSound(announced), FileSound(hers)), "")
    assert box.fails(drill)
    assert box.fails(drill)
    assert box.sounds(drill) == ((FileSound(SHIPPED / "90.ogg"), FLOOD), "")
    assert box.faults == [(FaultCode.ANNOUNCER, "it does not work")] * 2
    assert [str(error) for error in recordings.complaints] == ["it does not work"] * 2


def test_an_announcers_recording_that_was_taken_away_leaves_the_shipped_one(tmp_path: Path) -> None:
    recordings = Recordings(announcer={"1": (tmp_path / "1.opus", 12_000)})
    assert Box(recordings).sounds(an_order()) == ((FLOOD,), "")
