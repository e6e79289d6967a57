"""Whatever takes HDMI: a television, an LCD, the sending card of a wall of LEDs. Drawn by SDL over the whole screen."""

import os
from pathlib import Path
from typing import Any, Final

from agent.drivers.boards.worker import Worker
from agent.ports.board import BoardError, Picture

CONNECTORS: Final = Path("/sys/class/drm")
"""Where the kernel says what is plugged in (Documentation/gpu/drm-uapi): `card1-HDMI-A-1/status`."""
BLIND: Final = frozenset({"offscreen", "dummy", "evdev"})
"""SDL's video drivers that draw into memory; it chooses them by itself where there is no screen."""


class HdmiBoard:
    """Implements the port `Board`."""

    def __init__(self, *, fills: bool, connectors: Path = CONNECTORS, blind: bool = False) -> None:
        """`fills`: stretched over the screen; else dot for dot in its upper left corner, as sending cards want it.

        `blind`: whether what is drawn may go to memory, where nobody sees it.
        """
        self._fills = fills
        self._blind = blind
        self._connectors = connectors
        self._worker = Worker("board")
        self._pygame: Any = None

    async def show(self, picture: Picture) -> None:
        await self._worker.do(lambda: self._draw(picture))

    async def close(self) -> None:
        await self._worker.do(self._close)

    def _draw(self, picture: Picture) -> None:
        self._expect_a_screen()
        if self._pygame is None:
            self._pygame = _open(self._blind)
        pygame, frame = self._pygame, picture.frame.dimmed(picture.brightness)
        try:
            pygame.event.pump()
            screen = pygame.display.get_surface()
            image = pygame.image.frombuffer(frame.rgb, (frame.width, frame.height), "RGB")
            screen.fill((0, 0, 0))
            if self._fills:
                image = pygame.transform.smoothscale(image, screen.get_size())
            screen.blit(image, (0, 0))
            pygame.display.flip()
        except pygame.error as error:
            self._close()
            raise _no_screen(str(error)) from error

    def _expect_a_screen(self) -> None:
        """SDL draws on without a word when the plug is pulled; the kernel knows."""
        states = [path.read_text().strip() for path in self._connectors.glob("card*-*/status")]
        if states and "connected" not in states:
            raise _no_screen("nothing is plugged in", "chưa cắm gì")

    def _close(self) -> None:
        if self._pygame is not None:
            self._pygame.display.quit()
            self._pygame = None


def _open(blind: bool) -> Any:
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    os.environ.setdefault("SDL_NO_SIGNAL_HANDLERS", "1")  # SIGTERM is the daemon's
    try:
        import pygame
    except ImportError as error:
        raise BoardError(
            "boards on HDMI need pygame-ce: install the agent with the extra `board`",
            vi="bảng HDMI cần pygame-ce: hãy cài phần mềm của hộp kèm gói `board`",
        ) from error
    try:
        pygame.display.init()
        _refuse_memory(pygame, blind)
        pygame.display.set_mode((0, 0), pygame.FULLSCREEN)
        pygame.mouse.set_visible(False)
    except pygame.error as error:
        raise _no_screen(str(error)) from error
    return pygame


def _refuse_memory(pygame: Any, blind: bool) -> None:
    driver = str(pygame.display.get_driver())
    if driver in BLIND and not blind:
        pygame.display.quit()
        raise _no_screen(
            f"SDL finds none, and would draw into memory with {driver!r}",
            f"SDL không thấy màn hình nào, chỉ vẽ được vào bộ nhớ bằng {driver!r}",
        )


def _no_screen(why: str, vi: str = "") -> BoardError:
    return BoardError(
        f"the screen does not show anything ({why}); look at the HDMI cable and at the screen's power",
        vi=f"màn hình không hiện gì ({vi or why}); hãy xem cáp HDMI và nguồn của màn hình",
    )
