"""The Speaker of a real box: it keeps the player process alive, and hands it what is to sound.

The process is started with the daemon and again whenever it ends or says nothing any more; what sounded in it then
breaks off with an error of the device, which the player knows how to deal with: an alarm goes on with the sentence that
was broken off, which the process has told.
"""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog

from agent.drivers.audio.engine import wire
from agent.drivers.audio.paced import gone
from agent.drivers.audio.said import Said
from agent.drivers.audio.stations import Stations, bury
from agent.ports.clock import Clock
from agent.ports.sound import Mixed, Sound, Sounded, SoundError, Track
from protocol.report import FaultCode

SILENT_S: Final = 2.0
"""A player process that has said nothing for so long hangs."""
START_S: Final = 5.0
"""So long a new one may take to say its first word: a Pi reads numpy from a slow card."""
TAKEN_S: Final = 2.0
"""So long a sound may take to be opened."""
BEAT_S: Final = 0.25
MARGIN_S: Final = 0.05
"""What has been mixed is heard so much later, at most, than the device's buffer explains."""
WELL_S: Final = 10.0
"""A process that has worked for so long after another has failed is well."""
BACKOFF_S: Final = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Before a process is started that follows so many that failed soon."""
CRASHES: Final = 3
"""After so many soon after one another the output counts as one that hangs."""

OnFault = Callable[[FaultCode, bool, str], None]
Command = Callable[[int, Sequence[str | None], int], list[str]]
"""The program and its arguments, from the link's number, the outputs, and which of them is tried first."""

log = structlog.get_logger(__name__)


def command(
    link: int, outputs: Sequence[str | None], begin_at: int, buffer_ms: int = 30, *, wav: Path | None = None
) -> list[str]:
    """How the player process is started; `wav`: the folder that takes what would sound."""
    options = ["--link", str(link), "--buffer-ms", str(buffer_ms), "--begin-at", str(begin_at)]
    options += [] if wav is None else ["--wav", str(wav)]
    return [sys.executable, "-m", "agent.drivers.audio.engine", *options, "--", *(name or "" for name in outputs)]


class EngineSpeaker:
    """A Speaker; needs a running loop from the beginning."""

    def __init__(
        self,
        clock: Clock,
        outputs: Sequence[str | None] = (None,),
        *,
        on_fault: OnFault = lambda *_: None,
        start: Command = command,
        lasting: str = "",
        stations: Callable[[Iterable[Sound]], Stations] = Stations,
    ) -> None:
        """`outputs`: names of the first output and of those to try when it fails; None is the system's default.

        `lasting`: what is wrong although it sounds, as long as this daemon runs.
        """
        self._stations = stations
        self._clock = clock
        self._outputs = tuple(outputs)
        self._on_fault = on_fault
        self._command = start
        self._numbers = 0
        self._link: _Link | None = None
        self._up = asyncio.Event()
        self._ill = False
        self._ended_s = 0.0
        self._place = 0
        """Which of the outputs the process has opened, as far as it has said."""
        self.restarts = 0
        self.underruns = 0
        self.rss_kb = 0
        self.buffer_ms = 0
        self._lasting = self.trouble = lasting
        """What is wrong although it sounds."""
        self._task = asyncio.ensure_future(self._keep())

    @property
    def pid(self) -> int | None:
        """Of the player process."""
        return None if self._link is None else self._link.process.pid

    async def start(self, track: Track) -> "EngineSounding":
        link = await self._linked()
        try:
            return await self._start(track, link)
        except SoundError:
            if not link.dead:
                raise
        return await self._start(track, await self._linked())  # it was about to end when it was asked

    async def _start(self, track: Track, link: "_Link") -> "EngineSounding":
        sounding = EngineSounding(link, self._next(), track.offset_ms)
        try:
            stations = sounding.closes.enter_context(self._stations(track.sources))
        except SoundError:
            del link.soundings[sounding.number]
            raise
        link.say(wire.Start(sounding.number, track, stations.pipes, self._apart_ms()))
        await asyncio.wait({sounding.taken}, timeout=TAKEN_S)
        if not sounding.taken.done():
            self._give_up(sounding, link)
        await sounding.taken
        return sounding

    def _give_up(self, sounding: "EngineSounding", link: "_Link") -> None:
        """What cannot be opened may hang the process; but what sounds in it is not broken off for that."""
        if len(link.soundings) > 1:
            sounding.stop(0)
        else:
            link.process.kill()
        link.soundings.pop(sounding.number, None)
        sounding.fail(gone(f"a sound could not be opened within {TAKEN_S:.0f} s"))

    def frames(self, name: str) -> "EngineFrames":
        return EngineFrames(self, name)

    async def probe(self) -> str:
        link = await self._linked()
        try:
            return await self._probe(link)
        except SoundError:
            if not link.dead:
                raise
        return await self._probe(await self._linked())  # it was about to end when it was asked

    async def _probe(self, link: "_Link") -> str:
        asked = EngineSounding(link, self._next())
        link.say(wire.Probe(asked.number))
        name = await asked.taken
        link.soundings.pop(asked.number, None)
        return name

    async def close(self) -> None:
        heard_s = self._ended_s + self.buffer_ms / 1000 + MARGIN_S
        await asyncio.sleep(heard_s - asyncio.get_running_loop().time())
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    def push(self, name: str, pcm: bytes) -> None:
        """For `EngineFrames`: what is said while there is no process is lost, as sound is."""
        if self._link is not None:
            self._link.say(wire.Push(name, pcm))

    def _next(self) -> int:
        self._numbers += 1
        return self._numbers

    def _apart_ms(self) -> int:
        return self._clock.now_ms() - self._clock.boot_ms()

    async def _linked(self) -> "_Link":
        """Raises SoundError."""
        try:
            async with asyncio.timeout(START_S):
                await self._up.wait()
        except TimeoutError as error:
            raise gone("the player process does not start") from error
        assert self._link is not None
        return self._link

    async def _keep(self) -> None:
        """Start it, watch it, and start it again."""
        failed = 0
        begin_at = 0
        while True:
            await asyncio.sleep(BACKOFF_S[min(failed, len(BACKOFF_S) - 1)])
            began = asyncio.get_running_loop().time()
            self._place = begin_at
            try:
                end = await self._one_process(begin_at)
            except Exception as error:  # whatever it is: without this task the box would be mute for ever
                log.exception("the player process could not be watched")
                end = _End(f"it could not be watched: {error!r}")
            lasted = asyncio.get_running_loop().time() - began
            failed = 0 if lasted > WELL_S else failed + 1
            if end.hung or failed >= CRASHES:
                begin_at = (self._place + 1) % len(self._outputs)
            elif self._place == 0:
                begin_at = 0
            self.restarts += 1
            self._fault(f"the player process ended: {end.how}; it is started again")

    async def _one_process(self, begin_at: int) -> "_End":
        """From its start to its end."""
        try:
            link = await _Link.open(lambda number: self._command(number, self._outputs, begin_at))
        except OSError as error:  # no memory, no descriptors
            return _End(f"it could not be started: {error}")
        self._link = link
        try:
            return await self._watch(link)
        finally:
            self._up.clear()
            self._link = None
            link.end()
            link.break_off(gone("the player process ended"))

    async def _watch(self, link: "_Link") -> "_End":
        """What it says is handed on until it says nothing any more."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        beating = asyncio.ensure_future(self._beat(link))
        try:
            while (event := await self._heard(link)) is not None:
                if isinstance(event, wire.Alive):
                    self._note(event)
                    if self._ill and loop.time() - began > WELL_S:
                        self._recovered()
                    continue
                if isinstance(event, wire.Ended):
                    self._ended_s = loop.time()
                elif isinstance(event, wire.Taken):
                    self.trouble = event.trouble or self._lasting
                link.tell(event)
        except (EOFError, OSError, ValueError, msgspec.MsgspecError) as error:
            return await link.last_words(error)
        finally:
            beating.cancel()
        return _End(f"it said nothing for {SILENT_S:.0f} s", hung=True)

    async def _heard(self, link: "_Link") -> wire.Event | None:
        """What it says next; None: nothing for too long. Waits in two parts, since this loop may itself have stood."""
        hearing = asyncio.ensure_future(link.hear())
        try:
            for _ in range(2):
                await asyncio.wait({hearing}, timeout=(SILENT_S if self._up.is_set() else START_S) / 2)
                if hearing.done():
                    return hearing.result()
            return None
        finally:
            hearing.cancel()

    async def _beat(self, link: "_Link") -> None:
        while True:
            link.say(wire.Beat(self._apart_ms()))
            await asyncio.sleep(BEAT_S)

    def _note(self, alive: wire.Alive) -> None:
        self._up.set()
        self.underruns, self.rss_kb = alive.underruns, alive.rss_kb
        self.buffer_ms, self.trouble, self._place = alive.buffer_ms, alive.trouble or self._lasting, alive.place

    def _fault(self, detail: str) -> None:
        self._ill = True
        log.warning("player process", detail=detail)
        self._on_fault(FaultCode.PLAYER, True, detail)

    def _recovered(self) -> None:
        self._ill = False
        self._on_fault(FaultCode.PLAYER, False, "the player process works")


class EngineFrames:
    """Implements the port `Frames`."""

    def __init__(self, speaker: EngineSpeaker, name: str) -> None:
        self._speaker = speaker
        self._name = name

    def push(self, pcm: bytes) -> None:
        if pcm:
            self._speaker.push(self._name, pcm)

    def close(self) -> None:
        self._speaker.push(self._name, b"")


class EngineSounding:
    """A track with the player process."""

    def __init__(self, link: "_Link", number: int, sentence_ms: int = 0) -> None:
        loop = asyncio.get_running_loop()
        self.number = number
        self.sentence_ms = sentence_ms
        self.closes = contextlib.ExitStack()
        """What is needed no longer than this sounds."""
        self.taken: asyncio.Future[str] = loop.create_future()
        self.first: asyncio.Future[int | None] = loop.create_future()
        self.end: asyncio.Future[Sounded] = loop.create_future()
        self.said = Said()
        self._link = link
        link.soundings[number] = self

    async def started(self) -> int | None:
        return await asyncio.shield(self.first)

    async def ended(self) -> Sounded:
        return await asyncio.shield(self.end)

    def mixed(self) -> Mixed:
        return self.said

    def stop(self, fade_ms: int) -> None:
        self._link.say(wire.Stop(self.number, fade_ms))

    def fail(self, error: SoundError) -> None:
        self.closes.close()
        self.said.end()
        for future in (self.taken, self.first, self.end):
            if not future.done():
                future.set_exception(error)
                future.exception()  # whoever awaits it is told; nobody may


@dataclass(frozen=True)
class _End:
    """How a player process ended, and whether because it hung: the output may be the reason."""

    how: str
    hung: bool = False


class _Link:
    """A player process, and the socket to it."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.process = process
        self._reader = reader
        self._writer = writer
        self.soundings: dict[int, EngineSounding] = {}
        self.dead = False

    @classmethod
    async def open(cls, start: Callable[[int], list[str]]) -> "_Link":
        """Raises OSError."""
        with contextlib.ExitStack() as undo:
            ours, theirs = socket.socketpair()
            undo.enter_context(ours)
            with theirs:
                process = subprocess.Popen(  # noqa: ASYNC220 - it forks and is done
                    start(theirs.fileno()), pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL, env=_environment()
                )
            undo.callback(bury, process)
            with contextlib.suppress(OSError):  # from its first instruction: an alarm may be waiting for it
                os.setpriority(os.PRIO_PROCESS, process.pid, wire.NICE)
            reader, writer = await asyncio.open_connection(sock=ours)
            undo.pop_all()
        return cls(process, reader, writer)

    def say(self, said: wire.Command) -> None:
        if not self._writer.is_closing():
            self._writer.write(wire.framed(said))

    async def hear(self) -> wire.Event:
        """Raises EOFError, OSError, ValueError or msgspec.MsgspecError when there is nothing good to hear any more."""
        head = await self._reader.readexactly(wire.HEAD)
        return wire.event(await self._reader.readexactly(wire.body_length(head)))

    def tell(self, event: wire.Taken | wire.Broke | wire.Started | wire.Sentence | wire.Mixed | wire.Ended) -> None:
        sounding = self.soundings.get(event.id)
        if sounding is None:
            return
        match event:
            case wire.Taken(output=output):
                _settle(sounding.taken, output)
            case wire.Started(first_sample_ms=first_sample_ms):
                _settle(sounding.first, first_sample_ms)
            case wire.Sentence(offset_ms=offset_ms):
                sounding.sentence_ms = max(sounding.sentence_ms, offset_ms)
            case wire.Mixed(pcm=pcm):
                sounding.said.put(pcm)
            case wire.Ended(sounded=sounded):
                sounding.closes.close()
                sounding.said.end()
                _settle(sounding.taken, "")
                _settle(sounding.first, sounded.first_sample_ms)
                _settle(sounding.end, sounded)
                del self.soundings[event.id]
            case wire.Broke():
                sounding.fail(event.error())
                del self.soundings[event.id]

    async def last_words(self, error: Exception) -> _End:
        """How it ended; `error` is how that was noticed."""
        for _ in range(20):
            code = self.process.poll()
            if code is not None:
                how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
                return _End(how, hung=code == wire.STUCK_CODE)
            await asyncio.sleep(0.005)
        return _End(f"{error!r}")

    def break_off(self, error: SoundError) -> None:
        self.dead = True
        soundings, self.soundings = self.soundings, {}
        for sounding in soundings.values():
            sounding.fail(error)

    def end(self) -> None:
        """Whatever it does."""
        self._writer.close()
        bury(self.process)


def _environment() -> dict[str, str]:
    """The mixer multiplies no matrices: numpy's threads for that would only cost memory."""
    return {**os.environ, "OPENBLAS_NUM_THREADS": "1"}


def _settle(future: "asyncio.Future[Any]", value: object) -> None:
    if not future.done():
        future.set_result(value)
