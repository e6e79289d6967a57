"""The journey of `make demo CHECK=1`: officers work through the pages; what sounds is heard at the boxes' outputs."""

import datetime as dt
import statistics
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from django.urls import reverse
from django.utils import timezone

from controller.accounts import signing
from controller.boxes.models import Box
from controller.boxes.models import Stage as BoxStage
from controller.core.times import ZONE
from controller.demo import world
from controller.demo.ears import Ears
from controller.demo.emergency import Alarm, Silence
from controller.demo.errors import DemoError
from controller.demo.exhibits import place_of
from controller.demo.hardware import HEARD_FOR_S, Hardware
from controller.demo.layout import PASSPHRASE
from controller.demo.measure import Heard, correlation
from controller.demo.officer import Officer, signature_fields
from controller.demo.processes import wait_until
from controller.demo.report import Report
from controller.demo.stage import Stage
from controller.demo.world import World
from controller.jobs.models import Job
from controller.jobs.models import State as JobState
from controller.library.files import path_of
from controller.library.models import Bulletin, State
from controller.orders.locking import still_locked
from controller.orders.models import EmergencyOrder
from controller.reports.models import PlayLogRow
from controller.schedules.facts import ENTRY
from controller.schedules.models import IN_FORCE, AssignmentRow, Schedule
from protocol.ids import enrolment_code
from protocol.report import SHOWN, Result
from protocol.signing import Family, to_be_signed

FIRST_IN_S: Final = 15
"""From "publish" to the first item."""
SECOND_AFTER_S: Final = 45
"""From the first item to the one that sounds with the centre gone."""
ALIKE: Final = 0.9
"""At least so much correlation between recording and bulletin."""
ON_TIME_MS: Final = 1000
"""At most so far from the planned start; the figure itself is in the report (these machines are noisy)."""
TEXT: Final = (
    "Ủy ban nhân dân phường thông báo: sáng thứ bảy, 28/11, mời bà con cùng tổng vệ sinh đường phố, từ 6h30. "
    "Đề nghị mỗi hộ cử một người tham gia."
)


def travel(stage: Stage, made: World, report_file: Path) -> int:
    """Run the journey; exit code 0 only if every step held. The report is written in any case."""
    report = Report(boxes=stage.boxes + 1, broker=stage.about_broker)
    begun = time.monotonic()
    try:
        Journey(stage, made, report).run()
        report.ok = True
    except DemoError as error:
        print(f"✗ {error}", flush=True)
    finally:
        report.seconds = round(time.monotonic() - begun, 1)
        report.save(report_file)
        print(f"▸ {report_file}", flush=True)
    return 0 if report.ok else 1


class Journey:
    """One walk through the system, step by step."""

    def __init__(self, stage: Stage, made: World, report: Report) -> None:
        self.stage = stage
        self.report = report
        self.passwords = made.passwords
        self.people = {sample.username: Officer(stage.layout.url, sample.username) for sample in world.PEOPLE}
        self.ears = Ears(stage.layout)
        self.hardware = Hardware(stage, self.people, self.ears, report)

    def run(self) -> None:
        with self.report.step("Lan, Hoa, Minh and Tuấn log in with one-time passwords and choose their own"):
            for name in ("lan", "hoa", "minh", "tuan"):
                self.people[name].log_in(self.passwords[name])
        with self.report.step("boxes introduce themselves; Tuấn compares the codes and approves them"):
            self.approve_boxes()
        with self.report.step("Lan writes a text; it is spoken"):
            bulletin = self.write()
        with self.report.step("Hoa listens and approves"):
            self.approve(bulletin)
        with self.report.step("Lan schedules it twice for one commune"):
            first, second = self.schedule(bulletin)
        with self.report.step("every box of the commune has fetched it") as remarks:
            remarks.append(f"{len(self.here)} boxes")
            self.fetched()
        with self.report.step("it sounds; the recording is the bulletin's audio") as remarks:
            remarks.append(self.sounded(first, bulletin))
        with self.report.step("broker and controller stopped; the next item still sounds") as remarks:
            self.stage.stop_the_centre()
            remarks.append(self.sounded(second, bulletin))
            self.report.offline_item_sounded = True
        with self.report.step("both started again; the play log is complete, nothing twice") as remarks:
            self.stage.start_broker()
            self.stage.start_controller()
            remarks.append(self.log_complete())
        box = self.hardware
        with self.report.step("the real box's microphone has heard what it sounded") as remarks:
            remarks.append(box.heard_itself())
        with self.report.step("Hoa signs and speaks live; the commune's boxes sound her voice, no others") as remarks:
            remarks.append(box.spoken(self.here))
        alarm = Alarm(self.stage, self.people)
        with self.report.step("Hoa and Minh sign an emergency for the commune; every box of it sounds") as remarks:
            box.cut_the_wire()
            alarm.raise_in(world.HERE)
            remarks.append(self.alarmed(alarm))
            time.sleep(HEARD_FOR_S)
        with self.report.step("Hoa cancels; the roll call is complete"):
            alarm.cancel()
            self.wait("every box has answered the cancel", lambda: alarm.ended(self.here), within_s=30)
        with self.report.step("the wire to one horn was cut: the roll call shows that box in red") as remarks:
            remarks.append(box.unheard(alarm))
        with self.report.step("what stood on the board is in the play log") as remarks:
            remarks.append(box.shown(alarm))
        with self.report.step("no box outside the commune sounded; the play log is complete, nothing twice") as remarks:
            self.outside(alarm)
            remarks.append(self.log_complete())
        with self.report.step("somebody turns the key at the box and holds its button: it sounds alone") as remarks:
            remarks.append(box.pressed())
            remarks.append(self.log_complete())
        with self.report.step("Hoa stops the speakers twice; one act opens them") as remarks:
            remarks.append(self.silenced())

    @property
    def here(self) -> frozenset[str]:
        """Ids of the boxes of the commune."""
        boxes = Box.objects.filter(state=BoxStage.APPROVED, unit__code=world.HERE)
        return frozenset(boxes.values_list("id", flat=True))

    def wait(self, what: str, ready: Callable[[], bool], *, within_s: float) -> None:
        wait_until(what, ready, within_s=within_s, programs=self.stage.programs)

    def approve_boxes(self) -> None:
        self.wait("every box has introduced itself", lambda: Box.objects.count() == self.report.boxes, within_s=60)
        for box in Box.objects.filter(state=BoxStage.WAITING):
            self.people["tuan"].submit(
                reverse("boxes:box", args=[box.pk]),
                reverse("boxes:approve", args=[box.pk]),
                code=enrolment_code(box.pk),
                name=box.name,
                unit=place_of(box.name),
                site="",
                gain_db="0",
            )

    def write(self) -> Bulletin:
        self.people["lan"].submit(
            reverse("library:new"),
            title="Tổng vệ sinh đường phố",
            unit=world.HERE,
            klass="1",
            text=TEXT,
            voice="vi-vn-x-south",
            language="vi",
        )
        bulletin = Bulletin.objects.get()

        def spoken() -> bool:
            bulletin.refresh_from_db()
            if bulletin.error:
                raise DemoError(f"the text was not spoken: {bulletin.error}")
            return bulletin.state == State.READY

        self.wait("the text is spoken", spoken, within_s=30)
        return bulletin

    def approve(self, bulletin: Bulletin) -> None:
        """Hoa hears it, and signs what the page shows with her key file."""
        page = reverse("library:bulletin", args=[bulletin.pk])
        payload = self.people["hoa"].payload_on(page)
        message = to_be_signed(payload, Family.APPROVAL, signing.domain())
        signed = signature_fields(message, self.stage.layout.key_file("hoa"), PASSPHRASE)
        self.people["hoa"].submit(
            page,
            reverse("library:approve", args=[bulletin.pk]),
            payload=signing.to_base64url(payload),
            heard="on",
            **signed,
        )

    def schedule(self, bulletin: Bulletin) -> tuple[Schedule, Schedule]:
        first = dt.datetime.now(ZONE).replace(microsecond=0) + dt.timedelta(seconds=FIRST_IN_S)
        for title, at in (
            ("Bản tin sáng", first),
            ("Bản tin khi mất mạng", first + dt.timedelta(seconds=SECOND_AFTER_S)),
        ):
            self.people["lan"].submit(
                reverse("schedules:new"),
                **{f"item-{bulletin.pk}": "1"},
                title=title,
                unit=world.HERE,
                first_0=at.strftime("%Y-%m-%d"),
                first_1=at.strftime("%H:%M:%S"),
                repeat="once",
                repeats="1",
                gap_s="0",
                commune_order="0",
                targets=[f"unit:{world.HERE}"],
            )
        one, two = Schedule.objects.order_by("id")
        return one, two

    def fetched(self) -> None:
        def everywhere() -> bool:
            if Job.objects.filter(state__in=(JobState.WAITING, JobState.RUNNING), due__lte=timezone.now()).exists():
                return False
            return AssignmentRow.objects.filter(IN_FORCE, box__in=self.here).count() == len(self.here)

        self.wait("every box holds the newest schedule", everywhere, within_s=FIRST_IN_S + 10)

    def sounded(self, schedule: Schedule, bulletin: Bulletin) -> str:
        """Wait until every box of the commune has sounded this schedule; compare and measure."""
        planned_ms = round(dt.datetime.fromisoformat(schedule.first_local).replace(tzinfo=ZONE).timestamp() * 1000)
        assert bulletin.sound is not None
        patience_s = planned_ms / 1000 - time.time() + (bulletin.sound.duration_ms or 0) / 1000 + 15
        cause = f"{self._entry(schedule)}@"
        boxes = (self.stage.agent, self.stage.swarm)
        wait_until(
            f"“{schedule.title}” sounds on {len(self.here)} boxes",
            lambda: set(self.ears.of(cause)) >= self.here,
            within_s=max(patience_s, 5),
            programs=boxes,
        )
        heard = self.ears.of(cause)
        likeness, lag_ms = self._compare(heard[self.ears.real], bulletin)
        errors: list[float] = [abs(one.first_sample_ms - planned_ms) for one in heard.values()]
        errors.append(abs(heard[self.ears.real].first_sample_ms + lag_ms - planned_ms))
        report = self.report
        report.bulletin_correlation = round(min(likeness, report.bulletin_correlation or 1.0), 4)
        report.start_error_ms = round(max([report.start_error_ms or 0.0, *errors]), 1)
        if set(heard) != set(self.here):
            raise DemoError(f"“{schedule.title}” sounded on {len(heard)} boxes, {len(self.here)} were meant")
        if likeness < ALIKE:
            raise DemoError(f"the recording is not the bulletin's audio: correlation {likeness:.3f}")
        if max(errors) > ON_TIME_MS:
            raise DemoError(f"“{schedule.title}” was {max(errors):.0f} ms away from its time")
        return f"{len(heard)} boxes, correlation {likeness:.3f}, at most {max(errors):.0f} ms from its time"

    def log_complete(self) -> str:
        """Wait until the play log holds exactly what the outputs took; count."""

        def complete() -> bool:
            return self._count_log() and self.report.log_rows_received == self.report.log_rows_expected

        self.wait("the play log holds every play", complete, within_s=30)
        report = self.report
        if report.log_duplicates:
            raise DemoError(f"{report.log_duplicates} rows of the play log are there twice")
        return f"{report.log_rows_received} of {report.log_rows_expected} rows, {report.log_duplicates} twice"

    def alarmed(self, alarm: Alarm) -> str:
        report = self.report
        report.emergency_boxes_expected = len(self.here)
        self.wait("every box of the commune sounds", lambda: set(alarm.first_samples()) >= self.here, within_s=30)
        delays = [first_ms - alarm.stored_ms for first_ms in alarm.first_samples().values()]
        report.emergency_boxes_sounded = len(self.here & set(alarm.first_samples()))
        report.emergency_p50_ms = round(statistics.median(delays), 1)
        report.emergency_max_ms = round(max(delays), 1)
        half, slowest = report.emergency_p50_ms, report.emergency_max_ms
        return f"{len(delays)} boxes, half of them within {half:.0f} ms, all within {slowest:.0f} ms"

    def silenced(self) -> str:
        """Stop, stop as much again (the page refuses), stop for longer; then one reinstatement ends both."""
        silence = Silence(self.stage, self.people, world.HERE)
        silence.stop(30)
        try:
            silence.stop(30)
        except DemoError as refused:
            if "đang bị khóa rồi" not in str(refused):
                raise
        else:
            raise DemoError("the same stop was given twice")
        silence.stop(0)
        for order in silence.stops:
            self.wait("every box has stopped", partial(silence.obeyed, order, self.here), within_s=30)
        self.wait("every box is open", partial(silence.obeyed, silence.open(), self.here), within_s=30)
        locked = sum(still_locked(stop).count() for stop in EmergencyOrder.objects.filter(pk__in=silence.stops))
        if locked:
            raise DemoError(f"{locked} locks are still there")
        return f"{len(silence.stops)} locks, one reinstatement, {len(self.here)} boxes"

    def outside(self, alarm: Alarm) -> None:
        """Count at the outputs, not in what boxes say, who sounded the emergency."""
        self.wait("the outputs have let go", lambda: set(self.ears.of(alarm.play)) >= self.here, within_s=20)
        heard = set(self.ears.of(alarm.play))
        self.report.emergency_boxes_sounded = len(heard & self.here)
        self.report.emergency_boxes_outside = len(heard - self.here)
        if heard != set(self.here):
            raise DemoError(f"{len(heard - self.here)} boxes outside the commune sounded the emergency")

    def _compare(self, heard: Heard, bulletin: Bulletin) -> tuple[float, float]:
        assert heard.recording is not None
        assert bulletin.sound is not None
        return correlation(heard.recording, path_of(bulletin.sound.hash))

    def _count_log(self) -> bool:
        heard = {(one.box, one.play) for one in self.ears.heard()}
        rows = (
            PlayLogRow.objects.exclude(result=Result.MISSED).exclude(sound__startswith=SHOWN).values_list("box", "play")
        )
        counts = Counter(rows)
        self.report.log_rows_expected = len(heard)
        self.report.log_rows_received = len(counts)
        self.report.log_duplicates = sum(counts.values()) - len(counts)
        return heard == set(counts)

    def _entry(self, schedule: Schedule) -> str:
        """The name under which boxes know a schedule."""
        return ENTRY.format(schedule.pk)
