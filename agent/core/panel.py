"""The panel's logic: contacts, codes and time in, acts out. Pure.

Nothing here sounds or signs; `services.panel` does what the acts say. Contacts bounce and get stuck, keys are left
turned, and the person who presses may be forced to: what each of these means is decided here. Instants are milliseconds
of the boot clock, so that a box without the time knows how long a button was held.
"""

import enum
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from agent.errors import Told, together
from protocol.quantities import DAY_MS, MINUTE_MS, SECOND_MS
from protocol.report import FaultCode

DEBOUNCE_MS: Final = 30
"""A contact counts once it has been still for so long."""
HOLD_MS: Final = 3 * SECOND_MS
"""The emergency button is held for so long, and the stop button to open a lock."""
STUCK_MS: Final = 30 * SECOND_MS
"""Nobody holds a button for so long."""
KEY_LEFT_MS: Final = 30 * MINUTE_MS
"""After so long the emergency key was forgotten."""
CODE_MS: Final = 2 * MINUTE_MS
"""So long a code unlocks."""
FORCED_MS: Final = 10 * MINUTE_MS
"""So long after a duress code nothing at the panel sounds, the key turned or not, unless the right code is entered.

For as long the right code does not end the fault: whoever forces somebody may force the other code too, and the
province must have seen it.
"""
MAX_WRONG_CODES: Final = 5
CODES_PAUSE_MS: Final = 10 * MINUTE_MS
"""After too many wrong codes no other is taken for so long."""
TALK_MS: Final = 120 * SECOND_MS
SPEECHLESS_MS: Final = 20 * SECOND_MS
TALK_RENEWED_MS: Final = 3 * SECOND_MS
"""Who talks by the command says so at least as often; a terminal that is gone says nothing."""
ENDS_SOON_MS: Final = 10 * SECOND_MS
REMIND_MS: Final = 60 * MINUTE_MS
SHOWN_MS: Final = 10 * SECOND_MS
"""So long a lamp says that the press has been taken."""


class Contact(enum.StrEnum):
    """What may be wired to the panel; the values are keys of [panel] in box.toml."""

    EMERGENCY = "emergency"
    KEY = "key"
    MICROPHONE = "microphone"
    STOP = "stop"
    SERVICE = "service"
    TAMPER = "tamper"
    MAINS = "mains"
    """On while there is mains."""
    BATTERY = "battery"
    """On while the battery is low."""


def selector(message: int) -> str:
    """The contact that chooses this prepared message: a button, or a position of a rotary switch."""
    return f"select {message}"


class Code(enum.Enum):
    """What an entered code turned out to be."""

    RIGHT = enum.auto()
    DURESS = enum.auto()
    WRONG = enum.auto()


# What happens


@dataclass(frozen=True)
class Edge:
    """A contact closed or opened; perhaps it bounces."""

    contact: str
    on: bool


@dataclass(frozen=True)
class Found:
    """A contact can be read now that could not before, and this is how it is found."""

    contact: str
    on: bool


@dataclass(frozen=True)
class Entered:
    """Somebody entered a code."""

    code: Code


@dataclass(frozen=True)
class Heard:
    """There was speech at the microphone."""


@dataclass(frozen=True)
class Talk:
    """Somebody at the terminal wants to speak, still does, or does no more."""

    on: bool
    again: bool = False
    """Still: what was closed meanwhile stays closed."""


@dataclass(frozen=True)
class Broken:
    """The microphone gives nothing any more."""

    why: str


@dataclass(frozen=True)
class Locked:
    """Whether this box's own stop is in force."""

    on: bool


Event = Edge | Found | Entered | Heard | Talk | Broken | Locked


# What is to be done


@dataclass(frozen=True)
class Raise:
    """Sound this prepared message now. `commune`: for the commune's area, since the code opens its token."""

    message: int
    commune: bool


@dataclass(frozen=True)
class Stop:
    """Silence and lock this box. `commune`: end what this panel has raised for the commune, too."""

    commune: bool


@dataclass(frozen=True)
class Open:
    """End this box's own lock."""


@dataclass(frozen=True)
class Speak:
    """Open the microphone, or change its rank while it is open."""

    keyed: bool
    until_ms: int


@dataclass(frozen=True)
class Hush:
    """Close the microphone."""

    why: str


@dataclass(frozen=True)
class Service:
    """Keep the amplifier off whatever anybody says, or no more."""

    on: bool


@dataclass(frozen=True)
class Remind:
    """The service switch has been on for so long."""

    minutes: int


@dataclass(frozen=True)
class Note:
    """A fault came or went."""

    code: FaultCode
    raised: bool
    detail: str


@dataclass(frozen=True)
class CloseToken:
    """What a code had unlocked is to be forgotten."""


Act = Raise | Stop | Open | Speak | Hush | Service | Remind | Note | CloseToken


# What is remembered


@dataclass(frozen=True)
class Level:
    """One contact. `raw` may bounce, `on` does not."""

    raw: bool
    raw_ms: int
    on: bool
    since_ms: int
    """When it began, of which one is sure only once it has been still."""
    spent: bool = False
    """This press has had its effect, or began before anybody looked."""


@dataclass(frozen=True)
class Speech:
    """The microphone is open."""

    since_ms: int
    heard_ms: int
    keyed: bool
    renewed_ms: int | None = None
    """By the command; None for the contact."""
    forced: bool = False
    """It only looks open: somebody forces whoever is there to speak."""


@dataclass(frozen=True)
class Panel:
    """The state of it all."""

    levels: Mapping[str, Level] = field(default_factory=dict)
    message: int = 1
    """The prepared message that is chosen."""
    code: Code | None = None
    code_ms: int = 0
    """Since when a code unlocks."""
    wrong: tuple[int, ...] = ()
    """When wrong codes were entered."""
    speech: Speech | None = None
    locked: bool = False
    taken_ms: int | None = None
    """When a press was taken last."""
    stuck: frozenset[str] = frozenset()
    reminders: int = 0
    forced_ms: int | None = None
    """Since when somebody is forced to press."""
    duress_ms: int | None = None
    hold_ms: int = HOLD_MS
    """How long the emergency button is held."""

    def is_on(self, contact: str) -> bool:
        level = self.levels.get(contact)
        return level is not None and level.on

    @property
    def unlocked_ms(self) -> int | None:
        """Since when the key is turned or a code was entered; None while locked. A duress code looks the same."""
        since = [self.levels[Contact.KEY].since_ms] if self.is_on(Contact.KEY) else []
        return min([*since, self.code_ms] if self.code is not None else since, default=None)

    @property
    def keyed(self) -> bool:
        """Whether the microphone has the key's rank. A code stands for the key only where there is none to turn."""
        there = self.is_on(Contact.KEY) if Contact.KEY in self.levels else self.code is not None
        return there and self.forced_ms is None

    @property
    def speaks_for_the_commune(self) -> bool:
        """Both key and code, where there is a key."""
        return self.code is Code.RIGHT and (Contact.KEY not in self.levels or self.is_on(Contact.KEY))


Outcome = tuple[Panel, tuple[Act, ...]]
_Timer = tuple[int, Callable[[], Outcome]]


def begin(
    contacts: Mapping[str, bool], message: int, at_ms: int, *, duress: bool = False, hold_ms: int = HOLD_MS
) -> Outcome:
    """The panel as it is found at the start. A button that is down already was not pressed for this daemon.

    `duress`: a fault DURESS of an earlier run is still noted.
    """
    levels = {name: _as_found(on, at_ms) for name, on in contacts.items()}
    chosen = next((int(name.split()[1]) for name, on in contacts.items() if on and name.startswith("select ")), message)
    panel = Panel(levels=levels, message=chosen, duress_ms=at_ms if duress else None, hold_ms=hold_ms)
    acts: list[Act] = []
    for name in contacts:
        panel, more = _follow(panel, name, at_ms, first=True)
        acts += more
    return panel, tuple(acts)


def _as_found(on: bool, at_ms: int) -> Level:
    return Level(on, at_ms, on, at_ms, spent=on)


def step(panel: Panel, event: Event | None, at_ms: int) -> Outcome:
    """What follows from this event, and from the time that has passed before it; None: from the time alone."""
    acts: list[Act] = []
    while (due := min(_timers(panel), key=lambda row: row[0], default=None)) is not None and due[0] <= at_ms:
        panel, more = due[1]()
        acts += more
    if event is not None:
        panel, more = _take(panel, event, at_ms)
        acts += more
    return panel, tuple(acts)


def next_ms(panel: Panel) -> int | None:
    """When time alone changes something next."""
    return min((at for at, _ in _timers(panel)), default=None)


def _take(panel: Panel, event: Event, at_ms: int) -> Outcome:
    match event:
        case Edge(contact, on):
            level = panel.levels[contact]
            return _with(panel, contact, level if level.raw is on else replace(level, raw=on, raw_ms=at_ms)), ()
        case Found(contact, on):
            return _follow(_with(panel, contact, _as_found(on, at_ms)), contact, at_ms, first=True)
        case Entered(code):
            return _entered(panel, code, at_ms)
        case Heard() | Locked():
            return _noted(panel, event, at_ms), ()
        case Talk(on, again):
            return _by_command(panel, on, again, at_ms)
        case Broken(why):
            return _hush(panel, why)


def _noted(panel: Panel, event: Heard | Locked, at_ms: int) -> Panel:
    if isinstance(event, Locked):
        return replace(panel, locked=event.on)
    speech = panel.speech
    return panel if speech is None else replace(panel, speech=replace(speech, heard_ms=at_ms))


def _timers(panel: Panel) -> Iterator[_Timer]:
    """Everything that time alone brings about, each with its instant. What has come about is not here any more."""
    for name, level in panel.levels.items():
        if level.raw is not level.on:
            yield level.raw_ms + DEBOUNCE_MS, lambda name=name: _settle(panel, name)  # type: ignore[misc]
        elif level.on and name not in panel.stuck and (limit_ms := _STUCK_AFTER_MS.get(name)) is not None:
            yield level.since_ms + limit_ms, lambda name=name: _stick(panel, name)  # type: ignore[misc]
    unlocked_ms = panel.unlocked_ms
    if unlocked_ms is not None:
        for name, act in ((Contact.EMERGENCY, _raise), (Contact.STOP, _open)):
            if panel.is_on(name) and not panel.levels[name].spent:
                at_ms = max(panel.levels[name].since_ms, unlocked_ms) + panel.hold_ms
                yield at_ms, lambda act=act, at_ms=at_ms: act(panel, at_ms)  # type: ignore[misc]
    if panel.code is not None:
        yield panel.code_ms + CODE_MS, lambda: _forget_code(panel)
    if panel.forced_ms is not None:
        yield panel.forced_ms + FORCED_MS, lambda: _rank_again(replace(panel, forced_ms=None))
    if panel.duress_ms is not None:
        yield (
            panel.duress_ms + DAY_MS,
            lambda: (replace(panel, duress_ms=None), (Note(FaultCode.DURESS, False, "a day has passed"),)),
        )
    if panel.is_on(Contact.SERVICE):
        yield (
            panel.levels[Contact.SERVICE].since_ms + (panel.reminders + 1) * REMIND_MS,
            lambda: (
                replace(panel, reminders=panel.reminders + 1),
                (Remind((panel.reminders + 1) * REMIND_MS // MINUTE_MS),),
            ),
        )
    if panel.speech is not None:
        yield from _speech_timers(panel, panel.speech)


def _speech_timers(panel: Panel, speech: Speech) -> Iterator[_Timer]:
    yield speech.since_ms + TALK_MS, lambda: _hush(panel, "120 s are over")
    if not speech.forced:
        yield speech.heard_ms + SPEECHLESS_MS, lambda: _hush(panel, "20 s without speech")
    if speech.renewed_ms is not None:
        yield speech.renewed_ms + TALK_RENEWED_MS, lambda: _hush(panel, "the terminal says no more")


_STUCK_AFTER_MS: Final[Mapping[str, int]] = {
    Contact.EMERGENCY: STUCK_MS,
    Contact.STOP: STUCK_MS,
    Contact.MICROPHONE: TALK_MS + STUCK_MS,
    Contact.KEY: KEY_LEFT_MS,
}


def _settle(panel: Panel, name: str) -> Outcome:
    """The contact has been still for long enough."""
    level = panel.levels[name]
    at_ms = level.raw_ms + DEBOUNCE_MS
    panel = _with(panel, name, Level(level.raw, level.raw_ms, level.raw, level.raw_ms))
    acts: list[Act] = []
    if not level.raw and name in panel.stuck:
        panel = replace(panel, stuck=panel.stuck - {name})
        acts.append(_stuck_note(panel))
    panel, more = _follow(panel, name, at_ms)
    return panel, (*acts, *more)


def _follow(panel: Panel, name: str, at_ms: int, *, first: bool = False) -> Outcome:
    """What a contact means the moment that it has another position; `first`: it is found in this one."""
    on = panel.is_on(name)
    if name.startswith("select "):
        return (replace(panel, message=int(name.split()[1])) if on else panel), ()
    if first and name in (Contact.STOP, Contact.MICROPHONE):
        return panel, ()
    meaning = _MEANINGS.get(name)
    return (panel, ()) if meaning is None else meaning(panel, on, at_ms)


def _stop_moved(panel: Panel, on: bool, at_ms: int) -> Outcome:
    """It silences at once. A press that has locked opens nothing, however long it is."""
    del at_ms
    if not on:
        return panel, ()
    panel, hush = _hush(panel, "stopped")
    if panel.locked:
        return panel, (*((Stop(commune=True),) if panel.speaks_for_the_commune else ()), *hush)
    return _spend(panel, Contact.STOP), (Stop(panel.speaks_for_the_commune), *hush)


def _microphone_moved(panel: Panel, on: bool, at_ms: int) -> Outcome:
    if on:
        return _talk(_spend(panel, Contact.MICROPHONE), at_ms, by_command=False)
    return _hush(panel, "") if panel.speech is not None and panel.speech.renewed_ms is None else (panel, ())


def _service_moved(panel: Panel, on: bool, at_ms: int) -> Outcome:
    del at_ms
    panel, hush = _hush(panel, "the service switch") if on else (panel, ())
    detail = Told("the service switch keeps the amplifier off", "hãy gạt lại khi xong việc") if on else ""
    return replace(panel, reminders=0), (Service(on), *hush, Note(FaultCode.SERVICE, on, detail))


def _tamper_moved(panel: Panel, on: bool, at_ms: int) -> Outcome:
    del at_ms
    return panel, (Note(FaultCode.TAMPER, on, Told("the cabinet is open", "cửa tủ đang mở") if on else ""),)


def _supply_moved(panel: Panel, on: bool, at_ms: int) -> Outcome:
    del on, at_ms
    return panel, (_mains_note(panel),)


def _key_moved(panel: Panel, on: bool, at_ms: int) -> Outcome:
    del on, at_ms
    return _rank_again(panel)


_MEANINGS: Final[Mapping[str, Callable[[Panel, bool, int], Outcome]]] = {
    Contact.KEY: _key_moved,
    Contact.STOP: _stop_moved,
    Contact.MICROPHONE: _microphone_moved,
    Contact.SERVICE: _service_moved,
    Contact.TAMPER: _tamper_moved,
    Contact.MAINS: _supply_moved,
    Contact.BATTERY: _supply_moved,
}


def _mains_note(panel: Panel) -> Note:
    trouble = ["no mains"] if Contact.MAINS in panel.levels and not panel.is_on(Contact.MAINS) else []
    trouble += ["the battery is low"] if panel.is_on(Contact.BATTERY) else []
    return Note(FaultCode.MAINS, bool(trouble), ", ".join(trouble))


def _stick(panel: Panel, name: str) -> Outcome:
    """Noticed, and released from the logic: it can do nothing more until somebody has got it loose."""
    panel = _spend(replace(panel, stuck=panel.stuck | {name}), name)
    return panel, (_stuck_note(panel),)


def _stuck_note(panel: Panel) -> Note:
    words = together(_stuck(name) for name in sorted(panel.stuck))
    return Note(FaultCode.PANEL, bool(words), words)


def _stuck(name: str) -> Told:
    if name == Contact.KEY:
        return Told("the emergency key is still turned", "chìa khóa khẩn cấp vẫn đang vặn; hãy vặn lại")
    return Told(f"{name} is stuck", f"tiếp điểm {name} bị kẹt ở vị trí đóng; hãy gỡ ra hoặc xem dây")


def _raise(panel: Panel, at_ms: int) -> Outcome:
    """The button has been held for long enough. Under duress it looks the same."""
    panel = _spend(replace(panel, taken_ms=at_ms), Contact.EMERGENCY)
    if panel.forced_ms is not None:
        return panel, ()
    panel = replace(panel, locked=False)  # an alarm opens the lock; the next STOP may come in the same turn
    return panel, (Raise(panel.message, panel.speaks_for_the_commune),)


def _open(panel: Panel, at_ms: int) -> Outcome:
    panel = _spend(replace(panel, taken_ms=at_ms), Contact.STOP)
    return (panel, ()) if panel.forced_ms is not None else (replace(panel, locked=False), (Open(),))


def _entered(panel: Panel, code: Code, at_ms: int) -> Outcome:
    wrong = tuple(at for at in panel.wrong if at_ms - at < CODES_PAUSE_MS)
    if code is Code.DURESS:
        panel = replace(panel, duress_ms=at_ms, forced_ms=at_ms)
    note: tuple[Act, ...] = (
        (Note(FaultCode.DURESS, True, "the duress code was entered"),) if code is Code.DURESS else ()
    )
    if code is Code.DURESS:
        panel, hush = _pretend(panel)
        note = (*note, *hush)
    if code is Code.WRONG or len(wrong) >= MAX_WRONG_CODES:
        return replace(panel, wrong=(*wrong, at_ms)[-MAX_WRONG_CODES:] if code is Code.WRONG else wrong), note
    forced_ms = None if code is Code.RIGHT else panel.forced_ms
    if code is Code.RIGHT and panel.duress_ms is not None and at_ms - panel.duress_ms >= FORCED_MS:
        panel, note = replace(panel, duress_ms=None), (Note(FaultCode.DURESS, False, "the right code was entered"),)
    panel, acts = _rank_again(replace(panel, code=code, code_ms=at_ms, wrong=(), forced_ms=forced_ms))
    return panel, (*note, *acts)


def _forget_code(panel: Panel) -> Outcome:
    panel, acts = _rank_again(replace(panel, code=None))
    return panel, (CloseToken(), *acts)


def _by_command(panel: Panel, on: bool, again: bool, at_ms: int) -> Outcome:
    speech = panel.speech
    if speech is None:
        return _talk(panel, at_ms, by_command=True) if on and not again else (panel, ())
    if speech.renewed_ms is None:  # the button at the panel has it
        return panel, ()
    return (replace(panel, speech=replace(speech, renewed_ms=at_ms)), ()) if on else _hush(panel, "")


def _talk(panel: Panel, at_ms: int, *, by_command: bool) -> Outcome:
    if panel.speech is not None or panel.is_on(Contact.SERVICE):
        return panel, ()
    forced = panel.forced_ms is not None
    panel = replace(panel, speech=Speech(at_ms, at_ms, panel.keyed, at_ms if by_command else None, forced))
    return panel, () if forced else (Speak(panel.keyed, at_ms + TALK_MS),)


def _rank_again(panel: Panel) -> Outcome:
    """The key was turned: an open microphone has another rank."""
    speech = panel.speech
    if speech is None or speech.forced or speech.keyed is panel.keyed:
        return panel, ()
    panel = replace(panel, speech=replace(speech, keyed=panel.keyed))
    return panel, (Speak(panel.keyed, speech.since_ms + TALK_MS),)


def _pretend(panel: Panel) -> Outcome:
    """An open microphone speaks no more, and its lamp stays lit. Nothing opens it again but another press.

    Why is not said: whoever forces somebody may read what the box logs.
    """
    speech = panel.speech
    if speech is None or speech.forced:
        return panel, ()
    return replace(panel, speech=replace(speech, forced=True)), (Hush(""),)


def _hush(panel: Panel, why: str) -> Outcome:
    return (panel, ()) if panel.speech is None else (replace(panel, speech=None), (Hush(why),))


def _spend(panel: Panel, name: str) -> Panel:
    return _with(panel, name, replace(panel.levels[name], spent=True))


def _with(panel: Panel, name: str, level: Level) -> Panel:
    return replace(panel, levels={**panel.levels, name: level})
