"""The service switch between player and amplifier: while somebody works on the pole nothing has power or sounds.

What should sound meanwhile fails as on a device that was pulled out, which is true: it is not noted as sounded, and an
alarm that is still valid sounds when the switch is back.
"""

import asyncio
from collections.abc import Callable

from agent.ports.sound import Amplifier, Frames, Mixed, Sounded, SoundError, Sounding, Speaker, Track


class ServiceLock:
    """`amplifier` and `speaker` are what everybody else is given."""

    def __init__(self, amplifier: Amplifier, speaker: Speaker, *, locked: bool = False) -> None:
        """`locked`: until the switch has been read and `set`, since somebody may be working while the daemon starts."""
        self._inner = amplifier
        self.is_on = locked
        self.on_trouble: Callable[[str], None] = lambda _: None
        """Told why the amplifier did not switch; empty when it did."""
        self.on_moved: Callable[[], None] = lambda: None
        """Told at once that the switch was moved: whoever wants power asks for it anew."""
        self.amplifier: Amplifier = _LockedAmplifier(self)
        self.speaker = _LockedSpeaker(self, speaker)

    async def set(self, on: bool) -> None:
        """The switch was moved. Raises SoundError; then the speaker is locked all the same."""
        self.is_on = on
        self.on_moved()
        if on:
            self.speaker.break_off()
            await self._switch(False)

    async def power(self, on: bool) -> None:
        """What the player wants; while locked it stays off. Raises SoundError."""
        await self._switch(on and not self.is_on)

    async def _switch(self, on: bool) -> None:
        try:
            await self._inner.power(on)
        except SoundError as error:
            self.on_trouble(error.told)
            raise
        self.on_trouble("")


class LockedError(SoundError):
    """The device is well, and somebody works on the pole: no fault of the device, and tried again once that is over."""

    def __init__(self, lock: ServiceLock) -> None:
        super().__init__(
            "the service switch keeps the amplifier off; switch it back when the work is done",
            device=True,
            vi="công tắc bảo trì đang khóa âm ly; hãy gạt lại khi xong việc",
        )
        self._lock = lock

    @property
    def is_over(self) -> bool:
        return not self._lock.is_on


class _LockedAmplifier:
    """Implements the port `Amplifier`."""

    def __init__(self, lock: ServiceLock) -> None:
        self._lock = lock

    async def power(self, on: bool) -> None:
        await self._lock.power(on)


class _LockedSpeaker:
    """Implements the port `Speaker`."""

    def __init__(self, lock: ServiceLock, speaker: Speaker) -> None:
        self._lock = lock
        self._speaker = speaker
        self._soundings: list[_LockedSounding] = []

    @property
    def trouble(self) -> str:
        return self._speaker.trouble

    async def start(self, track: Track) -> Sounding:
        if self._lock.is_on:
            raise LockedError(self._lock)
        sounding = _LockedSounding(await self._speaker.start(track), self._lock)
        if self._lock.is_on:  # moved while the device opened
            sounding.break_off()
            raise LockedError(self._lock)
        self._soundings = [*(row for row in self._soundings if not row.is_over), sounding]
        return sounding

    def break_off(self) -> None:
        """End all that sounds, now."""
        for sounding in self._soundings:
            sounding.break_off()

    def frames(self, name: str) -> Frames:
        return self._speaker.frames(name)

    async def probe(self) -> str:
        return await self._speaker.probe()

    async def close(self) -> None:
        await self._speaker.close()


class _LockedSounding:
    """Implements the port `Sounding`."""

    def __init__(self, sounding: Sounding, lock: ServiceLock) -> None:
        self._sounding = sounding
        self._lock = lock
        self._broken = False
        self.is_over = False

    async def started(self) -> int | None:
        try:
            return await self._sounding.started()
        except (SoundError, asyncio.CancelledError):  # nobody asks for its end any more
            self._sounding.stop(0)
            self.is_over = True
            raise

    async def ended(self) -> Sounded:
        try:
            sounded = await self._sounding.ended()
        finally:
            self.is_over = True
        if self._broken and not sounded.complete:
            raise LockedError(self._lock)
        return sounded

    def stop(self, fade_ms: int) -> None:
        self._sounding.stop(fade_ms)

    def mixed(self) -> Mixed:
        return self._sounding.mixed()

    @property
    def sentence_ms(self) -> int:
        return self._sounding.sentence_ms

    def break_off(self) -> None:
        self._broken = True
        self._sounding.stop(0)
