"""Who speaks at this box's microphone is heard at other boxes too: at all of the commune, or at those that are named.

The session is signed with the commune's token, as the panel's own orders are, and its groups with a key that is made
for the press; the controller carries both and can make neither. The box's own loudspeaker waits for none of it, and
goes on alone where the network is gone.
"""

import asyncio
import contextlib
import enum
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import structlog

from agent.errors import AgentError, LinkError
from agent.ports.clock import Clock
from agent.ports.live import Encoder, Heard, NotTakenError, SessionBook, TalkLine
from agent.ports.sound import SoundError
from agent.ports.store import Store
from protocol.codec import encode
from protocol.compose import order_id
from protocol.delegation import covers
from protocol.live import GROUP_FRAMES, LiveSession, VoiceGroup, signed_group
from protocol.order import SOUNDING, Status
from protocol.priority import OWN_LEVEL
from protocol.quantities import SECOND_MS
from protocol.refusals import RejectCode, sentence
from protocol.report import Stage
from protocol.roles import Role
from protocol.signing import Domain, Family, KeySigner, Signer, sign

log = structlog.get_logger()

LIMIT_S: Final = 130
"""Of a session: a press lasts 120 s, and clocks differ."""
WAITING: Final = 50
"""Frames that wait for the connection, a second; of more the oldest are dropped."""
RETRY_MS: Final = 500
LAST_WORDS_MS: Final = 2_000
"""So long what was said before the button was let go may still be on its way."""
NOBODY: Final = Heard(0, 0)
ENDED: Final = (Stage.CANCELLED, Stage.EXPIRED)


class Way(enum.StrEnum):
    """How the other boxes are reached."""

    CONNECTING = "connecting"
    ON = "on"
    LOST = "lost"
    """The connection is gone; it is tried again."""
    REFUSED = "refused"
    """It will not be tried again in this press."""
    OVER = "over"


@dataclass(frozen=True)
class Reach:
    """How far the voice goes at this moment."""

    way: Way
    heard: Heard = NOBODY
    why: AgentError | None = None

    def told(self, language: str) -> dict[str, Any]:
        """For the terminal."""
        why = "" if self.why is None else self.why.said(language)
        return {"way": str(self.way), "listening": self.heard.listening, "meant": self.heard.meant, "why": why}


class Caller:
    """Makes a call for each press."""

    def __init__(
        self,
        clock: Clock,
        store: Store,
        *,
        sessions: SessionBook,
        line: TalkLine,
        encoder: Callable[[], Encoder],
        unit_of: Callable[[Signer], str | None],
        entropy: Callable[[], bytes],
        key: Callable[[], KeySigner],
    ) -> None:
        """`sessions` is the book in which the box looks what it has heard; `encoder` makes one for each voice and
        raises SoundError; `unit_of` is the unit for which a token speaks here; `entropy` draws 12 random bytes,
        `key` makes a fresh one."""
        self._clock = clock
        self._store = store
        self._sessions = sessions
        self._line = line
        self._encoder = encoder
        self._unit_of = unit_of
        self._entropy = entropy
        self._key = key

    def check(self, token: Signer) -> str:
        """The unit to which the token may speak now. Raises AgentError where it may not, and says why."""
        unit = self._unit_of(token)
        if unit is None:
            raise AgentError(
                "nobody whom this box trusts gave the panel's token the right to speak for its commune",
                vi="khóa của bảng điều khiển không được nói thay xã: hãy nhờ tỉnh đưa khóa vào danh sách của xã",
            )
        if not self._clock.reading().tells_time:
            raise AgentError(
                "this box does not know the time, so no other box could tell how old its voice is",
                vi="hộp chưa biết giờ nên chưa nói được ra hộp khác; chờ hộp nhận được giờ mạng",
            )
        return unit

    def call(self, token: Signer, codes: tuple[str, ...], *, keyed: bool) -> "Call":
        """Begin to speak to the boxes with these codes, or to the whole commune. `keyed`: inside the commune's alarm.

        Raises AgentError.
        """
        unit, roots = self.check(token), self._store.trust.roots()
        assert roots is not None  # or nobody would trust the token
        key, now_s = self._key(), self._clock.now_ms() // SECOND_MS
        session = LiveSession(
            id=order_id(token.public_key, self._entropy()),
            province=roots.province,
            environment=roots.environment,
            role=Role.COMMUNE,
            epoch=roots.version,
            issued=now_s,
            not_before=now_s,
            expires=now_s + LIMIT_S,
            area=(unit,),
            boxes=(),
            key=key.public_key,
            attached=self._alarm(unit) if keyed else None,
            reason="",
        )
        self._sessions.accept(session.id, session.expires)  # what comes back to this very box is not heard once more
        return Call(session, codes, key, token, line=self._line, encoder=self._encoder(), clock=self._clock)

    def _alarm(self, unit: str) -> bytes | None:
        """The newest alarm in force that all of the unit hears, and that is not of a higher level."""
        wanted = self._store.desired.wanted()
        level = 0 if wanted is None else wanted.units.index(unit)
        found = [
            held.order.id
            for held in self._store.book.orders(self._clock.now_ms())
            if held.order.type in SOUNDING
            and held.order.status is not Status.TEST
            and held.stage not in ENDED
            and level <= held.level != OWN_LEVEL
            and covers(held.order.area, unit)
        ]
        return found[-1] if found else None


class Call:
    """One press: `push` what the microphone hears, `close` when it is let go."""

    def __init__(
        self,
        session: LiveSession,
        codes: tuple[str, ...],
        key: KeySigner,
        token: Signer,
        *,
        line: TalkLine,
        encoder: Encoder,
        clock: Clock,
    ) -> None:
        self._session = session
        self._codes = codes
        self._key = key
        self._token = token
        self._line = line
        self._encoder = encoder
        self._clock = clock
        self._envelope: bytes | None = None
        self._frames: deque[bytes] = deque(maxlen=WAITING)
        self._next = 0
        self._closed = False
        self._arrived = asyncio.Event()
        self.reach = Reach(Way.CONNECTING)
        self._task = asyncio.create_task(self._run(), name=f"call {session.id.hex()}")

    def push(self, pcm: bytes) -> None:
        """20 ms of it. Never waits, raises nothing."""
        try:
            self._frames.append(self._encoder.encode(pcm))
        except SoundError as error:
            log.warning("a frame is not sent", reason=str(error))
            return
        self._arrived.set()

    def close(self) -> None:
        """Nothing more is said; what was said is still sent."""
        self._closed = True
        self._arrived.set()
        if self.reach.way is Way.ON:
            self._task.get_loop().create_task(self._let_go())
        else:
            self._task.cancel()

    async def _let_go(self) -> None:
        await asyncio.wait([self._task], timeout=LAST_WORDS_MS / SECOND_MS)
        self._task.cancel()

    async def _run(self) -> None:
        name = self._session.id.hex()
        try:
            await self._until_over()
        except asyncio.CancelledError:
            raise
        except Exception as error:  # whatever it is: the box's own loudspeaker goes on
            log.exception("a call broke", session=name)
            self.reach = Reach(Way.REFUSED, why=AgentError(repr(error)[:200]))
        log.info("the call is over", session=name, way=str(self.reach.way), frames=self._next)

    async def _until_over(self) -> None:
        while True:
            try:
                codes = self._codes if self._envelope is None else ()
                await self._line.talk(self._session.id, codes, self._signed, self._groups(), self._heard)
            except LinkError as error:
                log.warning("other boxes are not reached", session=self._session.id.hex(), reason=str(error))
                self.reach = Reach(Way.REFUSED, why=_in_words(error)) if error.permanent else Reach(Way.LOST, why=_LOST)
            else:
                self.reach = Reach(Way.OVER)
            if self._closed or self.reach.way is not Way.LOST:
                return
            await self._clock.sleep_ms(RETRY_MS)

    def _heard(self, heard: Heard) -> None:
        self.reach = Reach(Way.ON, heard)

    def _signed(self, boxes: tuple[str, ...]) -> bytes:
        """For these boxes; the same again where the connection is made anew."""
        if self._envelope is None:
            session = msgspec.structs.replace(self._session, boxes=boxes)
            self._envelope = sign(encode(session), Family.LIVE, self._domain, self._token)
        return self._envelope

    async def _groups(self) -> AsyncIterator[bytes]:
        """As they are spoken, and the last one."""
        while True:
            while len(self._frames) >= GROUP_FRAMES or (self._closed and self._frames):
                count = min(GROUP_FRAMES, len(self._frames))
                yield self._group(tuple(self._frames.popleft() for _ in range(count)))
            if self._closed:
                yield self._group((), last=True)
                return
            self._arrived.clear()
            await self._arrived.wait()

    def _group(self, frames: tuple[bytes, ...], *, last: bool = False) -> bytes:
        first, self._next = self._next, self._next + len(frames)
        return signed_group(VoiceGroup(self._session.id, first, frames, last), self._domain, self._key)

    @property
    def _domain(self) -> Domain:
        return Domain(self._session.province, self._session.environment)


_LOST: Final = AgentError(
    "no connection to the controller: only this box sounds it",
    vi="không nối được với máy chủ: chỉ loa của hộp này phát",
)


def _in_words(error: LinkError) -> AgentError:
    """What the controller says no with."""
    if not isinstance(error, NotTakenError):
        return error
    with contextlib.suppress(ValueError):
        code = RejectCode(error.code)
        return AgentError(f"{error}: {sentence(code, 'en')}", vi=f"máy chủ không chuyển: {sentence(code, 'vi')}")
    return AgentError(
        "the controller carries no voice of this box; is it approved, and has it a place?",
        vi="máy chủ không chuyển lời nói của hộp này: hộp đã được duyệt và có đơn vị chưa?",
    )
