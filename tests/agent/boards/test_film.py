"""What a film costs, and whom."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Final

from agent.drivers.boards.worker import Worker
from protocol.board.film import Film, Frame, Scene

FRAME: Final = Frame(2, 1, b"abcdef")


class Noted(tuple[Scene, ...]):
    """Notes who looks through all scenes."""

    __slots__ = ()
    threads: Final[list[str]] = []

    def __iter__(self) -> Iterator[Scene]:
        self.threads.append(threading.current_thread().name)
        return super().__iter__()


def test_the_digest_is_reckoned_where_the_film_is_drawn_and_not_where_it_is_shown() -> None:
    async def main() -> None:
        film = await Worker("painter").do(lambda: Film(2, 1, Noted([Scene(FRAME, 1_000)])))
        assert len(film.digest) == 64
        assert Noted.threads == ["painter"]

    asyncio.run(main())


def test_films_of_other_dots_have_other_digests() -> None:
    other = Frame(2, 1, b"abcdeg")
    scenes = [(Scene(FRAME, 1),), (Scene(other, 1),), (Scene(FRAME, 1, other),), (Scene(Frame(1, 2, b"abcdef"), 1),)]
    assert len({Film(2, 1, row).digest for row in scenes}) == len(scenes)


def test_a_large_frame_takes_little_memory_and_is_the_same_frame() -> None:
    dots = bytes(3 * 1920 * 1000) + b"\x10\x20\x30" * (1920 * 80)
    large = Frame(1920, 1080, dots)
    assert large.rgb == dots
    assert large.kept_bytes < len(dots) // 50
    assert large == Frame(1920, 1080, dots)
    assert large != Frame(1920, 1080, dots[:-1] + b"\x31")
    assert large != Frame(1080, 1920, dots)
    assert large.window(100, 10).rgb == b"".join(dots[3 * (row * 1920 + 100) :][:30] for row in range(1080))
    assert len({large, Frame(1920, 1080, dots)}) == 1
