"""From the description of a track to what feeds its voice."""

import threading
from collections.abc import Callable, Mapping
from itertools import groupby
from typing import Final

from agent.drivers.audio.engine.feeds import Ahead, Chain, Inlet
from agent.drivers.audio.engine.mixer import Feed
from agent.drivers.audio.engine.station import Station, pump
from agent.drivers.audio.source import Joined, Loop, Open, frames, open_local
from agent.ports.sound import FileSound, FramesSound, RelaySound, Sound, SoundError, SpeechSound, ToneSound, Track

STORED: Final = (FileSound, ToneSound, SpeechSound)

Opened = Callable[[SoundError | None], None]


class Opening:
    """Knows the inlets of live sound by their names."""

    def __init__(self, open_sound: Open = open_local) -> None:
        self._open_sound = open_sound
        self._inlets: dict[str, Inlet] = {}
        self._lock = threading.Lock()

    def inlet(self, name: str) -> Inlet:
        with self._lock:
            return self._inlets.setdefault(name, Inlet())

    def forget(self, name: str) -> None:
        """There will be no more by this name; who begins again begins anew."""
        with self._lock:
            self._inlets.pop(name, None)

    def is_live(self, track: Track) -> bool:
        return not all(isinstance(sound, STORED) for sound in track.sources)

    def feed(self, track: Track, pipes: Mapping[str, str], opened: Opened) -> Feed:
        """What feeds this track; `opened` is told once, from any thread, whether its first sound can be read."""
        skip = frames(track.offset_ms)
        tell: Opened = opened
        feeds: list[Feed] = []
        for stored, group in groupby(track.sources, lambda sound: isinstance(sound, STORED)):
            sounds = tuple(group)
            if stored:
                feeds.append(self._ahead(sounds, skip, tell))
            else:
                feeds += [self._live(sound, skip, pipes) for sound in sounds]
                tell(None)
            skip, tell = 0, _nobody
        return feeds[0] if len(feeds) == 1 else Chain(feeds)

    def _ahead(self, sounds: tuple[Sound, ...], skip: int, tell: Opened) -> Ahead:
        return Ahead(lambda: Joined(sounds, skip, self._open_sound), tell)

    def _live(self, sound: Sound, skip: int, pipes: Mapping[str, str]) -> Feed:
        match sound:
            case FramesSound(name=name):
                return self.inlet(name)
            case RelaySound() as relay:
                return self._station(relay, skip, pipes)
            case _:
                raise AssertionError(sound)

    def _station(self, relay: RelaySound, skip: int, pipes: Mapping[str, str]) -> Station:
        def fallback() -> Feed:
            begin = skip + frames(relay.fallback_offset_ms)
            return Ahead(lambda: Loop(relay.fallback, begin, self._open_sound), _nobody)

        station = Station(relay, fallback if relay.fallback else None)
        pipe = pipes.get(relay.url, "")
        threading.Thread(target=pump, args=(pipe, station), name="station", daemon=True).start()
        return station


def _nobody(_: SoundError | None) -> None:
    """Errors of later sounds come out where they are taken."""
