"""libopus (RFC 6716), the reference codec, by ctypes: a few functions of its C interface (opus.h) are all we need."""

import ctypes
import ctypes.util
from typing import Final

from agent.ports.sound import SoundError
from protocol.live import BITRATE, FRAME_MS, RATE_HZ

FRAME_SAMPLES: Final = RATE_HZ * FRAME_MS // 1000
LIBRARY: Final = "libopus.so.0"
VOIP: Final = 2048
"""OPUS_APPLICATION_VOIP."""
SET_BITRATE: Final = 4002
"""OPUS_SET_BITRATE_REQUEST."""
MAX_PACKET: Final = 400
"""What a VoiceGroup takes."""


class OpusDecoder:
    """Implements the port `Decoder`. Raises SoundError where the library is missing."""

    def __init__(self) -> None:
        self._library = _library()
        error = ctypes.c_int()
        self._state = self._library.opus_decoder_create(RATE_HZ, 1, ctypes.byref(error))
        if error.value:
            raise SoundError(f"libopus: no decoder ({error.value})", device=False)
        self._pcm = (ctypes.c_int16 * (6 * FRAME_SAMPLES))()

    def decode(self, packet: bytes) -> bytes:
        return self._decoded(packet, len(packet), 6 * FRAME_SAMPLES)

    def conceal(self) -> bytes:
        return self._decoded(None, 0, FRAME_SAMPLES)

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._library.opus_decoder_destroy(self._state)

    def _decoded(self, packet: bytes | None, length: int, samples: int) -> bytes:
        count = self._library.opus_decode(self._state, packet, length, self._pcm, samples, 0)
        if count < 0:
            raise SoundError(f"not an Opus packet ({count})", device=False)
        return bytes(memoryview(self._pcm).cast("B")[: 2 * count])


class OpusEncoder:
    """Implements the port `Encoder`. Raises SoundError where the library is missing."""

    def __init__(self) -> None:
        self._library = _library()
        error = ctypes.c_int()
        self._state = self._library.opus_encoder_create(RATE_HZ, 1, VOIP, ctypes.byref(error))
        if error.value:
            raise SoundError(f"libopus: no encoder ({error.value})", device=False)
        self._library.opus_encoder_ctl(self._state, SET_BITRATE, ctypes.c_int(BITRATE))
        self._packet = (ctypes.c_ubyte * MAX_PACKET)()

    def encode(self, pcm: bytes) -> bytes:
        if len(pcm) != 2 * FRAME_SAMPLES:
            raise SoundError(f"a frame has {2 * FRAME_SAMPLES} bytes, not {len(pcm)}", device=False)
        length = self._library.opus_encode(self._state, pcm, FRAME_SAMPLES, self._packet, MAX_PACKET)
        if length < 1:
            raise SoundError(f"libopus encodes nothing ({length})", device=False)
        return bytes(memoryview(self._packet).cast("B")[:length])

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._library.opus_encoder_destroy(self._state)


def _library() -> ctypes.CDLL:
    name = ctypes.util.find_library("opus") or LIBRARY
    try:
        library = ctypes.CDLL(name)
    except OSError as error:
        raise SoundError("live voice needs libopus: apt-get install libopus0", device=False) from error
    library.opus_decoder_create.restype = ctypes.c_void_p
    library.opus_decoder_create.argtypes = [ctypes.c_int32, ctypes.c_int, ctypes.POINTER(ctypes.c_int)]
    library.opus_decoder_destroy.argtypes = [ctypes.c_void_p]
    library.opus_decode.argtypes = [
        ctypes.c_void_p,
        ctypes.c_char_p,
        ctypes.c_int32,
        ctypes.POINTER(ctypes.c_int16),
        ctypes.c_int,
        ctypes.c_int,
    ]
    library.opus_encoder_create.restype = ctypes.c_void_p
    library.opus_encoder_create.argtypes = [ctypes.c_int32, ctypes.c_int, ctypes.c_int, ctypes.POINTER(ctypes.c_int)]
    library.opus_encoder_destroy.argtypes = [ctypes.c_void_p]
    library.opus_encoder_ctl.argtypes = [ctypes.c_void_p, ctypes.c_int]
    library.opus_encode.argtypes = [
        ctypes.c_void_p,
        ctypes.c_char_p,
        ctypes.c_int,
        ctypes.POINTER(ctypes.c_ubyte),
        ctypes.c_int32,
    ]
    return library
