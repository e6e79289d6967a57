"""The journey at the hardware: the real agent's ear, its cut wire, its button, its board, and an officer's voice."""

import time
from collections.abc import Callable, Mapping
from typing import Final

from django.urls import reverse

from controller.boxes.models import FaultEvent
from controller.demo import world
from controller.demo.ears import Ears
from controller.demo.emergency import Alarm
from controller.demo.errors import DemoError
from controller.demo.measure import loudest_hz
from controller.demo.officer import Officer
from controller.demo.panel import HOLD_MS, Panel
from controller.demo.processes import wait_until
from controller.demo.report import Report
from controller.demo.stage import Stage
from controller.demo.voice import SPOKEN_S, TONE_HZ, LiveVoice
from controller.reports.models import PlayLogRow
from protocol.report import SHOWN, FaultCode, Grade

HEARD_FOR_S: Final = 10
"""How long people hear an alarm before it is taken back; an ear needs four seconds of something."""
IN_TUNE_HZ: Final = 5
MOST_OF_IT: Final = 0.6
"""Of a live voice must be there; its first words may go before the speaker has begun."""


class Hardware:
    """The box of the real agent, and what only its output can show."""

    def __init__(self, stage: Stage, people: Mapping[str, Officer], ears: Ears, report: Report) -> None:
        self._stage = stage
        self._people = people
        self._ears = ears
        self._report = report
        self._panel = Panel(stage)

    def _wait(self, what: str, ready: Callable[[], bool], within_s: float = 30) -> None:
        wait_until(what, ready, within_s=within_s, programs=self._stage.programs)

    # The ear

    def heard_itself(self) -> str:
        """What the real agent has sounded so far, its own ear has heard, and the play log says so to people."""
        rows = PlayLogRow.objects.filter(box=self._ears.real).exclude(sound__startswith=SHOWN)
        heard = rows.filter(grade=Grade.ACOUSTIC).count()
        self._report.rows_heard = heard
        if heard < rows.count() or not heard:
            said = "; ".join(f"{row.play}: {Grade(row.grade).name}, {row.detail}" for row in rows)
            raise DemoError(f"{heard} of {rows.count()} rows were heard: {said}")
        if "nghe được" not in self._people["lan"].page(reverse("reports:log")):
            raise DemoError("the page of the play log does not say it")
        return f"{heard} of {rows.count()} rows: ACOUSTIC"

    def cut_the_wire(self) -> None:
        self._panel.wire("horn", False)

    def unheard(self, alarm: Alarm) -> str:
        """Fault 38: the roll call shows in red the box that does not hear itself, and no other."""
        self._wait("the roll call is red", lambda: bool(alarm.unheard()))
        self._wait("the fault NOT_HEARD is there", lambda: self._mute() is True)
        self._report.unheard_boxes = len(alarm.unheard())
        if alarm.unheard() != {self._ears.real}:
            raise DemoError(f"{len(alarm.unheard())} boxes are not heard, one wire is cut")
        self._panel.wire("horn", True)
        return "1 box"

    def _mute(self) -> bool | None:
        """Whether the newest word of the box on that fault is that it stands."""
        told = FaultEvent.objects.filter(box=self._ears.real, code=FaultCode.NOT_HEARD).first()
        return None if told is None else told.raised

    # The voice

    def spoken(self, here: frozenset[str]) -> str:
        """Hoa speaks a tone; every box of the commune sounds it, none outside, and what is written is that tone."""
        voice = LiveVoice(self._stage, self._people["hoa"])
        voice.open(world.HERE)
        begun_ms = voice.speak(len(here))
        self._wait("her voice is over at every box", lambda: set(self._ears.of(voice.play)) >= here)
        voice.close()
        heard = self._ears.of(voice.play)
        recording = heard[self._ears.real].recording
        assert recording is not None
        report = self._report
        report.live_boxes_sounded, report.live_boxes_outside = len(set(heard) & here), len(set(heard) - here)
        report.live_tone_hz = round(loudest_hz(recording), 1)
        report.live_delay_ms = max(one.first_sample_ms for one in heard.values()) - begun_ms
        if report.live_boxes_outside:
            raise DemoError(f"{report.live_boxes_outside} boxes outside the commune sounded her voice")
        if abs(report.live_tone_hz - TONE_HZ) > IN_TUNE_HZ:
            raise DemoError(f"her tone has {TONE_HZ} Hz, and {report.live_tone_hz} Hz sounded")
        if (recording.length_ms or 0) < MOST_OF_IT * SPOKEN_S * 1000:
            raise DemoError(f"of her {SPOKEN_S} s of voice {recording.length_ms} ms sounded")
        return f"{len(heard)} boxes, {report.live_tone_hz:.0f} Hz, after {report.live_delay_ms:.0f} ms at most"

    # The button

    def pressed(self) -> str:
        """Key and button, three seconds: this box alone sounds, and hears itself again; STOP ends it, and opens."""
        panel = self._panel
        panel.wire("key", True)
        held_ms = panel.wire("emergency", True) + HOLD_MS
        self._wait("the button sounds", lambda: panel.sounding_since() is not None, HOLD_MS / 1000 + 10)
        found = panel.sounding_since()
        assert found is not None
        play, first_ms = found
        self._report.button_ms = max(0, first_ms - held_ms)
        panel.wire("emergency", False)
        time.sleep(HEARD_FOR_S)
        panel.press("stop")
        self._wait("STOP ends it", lambda: panel.sounding_since() is None)
        panel.press("stop", HOLD_MS + 300)
        panel.wire("key", False)
        self._wait("the fault NOT_HEARD is gone", lambda: self._mute() is False)
        sounded = set(self._ears.of(play))
        if sounded != {self._ears.real}:
            raise DemoError(f"{len(sounded)} boxes sounded what one button asks for")
        return f"1 box, {self._report.button_ms:.0f} ms after the three seconds; it hears itself again"

    # The board

    def shown(self, alarm: Alarm) -> str:
        """What stood on the board during the alarm is in the play log, by its hash."""
        rows = PlayLogRow.objects.filter(box=self._ears.real, sound__startswith=SHOWN)
        self._wait("the board's rows are in the play log", lambda: rows.filter(cause=alarm.order).exists())
        self._report.frames_shown = rows.count()
        sound = rows.filter(cause=alarm.order).values_list("sound", flat=True)[0]
        return f"{rows.count()} pages, the alarm's is {sound.removeprefix(SHOWN)[:16]}…"
