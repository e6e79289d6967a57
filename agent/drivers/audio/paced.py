"""What a speaker without a pace of its own needs: one track after another, at its instant, by the box's clock."""

import abc
import asyncio

from agent.drivers.audio.played import PlayedAgain
from agent.ports.clock import Clock, wait_for
from agent.ports.sound import Mixed, RelaySound, Sounded, SoundError, Track

NEVER = Sounded(None, 0, complete=False)


class PacedSounding(abc.ABC):
    """A track on its way: waits for the track before it and for its own instant, then sounds."""

    def __init__(self, clock: Clock, track: Track, before: "PacedSounding | None") -> None:
        self.clock = clock
        self.track = track
        self.stopped = asyncio.Event()
        self.fade_ms = 0
        self._first: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.ensure_future(self._run(before))
        self._task.add_done_callback(self._settle)

    @abc.abstractmethod
    async def sound(self, first_sample_ms: int) -> Sounded:
        """Sound to the end, or to the end of the fade once `stopped` is set. Raises SoundError."""

    @abc.abstractmethod
    def over(self, sounded: Sounded | None) -> None:
        """Called once at the end; None when it broke off by an error or by the speaker's close."""

    async def started(self) -> int | None:
        return await asyncio.shield(self._first)

    async def ended(self) -> Sounded:
        return await asyncio.shield(self._task)

    def stop(self, fade_ms: int) -> None:
        self.fade_ms = fade_ms
        self.stopped.set()

    def mixed(self) -> Mixed:
        return PlayedAgain(self.track)

    @property
    def sentence_ms(self) -> int:
        return self.track.offset_ms

    @property
    def done(self) -> bool:
        return self._task.done()

    async def wait(self) -> None:
        """Wait for the end, whatever it is."""
        await asyncio.wait({self._task})

    def abandon(self) -> None:
        """End it without a fade."""
        self._task.cancel()

    async def _run(self, before: "PacedSounding | None") -> Sounded:
        sounded = None
        try:
            if before is not None:
                await before.wait()
            first = await self._due()
            if self.stopped.is_set() or not self.track.may_begin(first):
                sounded = NEVER
            else:
                self._first.set_result(first)
                sounded = await self.sound(first)
        finally:
            self.over(sounded)
        return sounded

    async def _due(self) -> int:
        """Wait for the track's instant, also where the clock is set back meanwhile, or for `stop`; what time it is."""
        stopped = await wait_for(self.clock, self.stopped, self.track.start_ms - self.clock.now_ms())
        while not stopped and (early_ms := self.track.start_ms - self.clock.now_ms()) > 0:
            stopped = await wait_for(self.clock, self.stopped, early_ms)
        return self.clock.now_ms()

    def _settle(self, task: "asyncio.Task[Sounded]") -> None:
        if task.cancelled():
            self._first.cancel()
            return
        error = task.exception()
        if self._first.done():
            return
        if error is None:
            self._first.set_result(None)
        else:
            self._first.set_exception(error)
            self._first.exception()  # seen: `ended` raises it too


def gone(why: str) -> SoundError:
    """The device does not answer."""
    return SoundError(
        f"the sound device failed: {why}",
        vi=f"thiết bị âm thanh không hoạt động ({why}); hãy kiểm tra dây, nguồn và [sound] trong box.toml",
        device=True,
    )


def stalled(for_ms: int) -> SoundError:
    """The file is there, and nothing is read of it: its card stands still."""
    return SoundError(
        f"nothing came of it for {for_ms} ms: the card stands still",
        vi=f"không đọc được gì trong {for_ms} ms: thẻ nhớ bị treo",
        device=False,
        stalled=True,
    )


def not_received(station: str) -> SoundError:
    """Neither the station nor anything in its place can sound."""
    return SoundError(
        f"station {station} cannot be received, and there is no fallback",
        vi=f"không thu được đài {station}, và không có chương trình thay thế",
        device=False,
    )


def fallbacks(track: Track) -> str:
    """What the log says of the stations of a track, where none is ever received."""
    relays = [sound for sound in track.sources if isinstance(sound, RelaySound)]
    return "; ".join(f"fallback: station {relay.station} cannot be received" for relay in relays)
