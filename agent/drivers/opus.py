"""libopus (RFC 6716), the reference decoder, by ctypes: three functions of its C interface (opus.h) are all we need."""

import ctypes
import ctypes.util
from typing import Final

from agent.ports.sound import SoundError
from protocol.live import FRAME_MS, RATE_HZ

FRAME_SAMPLES: Final = RATE_HZ * FRAME_MS // 1000
LIBRARY: Final = "libopus.so.0"


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
    return library
