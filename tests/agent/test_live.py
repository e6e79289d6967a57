"""A box listens: what a session's key has signed is heard evenly, and nothing else is ever heard. In virtual time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from agent.link.fake import FakeLine
from agent.ports.sound import SoundError
from agent.services.live import Live
from agent.store.database import Database
from agent.store.sessions import Sessions
from protocol.codec import encode
from protocol.compose import order_id
from protocol.live import FRAME_MS, LiveSession, VoiceGroup, signed_group
from protocol.order import MessageType, Order
from protocol.quantities import SECOND_MS
from protocol.report import FaultCode
from protocol.roles import Holder, Role
from protocol.signing import Family, KeySigner, sign
from protocol.timeline import SegmentKind, at
from tests.support import virtual_time
from tests.support.box_parts import BOX, NOW_MS, NOW_S, Parts, parts
from tests.support.small_controller import AN_PHU, DOMAIN, alert, key, roots, signed_roots

PAGE = key("a page that speaks")
SESSION = LiveSession(
    id=b"a live session 1",
    province="77",
    environment="test",
    role=Role.COMMUNE,
    epoch=1,
    issued=NOW_S,
    not_before=NOW_S,
    expires=NOW_S + 120,
    area=(AN_PHU[-1],),
    boxes=(),
    key=PAGE.public_key,
    attached=None,
    reason="",
)
NAME = SESSION.id.hex()


CONCEALED = b"?!"


class EchoDecoder:
    """PCM that shows from which packet it was made; what is longer than a frame is none."""

    def decode(self, packet: bytes) -> bytes:
        if len(packet) > 100:
            raise SoundError("not an Opus packet", device=False)
        return packet

    def conceal(self) -> bytes:
        return CONCEALED


@dataclass
class Horn:
    """Where the PCM goes."""

    now_ms: Callable[[], int]
    heard: list[tuple[int, bytes]] = field(default_factory=list)
    closed: bool = False

    def push(self, pcm: bytes) -> None:
        self.heard.append((self.now_ms(), pcm))

    def close(self) -> None:
        self.closed = True

    @property
    def words(self) -> list[int]:
        return [int.from_bytes(pcm, "big") for _, pcm in self.heard if pcm != CONCEALED]


@dataclass
class Scene:
    box: Parts
    live: Live
    line: FakeLine
    horns: dict[str, Horn]

    def order(self, session: LiveSession = SESSION, *signers: KeySigner) -> None:
        self.box.inbox.take(sign(encode(session), Family.LIVE, DOMAIN, *(signers or (key("Lan"),))))

    async def say(self, first: int, groups: int, *, last: bool = False, by: KeySigner = PAGE) -> None:
        """Groups of three frames at the pace of speech."""
        for number in range(first, first + 3 * groups, 3):
            self.line.carry(spoken(number, by=by))
            await asyncio.sleep(3 * FRAME_MS / 1000)
        if last:
            self.line.carry(signed_group(VoiceGroup(SESSION.id, first + 3 * groups, (), last=True), DOMAIN, by))

    def keep_alive(self, first: int) -> None:
        """A group without frames, as the page sends them while the button is out."""
        self.line.carry(signed_group(VoiceGroup(SESSION.id, first, (), last=False), DOMAIN, PAGE))

    @property
    def horn(self) -> Horn:
        return self.horns[NAME]

    @property
    def speaks(self) -> bool:
        return any(voice.name.startswith(NAME) for voice in self.box.keeper.holdings().voices)

    def sounds(self) -> SegmentKind | None:
        row = at(self.box.keeper.holdings(), self.box.clock.now_ms())
        return None if row is None else row.kind


def spoken(first: int, *, by: KeySigner = PAGE, session: bytes = SESSION.id, count: int = 3) -> bytes:
    frames = tuple((first + number + 1).to_bytes(4, "big") for number in range(count))
    return signed_group(VoiceGroup(session, first, frames, last=False), DOMAIN, by)


@contextlib.asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[Scene]:
    """A box in An Phú whose commune's Lan may speak; it is seven in the morning."""
    with parts(folder) as box:
        record = roots(1, at_s=NOW_S - 10)
        speaks = Holder(key("Lan").public_key, "Lan", (Role.COMMUNE, Role.STOP), ("77-1001",))
        others = tuple(row for row in record.holders if row.person != "Lan")
        box.inbox.take_first(
            signed_roots(msgspec.structs.replace(record, holders=(*others, speaks), events=("flood",)))
        )
        box.assigned()
        line, horns = FakeLine(), dict[str, Horn]()
        with contextlib.closing(Database(folder / "live")) as database:
            live = Live(
                BOX,
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
                yield Scene(box, live, line, horns)
            finally:
                running.cancel()
                await asyncio.wait([running])
                if not running.cancelled() and (error := running.exception()) is not None:
                    raise error


def told(folder: Path, story: Callable[[Scene], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        async with scene(folder) as one:
            await story(one)

    virtual_time.run(main())


def test_what_is_said_is_heard_evenly_and_to_the_end(tmp_path: Path) -> None:
    async def story(one: Scene) -> None:
        one.order()
        await one.say(0, 50, last=True)
        assert [voice.level for voice in one.box.keeper.holdings().voices] == [1]
        assert one.sounds() is SegmentKind.VOICE
        await asyncio.sleep(1)
        assert one.horn.words == list(range(1, 151))
        assert one.horn.closed
        assert not one.speaks
        pace = [later - earlier for (earlier, _), (later, _) in zip(one.horn.heard, one.horn.heard[1:], strict=False)]
        assert set(pace) <= {FRAME_MS, 0, 19, 21}
        assert one.horn.heard[0][0] - NOW_MS < 100

    told(tmp_path, story)


def test_nothing_speaks_before_somebody_does(tmp_path: Path) -> None:
    async def story(one: Scene) -> None:
        one.order()
        await asyncio.sleep(3)
        assert one.line.listeners == [SESSION.id]
        assert not one.speaks

    told(tmp_path, story)


def test_a_stream_without_a_session_reaches_no_horn(tmp_path: Path) -> None:
    async def story(one: Scene) -> None:
        await one.say(0, 10)
        assert (one.line.listeners, one.horns) == ([], {})
        one.order(SESSION, key("Minh"))
        await one.say(30, 10)
        assert (one.line.listeners, one.horns) == ([], {})
        assert FaultCode.ORDER_REFUSED in one.box.store.outbox.active_faults()

    told(tmp_path, story)


def test_a_forged_group_a_replayed_one_and_one_of_another_session_are_never_heard(tmp_path: Path) -> None:
    async def story(one: Scene) -> None:
        one.order()
        await one.say(0, 5)
        await one.say(100, 5, by=key("a thief"))
        one.line.carry(spoken(3))
        one.line.carry(spoken(200, session=bytes(16)))
        one.line.carry(b"noise")
        await one.say(15, 5, last=True)
        await one.say(30, 5)
        await asyncio.sleep(2)
        assert one.horn.words == list(range(1, 31))
        assert FaultCode.ORDER_REFUSED in one.box.store.outbox.active_faults()

    told(tmp_path, story)


def test_a_session_is_not_heard_twice_and_a_restart_does_not_forget_it(tmp_path: Path) -> None:
    async def story(one: Scene) -> None:
        one.order()
        await one.say(0, 5, last=True)
        await asyncio.sleep(1)
        one.order()
        await one.say(0, 5)
        assert one.line.listeners == [SESSION.id]
        with contextlib.closing(Database(tmp_path / "live")) as again:
            assert SESSION.id in Sessions(again).seen()

    told(tmp_path, story)


def test_sessions_under_newer_roots_that_anybody_writes_make_no_more_fetches_than_other_noise(tmp_path: Path) -> None:
    async def story(one: Scene) -> None:
        fetches: list[int] = []

        async def count() -> None:
            while True:
                await one.box.wakes.roots.wait()
                fetches.append(one.box.clock.now_ms())

        one.box.wakes.roots.clear()
        counting = asyncio.create_task(count())
        for _ in range(600):
            one.order(msgspec.structs.replace(SESSION, epoch=9))
            one.box.watch.look()
            await asyncio.sleep(1)
        counting.cancel()
        assert 1 <= len(fetches) <= 4

    told(tmp_path, story)


def test_it_ends_at_its_limit(tmp_path: Path) -> None:
    async def story(one: Scene) -> None:
        one.order()
        await one.say(0, 2_100)
        assert not one.speaks
        last_ms = one.horn.heard[-1][0]
        assert SESSION.expires * SECOND_MS - 100 < last_ms < SESSION.expires * SECOND_MS

    told(tmp_path, story)


def test_it_ends_when_groups_stay_away_and_not_before(tmp_path: Path) -> None:
    async def story(one: Scene) -> None:
        one.order()
        await one.say(0, 5)
        await asyncio.sleep(2.5)
        assert one.speaks
        one.keep_alive(15)  # a silent officer
        await asyncio.sleep(4.5)
        await one.say(15, 5)
        assert one.speaks
        await asyncio.sleep(6)
        assert not one.speaks
        await one.say(30, 5)
        assert not one.speaks
        assert one.horn.closed

    told(tmp_path, story)


def test_a_network_that_stands_still_for_some_seconds_does_not_take_the_loudspeakers_from_who_speaks(
    tmp_path: Path,
) -> None:
    async def story(one: Scene) -> None:
        one.order()
        await one.say(0, 5)
        for _ in range(16):
            await asyncio.sleep(0.3)
            assert one.sounds() is SegmentKind.VOICE
        await one.say(15, 5, last=True)
        await asyncio.sleep(1)
        assert one.horn.words == list(range(1, 31)), "it is one play"
        assert list(one.horns) == [NAME]

    told(tmp_path, story)


def test_a_page_that_is_forgotten_keeps_no_voice_and_the_officer_who_comes_back_is_heard(tmp_path: Path) -> None:
    async def story(one: Scene) -> None:
        one.order()
        await one.say(0, 5)
        for _ in range(4):
            one.keep_alive(15)
            await asyncio.sleep(1)
        assert not one.speaks
        assert one.horn.closed
        for _ in range(60):
            one.keep_alive(15)
            await asyncio.sleep(1)
        assert not one.speaks
        await one.say(15, 5, last=True)
        row = at(one.box.keeper.holdings(), one.box.clock.now_ms())
        assert row is not None
        assert (row.cause, row.play) == (NAME, f"voice:{NAME}-2")
        await asyncio.sleep(1)
        assert not one.speaks
        assert one.horn.words == list(range(1, 16))
        assert one.horns[f"{NAME}-2"].words == list(range(16, 31))
        assert one.horns[f"{NAME}-2"].closed

    told(tmp_path, story)


def test_groups_that_nobody_signed_keep_no_session_alive(tmp_path: Path) -> None:
    async def story(one: Scene) -> None:
        one.order()
        await one.say(0, 5)
        await one.say(15, 100, by=key("a thief"))
        assert not one.speaks

    told(tmp_path, story)


def test_a_stop_ends_it(tmp_path: Path) -> None:
    async def story(one: Scene) -> None:
        one.order()
        await one.say(0, 5)
        lock(one)
        await one.say(15, 5)
        assert not one.speaks
        assert len(one.horn.words) < 20

    told(tmp_path, story)


def lock(one: Scene) -> None:
    """Lan's commune stops its loudspeakers."""
    stop = alert(1, at_s=NOW_S, type=MessageType.STOP, sound=None, role=Role.STOP, area=("77-1001",))
    one.box.inbox.take(sign(encode(signed_first(stop)), Family.ORDER, DOMAIN, key("Lan")))


def signed_first(order: Order) -> Order:
    """First signed by Lan."""
    return msgspec.structs.replace(order, id=order_id(key("Lan").public_key, b"speech over."))


def test_a_connection_that_breaks_is_made_anew_and_the_voice_goes_on(tmp_path: Path) -> None:
    async def story(one: Scene) -> None:
        one.order()
        await one.say(0, 5)
        one.line.break_off()
        await one.say(15, 30, last=True)
        await asyncio.sleep(2)
        assert one.line.listeners == [SESSION.id] * 2
        assert one.horn.words == list(range(1, 106))

    told(tmp_path, story)


def test_a_box_that_the_controller_will_not_have_asks_no_more(tmp_path: Path) -> None:
    async def story(one: Scene) -> None:
        one.order()
        one.line.break_off(permanent=True)
        await asyncio.sleep(10)
        assert one.line.listeners == [SESSION.id]
        assert not one.speaks

    told(tmp_path, story)


def test_a_packet_that_no_decoder_reads_silences_itself_alone(tmp_path: Path) -> None:
    async def story(one: Scene) -> None:
        one.order()
        await one.say(0, 2)
        one.line.carry(signed_group(VoiceGroup(SESSION.id, 6, (bytes(200),), last=False), DOMAIN, PAGE))
        one.line.carry(spoken(7))
        await asyncio.sleep(1)
        assert one.horn.words == [1, 2, 3, 4, 5, 6, 8, 9, 10]

    told(tmp_path, story)


def test_an_alarm_is_over_a_voice_unless_the_voice_is_attached_to_it(tmp_path: Path) -> None:
    async def story(one: Scene) -> None:
        one.order()
        await one.say(0, 5)
        assert one.sounds() is SegmentKind.VOICE
        now_s = one.box.clock.now_ms() // 1000
        raised = alert(7, at_s=now_s, area=("77-1001",))
        one.box.inbox.take(sign(encode(raised), Family.ORDER, DOMAIN, key("Hoa"), key("Minh")))
        await one.say(15, 5)
        assert one.sounds() is SegmentKind.EMERGENCY
        attached = msgspec.structs.replace(SESSION, id=b"a live session 2", attached=raised.id)
        one.order(attached)  # Lan's commune stands below the province that raised it
        assert one.line.listeners == [SESSION.id]

    told(tmp_path, story)


def test_a_voice_speaks_inside_its_communes_alarm_until_a_higher_one_comes(tmp_path: Path) -> None:
    async def story(one: Scene) -> None:
        area = ("77-1001",)
        own = alert(1, at_s=NOW_S, role=Role.COMMUNE, area=area)
        own = msgspec.structs.replace(own, id=order_id(key("Lan").public_key, b"a flood here"))
        one.box.inbox.take(sign(encode(own), Family.ORDER, DOMAIN, key("Lan")))
        assert one.sounds() is SegmentKind.EMERGENCY
        one.order(msgspec.structs.replace(SESSION, attached=own.id))
        await one.say(0, 20)
        assert one.sounds() is SegmentKind.VOICE
        raised = alert(7, at_s=NOW_S, area=area)
        one.box.inbox.take(sign(encode(raised), Family.ORDER, DOMAIN, key("Hoa"), key("Minh")))
        await one.say(60, 20)
        assert one.sounds() is SegmentKind.EMERGENCY

    told(tmp_path, story)


PROVINCES = msgspec.structs.replace(SESSION, role=Role.EMERGENCY, area=("77",))


def test_the_province_speaks_by_two_signatures_at_its_level(tmp_path: Path) -> None:
    async def story(one: Scene) -> None:
        one.order(PROVINCES, key("Hoa"))
        assert one.line.listeners == []
        one.order(PROVINCES, key("Hoa"), key("Minh"))
        await one.say(0, 5)
        assert [voice.level for voice in one.box.keeper.holdings().voices] == [0]
        assert one.sounds() is SegmentKind.VOICE
        one.order(msgspec.structs.replace(SESSION, id=b"a live session 2"))
        await asyncio.sleep(0.1)
        assert one.line.listeners == [SESSION.id, b"a live session 2"]

    told(tmp_path, story)


def test_a_communes_stop_ends_the_provinces_voice_but_not_inside_the_provinces_alarm(tmp_path: Path) -> None:
    async def story(one: Scene) -> None:
        raised = alert(7, at_s=NOW_S)
        one.box.inbox.take(sign(encode(raised), Family.ORDER, DOMAIN, key("Hoa"), key("Minh")))
        one.order(msgspec.structs.replace(PROVINCES, attached=raised.id), key("Hoa"), key("Minh"))
        await one.say(0, 5)
        lock(one)
        await one.say(15, 10)
        assert one.sounds() is SegmentKind.VOICE
        assert one.horn.words == list(range(1, len(one.horn.words) + 1))
        assert len(one.horn.words) > 35

    async def outside(one: Scene) -> None:
        one.order(PROVINCES, key("Hoa"), key("Minh"))
        await one.say(0, 5)
        lock(one)
        await one.say(15, 5)
        assert not one.speaks

    told(tmp_path / "inside", story)
    told(tmp_path / "outside", outside)


def raise_the_provinces(one: Scene) -> bytes:
    raised = alert(7, at_s=NOW_S)
    one.box.inbox.take(sign(encode(raised), Family.ORDER, DOMAIN, key("Hoa"), key("Minh")))
    return raised.id


def test_who_pauses_inside_the_provinces_alarm_is_heard_again_whatever_the_commune_stopped(tmp_path: Path) -> None:
    async def story(one: Scene) -> None:
        one.order(msgspec.structs.replace(PROVINCES, attached=raise_the_provinces(one)), key("Hoa"), key("Minh"))
        await one.say(0, 5)
        lock(one)
        for _ in range(4):
            one.keep_alive(15)
            await asyncio.sleep(1)
        assert not one.speaks
        await one.say(15, 5)
        assert one.sounds() is SegmentKind.VOICE

    told(tmp_path, story)


def test_who_speaks_inside_the_provinces_alarm_is_heard_where_the_commune_had_stopped_before(tmp_path: Path) -> None:
    async def story(one: Scene) -> None:
        alarm = raise_the_provinces(one)
        lock(one)
        one.order(msgspec.structs.replace(PROVINCES, attached=alarm), key("Hoa"), key("Minh"))
        await asyncio.sleep(1)
        await one.say(0, 5)
        assert one.sounds() is SegmentKind.VOICE

    told(tmp_path, story)


def test_a_session_that_breaks_the_program_ends_itself_alone(tmp_path: Path) -> None:
    async def story(one: Scene) -> None:
        one.order()
        await one.say(0, 2)
        one.horn.heard = None  # type: ignore[assignment]
        await one.say(6, 2)
        assert not one.speaks
        again = msgspec.structs.replace(SESSION, id=b"a live session 2")
        one.order(again)
        await asyncio.sleep(1)
        assert one.line.listeners[-1] == again.id

    told(tmp_path, story)
