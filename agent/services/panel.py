"""Carries out what `core.panel` decides: contacts in, orders, voices, faults and lamps out.

It needs no network, no controller and no time. Every event goes through one queue, in the order in which it happened.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import structlog

from agent.config import CONTACTS, PanelConfig
from agent.core import lamps, panel
from agent.core.lamps import Lamp, View
from agent.core.panel import Act, Broken, Code, Contact, Edge, Entered, Event, Found, Heard, Locked, Talk
from agent.errors import AgentError, Told, together
from agent.ports.clock import Clock, wait_for
from agent.ports.microphone import Microphone
from agent.ports.pins import Changed, Line, Pins, PinsError
from agent.ports.sound import Frames, SoundError
from agent.services.caller import Call, Caller, Reach, Way
from agent.services.faults import Faults
from agent.services.keeper import Keeper
from agent.services.own_orders import OwnOrders
from agent.services.service_lock import ServiceLock
from protocol.priority import Rank
from protocol.report import FaultCode
from protocol.signing import Signer
from protocol.timeline import Segment, Voice

LOOK_EVERY_MS: Final = 1_000
"""While an alarm of the button may have to follow the clock."""
IDLE_MS: Final = 10_000
"""How late a lamp may tell of a fault that has nothing to do with the panel."""
LOOK_FOR_LINES_MS: Final = 5_000
"""How often a line is asked for again that could not be had."""
RETRY_MS: Final = 1_000
"""After a failure of the panel's own."""
ON_AIR_MS: Final = 100
"""How late the lamp may say whether a microphone is heard."""
HEARD_EVERY_MS: Final = 1_000
SPEECH_CB: Final = -400
"""What is louder at the microphone is speech."""
PRESSED: Final = (Contact.EMERGENCY, Contact.STOP, Contact.MICROPHONE, Contact.KEY)
"""Nobody presses what cannot be read. Of all others the last that was seen holds, such as that somebody works there."""
SILENT_FAULTS: Final = frozenset({FaultCode.DURESS, FaultCode.SERVICE})
"""The first is for the province alone; the second has its own signs."""

_FAULTS_OF: Final = {
    FaultCode.SERVICE: Contact.SERVICE,
    FaultCode.TAMPER: Contact.TAMPER,
}

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Judged:
    """An entered code, and the token that it has opened, if it is the one that does."""

    code: Code
    token: Signer | None = None


@dataclass(frozen=True)
class Wiring:
    """Which lines the panel has; all are optional."""

    contacts: Mapping[str, Line] = field(default_factory=dict)
    """By `core.panel.Contact`, and by `core.panel.selector` of a message."""
    lamps: Mapping[Lamp, Line] = field(default_factory=dict)
    message: int = 1
    """The prepared message where nothing chooses one."""
    hold_ms: int = panel.HOLD_MS


def wiring_of(config: PanelConfig) -> Wiring:
    """What box.toml says is wired."""
    contacts = {name: number for name, number in config.lines if name in CONTACTS}
    chosen = {panel.selector(row): number for row, number in zip(config.messages, config.select, strict=False)}
    return Wiring(
        contacts={
            **{name: Line(number, name not in config.active_high) for name, number in contacts.items()},
            **{name: Line(number, "select" not in config.active_high) for name, number in chosen.items()},
        },
        lamps={lamp: line for lamp in Lamp if (line := output_of(config, lamp)) is not None},
        message=config.messages[0],
        hold_ms=config.hold_ms,
    )


def output_of(config: PanelConfig, name: str) -> Line | None:
    """The line of one of `config.OUTPUT_LINES`; None where it is not wired."""
    number = dict(config.lines).get(name)
    return None if number is None else Line(number, name in config.active_low)


class PanelService:
    """`run` until cancelled. `enter` and `commands` are for whoever has no button: the local page and the terminal."""

    def __init__(
        self,
        wiring: Wiring,
        pins: Pins,
        clock: Clock,
        *,
        own: OwnOrders,
        keeper: Keeper,
        faults: Faults,
        lock: ServiceLock,
        microphone: Microphone,
        inlet: Callable[[str], Frames],
        judge: Callable[[str], Awaitable[Judged]],
        sounding: Callable[[], Segment | None],
        caller: Caller | None = None,
        talk_to_commune: bool = False,
        troubles: Mapping[str, str] | None = None,
    ) -> None:
        """`inlet`: where the sound of the voice of this name is poured in; `judge` says what an entered code is;
        `sounding`: what is heard now; `caller` takes a voice to other boxes, None where no token is configured;
        `talk_to_commune`: what is said at the panel goes there while the code is open; `troubles`: what was wrong
        before the panel began, as texts by what it is.
        """
        self._wiring = wiring
        self._pins = pins
        self._clock = clock
        self._own = own
        self._keeper = keeper
        self._faults = faults
        self._lock = lock
        lock.on_trouble = lambda detail: self._trouble("amplifier", detail)
        self._microphone = microphone
        self._inlet = inlet
        self._judge = judge
        self._sounding = sounding
        self._happened: list[tuple[int, Event]] = []
        self._woken = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._state = panel.Panel()
        self._token: Signer | None = None
        self._voice: Voice | None = None
        self._listening: asyncio.Task[None] | None = None
        self._caller = caller
        self._talk_to_commune = talk_to_commune
        self._to: tuple[str, ...] | None = None
        """To whom the terminal wants to speak next: codes of boxes, none for the commune; None for nobody else."""
        self._call: Call | None = None
        self._lit: dict[Lamp, bool] = {}
        self._dead: set[Lamp] = set()
        """Those that cannot be switched."""
        self._missing: dict[str, str] = {}
        """Contacts that cannot be read, and why."""
        self._look_for_lines_ms = 0
        """When they are asked for again, by the boot clock."""
        self._troubles: dict[str, str] = {}
        self._found_before = dict(troubles or {})
        self._supply: dict[str, str] = {}

    @property
    def state(self) -> panel.Panel:
        return self._state

    @property
    def commands(self) -> Mapping[str, Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]]:
        """For the service socket."""
        return {"talk": self.talk}

    async def run(self) -> None:
        try:
            await self._guarded(self._begin)
            while True:
                well = await self._guarded(self._turn)
                await wait_for(self._clock, self._woken, self._pause_ms() if well else RETRY_MS)
                self._woken.clear()
        finally:
            self._close_microphone()
            self._dark()

    async def _guarded(self, what: Callable[[], Awaitable[None]]) -> bool:
        """Whether it went well. Whatever a driver does, the panel goes on; and nobody is heard unseen meanwhile."""
        try:
            await what()
        except Exception as error:
            log.exception("the panel's service failed")
            self._trouble("the panel itself", repr(error)[:200])
            self._close_microphone()
            self._state = replace(self._state, speech=None)
            return False
        self._trouble("the panel itself", "")
        return True

    @property
    def lamps_now(self) -> Mapping[Lamp, lamps.Meaning]:
        """What the lamps that are wired show now."""
        rows = lamps.meanings(self._state, self._view(), self._clock.boot_ms())
        return {lamp: rows[lamp] for lamp in self._wiring.lamps}

    async def trial(self) -> tuple[int, int]:
        """Ask again for every line that cannot be had; how many contacts and lamps there are. Raises PinsError."""
        self._look_for_lines_ms = 0
        await self._guarded(self._turn)
        if found := self._found:
            raise PinsError(str(found), vi=found.vi)
        return len(self._wiring.contacts), len(self._wiring.lamps)

    async def enter(self, text: str) -> bool:
        """Somebody typed a code; whether it unlocks. A duress code is answered like the right one."""
        judged = await self._judge(text)
        now = self._clock.boot_ms()
        await self._happen(Entered(judged.code), now)
        taken = self._state.code is not None and self._state.code_ms == now
        if taken:
            self._token = judged.token
        return taken

    async def talk(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """`on`: open the microphone, or keep it open with `again`; whether it is open now, and how far it reaches.

        `to`: codes of boxes, or an empty list for the commune; with `code`, which opens its token. Raises AgentError.
        """
        on, again = bool(request.get("on")), bool(request.get("again"))
        if on and not again:
            self._to = None if request.get("to") is None else await self._allowed(request)
        reaches = self._to is not None or self._call is not None
        await self._happen(Talk(on, again), self._clock.boot_ms())
        self._to = None
        answer = {"open": self._state.speech is not None}
        return {**answer, "reach": self._reach(str(request.get("language", "en")))} if reaches or again else answer

    async def _allowed(self, request: Mapping[str, Any]) -> tuple[str, ...]:
        """To whom somebody may speak who asks so. Raises AgentError."""
        if self._caller is None:
            raise AgentError(
                "this box has no commune token: only its own loudspeaker can be spoken to ([panel] token in box.toml)",
                vi="hộp này không giữ khóa của xã, nên chỉ nói được ra loa của chính nó ([panel] token trong box.toml)",
            )
        if self._state.speech is not None:
            raise AgentError("somebody speaks at this box already", vi="đang có người nói ở hộp này")
        code = str(request.get("code", ""))
        taken = await self.enter(code) if code else self._state.code is not None
        if not taken:
            raise AgentError("the panel's code is wrong or missing", vi="sai hoặc thiếu mã của bảng điều khiển")
        if self._state.forced_ms is None:
            if self._token is None:
                raise AgentError("this code does not open the commune's token", vi="mã này không mở được khóa của xã")
            self._caller.check(self._token)
        return tuple(str(one) for one in request["to"])

    def _reach(self, language: str) -> dict[str, Any]:
        """Who is forced to speak reaches nobody, and nobody sees it."""
        return (Reach(Way.CONNECTING) if self._call is None else self._call.reach).told(language)

    def shown(self) -> list[dict[str, str]]:
        """What each lamp that is wired shows now, as codes, and what that tells in both languages."""
        return [
            {"lamp": lamp, "pattern": row.pattern.name, "vi": row.vi, "en": row.en}
            for lamp, row in self.lamps_now.items()
        ]

    def power_trouble(self, detail: str) -> None:
        """What else is wrong with the supply; empty for nothing."""
        self._supply["power"] = detail
        self._note_the_supply()

    def _note_the_supply(self) -> None:
        found = together(self._supply.values())
        self._faults.note(FaultCode.MAINS, bool(found), found)

    async def _happen(self, event: Event, at_ms: int) -> None:
        self._note(event, at_ms)
        await self._guarded(self._turn)

    def _note(self, event: Event, at_ms: int) -> None:
        self._happened.append((at_ms, event))
        self._woken.set()

    async def _begin(self) -> None:
        try:
            await self._look_first()
        finally:
            if self._lock.is_on is not self._state.is_on(Contact.SERVICE):
                # it was locked so far; where the switch cannot be read it is not, since an alarm must sound
                await self._service(self._state.is_on(Contact.SERVICE))

    async def _look_first(self) -> None:
        now, found = self._clock.boot_ms(), {}
        for what, detail in self._found_before.items():
            self._trouble(what, detail)
        for name in self._wiring.contacts:
            if (on := self._watch(name)) is not None:
                found[name] = on
        self._tell_what_is_missing()
        duress = FaultCode.DURESS in self._faults.active()
        self._state, acts = panel.begin(found, self._wiring.message, now, duress=duress, hold_ms=self._wiring.hold_ms)
        await self._do_all(acts)
        self._forget_what_is_not_wired(found)

    def _forget_what_is_not_wired(self, found: Collection[str]) -> None:
        """Faults of an earlier run, of contacts that are well or gone."""
        if not any(self._troubles.values()):
            self._faults.cleared(FaultCode.PANEL)
        self._note_the_supply()
        for code, contact in _FAULTS_OF.items():
            if contact not in found:
                self._faults.cleared(code)

    def _watch(self, name: str) -> bool | None:
        """Whether this contact is on; None while it cannot be read."""
        try:
            on = self._pins.watch(self._wiring.contacts[name], self._edge_of(name), lambda why: self._lost(name, why))
        except Exception as error:  # one contact of a driver that misbehaves must not cost the others
            self._missing[name] = _told(error)
            return None
        self._missing.pop(name, None)
        return on

    def _lost(self, name: str, why: PinsError) -> None:
        self._missing[name] = why.told
        self._look_for_lines_ms = self._clock.boot_ms() + LOOK_FOR_LINES_MS
        if name in PRESSED:
            self._note(Edge(name, False), self._clock.boot_ms())
        self._woken.set()

    def _look_for_what_is_missing(self) -> None:
        now = self._clock.boot_ms()
        if now >= self._look_for_lines_ms:
            self._look_for_lines_ms = now + LOOK_FOR_LINES_MS
            for name in list(self._missing):
                if (on := self._watch(name)) is not None:
                    self._note(Found(name, on), now)
            for lamp in self._dead:
                self._lit.pop(lamp, None)
        self._tell_what_is_missing()

    def _tell_what_is_missing(self) -> None:
        for name in self._wiring.contacts:
            self._trouble(f"contact {name}", self._missing.get(name, ""))

    def _edge_of(self, name: str) -> Changed:
        return lambda on, at_ms: self._note(Edge(name, on), at_ms)

    async def _turn(self) -> None:
        """All that happened, in its order; then what time alone brings about."""
        async with self._one_at_a_time:
            self._own.look()
            self._look_for_what_is_missing()
            while self._happened:
                at_ms, event = self._happened.pop(0)
                await self._step(event, at_ms)
            await self._step(Locked(self._own.is_locked), self._clock.boot_ms())
            self._light()

    async def _step(self, event: Event, at_ms: int) -> None:
        self._state, acts = panel.step(self._state, event, at_ms)
        await self._do_all(acts)

    async def _do_all(self, acts: tuple[Act, ...]) -> None:
        for act in acts:
            await self._do(act)

    async def _do(self, act: Act) -> None:
        match act:
            case panel.Raise(message, commune):
                self._own.alarm(message, self._token if commune else None)
            case panel.Stop(commune):
                self._own.stop(self._token if commune else None)
            case panel.Open():
                self._own.open()
            case panel.Speak(keyed, until_ms):
                self._speak(keyed, until_ms)
            case panel.Hush(why):
                log.info("the microphone is closed", why=why or "let go")
                self._close_microphone()
            case panel.Service(on):
                await self._service(on)
            case panel.Remind(minutes):
                vi = f"âm ly đã bị khóa {minutes} phút; xong việc thì hãy gạt công tắc bảo trì lại"
                self._faults.reminded(
                    FaultCode.SERVICE, Told(f"the amplifier has been locked for {minutes} minutes", vi)
                )
            case panel.CloseToken():
                self._token = None
            case panel.Note(FaultCode.PANEL, raised, detail):
                self._trouble("contacts", detail if raised else "")
            case panel.Note(FaultCode.MAINS, raised, detail):
                self._supply["contacts"] = detail if raised else ""
                self._note_the_supply()
            case panel.Note(code, raised, detail):
                self._faults.note(code, raised, detail)

    async def _service(self, on: bool) -> None:
        with contextlib.suppress(SoundError):  # told by `on_trouble`
            await self._lock.set(on)
        self._keeper.changed.set()

    def _trouble(self, what: str, detail: str) -> None:
        """Several things may be wrong with a panel at once; it is one fault."""
        if self._troubles.get(what, "") == detail:
            return
        self._troubles[what] = detail
        found = self._found
        self._faults.note(FaultCode.PANEL, bool(found), found)

    @property
    def _found(self) -> Told:
        """All that is wrong with the panel now."""
        return together(sorted(set(self._troubles.values())))

    # The microphone

    def _speak(self, keyed: bool, until_ms: int) -> None:
        """`until_ms` on the boot clock. One that speaks already gets another rank."""
        now = self._clock.now_ms()
        begun = self._voice
        self._voice = Voice(
            name=f"mic-{now}" if begun is None else begun.name,
            rank=Rank.KEYED_MICROPHONE if keyed else Rank.MICROPHONE,
            from_ms=now if begun is None else begun.from_ms,
            until_ms=now + until_ms - self._clock.boot_ms(),
            in_quiet_hours=keyed or not self._clock.reading().tells_time,
        )
        self._keeper.speak(self._voice)
        if begun is None:
            log.info("the microphone is open", keyed=keyed)
            self._reach_out(keyed)
            self._listening = asyncio.create_task(self._listen(self._voice.name), name="microphone")

    def _reach_out(self, keyed: bool) -> None:
        """To other boxes too, where somebody wants that and may; the own loudspeaker does not wait for it."""
        codes, self._to = self._to, None
        if codes is None and self._talk_to_commune:  # the token is there while the code is open
            codes = ()
        if codes is None or self._caller is None or self._token is None:
            return
        try:
            self._call = self._caller.call(self._token, codes, keyed=keyed)
        except (AgentError, SoundError) as error:
            log.warning("other boxes are not reached", reason=str(error))
            self._trouble("the way to other boxes", error.told)
        else:
            self._trouble("the way to other boxes", "")

    async def _listen(self, name: str) -> None:
        try:
            inlet = self._inlet(name)
            try:
                await self._pour(inlet)
            finally:
                inlet.close()
        except Exception as error:
            if not isinstance(error, SoundError):
                log.exception("the microphone's driver failed")
            why = _told(error)
            self._trouble("microphone", why)
            self._note(Broken(why), self._clock.boot_ms())

    async def _pour(self, inlet: Frames) -> None:
        heard_ms = 0

        def take(pcm: bytes, level_cb: int) -> None:
            nonlocal heard_ms
            inlet.push(pcm)
            if self._call is not None:
                self._call.push(pcm)
            now = self._clock.boot_ms()
            if level_cb > SPEECH_CB and now - heard_ms >= HEARD_EVERY_MS:
                heard_ms = now
                self._note(Heard(), now)
            self._trouble("microphone", "")

        await self._microphone.listen(take)

    def _close_microphone(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            self._listening = None
        if self._call is not None:
            self._call.close()
            self._call = None
        if self._voice is not None:
            self._keeper.end_voice(self._voice.name)
            self._voice = None

    # The lamps

    def _light(self) -> None:
        now = self._clock.boot_ms()
        for lamp, pattern in self._patterns(now).items():
            self._set_lamp(lamp, pattern.is_lit(now))

    def _patterns(self, at_ms: int) -> Mapping[Lamp, lamps.Pattern]:
        return lamps.patterns(self._state, self._view(), at_ms)

    def _view(self) -> View:
        heard = self._sounding()
        on_air = heard is not None and self._voice is not None and heard.cause == self._voice.name
        return View(faults=bool(set(self._faults.active()) - SILENT_FAULTS), on_air=on_air)

    def _set_lamp(self, lamp: Lamp, on: bool) -> None:
        line = self._wiring.lamps.get(lamp)
        if line is None or self._lit.get(lamp) is on:
            return
        try:
            self._pins.drive(line, on)
            self._lit[lamp] = on
            self._dead.discard(lamp)
            self._trouble(f"lamp {lamp}", "")
        except PinsError as error:
            self._lit[lamp] = on  # not again each second
            self._dead.add(lamp)
            self._trouble(f"lamp {lamp}", error.told)

    def _dark(self) -> None:
        for lamp in self._wiring.lamps:
            with contextlib.suppress(Exception):  # nothing of a lamp keeps the daemon from ending
                self._set_lamp(lamp, False)

    def _pause_ms(self) -> int:
        now = self._clock.boot_ms()
        due = [now + (LOOK_EVERY_MS if self._own.may_go_on else IDLE_MS), *filter(None, [panel.next_ms(self._state)])]
        if self._voice is not None:
            due.append(now + ON_AIR_MS)
        if self._missing or self._dead:
            due.append(self._look_for_lines_ms)
        if self._wiring.lamps:
            due += [at for row in self._patterns(now).values() if (at := row.next_ms(now)) is not None]
        return max(1, min(due) - now)


def _told(error: Exception) -> str:
    return error.told if isinstance(error, AgentError) else str(error) or repr(error)
