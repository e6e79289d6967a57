"""Speakers: the sound engine, whose output is a device or WAV files, and a behaving fake."""

import subprocess
import sys
from functools import partial
from importlib.util import find_spec
from typing import Final

import structlog

from agent.config import Config
from agent.drivers.audio.fake import FakeSpeaker
from agent.drivers.audio.microphone import FakeMicrophone, PortAudioMicrophone
from agent.drivers.audio.speaker import EngineSpeaker, OnFault, command
from agent.ports.clock import Clock
from agent.ports.microphone import Microphone
from agent.ports.sound import SoundError, Speaker

SOUNDED: Final = "sounded.jsonl"
"""Where the fake writes what sounded, in the folder of recordings."""
TRIAL_S: Final = 20
"""So long a trial of the device may take; a hung sound server takes for ever."""

log = structlog.get_logger(__name__)


def choose(config: Config, clock: Clock, on_fault: OnFault = lambda *_: None) -> Speaker:
    """The speaker that box.toml asks for; "auto" is the engine where PyAudio and a device are, else WAV files.

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
            return _engine(config, clock, on_fault)
        case _:
            return _whatever_works(config, clock, on_fault)


def microphone(config: Config) -> Microphone:
    """The box's own microphone; a missing PyAudio or plug is said when somebody speaks."""
    return FakeMicrophone() if config.output == "fake" else PortAudioMicrophone(config.panel.microphone)


def _engine(config: Config, clock: Clock, on_fault: OnFault) -> Speaker:
    if find_spec("pyaudio") is None:
        raise SoundError(
            "PyAudio is not installed: install the extra `sound` (Debian: python3-pyaudio), "
            'or set output = "wav" under [sound] in box.toml',
            vi="chưa có PyAudio: hãy cài phần `sound` (Debian: python3-pyaudio), "
            'hoặc đặt output = "wav" dưới [sound] trong box.toml',
            device=True,
        )
    outputs = (config.device, config.second) if config.second else (config.device,)
    return EngineSpeaker(clock, outputs, on_fault=on_fault)


def _recorder(config: Config, clock: Clock, on_fault: OnFault) -> Speaker:
    return EngineSpeaker(clock, on_fault=on_fault, start=partial(command, wav=config.recordings))


def _whatever_works(config: Config, clock: Clock, on_fault: OnFault) -> Speaker:
    try:
        detail = _tried(config.device)
    except SoundError as error:
        log.warning("no sound device: every sound becomes a WAV file", folder=str(config.recordings), reason=str(error))
        return _recorder(config, clock, on_fault)
    log.info("sound device", device=detail)
    return _engine(config, clock, on_fault)


def _tried(device: str | None) -> str:
    """Open the device and close it, in a process of its own; its name. Raises SoundError."""
    program = [sys.executable, "-m", "agent.drivers.audio.engine", "--probe", "--", device or ""]
    try:
        tried = subprocess.run(program, capture_output=True, text=True, timeout=TRIAL_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise SoundError(f"the sound device did not answer within {TRIAL_S} s", device=True) from error
    said = (tried.stdout or tried.stderr).strip().rpartition("\n")[2]
    if tried.returncode != 0:
        raise SoundError(said, device=True)
    return said
