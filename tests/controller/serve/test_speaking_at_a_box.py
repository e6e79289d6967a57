"""Somebody speaks at one box: microphone → Opus → signed groups → `loalang serve` → another box's connection → PCM.

The microphone is a tone and the horn is a list; everything between them is real. A third box of the commune, whose code
was not named, hears nothing.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from agent.drivers.opus import FRAME_SAMPLES, OpusEncoder
from agent.link.live import LiveSocket
from agent.link.tls import Tls
from agent.services.caller import Call, Caller, Way
from agent.store.database import Database
from agent.store.papers import PaperFiles
from agent.store.sessions import Sessions
from controller.boxes.models import Stage
from protocol import keyfile
from protocol.ids import box_id, enrolment_code, sha256
from protocol.live import FRAME_MS, RATE_HZ
from protocol.manifest import Assignment
from protocol.signing import KeySigner
from tests.support.box_parts import BOX, SIGNER, parts
from tests.support.broker import Broker
from tests.support.live_boxes import BEEP_HZ, Ear, LiveBox, enrol, purity
from tests.support.live_office import COMMUNE, PASSPHRASE, furnish
from tests.support.program import Loalang
from tests.support.small_controller import key

HALL, OTHER = key("the commune hall's box"), key("a box whose code nobody named")
TALKING_S: Final = 3.0


@pytest.fixture
def office(tmp_path: Path) -> Iterator[tuple[str, int, bytes, KeySigner]]:
    """Its address, the broker's port, the roots; and the commune's token."""
    with Broker(tmp_path) as broker:
        made = Loalang(tmp_path, broker.port, province="79")
        furnish(made, tmp_path)
        made.start()
        for signer in (SIGNER, HALL, OTHER):
            enrol(made.url, signer)
            approve(made, box_id(signer.public_key))
        token = keyfile.unseal((tmp_path / "lan.json").read_text(), PASSPHRASE)
        yield made.url, broker.port, (tmp_path / "roots.cose").read_bytes(), token
        made.stop()


def approve(program: Loalang, box: str) -> None:
    """As the technician does on the box's page."""
    program.python(
        "from controller.boxes.models import Box; from controller.units.models import Unit; "
        f"unit = Unit.objects.get(code='{COMMUNE}'); "
        f"Box.objects.filter(pk='{box}').update(state='{Stage.APPROVED.value}', unit=unit)"
    )


def tone(number: int) -> bytes:
    """The microphone's block of this number."""
    at = (np.arange(FRAME_SAMPLES) + number * FRAME_SAMPLES) / RATE_HZ
    return bytes((0.5 * np.sin(2 * np.pi * BEEP_HZ * at) * 32767).astype("<i2").tobytes())


async def spoken(folder: Path, office: tuple[str, int, bytes, KeySigner], codes: tuple[str, ...]) -> Call:
    """For TALKING_S, at the commune hall."""
    url, _port, roots, token = office
    with parts(folder) as box, contextlib.closing(Database(folder / "live")) as database:
        box.clock.jump(round(time.time() * 1000) - box.clock.now_ms())
        box.inbox.take_first(roots)
        place = Assignment(box_id(HALL.public_key), 1, sha256(b""), 1, ("79", COMMUNE), 0, 0xFFFF_FFFF)
        box.store.desired.keep_wanted(b"", place)
        caller = Caller(
            box.clock,
            box.store,
            sessions=Sessions(database),
            line=LiveSocket(url, HALL, Tls(PaperFiles(folder), box.clock), box.clock),
            encoder=OpusEncoder,
            unit_of=lambda _: COMMUNE,
            entropy=lambda: bytes(range(12)),
            key=lambda: key("a press"),
        )
        call = caller.call(token, codes, keyed=False)
        for number in range(round(TALKING_S * 1000 / FRAME_MS)):
            call.push(tone(number))
            await asyncio.sleep(FRAME_MS / 1000)
        reached = call.reach
        call.close()
        await asyncio.sleep(1)
        call.reach = reached
        return call


def test_what_is_said_at_the_commune_hall_is_heard_at_the_box_whose_code_was_named(
    office: tuple[str, int, bytes, KeySigner], tmp_path: Path
) -> None:
    url, port, roots, _token = office
    ear = Ear(port)
    with LiveBox(tmp_path / "box", url, roots) as named, LiveBox(tmp_path / "other", url, roots, OTHER) as other:

        async def story() -> Call:
            speaking = asyncio.create_task(spoken(tmp_path / "hall", office, (enrolment_code(BOX),)))
            session = await asyncio.to_thread(ear.session)
            for box in (named, other):
                box.take(session)
            return await speaking

        call = asyncio.run(story())
        assert call.reach.way is Way.ON
        assert (call.reach.heard.listening, call.reach.heard.meant) == (1, 1)
        assert len(named.horn.pcm) > 2 * RATE_HZ
        assert purity(named.horn.pcm) > 0.9
        assert other.horn.pcm == b""
    ear.stop()
