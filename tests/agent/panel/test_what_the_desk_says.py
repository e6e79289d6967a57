"""What a technician is told at the box, beside what the box really does."""

from pathlib import Path

import pytest

from agent.core import wording
from agent.core.lamps import Lamp
from agent.core.panel import Contact
from agent.ports.pins import Line, PinsError
from agent.services.service_desk import About, ServiceDesk
from protocol.report import FaultCode
from tests.support.box_parts import BOX, NOW_MS
from tests.support.panel_box import LEAD_IN_MS, PanelBox, tell


def desk(box: PanelBox) -> ServiceDesk:
    async def silent() -> None:
        return

    parts, player = box.parts, box.player
    return ServiceDesk(
        About(BOX, "loa-thử", "0.1.0", NOW_MS), parts.clock, parts.store, uplink=parts.uplink, keeper=parts.keeper,
        faults=parts.faults, wakes=parts.wakes, missing=lambda: 0, sounding=lambda: player.sounding,
        planned=lambda: player.planned,
        hindrance=lambda planned: "service" if box.panel.state.is_on(Contact.SERVICE) else player.hindrance(planned),
        checks=(), speak_code=silent,
    )  # fmt: skip


async def explained(box: PanelBox, **request: str) -> str:
    return str((await desk(box).explain(request))["text"])


def test_explain_says_that_an_alarm_is_kept_silent_by_the_service_switch(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        box.press(Contact.SERVICE)
        await box.raise_alarm()
        await box.pass_ms(3_000)
        assert box.speaker.sounding == ()
        first, *rest = (await explained(box)).splitlines()
        assert first.startswith("Thực tế lúc này loa không phát gì: công tắc bảo trì đang khóa âm ly")
        assert rest

    tell(tmp_path, story)


def test_explain_says_that_the_sound_device_is_dead(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        box.speaker.unplug()
        await box.raise_alarm()
        await box.pass_ms(3_000)
        first = (await explained(box)).splitlines()[0]
        assert first.startswith("Thực tế lúc này loa không phát gì: thiết bị âm thanh không trả lời")
        assert "(" in first, "with what the device said"
        assert (await explained(box, language="en")).startswith("In fact nothing sounds at this moment: the sound dev")

    tell(tmp_path, story)


def test_explain_says_nothing_more_where_the_box_does_what_is_planned_also_after_a_delay(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        assert "Thực tế" not in await explained(box)
        box.speaker.unplug()
        await box.raise_alarm()
        await box.pass_ms(200_000)
        box.speaker.plug_in()
        while not box.speaker.sounding:
            await box.pass_ms(1_000)
        told = await explained(box)
        assert "Thực tế" not in told
        assert "đang phát lệnh KHẨN CẤP" in told
        while box.speaker.sounding:
            await box.pass_ms(1_000)
        assert "Tiếp theo: lệnh khẩn cấp" in await explained(box), "the passes that follow"

    tell(tmp_path, story)


def test_what_only_ended_something_is_listed_for_an_hour_and_a_lock_as_long_as_it_stands(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        await box.pass_ms(LEAD_IN_MS)
        await box.hold(Contact.STOP, 500)
        locked = (await desk(box).status({}))["orders"]
        assert [row["type"] for row in locked] == ["STOP"]
        assert "nút DỪNG của chính hộp này" in await explained(box)
        assert "the STOP button of this box" in await explained(box, language="en")
        box.own.open()
        await box.pass_ms(1_000)
        assert {row["type"] for row in (await desk(box).status({}))["orders"]} == {"STOP", "REINSTATE"}
        await box.pass_ms(3_700_000)
        assert (await desk(box).status({}))["orders"] == []

    tell(tmp_path, story)


@pytest.mark.parametrize(("language", "way_out"), [("vi", "không dùng được chân GPIO"), ("en", "cannot be used")])
def test_a_line_that_cannot_be_had_is_told_with_its_way_out_and_fails_the_trial(
    tmp_path: Path, language: str, way_out: str
) -> None:
    async def story(box: PanelBox) -> None:
        assert FaultCode.PANEL in box.parts.faults.active()
        answer = await desk(box).status({"language": language})
        assert way_out in wording.status(answer, language)
        with pytest.raises(PinsError) as refused:
            await box.panel.trial()
        assert way_out in refused.value.said(language)

    tell(tmp_path, story, through=_gone)


def _gone(pins: object) -> object:
    pins.is_there = False  # type: ignore[attr-defined]
    return pins


def test_the_trial_of_a_panel_that_is_well_counts_its_lines_and_its_lamps_tell_their_meaning(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        contacts, lamps = await box.panel.trial()
        assert (contacts, lamps) == (12, 3)
        assert box.panel.lamps_now[Lamp.FAULT].vi == "Không có lỗi."
        box.press(Contact.SERVICE)
        await box.pass_ms(1_000)
        assert "Công tắc bảo trì" in box.panel.lamps_now[Lamp.FAULT].vi

    tell(tmp_path, story, extra={"stop 2": Line(40, True)})
