"""Hoa's voice in the journey: a tone, as a page would send it. Opus frames, signed with a key made for this session."""

import ctypes
import ctypes.util
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.urls import reverse
from django.utils import timezone
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from controller.accounts import signing
from controller.demo.errors import DemoError
from controller.demo.layout import PASSPHRASE
from controller.demo.officer import Officer, signature_fields
from controller.demo.stage import Stage
from controller.live.models import Speech
from protocol.live import FRAME_MS, GROUP_FRAMES, RATE_HZ, VoiceGroup, signed_group
from protocol.signing import Family, KeySigner, to_be_signed

TONE_HZ: Final = 700
SPOKEN_S: Final = 5
PATIENCE_S: Final = 20
"""Until the boxes listen."""
_FRAME: Final = RATE_HZ * FRAME_MS // 1000
_LONGEST: Final = 400
"""Bytes of a frame."""
_VOIP: Final = 2048  # OPUS_APPLICATION_VOIP


class LiveVoice:
    """One session, from the form to its end."""

    def __init__(self, stage: Stage, officer: Officer) -> None:
        self._layout = stage.layout
        self._officer = officer
        self._signer = KeySigner(Ed25519PrivateKey.generate())
        self.session = ""
        """Its id in hex, once it was prepared."""

    @property
    def play(self) -> str:
        """The name of its play on each box."""
        return f"voice:{self.session}"

    def open(self, unit: str) -> None:
        """Choose who hears it, and sign: from here on the boxes listen."""
        key = signing.to_base64url(self._signer.public_key)
        page = self._officer.submit(reverse("live:new"), area=[unit], minutes="5", attached="", reason="", key=key)
        self.session = page.rstrip("/").rsplit("/", 1)[-1]
        message = to_be_signed(bytes(self._speech.payload), Family.LIVE, signing.domain())
        fields = signature_fields(message, self._layout.key_file(self._officer.username), PASSPHRASE)
        self._officer.submit(page, reverse("live:sign", args=[self.session]), **fields)

    def speak(self, listeners: int) -> int:
        """Wait until so many boxes listen, then sound the tone; when its first group left, epoch milliseconds."""
        address = f"ws{self._layout.url.removeprefix('http')}/truc-tiep/{self.session}/noi/"
        try:
            with connect(
                address,
                origin=Origin(self._layout.url),
                additional_headers={"Cookie": self._officer.cookies},
                compression=None,
                proxy=None,
            ) as socket:
                _wait_for(socket, listeners)
                return self._say(socket)
        except (WebSocketException, OSError) as error:
            raise DemoError(f"live voice: {error}") from error

    def close(self) -> None:
        page = reverse("live:session", args=[self.session])
        self._officer.submit(page, reverse("live:end", args=[self.session]))

    @property
    def _speech(self) -> Speech:
        return Speech.objects.get(pk=self.session)

    def _say(self, socket: ClientConnection) -> int:
        sent_at = self._speech.sent_at
        assert sent_at is not None
        first = int((timezone.now() - sent_at).total_seconds() * 1000) // FRAME_MS
        begun, begun_ms = time.monotonic(), round(time.time() * 1000)
        frames = list(_tone(SPOKEN_S * 1000 // FRAME_MS))
        for at in range(0, len(frames), GROUP_FRAMES):
            some = tuple(frames[at : at + GROUP_FRAMES])
            last = at + GROUP_FRAMES >= len(frames)
            group = VoiceGroup(bytes.fromhex(self.session), first + at, some, last)
            time.sleep(max(0.0, begun + (at + len(some)) * FRAME_MS / 1000 - time.monotonic()))
            socket.send(signed_group(group, signing.domain(), self._signer))
        return begun_ms


def _wait_for(socket: ClientConnection, listeners: int) -> None:
    """The controller tells the page every second how many listen."""
    until = time.monotonic() + PATIENCE_S
    count = 0
    while count < listeners:
        try:
            told = socket.recv(timeout=max(0.0, until - time.monotonic()))
        except TimeoutError as error:
            raise DemoError(f"live voice: {count} of {listeners} boxes listen after {PATIENCE_S} s") from error
        count = int(json.loads(told)["listening"])


def _tone(count: int) -> Iterator[bytes]:
    """So many Opus frames of it."""
    times = np.arange(count * _FRAME) / RATE_HZ
    samples = (0.5 * np.sin(2 * np.pi * TONE_HZ * times) * 32_767).astype(np.int16)
    with _encoder() as encode:
        for at in range(0, len(samples), _FRAME):
            yield encode(samples[at : at + _FRAME].tobytes())


@contextmanager
def _encoder() -> Iterator[Callable[[bytes], bytes]]:
    """libopus (opus.h): from a frame's samples to its packet."""
    try:
        library = ctypes.CDLL(ctypes.util.find_library("opus") or "libopus.so.0")
    except OSError as missing:
        raise DemoError("live voice needs libopus: apt-get install libopus0") from missing
    library.opus_encoder_create.restype = ctypes.c_void_p
    error = ctypes.c_int()
    state = ctypes.c_void_p(library.opus_encoder_create(RATE_HZ, 1, _VOIP, ctypes.byref(error)))
    packet = ctypes.create_string_buffer(_LONGEST)

    def encode(pcm: bytes) -> bytes:
        length = library.opus_encode(state, pcm, _FRAME, packet, _LONGEST)
        if length < 0:
            raise DemoError(f"libopus: error {length}")
        return packet.raw[:length]

    try:
        yield encode
    finally:
        library.opus_encoder_destroy(state)
