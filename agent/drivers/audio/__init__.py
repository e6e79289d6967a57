"""Speakers: the sound engine, whose output is a device or WAV files, and a behaving fake."""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any, Final

import structlog

from agent.config import Config
from agent.drivers.audio.fake import FakeSpeaker
from agent.drivers.audio.microphone import FakeMicrophone, PortAudioMicrophone
from agent.drivers.audio.speaker import EngineSpeaker, OnFault, command
from agent.ports.clock import Clock
from agent.ports.microphone import Microphone
from agent.ports.sound import SoundError, Speaker
from protocol.report import FaultCode

SOUNDED: Final = "sounded.jsonl"
"""Where the fake writes what sounded, in the folder of recordings."""

PRETENDED_HZ: Final = 400
"""What the microphone of a pretended panel hears."""
Find = Callable[[str], Any]
"""As `find_spec`: None for a package that is not installed."""

log = structlog.get_logger(__name__)


def choose(config: Config, clock: Clock, on_fault: OnFault = lambda *_: None, find: Find = find_spec) -> Speaker:
    """The speaker that box.toml asks for; "auto" is the engine on a device where PyAudio is, else on WAV files.

    `on_fault` is told when the player process fails. Raises SoundError when PortAudio is demanded and is not installed.
    A device that is only absent now is no error: it may be plugged in later.
    """
    match config.output:
        case "fake":
            config.recordings.mkdir(parents=True, exist_ok=True)
            return FakeSpeaker(clock, config.recordings / SOUNDED)
        case "wav":
            return _recorder(config, clock, on_fault)
        case "portaudio":
            return _engine(config, clock, on_fault, find)
        case _:
            return _automatic(config, clock, on_fault, find)


def microphone(config: Config) -> Microphone:
    """The box's own microphone; a missing PyAudio or plug is said when somebody speaks.

    A pretended panel on a machine without sound hears a tone, so that the recording shows that somebody spoke.
    """
    if config.output == "fake":
        return FakeMicrophone()
    if config.output == "wav" and config.panel.driver == "fake":
        return FakeMicrophone(tone_hz=PRETENDED_HZ)
    return PortAudioMicrophone(config.panel.microphone)


def _engine(config: Config, clock: Clock, on_fault: OnFault, find: Find) -> Speaker:
    if find("pyaudio") is None:
        raise SoundError(
            "PyAudio is not installed: install the extra `sound` (Debian: python3-pyaudio), "
            'or set output = "wav" under [sound] in box.toml',
            vi="chưa có PyAudio: hãy cài phần `sound` (Debian: python3-pyaudio), "
            'hoặc đặt output = "wav" dưới [sound] trong box.toml',
            device=True,
        )
    on_fault(FaultCode.AUDIO_DEVICE, False, "the daemon has started; what is wrong now is found anew")
    outputs = (config.device, config.second) if config.second else (config.device,)
    return EngineSpeaker(clock, outputs, on_fault=on_fault)


def _recorder(config: Config, clock: Clock, on_fault: OnFault, trouble: str = "") -> Speaker:
    start = partial(command, wav=config.recordings)
    return EngineSpeaker(clock, on_fault=on_fault, start=start, lasting=trouble)


def _automatic(config: Config, clock: Clock, on_fault: OnFault, find: Find) -> Speaker:
    """The engine opens a device that comes later; only where it can open none at all are there files, and a fault."""
    try:
        return _engine(config, clock, on_fault, find)
    except SoundError as error:
        log.warning("every sound becomes a WAV file", folder=str(config.recordings), reason=str(error))
        trouble = f"every sound becomes a file: {error}"
        on_fault(FaultCode.AUDIO_DEVICE, True, trouble)
        return _recorder(config, clock, on_fault, trouble)
