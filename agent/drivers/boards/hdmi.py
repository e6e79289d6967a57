"""Whatever takes HDMI: a television, an LCD, the sending card of a wall of LEDs. Drawn by SDL over the whole screen."""

import os
from pathlib import Path
from typing import Any, Final

from agent.drivers.boards.worker import Worker
from agent.ports.board import BoardError, Picture

CONNECTORS: Final = Path("/sys/class/drm")
"""Where the kernel says what is plugged in (Documentation/gpu/drm-uapi): `card1-HDMI-A-1/status`."""


class HdmiBoard:
    """Implements the port `Board`."""

    def __init__(self, *, fills: bool, connectors: Path = CONNECTORS) -> None:
        """`fills`: stretched over the screen; else dot for dot in its upper left corner, as sending cards want it."""
        self._fills = fills
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
            self._pygame = _open()
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
            raise _no_screen("nothing is plugged in")

    def _close(self) -> None:
        if self._pygame is not None:
            self._pygame.display.quit()
            self._pygame = None


def _open() -> Any:
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
        pygame.display.set_mode((0, 0), pygame.FULLSCREEN)
        pygame.mouse.set_visible(False)
    except pygame.error as error:
        raise _no_screen(str(error)) from error
    return pygame


def _no_screen(why: str) -> BoardError:
    return BoardError(
        f"the screen does not show anything ({why}); look at the HDMI cable and at the screen's power",
        vi=f"màn hình không hiện gì ({why}); hãy xem cáp HDMI và nguồn của màn hình",
    )
