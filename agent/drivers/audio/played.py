"""What was mixed, at a third of its rate, as the box's ear is compared with it.

The player process says it while it sounds (`agent.drivers.audio.said`), so that the daemon decodes nothing for that.
The fake speaker, which mixes nothing, reads the files once more.
"""

from typing import Final

import numpy as np

from agent.core.proof import RATE_HZ, Samples
from agent.drivers.audio import source
from agent.drivers.audio.source import Source, Stream
from agent.drivers.audio.speech import open_spoken
from agent.ports.sound import FramesSound, RelaySound, Sound, SoundError, Track, sound_label

FOLD: Final = source.RATE_HZ // RATE_HZ


def folded(samples: Samples) -> Samples:
    """From 48 to 16 kHz, by the mean of three: what folds back below 4 kHz lies above 12 kHz and loses 10 dB or more.

    Between 300 and 4000 Hz, where proof looks, that is as good as a filter, and it keeps nothing between blocks.
    """
    whole = samples[: len(samples) // FOLD * FOLD]
    return np.asarray(whole.reshape(-1, FOLD).mean(axis=1), np.float32)


def _open(sound: Sound, skip: int) -> Stream:
    """What can be had a second time. Of a station nothing is said: its fallback is not what was heard."""
    if isinstance(sound, RelaySound | FramesSound):
        raise SoundError(f"{sound_label(sound)}: live sound is gone once it was played", device=False)
    return open_spoken(sound, skip)


class PlayedAgain:
    """Implements the port `Mixed`: as the speaker would decode it, however far ahead. Raises SoundError."""

    def __init__(self, track: Track) -> None:
        self._source = Source(track, _open)

    async def read(self, count: int) -> Samples:
        return folded(self._source.read(count * FOLD))

    def close(self) -> None:
        self._source.close()
