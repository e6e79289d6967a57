"""The link to a real broker: what it hears, and what it may believe of it."""

import asyncio
from pathlib import Path

import pytest

from agent.errors import LinkError
from agent.link.mqtt import MqttLink, Place
from agent.services.wake import Wake
from tests.support.box_parts import BOX
from tests.support.broker import Broker

pytestmark = pytest.mark.broker
PATIENCE_S = 30


def test_a_sign_of_life_is_any_answer_even_to_a_ping_and_a_broker_that_hangs_gives_none(tmp_path: Path) -> None:
    async def main() -> None:
        place = Place(f"mqtt://127.0.0.1:{broker.port}", ())
        link = MqttLink(
            BOX,
            place=lambda: place,
            take=lambda _: None,
            moved=Wake(),
            draw=lambda: 0.5,
            keepalive_s=1,
        )
        assert link.silent_ms is None
        connected = asyncio.Event()
        link.on_connect = connected.set
        running = asyncio.create_task(link.run())
        async with asyncio.timeout(PATIENCE_S):
            await connected.wait()
            before = silent(link)
            while silent(link) >= before:  # nothing was sent but a ping
                before = silent(link)
                await asyncio.sleep(0.05)
            broker.hang()
            with pytest.raises((TimeoutError, LinkError)):
                async with asyncio.timeout(0.3):
                    await link.publish("beat", b"\x80", certain=True)
            broker.go_on()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert link.silent_ms is None

    def silent(link: MqttLink) -> int:
        assert link.silent_ms is not None
        return link.silent_ms

    with Broker(tmp_path) as broker:
        asyncio.run(main())
