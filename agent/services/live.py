"""Live voice: a session that passed its judge is listened to, and what its key has signed is heard.

The voice speaks from its first frame on, as the planner lets it: quiet hours, locks and alarms are the planner's. It
ends with its last group, at its limit, with a stop, or when groups stay away; a session that is over is not taken up
again. Groups without frames keep the session, not the voice: it leaves the plan, and comes back with new frames. Where
no groups come at all, nobody knows whether somebody speaks: the voice stays until the session is over.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

import structlog

from agent.core.jitter import Gap, JitterBuffer, Step, is_quiet
from agent.core.trusted import trust_at
from agent.errors import LinkError
from agent.ports.clock import Clock, wait_for
from agent.ports.live import Decoder, LiveLine, SessionBook
from agent.ports.sound import Frames, SoundError
from agent.ports.store import Stopped, Store
from agent.services.faults import Faults
from agent.services.keeper import Keeper
from protocol.errors import ProtocolError
from protocol.live import SILENCE_S, Admitted, Denied, Listener, Stream, VoiceGroup, judge
from protocol.order import SOUNDING, Status
from protocol.priority import Rank
from protocol.quantities import SECOND_MS
from protocol.refusals import RejectCode, sentence
from protocol.report import FaultCode, Stage
from protocol.signing import Domain
from protocol.timeline.model import Voice

log = structlog.get_logger()

RETRY_MS: Final = 500
BURST_MS: Final = 100
"""So much at most is handed over at once where this loop was late: the speaker keeps little."""
LOOK_MS: Final = 150
"""How often limits, locks and higher alarms are looked at: a voice is silent within 300 ms of what outranks it."""
SETTLE_MS: Final = 400
"""What the speaker still has of the voice sounds out before the voice is taken from the plan."""
PAUSE_MS: Final = 3_000
"""Without frames for so long while other groups come, nobody speaks: the amplifier goes off, the programme goes on."""
STALL_MS: Final = 2_000
"""Without any group for so long, the network stands still: a page sends one every second, whoever is silent."""
ENDED: Final = (Stage.CANCELLED, Stage.EXPIRED)
HARMLESS: Final = frozenset({RejectCode.DUPLICATE, RejectCode.AREA, RejectCode.EXPIRED, RejectCode.NO_TIME})
"""An honest controller causes these; any other is told as a fault."""


@dataclass
class _Speech:
    """One session that is being listened to."""

    admitted: Admitted
    stream: Stream
    decoder: Decoder
    inlet: Frames
    buffer: JitterBuffer = field(default_factory=JitterBuffer)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    heard_ms: int | None = None
    """When the last group that counts came, by the boot clock."""
    looked_ms: int = 0
    """When alarms were looked at last, by the boot clock."""
    spoken_ms: int = 0
    """When the last frame came, by the boot clock."""
    turns: int = 0
    """How often it has begun to speak; each is a play of its own."""
    voice: Voice | None = None
    closed: bool = False
    """The controller says that it is over."""

    @property
    def name(self) -> str:
        return self.admitted.session.id.hex()


class Live:
    """`take` is given sessions as they come down; `run` listens, until cancelled."""

    def __init__(
        self,
        box: str,
        clock: Clock,
        store: Store,
        *,
        sessions: SessionBook,
        keeper: Keeper,
        faults: Faults,
        ask_for_roots: Callable[[], None],
        line: LiveLine,
        decoder: Callable[[], Decoder],
        inlet: Callable[[str], Frames],
    ) -> None:
        """`ask_for_roots` is told that a session names newer ones, as anybody may write; `decoder` makes one for each
        voice and raises SoundError; `inlet` is where the PCM of a voice goes."""
        self._box = box
        self._clock = clock
        self._store = store
        self._sessions = sessions
        self._keeper = keeper
        self._faults = faults
        self._ask_for_roots = ask_for_roots
        self._line = line
        self._decoder = decoder
        self._inlet = inlet
        self._admitted: asyncio.Queue[tuple[Admitted, Domain]] = asyncio.Queue()

    def take(self, raw: bytes) -> None:
        """One session from anywhere. Raises ProtocolError, StoreError."""
        roots, wanted = self._store.trust.roots(), self._store.desired.wanted()
        if roots is None or wanted is None:
            raise ProtocolError("no-roots", "nobody is listened to before the roots and a place are here")
        trust = trust_at(roots, self._store.trust.delegations(), wanted.units)
        me = Listener(trust.domain, self._box, wanted.units, self._sessions.seen(), self._alarms())
        verdict = judge(raw, trust, self._clock.reading(), me)
        if isinstance(verdict, Denied):
            self._deny(verdict)
            return
        session = verdict.session
        self._sessions.accept(session.id, session.expires)
        signers = [holder.person for holder in verdict.signers]
        log.info("live session accepted", session=session.id.hex(), signers=signers, until=session.expires)
        self._admitted.put_nowait((verdict, trust.domain))

    async def run(self) -> None:
        """Listen to what was admitted, each session for itself."""
        async with asyncio.TaskGroup() as group:
            while True:
                admitted, domain = await self._admitted.get()
                group.create_task(self._follow(admitted, domain), name=f"live {admitted.session.id.hex()}")

    def _deny(self, verdict: Denied) -> None:
        name = None if verdict.session is None else verdict.session.id.hex()
        log.warning("live session refused", session=name, code=str(verdict.code))
        if verdict.code is RejectCode.ROOTS_NEWER:
            self._ask_for_roots()
        elif verdict.code not in HARMLESS:
            detail = f"live session refused, {verdict.code}: {sentence(verdict.code, 'en')}"
            self._faults.raised(FaultCode.ORDER_REFUSED, detail)

    def _alarms(self) -> dict[bytes, int]:
        """Alarms in force and the levels of their signers; one that has sounded is in force until its end."""
        now_ms = self._clock.now_ms()
        return {
            held.order.id: held.level
            for held in self._store.book.orders(now_ms)
            if held.order.type in SOUNDING and held.order.status is not Status.TEST and held.stage not in ENDED
        }

    async def _follow(self, admitted: Admitted, domain: Domain) -> None:
        """From the connection to the end of one session."""
        session = admitted.session
        try:
            decoder = self._decoder()
        except SoundError as error:
            self._faults.raised(FaultCode.PLAYER, str(error))
            return
        speech = _Speech(admitted, Stream(session, domain), decoder, self._inlet(session.id.hex()))
        listening = asyncio.create_task(self._listen(speech), name=f"listen {speech.name}")
        try:
            why = await self._play(speech)
            log.info(
                "live session over", session=speech.name, why=why, played=speech.buffer.played, lost=speech.buffer.lost
            )
        except Exception as error:  # whatever it is: alarms and the programme go on
            log.exception("a live session broke", session=speech.name)
            self._faults.raised(FaultCode.PLAYER, f"a live session broke: {error!r}"[:200])
        finally:
            listening.cancel()
            await asyncio.wait([listening])
            self._fall_silent(speech)

    async def _listen(self, speech: _Speech) -> None:
        """Take groups until the controller says that it is over; try again when the connection breaks."""
        while True:
            try:
                async for raw in self._line.listen(speech.admitted.session.id):
                    self._take_group(speech, raw)
            except LinkError as error:
                log.warning("no live connection", session=speech.name, reason=str(error))
                if not error.permanent:
                    await self._clock.sleep_ms(RETRY_MS)
                    continue
            speech.closed = True
            speech.arrived.set()
            return

    def _take_group(self, speech: _Speech, raw: bytes) -> None:
        try:
            group = speech.stream.take(raw, self._clock.reading().hi_ms)
        except ProtocolError as error:
            log.warning("a group is not heard", session=speech.name, code=error.code)
            if error.code in ("bad-signature", "other-session"):
                self._faults.raised(FaultCode.ORDER_REFUSED, f"live voice that nobody signed: {error}")
            return
        speech.heard_ms = self._clock.boot_ms()
        self._speak(speech, group)
        speech.buffer.put(group.first, group.frames, self._clock.boot_ms())
        speech.arrived.set()

    def _speak(self, speech: _Speech, group: VoiceGroup) -> None:
        """From the first frame on it stands in the plan."""
        if not group.frames:
            return
        speech.spoken_ms = self._clock.boot_ms()
        if speech.voice is not None:
            return
        session = speech.admitted.session
        now_ms = self._clock.now_ms()
        speech.turns += 1
        speech.voice = Voice(
            speech.name,
            Rank.LIVE,
            now_ms,
            session.expires * SECOND_MS,
            attached=self._attached(speech),
            level=speech.admitted.level,
            turn=speech.turns,
        )
        if speech.turns > 1:
            speech.inlet = self._inlet(speech.voice.inlet)
        self._keeper.speak(speech.voice)

    def _says_nothing(self, speech: _Speech, boot_ms: int) -> bool:
        """Whether somebody is there who says nothing; a network that stands still may hold back what is said."""
        if speech.voice is None or speech.heard_ms is None or speech.buffer.held_ms > 0:
            return False
        return boot_ms - speech.spoken_ms >= PAUSE_MS and boot_ms - speech.heard_ms < STALL_MS

    def _fall_silent(self, speech: _Speech) -> None:
        speech.inlet.close()
        if speech.voice is not None:
            self._keeper.end_voice(speech.voice.name)
            speech.voice = None

    def _attached(self, speech: _Speech) -> str:
        """The alarm inside which it speaks; none while an alarm of a higher level than the voice's is in force."""
        attached = speech.admitted.session.attached
        above = any(level < speech.admitted.level for level in self._alarms().values())
        return "" if attached is None or above else attached.hex()

    async def _play(self, speech: _Speech) -> str:
        """Hand frames over evenly until the end; why it ended."""
        due_ms = float(self._clock.boot_ms())
        while (why := self._over(speech)) is None:
            now_ms = self._clock.boot_ms()
            if self._says_nothing(speech, now_ms):
                self._fall_silent(speech)
            if speech.heard_ms is None or (speech.buffer.held_ms == 0 and now_ms - speech.heard_ms > LOOK_MS):
                self._look_at_the_alarms(speech)
                speech.arrived.clear()
                await wait_for(self._clock, speech.arrived, LOOK_MS)
                due_ms = float(self._clock.boot_ms())
                continue
            if now_ms - speech.looked_ms >= LOOK_MS:
                self._look_at_the_alarms(speech)
            step = speech.buffer.step(now_ms)
            left_out = self._sound(speech, step)
            due_ms = max(due_ms + (0 if left_out else step.next_ms), now_ms - BURST_MS)
            await self._clock.sleep_ms(max(0, round(due_ms - self._clock.boot_ms())))
        if why == "the end":
            speech.inlet.close()
            await self._clock.sleep_ms(SETTLE_MS)
        return why

    def _look_at_the_alarms(self, speech: _Speech) -> None:
        """An alarm may have come, or ended, while it speaks."""
        speech.looked_ms = self._clock.boot_ms()
        if speech.voice is not None and speech.voice.attached != (attached := self._attached(speech)):
            speech.voice = replace(speech.voice, attached=attached)
            self._keeper.speak(speech.voice)

    def _sound(self, speech: _Speech, step: Step) -> bool:
        """Hand it over; True: it was left out, since it is silence and there is too much."""
        if step.play is Gap.SILENCE:
            return False
        try:
            pcm = speech.decoder.decode(step.play) if isinstance(step.play, bytes) else speech.decoder.conceal()
        except SoundError as error:
            log.warning("a frame is no sound", session=speech.name, reason=str(error))
            return False
        if step.spare and is_quiet(pcm):
            return True
        speech.inlet.push(pcm)
        return False

    def _ending(self, speech: _Speech) -> list[Stopped]:
        """The stops that end it: all, but inside an alarm of a higher level than the stop's, which goes on too; also
        while nobody speaks."""
        inside = self._attached(speech) != ""
        return [stop for stop in self._store.book.stops() if not (inside and stop.level > speech.admitted.level)]

    def _over(self, speech: _Speech) -> str | None:
        """Why the session has ended; None while it goes on."""
        now_ms, boot_ms = self._clock.now_ms(), self._clock.boot_ms()
        if max(now_ms, self._clock.reading().hi_ms) >= speech.admitted.session.expires * SECOND_MS:
            return "its limit"
        if any(stop.order.not_before * SECOND_MS <= now_ms for stop in self._ending(speech)):
            return "a stop"
        if speech.heard_ms is not None and boot_ms - speech.heard_ms >= SILENCE_S * SECOND_MS:
            return "groups stay away"
        if (speech.stream.over or speech.closed) and speech.buffer.held_ms == 0:
            return "the end"
        return None
