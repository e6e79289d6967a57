"""Somebody speaks at the commune hall's box and is heard at the others, by the commune's token and in no other way."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from agent.core.panel import TALK_MS, Contact
from agent.errors import AgentError, LinkError
from agent.link.fake import FakeLine
from agent.ports.live import Encoder, Heard, NoSuchBoxError, NotTakenError
from agent.ports.sound import SoundError
from agent.services.live import Live
from agent.store.database import Database
from agent.store.sessions import Sessions
from protocol.clock import ClockReading
from protocol.codec import decode, encode
from protocol.compose import order_id
from protocol.ids import box_id
from protocol.live import Admitted, Listener, LiveSession, Stream, VoiceGroup, judge
from protocol.quantities import SECOND_MS
from protocol.refusals import RejectCode
from protocol.report import ClockQuality, FaultCode
from protocol.roles import Holder, Role
from protocol.signing import Family, open_signed, sign
from protocol.trust import Trust
from tests.agent.test_live import EchoDecoder, Horn
from tests.support.box_parts import BOX, NOW_S, Parts, parts
from tests.support.panel_box import CODE, DURESS, PanelBox, tell
from tests.support.small_controller import AN_PHU, DOMAIN, alert, key, roots, signed_roots

OTHER = box_id(key("another box").public_key)
OPEN: dict[str, Any] = {"on": True, "to": [], "code": CODE}
AGAIN = {"on": True, "again": True}
PANEL = Holder(key("panel").public_key, "Trụ sở An Phú", (Role.COMMUNE,), AN_PHU[1:])
RECORD = roots(1, at_s=NOW_S)
TRUSTED = replace(RECORD, holders=(*RECORD.holders, PANEL), events=("flood",))


def trusts(box: Parts) -> None:
    """Roots that name the panel of An Phú."""
    box.inbox.take_first(signed_roots(TRUSTED))
    box.assigned()


async def talking(box: PanelBox, for_ms: int) -> dict[str, Any]:
    """Somebody holds on at the terminal; the last answer."""
    answer: dict[str, Any] = {}
    for _ in range(for_ms // 1_000):
        await box.pass_ms(1_000)
        answer = dict(await box.panel.talk(AGAIN))
    return answer


def sessions(box: PanelBox) -> list[LiveSession]:
    return [decode(open_signed(raw, Family.LIVE, DOMAIN).payload, LiveSession) for raw in box.line.sessions]


def groups(box: PanelBox) -> list[VoiceGroup]:
    """What a box that has accepted the session would hear."""
    stream = Stream(sessions(box)[0], DOMAIN)
    return [stream.take(raw, box.parts.clock.now_ms()) for raw in box.line.groups]


@contextlib.asynccontextmanager
async def another_box(folder: Path, line: FakeLine) -> AsyncIterator[tuple[Parts, dict[str, Horn]]]:
    """Of the same commune; it listens."""
    with parts(folder) as box, contextlib.closing(Database(folder / "live")) as database:
        trusts(box)
        horns: dict[str, Horn] = {}
        live = Live(
            OTHER,
            box.clock,
            box.store,
            sessions=Sessions(database),
            keeper=box.keeper,
            faults=box.faults,
            ask_for_roots=partial(box.inbox.ask_for_newer_roots, is_signed=False),
            line=line,
            decoder=EchoDecoder,
            inlet=lambda name: horns.setdefault(name, Horn(box.clock.now_ms)),
        )
        box.inbox.hand_on(Family.LIVE, live.take)
        running = asyncio.create_task(live.run())
        try:
            yield box, horns
        finally:
            running.cancel()
            await asyncio.wait([running])


def test_what_is_said_at_one_box_is_heard_at_another_and_at_its_own(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        trusts(box.parts)
        line = FakeLine()
        async with another_box(tmp_path / "other", line) as (other, horns):
            box.line.takes, box.line.carries = other.inbox.take, line.carry
            assert (await box.panel.talk(OPEN))["open"]
            await talking(box, 5_000)
            assert [voice.level for voice in other.keeper.holdings().voices] == [1]
            assert box.speaker.sounding
            await box.panel.talk({"on": False})
            await box.pass_ms(2_000)
            (horn,) = horns.values()
            assert horn.words == list(range(1, len(horn.words) + 1))
            assert len(horn.words) >= 245
            assert horn.closed
            assert other.keeper.holdings().voices == ()
        assert not box.microphone.is_open

    tell(tmp_path, story, trusts=False, token="panel")


def test_its_session_is_the_communes_and_ends_with_the_press(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        trusts(box.parts)
        await box.panel.talk(OPEN)
        await talking(box, 2_000)
        await box.panel.talk({"on": False})
        await box.pass_ms(1_000)
        (session,) = sessions(box)
        assert (session.role, session.area, session.boxes, session.attached) == (Role.COMMUNE, AN_PHU[1:], (), None)
        assert TALK_MS // SECOND_MS < session.expires - session.issued <= 150
        now = box.parts.clock.now_ms()
        listener = Listener(DOMAIN, OTHER, AN_PHU, (), {})
        verdict = judge(box.line.sessions[0], Trust(TRUSTED), ClockReading(now, now, ClockQuality.NTP), listener)
        assert isinstance(verdict, Admitted)
        said = groups(box)
        assert [group.last for group in said] == [False] * (len(said) - 1) + [True]

    tell(tmp_path, story, trusts=False, token="panel")


def test_it_is_not_heard_twice_at_the_box_where_it_is_spoken(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        trusts(box.parts)
        await box.panel.talk(OPEN)
        await talking(box, 1_000)
        line, horns = FakeLine(), dict[str, Horn]()
        with contextlib.closing(Database(tmp_path / "live")) as database:
            live = Live(
                BOX,
                box.parts.clock,
                box.parts.store,
                sessions=Sessions(database),
                keeper=box.parts.keeper,
                faults=box.parts.faults,
                ask_for_roots=lambda: None,
                line=line,
                decoder=EchoDecoder,
                inlet=lambda name: horns.setdefault(name, Horn(box.parts.clock.now_ms)),
            )
            running = asyncio.create_task(live.run())
            live.take(box.line.sessions[0])
            await box.pass_ms(500)
            running.cancel()
        assert (line.listeners, horns) == ([], {})

    tell(tmp_path, story, trusts=False, token="panel")


def test_chosen_boxes_are_named_by_their_codes(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        trusts(box.parts)
        box.line.boxes = {"ABCD-EFGH": "abcdefgh22222222"}
        await box.panel.talk({**OPEN, "to": ["ABCD-EFGH"]})
        await talking(box, 1_000)
        assert sessions(box)[0].boxes == ("abcdefgh22222222",)

    tell(tmp_path, story, trusts=False, token="panel")


def test_the_terminal_is_told_how_many_listen(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        trusts(box.parts)
        box.line.heard = Heard(3, 5)
        await box.panel.talk(OPEN)
        assert (await talking(box, 1_000))["reach"] == {"way": "on", "listening": 3, "meant": 5, "why": ""}

    tell(tmp_path, story, trusts=False, token="panel")


def test_a_box_without_the_communes_token_says_so_and_opens_no_microphone(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        trusts(box.parts)
        with pytest.raises(AgentError, match="no commune token") as refused:
            await box.panel.talk(OPEN)
        assert "không giữ khóa của xã" in refused.value.said("vi")
        assert box.microphone.opened == 0

    tell(tmp_path, story, trusts=False)


@pytest.mark.parametrize("code", ["", "11112222"])
def test_nobody_speaks_to_other_boxes_without_the_code(tmp_path: Path, code: str) -> None:
    async def story(box: PanelBox) -> None:
        trusts(box.parts)
        with pytest.raises(AgentError, match="code is wrong or missing"):
            await box.panel.talk({**OPEN, "code": code})
        assert box.microphone.opened == 0
        assert box.line.sessions == []

    tell(tmp_path, story, trusts=False, token="panel")


def test_a_token_that_the_province_does_not_list_and_a_box_without_time_speak_to_nobody_else(tmp_path: Path) -> None:
    async def unlisted(box: PanelBox) -> None:
        with pytest.raises(AgentError, match="nobody whom this box trusts"):
            await box.panel.talk(OPEN)
        assert box.microphone.opened == 0

    async def timeless(box: PanelBox) -> None:
        trusts(box.parts)
        with pytest.raises(AgentError, match="does not know the time"):
            await box.panel.talk(OPEN)
        assert box.microphone.opened == 0

    tell(tmp_path / "a", unlisted, token="panel")
    tell(tmp_path / "b", timeless, trusts=False, token="panel", quality=ClockQuality.FLOOR)


def test_without_a_network_its_own_loudspeaker_speaks_alone_and_it_is_said(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        trusts(box.parts)
        box.line.refusal = LinkError("unplugged")
        await box.panel.talk({**OPEN, "language": "vi"})
        answer = await box.panel.talk({**AGAIN, "language": "vi"})
        await talking(box, 4_000)
        assert answer["reach"]["way"] in ("connecting", "lost")
        told = (await box.panel.talk({**AGAIN, "language": "vi"}))["reach"]
        assert (told["way"], told["why"]) == ("lost", "không nối được với máy chủ: chỉ loa của hộp này phát")
        assert box.speaker.sounding
        box.line.refusal = None
        await talking(box, 2_000)
        assert (await box.panel.talk(AGAIN))["reach"]["way"] == "on"
        assert groups(box)[0].first == 0  # what nobody could be told is gone, not late

    tell(tmp_path, story, trusts=False, token="panel")


def test_a_connection_that_breaks_is_made_anew_with_the_same_session(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        trusts(box.parts)
        box.line.boxes = {"ABCD-EFGH": "abcdefgh22222222"}
        await box.panel.talk({**OPEN, "to": ["ABCD-EFGH"]})
        await talking(box, 1_000)
        box.line.refusal = LinkError("broken")
        await talking(box, 1_000)
        box.line.refusal = None
        await talking(box, 2_000)
        assert len(box.line.sessions) == 2
        assert len(set(box.line.sessions)) == 1
        assert box.line.asked == [("ABCD-EFGH",)]
        assert len(groups(box)) > 40

    tell(tmp_path, story, trusts=False, token="panel")


@pytest.mark.parametrize(
    ("refusal", "why"),
    [
        (NotTakenError(RejectCode.SCOPE), "máy chủ không chuyển: "),
        (NotTakenError("box"), "hộp đã được duyệt"),
        (NoSuchBoxError("ABCD-EFGH"), "không có hộp nào đang dùng mang mã ABCD-EFGH"),
    ],
)
def test_what_the_controller_refuses_is_said_and_not_asked_again(tmp_path: Path, refusal: LinkError, why: str) -> None:
    async def story(box: PanelBox) -> None:
        trusts(box.parts)
        box.line.refusal = refusal
        await box.panel.talk(OPEN)
        await talking(box, 1_000)
        box.line.refusal = None
        await talking(box, 2_000)
        told = (await box.panel.talk({**AGAIN, "language": "vi"}))["reach"]
        assert told["way"] == "refused"
        assert why in told["why"]
        assert box.line.sessions == []
        assert box.speaker.sounding

    tell(tmp_path, story, trusts=False, token="panel")


def no_encoder() -> Encoder:
    raise SoundError("live voice needs libopus: apt-get install libopus0", device=False, vi="thiếu libopus")


def test_a_call_that_cannot_even_be_made_is_said_for_the_whole_press_and_is_no_fault_after_it(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        trusts(box.parts)
        for _ in range(2):
            await box.panel.talk(OPEN)
            told = (await talking(box, 3_000))["reach"]
            assert (told["way"], told["why"]) == ("refused", "live voice needs libopus: apt-get install libopus0")
            assert box.speaker.sounding
            assert FaultCode.PANEL in box.parts.faults.active()
            await box.panel.talk({"on": False})
            assert FaultCode.PANEL not in box.parts.faults.active()
            assert (await box.panel.talk(AGAIN))["reach"]["way"] == "connecting"

    async def forced(box: PanelBox) -> None:
        trusts(box.parts)
        await box.panel.talk({**OPEN, "code": DURESS})
        assert (await talking(box, 3_000))["reach"]["way"] == "connecting"

    tell(tmp_path / "free", story, trusts=False, token="panel", encoder=no_encoder)
    tell(tmp_path / "forced", forced, trusts=False, token="panel", encoder=no_encoder)


def test_who_is_forced_to_speak_reaches_nobody_and_is_told_nothing(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        trusts(box.parts)
        answer = await box.panel.talk({**OPEN, "code": DURESS})
        assert answer == {"open": True, "reach": {"way": "connecting", "listening": 0, "meant": 0, "why": ""}}
        await talking(box, 2_000)
        assert box.line.sessions == []
        assert not box.speaker.sounding
        assert FaultCode.DURESS in box.parts.faults.active()

    tell(tmp_path, story, trusts=False, token="panel")


def test_who_speaks_at_the_panel_is_not_joined_from_the_terminal(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        trusts(box.parts)
        box.press(Contact.MICROPHONE)
        await box.pass_ms(500)
        with pytest.raises(AgentError, match="somebody speaks"):
            await box.panel.talk(OPEN)
        box.release(Contact.MICROPHONE)
        await box.pass_ms(500)
        assert box.line.sessions == []

    tell(tmp_path, story, trusts=False, token="panel")


def test_what_a_forced_terminal_asked_for_reaches_nobody_at_the_next_press_either(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        trusts(box.parts)
        await box.panel.talk({**OPEN, "code": DURESS})
        await box.panel.talk({"on": False})
        assert await box.panel.enter(CODE)
        await box.hold(Contact.MICROPHONE, 1_000)
        assert box.line.sessions == []

    tell(tmp_path, story, trusts=False, token="panel")


def test_a_press_is_over_after_two_minutes_and_after_twenty_seconds_without_speech(tmp_path: Path) -> None:
    async def long(box: PanelBox) -> None:
        trusts(box.parts)
        await box.panel.talk(OPEN)
        assert (await talking(box, 119_000))["open"]
        assert not (await talking(box, 3_000))["open"]
        assert groups(box)[-1].last

    async def speechless(box: PanelBox) -> None:
        trusts(box.parts)
        box.microphone.level_cb = -700
        await box.panel.talk(OPEN)
        assert (await talking(box, 19_000))["open"]
        assert not (await talking(box, 3_000))["open"]
        assert groups(box)[-1].last

    tell(tmp_path / "a", long, trusts=False, token="panel")
    tell(tmp_path / "b", speechless, trusts=False, token="panel")


def test_the_panels_own_button_reaches_the_commune_while_the_code_is_open_where_that_is_set(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        trusts(box.parts)
        await box.hold(Contact.MICROPHONE, 1_000)
        assert box.line.sessions == []
        assert await box.panel.enter(CODE)
        await box.hold(Contact.MICROPHONE, 1_000)
        await box.pass_ms(500)
        assert len(box.line.sessions) == 1
        assert groups(box)[-1].last

    async def not_set(box: PanelBox) -> None:
        trusts(box.parts)
        assert await box.panel.enter(CODE)
        await box.hold(Contact.MICROPHONE, 1_000)
        assert box.line.sessions == []

    tell(tmp_path / "a", story, trusts=False, token="panel", talk_to_commune=True)
    tell(tmp_path / "b", not_set, trusts=False, token="panel")


def test_with_the_key_turned_it_speaks_inside_the_communes_alarm_and_never_inside_a_higher_one(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        trusts(box.parts)
        higher = alert(7, at_s=NOW_S)
        box.parts.inbox.take(sign(encode(higher), Family.ORDER, DOMAIN, key("Hoa"), key("Minh")))
        box.press(Contact.KEY)
        await box.pass_ms(100)
        await box.panel.talk(OPEN)
        await talking(box, 1_000)
        await box.panel.talk({"on": False})
        await box.pass_ms(100)
        own = replace(alert(1, at_s=NOW_S, role=Role.COMMUNE), id=order_id(key("panel").public_key, b"a flood here"))
        box.parts.inbox.take(sign(encode(own), Family.ORDER, DOMAIN, key("panel")))
        await box.panel.talk(OPEN)
        await talking(box, 1_000)
        assert [session.attached for session in sessions(box)] == [None, own.id]

    tell(tmp_path, story, trusts=False, token="panel")
