"""The player process: takes commands, says what happened, and keeps the device fed.

Two threads matter. The main thread reads commands, opens the device and says that all is well; the feeder mixes and
writes, and waits for nothing but the device. Where either hangs, this process is of no more use: it ends itself when
the device takes nothing, and the daemon ends it when the main thread says nothing.
"""

import contextlib
import os
import resource
import select
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final, Protocol

import numpy as np

from agent.drivers.audio.engine import wire
from agent.drivers.audio.engine.feeds import Inlet
from agent.drivers.audio.engine.ffmpeg import open_any
from agent.drivers.audio.engine.mixer import Began, Happening, Mixer, SentenceBegan, Voice, WasMixed
from agent.drivers.audio.engine.opening import Opening
from agent.drivers.audio.engine.witness import Witness
from agent.drivers.audio.paced import gone
from agent.drivers.audio.played import folded
from agent.drivers.audio.source import BLOCK_FRAMES, RATE_HZ, Samples, pcm16
from agent.ports.sound import SoundError, Track

BEAT_S: Final = 0.25
BLOCK_S: Final = BLOCK_FRAMES / RATE_HZ
SAID_BYTES: Final = 1 << 14
"""So much there is room for in a socket that can be written at all."""
UNSAID_BYTES: Final = 1 << 19
"""16 s of what was mixed wait for a daemon that stands still; then nothing more is said of it."""
IDLE_S: Final = 5.0
"""A stream without tracks is paused after this; starting it again takes a millisecond."""
STUCK_S: Final = 0.5
"""A device that takes no sample for so long is stuck."""
SLOW_START_S: Final = 2.5
"""So long one that has just been opened or woken may take to begin: sound servers do."""
BUFFERS_MS: Final = (30, 60, 90, 150)
"""How much the device holds: as little as possible, more after it ran dry, since machines and sound servers differ."""
CALM_S: Final = 1.0
"""After so long without a sound the device may be opened anew."""
DRY_TWICE: Final = 2
"""So often it may run dry before it is given more, between two sounds or in a pause of one: between two sentences of an
alarm nobody hears that the device is opened anew, in a word everybody does."""
DRY_OFTEN: Final = 20
"""After so often it is given more at once, in a sound without any pause: one hole is better than so many cracks."""
PAUSE_S: Final = 0.15
"""What is heard is a pause after so long below HUSHED."""
HUSHED: Final = 10 ** (-45 / 20)
RETRY_FIRST_S: Final = 30.0
"""While the second output sounds, the first one is tried so often, between two sounds."""
RETRY_HUNG_S: Final = 600.0
"""And so often when it hung: it may do so again, and this process with it."""
SWITCH_S: Final = 0.0005
REALTIME: Final = 10
"""Its priority where the unit allows real time (LimitRTPRIO=)."""


class Output(Protocol):
    """What `device.Device` is."""

    name: str
    underruns: int

    def ahead_ms(self) -> float: ...
    def write(self, block: Samples) -> None: ...
    def pause(self) -> None: ...
    def go_on(self) -> None: ...
    def close(self) -> None: ...
    def lacks(self, name: str | None) -> str: ...


class Engine:
    """`run` until the daemon is gone."""

    def __init__(
        self,
        link: socket.socket,
        outputs: Sequence[str | None],
        open_output: Callable[[str | None, int], Output],
        buffer_ms: int,
        begin_at: int = 0,
        *,
        note: Callable[[Track, Happening], None] = lambda *_: None,
        remark: str = "",
    ) -> None:
        """`outputs`: names in the order in which they are tried; None is the system's default.

        `begin_at`: which of them is tried first, this once, since those before it hung.

        `open_output` is given one of them and how much it is to hold, at first `buffer_ms`.

        `note` is told what becomes of tracks, before the block is written in which it happens.

        `remark`: said behind the output's name to whoever tries it.
        """
        self._link = link
        self._outputs = outputs
        self._open_output = open_output
        self._note = note
        self._remark = remark
        self._saying = threading.Lock()
        self._mixer = Mixer()
        self._opening = Opening(open_any)
        self._witness = Witness()
        self._voices: dict[int, Voice] = {}
        self._unsaid: dict[int, bytearray | None] = {}
        """What was mixed and not yet handed on, of witnessed tracks; None: it was too much."""
        self._apart_ms = time.time() * 1000 - _boot_ms()
        self._wake = threading.Condition()
        self._device: Output | None = None
        self._opening_lock = threading.RLock()
        self._feeding = threading.Lock()
        """Held while the device is written to: nobody closes it meanwhile."""
        self._trouble = ""
        self._underruns = 0
        self._buffer_ms = buffer_ms
        self._woken_s = 0.0
        self._busy_s = time.monotonic()
        self._tried_first_s = 0.0
        self._retry_s = RETRY_FIRST_S
        self._begin_at = begin_at
        self._place = begin_at
        self._writing_since: float | None = None
        """Since when the device has been asked for something, and has not answered yet."""
        self._hushed_s = 0.0
        """For so long what was written has been a pause."""
        self._feeder = threading.Thread(target=self._feed, name="feed", daemon=True)

    def run(self) -> None:
        """Returns when the daemon is gone."""
        try:
            self._ensure_device()
        except SoundError as error:
            self._mixer.drop_all(error)
        self._feeder.start()
        self._link.settimeout(BEAT_S)
        received = bytearray()
        told_s = 0.0
        while True:
            if time.monotonic() - told_s >= BEAT_S:
                self._say_that_all_is_well()
                told_s = time.monotonic()
            try:
                chunk = self._link.recv(1 << 16)
            except TimeoutError:
                continue
            except OSError:  # it went away without a word
                return
            if not chunk:
                return
            received += chunk
            for body in _bodies(received):
                self._obey(wire.command(body))

    # Commands

    def _obey(self, command: wire.Command) -> None:
        match command:
            case wire.Start():
                self._apart_ms = command.apart_ms
                self._start(command)
            case wire.Stop(id=number, fade_ms=fade_ms):
                self._stop(number, fade_ms)
            case wire.Push(name=name, pcm=pcm):
                inlet = self._opening.inlet(name)
                inlet.push(pcm) if pcm else self._finish(name, inlet)
            case wire.Beat(apart_ms=apart_ms):
                self._apart_ms = apart_ms
            case wire.Probe(id=number):
                try:
                    self._say(wire.Taken(number, self._try_device().name + self._remark, self._trouble))
                except SoundError as error:
                    self._say(wire.broke(number, error))

    def _stop(self, number: int, fade_ms: int) -> None:
        if (voice := self._voices.get(number)) is not None:
            voice.stop_ms = fade_ms

    def _finish(self, name: str, inlet: Inlet) -> None:
        inlet.finish()
        self._opening.forget(name)

    def _start(self, command: wire.Start) -> None:
        number = command.id
        try:
            output = self._ensure_device().name
        except SoundError as error:
            self._say(wire.broke(number, error))
            return

        refused = threading.Event()

        def opened(error: SoundError | None) -> None:
            self._say(wire.Taken(number, output, self._trouble) if error is None else wire.broke(number, error))
            if error is not None:
                refused.set()
                self._stop(number, 0)  # nobody waits behind it

        voice = Voice(
            command.track,
            self._opening.feed(command.track, command.pipes, opened),
            partial(self._tell, number, command.track),
            live=self._opening.is_live(command.track),
            ask=partial(self._witness.ask, command.track),
        )
        self._voices[number] = voice
        if refused.is_set():
            self._stop(number, 0)
        self._mixer.add(voice)
        with self._wake:
            self._wake.notify()

    # Events

    def _tell(self, number: int, track: Track, happening: Happening) -> None:
        self._note(track, happening)
        if isinstance(happening, Began):
            self._say(wire.Started(number, happening.first_sample_ms))
            return
        if isinstance(happening, SentenceBegan):
            self._say(wire.Sentence(number, happening.offset_ms))
            return
        if isinstance(happening, WasMixed):
            self._hand_on(number, happening.samples)
            return
        self._unsaid.pop(number, None)
        self._voices.pop(number, None)
        if isinstance(happening, SoundError):
            self._say(wire.broke(number, happening))
        else:
            self._say(wire.Ended(number, happening))

    def _hand_on(self, number: int, mixed: Samples) -> None:
        """Never waits: what the daemon does not take at this moment is said later."""
        unsaid = self._unsaid.setdefault(number, bytearray())
        if unsaid is None:
            return
        unsaid += pcm16(folded(mixed))
        while unsaid and select.select([], [self._link], [], 0)[1]:
            self._say(wire.Mixed(number, bytes(unsaid[:SAID_BYTES])))
            del unsaid[:SAID_BYTES]
        if len(unsaid) > UNSAID_BYTES:
            self._unsaid[number] = None  # a hole would put all that follows in a wrong place

    def _say(self, event: wire.Event) -> None:
        """A daemon that does not listen any more is noticed where commands are read."""
        with self._saying, contextlib.suppress(OSError):
            self._link.sendall(wire.framed(event))

    def _say_that_all_is_well(self) -> None:
        if not self._feeder.is_alive():
            self._mixer.drop_all(gone("nobody feeds it any more"))
            os._exit(wire.UNFED_CODE)
        since = self._writing_since
        fresh = since is not None and since - self._woken_s < SLOW_START_S
        limit_s = SLOW_START_S if fresh else STUCK_S
        if since is not None and time.monotonic() - since > limit_s:
            self._mixer.drop_all(gone(f"it has taken no sound for {limit_s} s"))
            os._exit(wire.STUCK_CODE)
        device = self._device
        underruns = self._underruns + self._mixer.underruns + (0 if device is None else device.underruns)
        if device is not None:
            self._improve(device)
        if not select.select([], [self._link], [], 0)[1]:
            return  # the daemon stands still: what room there is belongs to what happens
        self._say(wire.Alive(underruns, rss_kb(), self._buffer_ms, self._trouble, self._place))

    # The device

    def _try_device(self) -> Output:
        """The open output, anew where it stands still: it may have died without a word. Raises SoundError."""
        device = self._device
        if device is None or self._idle_for_s <= CALM_S:
            return self._ensure_device()
        with self._opening_lock:
            place, trouble, tried_s, retry_s = self._place, self._trouble, self._tried_first_s, self._retry_s
            waits = place > 0 and time.monotonic() - tried_s <= retry_s
            if waits:  # the first one may hang again, and this process with it
                self._begin_at = place
            self._open_anew(device, self._buffer_ms)
            if waits and self._place == place:
                self._trouble, self._tried_first_s, self._retry_s = trouble, tried_s, retry_s
            return self._ensure_device()

    def _ensure_device(self) -> Output:
        """The open output. Raises SoundError."""
        with self._opening_lock:
            if self._device is None:
                self._device = self._open_any()
                with self._wake:
                    self._wake.notify()
            return self._device

    def _open_any(self) -> Output:
        """The first that can be opened. Raises SoundError."""
        errors: list[SoundError] = []
        begin_at, self._begin_at = self._begin_at, 0
        self._tried_first_s = time.monotonic()
        self._retry_s = RETRY_HUNG_S if begin_at else RETRY_FIRST_S
        places = range(len(self._outputs))
        for place in (*places[begin_at:], *places[:begin_at]):
            name = self._outputs[place]
            try:
                with real_time():
                    device = self._open_output(name, self._buffer_ms)
            except SoundError as error:
                errors.append(error)
                continue
            self._woken_s = time.monotonic()
            self._place = place
            self._trouble = self._trouble_of(device, place, errors)
            return device
        raise _all_of(errors)

    def _trouble_of(self, device: Output, place: int, errors: Sequence[SoundError]) -> str:
        """What is wrong although this one sounds: the first one's error, or those that would not stand in for it."""
        if place:
            hung = f"the player process hung or crashed with {self._outputs[0] or 'the default output'}"
            return f"{errors[0] if errors else hung}; sounding on {device.name}"
        return "; ".join(filter(None, map(device.lacks, self._outputs[1:])))

    def _improve(self, device: Output) -> None:
        """Open it anew, where and when that is better; by any thread that holds no lock."""
        retry = bool(self._trouble) and time.monotonic() - self._tried_first_s > self._retry_s
        idle, pause = self._idle_for_s > CALM_S, self._hushed_s >= PAUSE_S
        buffer_ms = better_buffer_ms(self._buffer_ms, device.underruns, idle=idle, pause=pause, retry=retry)
        if buffer_ms is not None:
            self._open_anew(device, buffer_ms)

    def _open_anew(self, device: Output, buffer_ms: int) -> None:
        """What sounds goes on where it was; an alarm that comes meanwhile has to wait for it."""
        with self._opening_lock:
            if self._device is not device:
                return  # somebody else did
            self._device = None
            self._underruns += device.underruns
            self._buffer_ms = buffer_ms
            with self._feeding:
                device.close()
            try:
                self._ensure_device()
            except SoundError as error:
                self._mixer.drop_all(error)

    def _lost(self, device: Output, error: SoundError) -> None:
        """What sounds breaks off; what has not begun yet may begin on what can be opened now."""
        with self._opening_lock:
            if self._device is not device:
                return  # it was exchanged meanwhile, and is closed
            self._device = None
            self._underruns += device.underruns
            device.close()
            if self._mixer.sounds:
                self._mixer.drop_all(error)
                return
            try:
                self._device = self._open_any()
            except SoundError as again:
                self._mixer.drop_all(again)

    # The feeder

    def _feed(self) -> None:
        with real_time():
            self._feed_for_ever()

    def _feed_for_ever(self) -> None:
        while True:
            device = self._device
            if device is None or self._idle_for_s > IDLE_S:
                self._rest(device)
                continue
            try:
                with self._feeding:
                    self._feed_block(device)
                if self._hushed_s >= PAUSE_S and device.underruns:
                    self._improve(device)
            except SoundError as error:
                self._lost(device, error)
            finally:
                self._writing_since = None

    @property
    def _idle_for_s(self) -> float:
        """How long nothing has sounded or waited to sound."""
        return time.monotonic() - self._busy_s if self._mixer.empty else 0.0

    def _feed_block(self, device: Output) -> None:
        if device is not self._device:
            return
        if not self._mixer.empty:
            self._busy_s = time.monotonic()
        self._writing_since = time.monotonic()
        heard_ms = _boot_ms() + self._apart_ms + device.ahead_ms()
        block = self._mixer.block(heard_ms)
        self._hushed_s = self._hushed_s + BLOCK_S if float(np.abs(block).max()) < HUSHED else 0.0
        self._writing_since = time.monotonic()
        device.write(block)
        self._writing_since = None

    def _rest(self, device: Output | None) -> None:
        """Nothing to do: the stream stands still, and costs nothing, until there is."""
        try:
            if device is not None:
                self._switch(device, device.pause)
            with self._wake:
                self._wake.wait_for(lambda: self._device is not device or (device and not self._mixer.empty))
            self._busy_s = time.monotonic()
            if device is not None:
                self._switch(device, device.go_on)
        except SoundError as error:
            assert device is not None
            self._lost(device, error)

    def _switch(self, device: Output, pause_or_go_on: Callable[[], None]) -> None:
        """One that never comes back from this is as stuck as one that takes no sound. Raises SoundError."""
        with self._feeding:
            if device is not self._device:
                return
            self._writing_since = self._woken_s = time.monotonic()
            try:
                pause_or_go_on()
            finally:
                self._writing_since = None


def better_buffer_ms(buffer_ms: int, underruns: int, *, idle: bool, pause: bool, retry: bool) -> int | None:
    """With how much in it the device should be opened anew, in milliseconds; None: it stays as it is.

    `idle`: nothing sounds; `pause`: what sounds is silent at this moment. `retry`: the first output may be back; that
    never breaks a sound.
    """
    larger = next((size for size in BUFFERS_MS if size > buffer_ms), None)
    if larger is not None and underruns >= (DRY_TWICE if idle or pause else DRY_OFTEN):
        return larger
    return buffer_ms if idle and retry else None


def _all_of(errors: Sequence[SoundError]) -> SoundError:
    """Why no output can be opened: each reason once."""
    if len(errors) == 1:
        return errors[0]
    en, vi = ("; ".join(dict.fromkeys(error.said(language) for error in errors)) for language in ("en", "vi"))
    return SoundError(en, vi=vi, device=True)


def _bodies(received: bytearray) -> list[bytes]:
    """Whole messages, taken out of what was received."""
    bodies = []
    while len(received) >= wire.HEAD:
        length = wire.body_length(bytes(received[: wire.HEAD]))
        if len(received) < wire.HEAD + length:
            break
        bodies.append(bytes(received[wire.HEAD : wire.HEAD + length]))
        del received[: wire.HEAD + length]
    return bodies


def _boot_ms() -> float:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) / 1e6


def hurry() -> None:
    """For this thread and those that it starts, the sound driver's included: before others, where the unit allows it.

    Threads of this process hand the interpreter over ten times as often as Python usually has it.
    """
    sys.setswitchinterval(SWITCH_S)
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), wire.NICE)


@contextlib.contextmanager
def real_time() -> Iterator[None]:
    """For this thread and those that it starts meanwhile, the sound driver's; where the unit allows it."""
    me = threading.get_native_id()
    before = os.sched_getscheduler(me), os.sched_getparam(me)
    with contextlib.suppress(OSError):
        os.sched_setscheduler(me, os.SCHED_RR, os.sched_param(REALTIME))
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.sched_setscheduler(me, *before)


def rss_kb() -> int:
    """Resident memory of this process."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - asked several times a second
            return int(file.read().split()[1]) * resource.getpagesize() // 1024
    except (OSError, ValueError, IndexError):
        return 0
