"""The composition root: what a box is made of, in the order in which it is built; it stops in the reverse order.

state folder → store → identity → clock → holdings → sound, pins → controller → what comes down, what goes up → service
"""

import asyncio
import contextlib
import random
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import structlog

from agent.config import Config, PanelConfig
from agent.core import code
from agent.core.panel import Contact
from agent.drivers import audio, boards, ear, gpio
from agent.drivers.amplifier import AlwaysOn
from agent.drivers.anchor_file import AnchorFile
from agent.drivers.audio.announcer import look
from agent.drivers.audio.source import RATE_HZ, File, milliseconds
from agent.drivers.boards.painter import Painter
from agent.drivers.boards.png import png
from agent.drivers.boards.worker import Worker
from agent.drivers.clock import SystemClock
from agent.drivers.ear.recorded import Horn
from agent.drivers.gpio.relay import RelayAmplifier
from agent.drivers.opus import OpusDecoder, OpusEncoder
from agent.drivers.systemd import Notifier
from agent.errors import AgentError, LinkError, Told
from agent.link.control import Command, ControlServer
from agent.link.https import HttpsOffice
from agent.link.live import LiveSocket
from agent.link.local_page import LocalPage
from agent.link.mqtt import MqttLink, Place
from agent.link.tls import Tls
from agent.ports.pins import Pins, PinsError
from agent.ports.sound import Accent, Amplifier, Frames, Speaker
from agent.ports.store import Store
from agent.services import parts_check, selftest
from agent.services.board import BoardService, Light
from agent.services.brownout import BrownOut
from agent.services.caller import Caller
from agent.services.code_speaker import CodeSpeaker
from agent.services.courier import Courier
from agent.services.enrolment import Enrolment
from agent.services.faults import Faults
from agent.services.fetcher import Fetcher
from agent.services.inbox import Identity, Inbox
from agent.services.keeper import Keeper
from agent.services.live import Live
from agent.services.own_orders import OwnOrders
from agent.services.panel import PanelService, Wiring, output_of, wiring_of
from agent.services.panel_code import CodeJudge
from agent.services.papers import PaperKeeper
from agent.services.player import Player
from agent.services.progress import Progress
from agent.services.proof import Ears
from agent.services.recordings import Recordings
from agent.services.reporter import Reporter, Sender
from agent.services.service_desk import About, Answer, ServiceDesk
from agent.services.service_lock import ServiceLock
from agent.services.wake import Wakes
from agent.services.watch import Watch
from agent.store.blobs import BlobShelf
from agent.store.database import Database
from agent.store.hashing import digest_aside
from agent.store.key import load_or_make
from agent.store.lives import LivesFile
from agent.store.lock import only_one
from agent.store.memory import Memory
from agent.store.orders import Orders
from agent.store.outbox import Outgoing
from agent.store.papers import PaperFiles
from agent.store.plays import Plays
from agent.store.sessions import Sessions
from protocol import keyfile
from protocol.compose import ENTROPY_BYTES
from protocol.errors import ProtocolError
from protocol.ids import box_id, enrolment_code
from protocol.report import FaultCode
from protocol.signing import Domain, Family, KeySigner

log = structlog.get_logger()

VERSION: Final = version("loalang")
HORN: Final = "horn"
"""What `loalang-agent wire` calls the wire to a pretended horn."""


async def run_box(config: Config, stop: asyncio.Event, notifier: Notifier) -> None:
    """One box, until `stop` is set. Raises AgentError when it cannot be what `config` says."""
    with only_one(config.state_dir), contextlib.closing(Database(config.state_dir)) as database:
        await _run(config, database, stop, notifier)


def box_of(config: Config) -> str:
    """The id of the box whose state is there; its key is made if it has none. Raises AgentError."""
    return _identify(config).box


def forget_time(config: Config) -> None:
    """Forget which instants have certainly passed. Raises AgentError, also while the daemon runs."""
    with only_one(config.state_dir), contextlib.closing(Database(config.state_dir)) as database:
        Memory(database).forget_floor()
        _anchors(config).forget()


async def _run(config: Config, database: Database, stop: asyncio.Event, notifier: Notifier) -> None:
    me = _identify(config)
    log.info("starting", id=me.box, code=enrolment_code(me.box), version=VERSION, state=str(config.state_dir))
    mind = _remember(config, database, me)
    speaker = audio.choose(config, mind.clock, mind.faults.note)
    wires = _wire(config, mind, speaker)
    controller = _reach_the_controller(config, me, mind)
    player = _sound(config, mind, wires, on_damaged=controller.fetcher.damaged)
    sessions = Sessions(database)
    live = _live(config, sessions, me, mind, controller=controller, speaker=speaker)
    reporter = _report(config, me, mind, controller, player)
    panel = _panel(config, me, mind, controller, sessions=sessions, wires=wires, player=player)
    board = _board(config, me, mind, player, on_damaged=controller.fetcher.damaged)
    page = _page(config, lambda: desk.status({}), panel, board)
    fitted = _fitted(config, mind, wires, panel=panel, board=board, page=page)
    desk = _open_the_desk(
        config, me, mind, controller, reporter=reporter, player=player, wires=wires, panel=panel, fitted=fitted
    )
    services = _for_who_stands_there(page, board)
    await _until(
        stop,
        services
        | {
            "watch": Watch(
                mind.clock, mind.store, inbox=controller.inbox, faults=mind.faults, keeper=mind.keeper
            ).run(),
            "player": player.run(),
            "device": player.watch_the_device(),
            "live": live.run(),
            "fetcher": controller.fetcher.run(),
            "reporter": reporter.run(),
            "enrolment": controller.enrolment.run(),
            "papers": controller.papers.run(),
            "link": controller.link.run(),
            "power": wires.power.run(),
            "panel": panel.run(),
            "courier": controller.courier.run(),
            "control": ControlServer(
                config.control_socket, {**desk.commands, **panel.commands, **_wires_to_pull(wires)}
            ).run(),
            "watchdog": _signs_of_life(notifier),
        },
    )
    await speaker.close()
    wires.pins.close()
    log.info("stopped")


@dataclass(frozen=True)
class _Me:
    """Who it is: the key that names the box, and whom it was born to trust."""

    signer: KeySigner
    identity: Identity

    @property
    def box(self) -> str:
        return self.identity.box


def _identify(config: Config) -> _Me:
    signer = load_or_make(config.state_dir)
    return _Me(signer, Identity(box_id(signer.public_key), config.roots))


def _anchors(config: Config) -> AnchorFile:
    return AnchorFile(config.state_dir / "network-time")


@dataclass(frozen=True)
class _Mind:
    """What it remembers, since when it knows the time, and what follows for what it holds."""

    clock: SystemClock
    store: Store
    faults: Faults
    keeper: Keeper
    recordings: Recordings
    wakes: Wakes


def _remember(config: Config, database: Database, me: _Me) -> _Mind:
    wakes, memory = Wakes(), Memory(database)
    clock = SystemClock(config.clock_trust, memory.floor_ms(), anchors=_anchors(config))
    store = Store(
        trust=memory,
        desired=memory,
        book=Orders(database),
        outbox=Outgoing(database, me.box),
        shelf=BlobShelf(database, config.state_dir / "blobs"),
        journal=Plays(database, clock.now_ms, wakes.reporter.set),
    )
    faults = Faults(store.outbox, clock, wakes.reporter)
    if database.put_aside is not None:
        faults.raised(FaultCode.STORE, f"a damaged database was put aside as {database.put_aside.name}")
    announcer = look(config.announcer)
    if announcer.complaints:
        faults.raised(FaultCode.ANNOUNCER, "; ".join(map(str, announcer.complaints)))
    else:
        faults.cleared(FaultCode.ANNOUNCER)
    recordings = Recordings(announcer=announcer.recordings, complaints=announcer.complaints)
    return _Mind(clock, store, faults, Keeper(clock, store), recordings, wakes)


@dataclass(frozen=True)
class _Controller:
    """What comes down: HTTPS for bulk and enrolment, MQTT for everything that is small."""

    inbox: Inbox
    link: MqttLink
    enrolment: Enrolment
    fetcher: Fetcher
    papers: PaperKeeper
    courier: Courier
    tls: Tls


def _reach_the_controller(config: Config, me: _Me, mind: _Mind) -> _Controller:
    clock, store, faults, keeper, wakes = mind.clock, mind.store, mind.faults, mind.keeper, mind.wakes
    draw = random.SystemRandom().random
    papers = PaperFiles(config.state_dir)
    tls = Tls(papers, clock, pin=config.ca, ca_file=config.ca_file)
    office = HttpsOffice(config.url, me.signer, tls, clock)
    inbox = Inbox(me.identity, clock, store, recordings=mind.recordings, keeper=keeper, faults=faults, wakes=wakes)
    paper_keeper = PaperKeeper(
        me.box,
        me.signer.public_key,
        office=office,
        papers=papers,
        trust=store.trust,
        clock=clock,
        take=inbox.take,
        wakes=wakes,
        draw=draw,
    )
    place = _place(store, paper_keeper.ready_for)
    link = MqttLink(me.box, place=place, take=inbox.take, moved=wakes.subscriptions, tls=tls, draw=draw)
    link.on_untrusted = office.on_untrusted = paper_keeper.trouble
    enrolment = Enrolment(
        config.name, VERSION, office=office, trust=store.trust, take=inbox.take_first, wakes=wakes, draw=draw
    )
    fetcher = Fetcher(office, clock, store, keeper=keeper, faults=faults, wakes=wakes, draw=draw)
    courier = Courier(_token(config).key, office, clock, store, wakes.courier)
    return _Controller(inbox, link, enrolment, fetcher, paper_keeper, courier, tls)


@dataclass(frozen=True)
class _Wires:
    """Pins, and what sounds only while the service switch lets it."""

    pins: Pins
    wiring: Wiring
    power: BrownOut
    lock: ServiceLock
    speaker: Speaker
    """Without the lock."""
    troubles: Mapping[str, str]
    """What could not be had, by name; empty texts for what could."""
    horn: Horn | None
    """A pretended one, whose wire can be cut."""

    def inlet(self, name: str) -> Frames:
        """Where the sound of the voice of this name is poured in."""
        return self.speaker.frames(name)


def _wire(config: Config, mind: _Mind, speaker: Speaker) -> _Wires:
    """A panel that cannot be had is a fault; the box goes on. Where no relay is named, the amplifier is always on."""
    pins: Pins = gpio.NoPins()
    amplifier: Amplifier = AlwaysOn()
    troubles: dict[str, str] = {}
    try:
        pins = gpio.choose(config.panel.driver, config.panel.chip, mind.clock)
    except PinsError as error:
        troubles["pins"] = error.told
    relay = output_of(config.panel, "amplifier")
    if relay is not None:
        amplifier = switched = RelayAmplifier(pins, relay)
        troubles["amplifier"] = switched.trouble
    horn = ear.horn(config, amplifier)
    power = BrownOut(
        horn or amplifier,
        speaker,
        clock=mind.clock,
        kept=LivesFile(config.state_dir),
        keeper=mind.keeper,
        aside=Worker("lives").do,
    )
    wiring = wiring_of(config.panel)
    lock = ServiceLock(power.amplifier, power.speaker, locked=Contact.SERVICE in wiring.contacts)
    return _Wires(pins, wiring, power, lock, speaker, troubles, horn)


def _wires_to_pull(wires: _Wires) -> dict[str, Command]:
    """Where the pins are pretended, contacts are closed and opened over the service socket: for demos and tests."""
    pins = wires.pins
    if not isinstance(pins, gpio.FakePins):
        return {}

    async def wire(request: Mapping[str, Any]) -> Mapping[str, Any]:
        name, on = str(request.get("contact")), bool(request.get("on"))
        line = wires.wiring.contacts.get(name)
        if name == HORN and wires.horn is not None:
            wires.horn.is_connected = on
        elif line is None:
            names = ", ".join((*wires.wiring.contacts, *([] if wires.horn is None else [HORN])))
            raise AgentError(f"nothing like that is wired; there are {names}", vi=f"không có dây này; chỉ có {names}")
        else:
            (pins.press if on else pins.release)(line.number)
        return {"lit": [lamp for lamp, line in wires.wiring.lamps.items() if line.number in pins.on]}

    return {"wire": wire}


@dataclass(frozen=True)
class _Token:
    """The commune's key file. One that cannot be read costs the commune's press and nothing else of the box."""

    text: str = ""
    """Empty for none."""
    key: bytes | None = None
    """Its public half, which lies open in the file."""
    trouble: str = ""


def _token(config: Config) -> _Token:
    path = config.panel.token
    if path is None:
        return _Token()
    try:
        text = path.read_text(encoding="utf-8")
        return _Token(text, keyfile.read(text).public_key)
    except (OSError, UnicodeDecodeError, ProtocolError) as error:
        return _Token(
            trouble=Told(
                f"panel.token, {path.name}, is no key file ({error}); make it with `loalang key new`",
                f"panel.token: {path.name} không phải tệp khóa ({error}); hãy tạo bằng “loalang key new”",
            )
        )


def _panel(
    config: Config,
    me: _Me,
    mind: _Mind,
    controller: _Controller,
    *,
    sessions: Sessions,
    wires: _Wires,
    player: Player,
) -> PanelService:
    token = _token(config)
    own = OwnOrders(
        me.signer,
        mind.clock,
        mind.store,
        recordings=mind.recordings,
        keeper=mind.keeper,
        faults=mind.faults,
        wakes=mind.wakes,
        take=controller.inbox.take_own,
        entropy=lambda: secrets.token_bytes(ENTROPY_BYTES),
    )

    caller = Caller(
        mind.clock,
        mind.store,
        sessions=sessions,
        line=LiveSocket(config.url, me.signer, controller.tls, mind.clock),
        encoder=OpusEncoder,
        unit_of=own.unit_of,
        entropy=lambda: secrets.token_bytes(ENTROPY_BYTES),
        key=lambda: KeySigner.from_seed(secrets.token_bytes(32)),
    )
    panel = PanelService(
        wires.wiring,
        wires.pins,
        mind.clock,
        own=own,
        keeper=mind.keeper,
        faults=mind.faults,
        lock=wires.lock,
        troubles={
            **wires.troubles,
            "token": token.trouble,
            "messages": parts_check.lacking(config.panel.messages, mind.recordings),
        },
        microphone=audio.microphone(config),
        inlet=wires.inlet,
        judge=CodeJudge(config.panel.code, config.panel.duress_code, token.text),
        sounding=lambda: player.sounding,
        caller=caller if token.text else None,
        talk_to_commune=config.panel.talk_to == "commune",
    )
    wires.power.on_trouble = panel.power_trouble
    return panel


def _sound(config: Config, mind: _Mind, wires: _Wires, *, on_damaged: Callable[[bytes], None]) -> Player:
    store, wakes, lock = mind.store, mind.wakes, wires.lock
    player = Player(
        clock=mind.clock,
        speaker=lock.speaker,
        amplifier=lock.amplifier,
        journal=store.journal,
        shelf=store.shelf.path,
        recordings=mind.recordings,
        holdings=mind.keeper.holdings,
        changed=mind.keeper.changed,
        on_order=Progress(store.book, mind.faults, wakes.reporter).note,
        on_fault=mind.faults.note,
        on_damaged=on_damaged,
        on_doing=wakes.reporter.set,
        lead_in_ms=config.lead_in_ms,
        accent=Accent(config.voice),
        ears=_ears(config, mind, wires.horn),
        digest=digest_aside,
    )
    lock.on_moved = player.doubt_power
    return player


def _ears(config: Config, mind: _Mind, horn: Horn | None) -> Ears:
    """What the box hears of itself."""
    microphone = ear.microphone(config, mind.clock, horn)
    return Ears(microphone, ear.line(config), config.ear_threshold)


def _live(
    config: Config, sessions: Sessions, me: _Me, mind: _Mind, *, controller: _Controller, speaker: Speaker
) -> Live:
    """Officers' voices: sessions come down with everything else, their groups over a connection of their own."""
    live = Live(
        me.box,
        mind.clock,
        mind.store,
        sessions=sessions,
        keeper=mind.keeper,
        faults=mind.faults,
        ask_for_roots=partial(controller.inbox.ask_for_newer_roots, is_signed=False),
        line=LiveSocket(config.url, me.signer, controller.tls, mind.clock),
        decoder=OpusDecoder,
        inlet=speaker.frames,
    )
    controller.inbox.hand_on(Family.LIVE, live.take)
    return live


def _report(config: Config, me: _Me, mind: _Mind, controller: _Controller, player: Player) -> Reporter:
    """What goes up; it greets whenever the link is up again."""
    link = controller.link
    reporter = Reporter(
        Sender(me.box, _domain(mind.store), me.signer, VERSION, mind.clock.now_ms(), secrets.token_bytes(8)),
        link,
        mind.clock,
        mind.store,
        faults=mind.faults,
        wake=mind.wakes.reporter,
        sounding=lambda: player.sounding,
        token=_token(config).key,
    )

    def connected() -> None:
        controller.papers.connected()
        reporter.connected()

    link.on_connect, link.on_lost = connected, controller.enrolment.broker_lost
    return reporter


def _open_the_desk(
    config: Config,
    me: _Me,
    mind: _Mind,
    controller: _Controller,
    *,
    reporter: Reporter,
    player: Player,
    wires: _Wires,
    panel: PanelService,
    fitted: Sequence[selftest.Check],
) -> ServiceDesk:
    """For whoever stands at the box."""
    tried = selftest.checks(
        selftest.Trials(
            mind.store.trust,
            mind.clock,
            controller.link,
            knock=reporter.knock,
            sound=_sound_check(player.try_the_device, mind.recordings),
            recordings=mind.recordings,
        ),
        fitted,
    )
    speaks = CodeSpeaker(
        enrolment_code(me.box),
        accent=Accent(config.voice),
        say=player.aside.say,
        trust=mind.store.trust,
        busy=lambda: player.sounding is not None,
    )
    return ServiceDesk(
        About(me.box, config.name, VERSION, mind.clock.now_ms()),
        mind.clock,
        mind.store,
        uplink=controller.link,
        keeper=mind.keeper,
        faults=mind.faults,
        wakes=mind.wakes,
        missing=controller.fetcher.missing,
        sounding=lambda: player.sounding,
        planned=lambda: player.planned,
        hindrance=lambda segment: "service" if wires.lock.is_on else player.hindrance(segment),
        checks=tried,
        speak_code=speaks.speak,
        lamps=panel.shown,
    )


async def _until(stop: asyncio.Event, services: Mapping[str, Coroutine[Any, Any, None]]) -> None:
    """Run them all; at `stop` end them one by one, the last first. One that fails ends them all."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(service, name=name) for name, service in services.items()]
        await stop.wait()
        log.info("stopping")
        for task in reversed(tasks):
            task.cancel()
            await asyncio.wait([task])


async def _signs_of_life(notifier: Notifier) -> None:
    notifier.ready()
    try:
        while True:
            notifier.alive()
            await asyncio.sleep(notifier.ping_s)
    finally:
        notifier.stopping()


def _for_who_stands_there(page: LocalPage | None, board: BoardService | None) -> dict[str, Coroutine[Any, Any, None]]:
    """What people see without the console, where box.toml names it: the box's page, its board."""
    services = {"page": page, "board": board}
    return {name: service.run() for name, service in services.items() if service is not None}


def _fitted(
    config: Config,
    mind: _Mind,
    wires: _Wires,
    *,
    panel: PanelService,
    board: BoardService | None,
    page: LocalPage | None,
) -> list[selftest.Check]:
    """The selftest's rows of the parts that this box has."""
    rows, wiring = [], wires.wiring
    is_default = config.panel.messages == PanelConfig().messages
    if wiring.contacts or wiring.lamps or wires.troubles or not is_default:
        rows.append(parts_check.panel(panel.trial, config.panel.messages))
    if config.panel.token is not None:
        rows.append(parts_check.token(lambda: _token(config).trouble, config.panel.token.name))
    if board is not None and config.board is not None:
        rows.append(parts_check.board(board.trial, config.board.driver))
    microphone, line = ear.microphone(config, mind.clock, wires.horn), ear.line(config)
    if microphone is not None or line is not None:
        rows.append(parts_check.ear(microphone, line))
    if page is not None:
        rows.append(parts_check.page(lambda: page.trouble, config.local))
    return rows


def _board(
    config: Config, me: _Me, mind: _Mind, player: Player, *, on_damaged: Callable[[bytes], None]
) -> BoardService | None:
    board = config.board
    if board is None:
        return None
    painter = Painter(
        board,
        mind.store.shelf.path,
        damaged=on_damaged,
        unreadable=lambda why: mind.faults.raised(FaultCode.CONTENT_DAMAGED, why),
    )
    return BoardService(
        boards.choose(board),
        painter.draw,
        Light(board.brightness, board.night_brightness, *board.night),
        clock=mind.clock,
        store=mind.store,
        holdings=mind.keeper.holdings,
        faults=mind.faults,
        sounding=lambda: player.sounding,
        code=enrolment_code(me.box),
        name=config.name,
    )


def _page(
    config: Config, status: Callable[[], Awaitable[Answer]], panel: PanelService, board: BoardService | None
) -> LocalPage | None:
    if not config.local:
        return None
    enter = panel.enter if config.panel.code or config.panel.token else None

    async def page(unlocked: bool | None) -> str:
        picture = None if board is None else board.picture
        seen = None if picture is None else await asyncio.to_thread(png, picture)
        form = "" if enter is None else code.unlock_form(unlocked)
        return code.page(dict(await status()), config.url, seen, form, tuple(panel.lamps_now.values()))

    return LocalPage(config.local, page, enter)


def _sound_check(
    probe: Callable[[], Awaitable[str]], recordings: Recordings
) -> Callable[[], Awaitable[selftest.Sound]]:
    """A built-in message is decoded whole, and the speaker is tried, which says what it would sound on."""

    async def check() -> selftest.Sound:
        device = await probe()
        length_ms = await asyncio.to_thread(_decoded_ms, recordings.path("1"))
        return selftest.Sound(device, "1.ogg", length_ms)

    return check


def _decoded_ms(path: Path) -> int:
    """Decode the whole file; its length. Raises SoundError."""
    with contextlib.closing(File(path)) as file:
        total = 0
        while count := len(file.read(RATE_HZ)):
            total += count
        return milliseconds(total)


def _domain(store: Store) -> Callable[[], Domain]:
    """Where signatures count: the first roots say so."""

    def domain() -> Domain:
        roots = store.trust.roots()
        if roots is None:
            raise LinkError("no roots yet: nothing can be signed for this province")
        return roots.domain

    return domain


def _place(store: Store, ready_for: Callable[[str], bool]) -> Callable[[], Place | None]:
    """Where the broker is and whose orders to hear: nothing before the box is approved and has what is asked for."""

    def place() -> Place | None:
        broker, wanted = store.trust.broker(), store.desired.wanted()
        if broker is None or not ready_for(broker):
            return None
        return Place(broker, () if wanted is None else wanted.units)

    return place
