"""Opus at the box: what the encoder makes the decoder reads, and nothing of another length is taken."""

import numpy as np
import pytest

from agent.drivers.opus import FRAME_SAMPLES, MAX_PACKET, OpusDecoder, OpusEncoder
from agent.ports.sound import SoundError
from protocol.live import RATE_HZ

TONE_HZ = 800


def test_a_tone_comes_out_as_it_went_in() -> None:
    encoder, decoder = OpusEncoder(), OpusDecoder()
    at = np.arange(50 * FRAME_SAMPLES) / RATE_HZ
    pcm = (0.5 * np.sin(2 * np.pi * TONE_HZ * at) * 32_767).astype("<i2").tobytes()
    packets = [
        encoder.encode(pcm[start : start + 2 * FRAME_SAMPLES]) for start in range(0, len(pcm), 2 * FRAME_SAMPLES)
    ]
    assert all(0 < len(packet) <= MAX_PACKET for packet in packets)
    assert sum(map(len, packets)) < len(pcm) / 10
    heard = np.frombuffer(b"".join(decoder.decode(packet) for packet in packets), "<i2")[RATE_HZ // 2 :]
    power = np.abs(np.fft.rfft(heard * np.hanning(len(heard)))) ** 2
    peak = int(power.argmax()) * RATE_HZ / len(heard)
    assert abs(peak - TONE_HZ) < 5


def test_a_block_of_another_length_is_no_frame() -> None:
    with pytest.raises(SoundError, match="a frame has"):
        OpusEncoder().encode(bytes(100))
