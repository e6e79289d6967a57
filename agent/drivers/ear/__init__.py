"""Ears: a USB microphone through PortAudio, one that hears the output's files, a measuring chip through the kernel's
IIO files, behaving fakes."""

from agent.config import RECORDINGS, Config
from agent.drivers.ear.line import IioLine
from agent.drivers.ear.recorded import Horn, RecordedMicrophone
from agent.ports.clock import Clock
from agent.ports.ear import EarError, Line, Listening, Microphone
from agent.ports.sound import Amplifier


class Missing:
    """A microphone that cannot be."""

    def __init__(self, why: str, *, vi: str) -> None:
        self._why = why
        self._vi = vi

    async def look(self) -> str:
        raise EarError(self._why, vi=self._vi)

    async def listen(self) -> Listening:
        raise EarError(self._why, vi=self._vi)


def horn(config: Config, amplifier: Amplifier) -> Horn | None:
    """What the ear that hears recordings must know of this amplifier; None where the ear is another."""
    return Horn(amplifier) if config.ear_device == RECORDINGS else None


def microphone(config: Config, clock: Clock, horn: Horn | None = None) -> Microphone | None:
    """The one that box.toml names, whether it is plugged in or not; None for none.

    Without PyAudio the box plays all the same: each row says why it has no proof.
    """
    if config.ear_device is None:
        return None
    if config.ear_device == RECORDINGS:
        return RecordedMicrophone(clock, config.recordings, horn.sounds if horn else lambda: True)
    try:
        from agent.drivers.ear.portaudio import PortAudioMicrophone
    except ImportError as error:
        return Missing(
            f"PyAudio cannot be imported ({error}): install the extra `sound` (Debian: python3-pyaudio), "
            "or remove ear.device from box.toml",
            vi=f"không nạp được PyAudio ({error}): hãy cài phần `sound` (Debian: python3-pyaudio), "
            "hoặc bỏ ear.device trong box.toml",
        )
    return PortAudioMicrophone(clock, config.ear_device)


def line(config: Config) -> Line | None:
    """The one that box.toml names; None for none."""
    return None if config.ear_adc is None else IioLine(config.ear_adc)
