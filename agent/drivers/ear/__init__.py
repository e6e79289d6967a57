"""Ears: a USB microphone through PortAudio, a measuring chip through the kernel's IIO files, behaving fakes of both."""

from agent.config import Config
from agent.drivers.ear.line import IioLine
from agent.ports.clock import Clock
from agent.ports.ear import EarError, Line, Listening, Microphone


class Missing:
    """A microphone that cannot be."""

    def __init__(self, why: str, *, vi: str) -> None:
        self._why = why
        self._vi = vi

    async def listen(self) -> Listening:
        raise EarError(self._why, vi=self._vi)


def microphone(config: Config, clock: Clock) -> Microphone | None:
    """The one that box.toml names, whether it is plugged in or not; None for none.

    Without PyAudio the box plays all the same: each row says why it has no proof.
    """
    if config.ear_device is None:
        return None
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
