"""Signs of the Alpha protocol, on a pty behind which somebody else reads the manual."""

import asyncio

import pytest

from agent.drivers.boards.alpha import AlphaBoard
from agent.ports.board import BoardError, Picture
from protocol.board.film import Frame
from protocol.board.page import Look, Page
from protocol.board.rendering import Format
from tests.support.agents import eventually
from tests.support.alpha_sign import AlphaSign, alpha_sign
from tests.support.boards import CODE, draw

FORM = Format(96, 16, moves=False)
VIETNAMESE = draw(Page(Look.BULLETIN, "Lịch tiêm"), FORM).at(0)
OTHER = draw(Page(Look.BULLETIN, "Ngày mai"), FORM).at(0)


def picture(frame: Frame = VIETNAMESE, text: str = "") -> Picture:
    return Picture(frame, 100, text)


def board_of(sign: AlphaSign, baud: int = 9_600) -> AlphaBoard:
    return AlphaBoard(str(sign.port), baud, answers=sign.answers)


def lit(frame: Frame) -> list[str]:
    """The frame as a sign of three colours should show it, worked out dot by dot."""
    rows = []
    for row in range(frame.height):
        at = [frame.rgb[3 * (row * frame.width + column) :][:3] for column in range(frame.width)]
        rows.append("".join("3" if red and green else "1" if red else "2" if green else "0" for red, green, _ in at))
    return rows


def test_letters_that_the_sign_has_go_as_text_before_whatever_it_shows() -> None:
    async def main() -> None:
        board = board_of(sign)
        await board.show(picture(text=CODE))
        eventually(lambda: sign.text == CODE, "the code on the sign")
        await board.close()
        eventually(lambda: sign.text == "own text", "its own text again")

    with alpha_sign() as sign:
        asyncio.run(main())
        assert (sign.refused, sign.layouts) == ([], 0)


def test_vietnamese_goes_dot_by_dot_and_the_memory_is_laid_out_once() -> None:
    async def main() -> None:
        board = board_of(sign)
        await board.show(picture(text=CODE))
        await board.show(picture())
        eventually(lambda: sign.dots == lit(VIETNAMESE), "the page on the sign")
        await board.show(picture(text="14:05"))
        eventually(lambda: sign.text == "14:05", "the time before it")
        await board.show(picture(OTHER))
        eventually(lambda: sign.dots == lit(OTHER), "the next page on the sign")
        await board.close()
        eventually(lambda: sign.text == " ", "a dark sign")

    with alpha_sign() as sign:
        asyncio.run(main())
        assert (sign.refused, sign.layouts) == ([], 1)


def test_red_green_and_white_are_told_apart_and_black_is_dark() -> None:
    colours = [(255, 0, 0), (0, 255, 0), (255, 255, 255), (255, 220, 0), (0, 0, 0), (20, 20, 20), (0, 48, 160)]
    frame = Frame(7, 7, b"".join(bytes(colour) for colour in colours) * 7)

    async def main() -> None:
        board = board_of(sign)
        await board.show(picture(frame))
        eventually(lambda: sign.dots == ["1233003"] * 7, "the colours on the sign")
        await board.show(picture(Frame(7, 7, bytes(147))))
        eventually(lambda: sign.text == " ", "a dark sign")

    with alpha_sign() as sign:
        asyncio.run(main())
        assert sign.refused == []


def test_a_line_that_is_not_there_and_a_size_that_no_sign_has_are_said() -> None:
    with pytest.raises(BoardError, match=r"/dev/loalang-none.*look at its cable") as caught:
        asyncio.run(AlphaBoard("/dev/loalang-none", 9_600).show(picture()))
    assert "hãy xem dây nối" in caught.value.said("vi")
    with alpha_sign() as sign, pytest.raises(BoardError, match=r"300x16.*255x31"):
        asyncio.run(board_of(sign).show(picture(Frame(300, 16, bytes([255]) * 14_400))))


def test_fault_37_a_sign_that_answers_and_is_written_to_at_the_wrong_speed_is_a_fault() -> None:
    with alpha_sign(answers=True, baud=9_600) as sign:
        asyncio.run(board_of(sign).show(picture()))
        eventually(lambda: sign.dots == lit(VIETNAMESE), "the page on the sign")
        with pytest.raises(BoardError, match=r"silent.*board\.baud"):
            asyncio.run(board_of(sign, baud=4_800).show(picture(OTHER)))
        asyncio.run(board_of(sign).show(picture(OTHER)))
        eventually(lambda: sign.dots == lit(OTHER), "the page on the sign")


def test_fault_37_garbage_on_the_line_is_a_fault_and_the_next_picture_lays_the_memory_out_anew() -> None:
    async def main() -> None:
        board = board_of(sign)
        await board.show(picture())
        sign.garbage()
        with pytest.raises(BoardError, match="read garbage"):
            await board.show(picture(OTHER))
        await board.show(picture(OTHER))
        eventually(lambda: sign.dots == lit(OTHER), "the page on the sign")

    with alpha_sign(answers=True) as sign:
        asyncio.run(main())
        assert sign.layouts == 2


def test_fault_37_half_a_picture_is_refused_by_the_sign_and_noticed() -> None:
    async def main() -> None:
        board = board_of(sign)
        await board.show(picture())
        with sign.port.open("wb", buffering=0) as line:
            line.write(bytes(5) + b"\x01Z00\x02IP1060" + b"0" * 40 + b"\x04")
        with pytest.raises(BoardError, match="read garbage"):
            await board.show(picture(OTHER))
        await board.show(picture(OTHER))
        eventually(lambda: sign.dots == lit(OTHER), "the page on the sign")

    with alpha_sign(answers=True) as sign:
        asyncio.run(main())
        assert len(sign.refused) == 1
