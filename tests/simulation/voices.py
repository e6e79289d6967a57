"""Live voice in the province: sessions that officers and thieves sign, and what their keys say to whoever listens.

Sessions go down through the broker, with all its malice; groups come from the controller over a line of their own, that
is there while the box's link and the controller are. No samples: a packet is as long as it lasts.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from agent.errors import LinkError
from protocol.codec import encode
from protocol.live import FRAME_MS, LiveSession, VoiceGroup, signed_group
from protocol.roles import Role
from protocol.signing import Family, sign
from tests.simulation.people import COMMUNE_A, DOMAIN, PROVINCE
from tests.support.small_controller import key

if TYPE_CHECKING:
    from tests.simulation.world import World

GROUP: Final = 25
"""Frames a group, half a second: as few messages as the protocol allows."""


class Frames:
    """Implements the port `Decoder`."""

    def decode(self, packet: bytes) -> bytes:
        return packet

    def conceal(self) -> bytes:
        return b"?"


@dataclass
class Air:
    """Where groups go: the WebSockets of the controller."""

    listeners: dict[bytes, list[tuple[str, "asyncio.Queue[bytes | None]"]]] = field(default_factory=dict)
    """By session, who listens."""

    def say(self, world: "World", session: bytes, raw: bytes) -> None:
        for box, queue in self.listeners.get(session, ()):
            if world.controller.up and world.boxes[box].link_up:
                queue.put_nowait(raw)

    def break_off(self, session: bytes) -> None:
        """The controller says that it is over."""
        for _, queue in self.listeners.pop(session, ()):
            queue.put_nowait(None)

    def line(self, box: str) -> "Line":
        return Line(self, box)


@dataclass
class Line:
    """Implements the port `LiveLine` for one box."""

    air: Air
    box: str

    async def listen(self, session: bytes) -> AsyncIterator[bytes]:
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.air.listeners.setdefault(session, []).append((self.box, queue))
        while (raw := await queue.get()) is not None:
            yield raw
        raise LinkError("over", permanent=True)


async def speak(world: "World", *, who: str, attached: str, for_s: int, voice: str, number: int) -> None:
    """A session of this officer for commune A, and then somebody's voice in it; the script goes on meanwhile."""
    page = key(f"page {number}")
    now_s, alarm = world.now_s, world.orders.get(attached)
    session = LiveSession(
        id=b"live%012d" % number,
        province=PROVINCE,
        environment="test",
        role=Role.COMMUNE,
        epoch=1,
        issued=now_s,
        not_before=now_s,
        expires=now_s + for_s + 20,
        area=(COMMUNE_A,),
        boxes=(),
        key=page.public_key,
        attached=None if alarm is None else alarm[0].id,
        reason="",
    )
    world.send(list(world.boxes), sign(encode(session), Family.LIVE, DOMAIN, key(who)))
    world.beside(_say(world, session, voice or f"page {number}", for_s))


async def _say(world: "World", session: LiveSession, voice: str, for_s: int) -> None:
    """At the pace of speech, from a second later on."""
    await asyncio.sleep(1)
    for first in range(0, for_s * 1000 // FRAME_MS, GROUP):
        group = VoiceGroup(session.id, first, (b".",) * GROUP, last=False)
        world.air.say(world, session.id, signed_group(group, DOMAIN, key(voice)))
        await asyncio.sleep(GROUP * FRAME_MS / 1000)
    world.air.break_off(session.id)
