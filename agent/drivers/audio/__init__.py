"""Speakers: PortAudio for a sound device, a WAV writer for machines without one, and a behaving fake."""

from typing import Final

import structlog

from agent.config import Config
from agent.drivers.audio.fake import FakeSpeaker
from agent.drivers.audio.microphone import FakeMicrophone, PortAudioMicrophone
from agent.drivers.audio.wav import wav_speaker
from agent.ports.clock import Clock
from agent.ports.microphone import Microphone
from agent.ports.sound import SoundError, Speaker

SOUNDED: Final = "sounded.jsonl"
"""Where the fake writes what sounded, in the folder of recordings."""

log = structlog.get_logger(__name__)


def choose(config: Config, clock: Clock) -> Speaker:
    """The speaker that box.toml asks for; "auto" is PortAudio when it is installed and a device opens, else WAV files.

    Raises SoundError when PortAudio is demanded and is not installed. A device that is only absent now is no error:
    it may be plugged in later.
    """
    match config.output:
        case "fake":
            config.recordings.mkdir(parents=True, exist_ok=True)
            return FakeSpeaker(clock, config.recordings / SOUNDED)
        case "wav":
            return wav_speaker(clock, config.recordings)
        case "portaudio":
            return _portaudio(config, clock)
        case _:
            return _whatever_works(config, clock)


def microphone(config: Config) -> Microphone:
    """The box's own microphone; a missing PyAudio or plug is said when somebody speaks."""
    return FakeMicrophone() if config.output == "fake" else PortAudioMicrophone(config.panel.microphone)


def _portaudio(config: Config, clock: Clock) -> Speaker:
    try:
        from agent.drivers.audio.portaudio import PortAudioSpeaker
    except ImportError as error:
        raise SoundError(
            f"PyAudio cannot be imported ({error}): install the extra `sound` (Debian: python3-pyaudio), "
            'or set output = "wav" under [sound] in box.toml',
            vi=f"không nạp được PyAudio ({error}): hãy cài phần `sound` (Debian: python3-pyaudio), "
            'hoặc đặt output = "wav" dưới [sound] trong box.toml',
            device=True,
        ) from error
    return PortAudioSpeaker(clock, config.device)


def _whatever_works(config: Config, clock: Clock) -> Speaker:
    try:
        from agent.drivers.audio.device import try_device
        from agent.drivers.audio.portaudio import PortAudioSpeaker

        detail = try_device(config.device)
    except (ImportError, SoundError) as error:
        log.warning("no sound device: every sound becomes a WAV file", folder=str(config.recordings), reason=str(error))
        return wav_speaker(clock, config.recordings)
    log.info("sound device", device=detail)
    return PortAudioSpeaker(clock, config.device)
