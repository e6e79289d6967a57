"""The selftest's rows of what not every box has: panel, token, board, ear, the box's page. Each is tried anew."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from agent.errors import AgentError, Told
from agent.ports.ear import Line, Microphone
from agent.services.recordings import Recordings
from agent.services.selftest import Check, Said
from protocol.messages import PREPARED

PANEL: Final = {"vi": "Bảng điều khiển đọc được", "en": "The panel's lines can be used"}
TOKEN: Final = {"vi": "Tệp khóa của xã đọc được", "en": "The commune's key file can be read"}
BOARD: Final = {"vi": "Bảng tin nhận hình", "en": "The board takes a picture"}
EAR: Final = {"vi": "Tai nghe loa có sẵn", "en": "The ear is there"}
PAGE: Final = {"vi": "Trang của hộp mở được", "en": "The box's page is served"}


def lacking(messages: Sequence[int], recordings: Recordings) -> str:
    """What is wrong with `panel.messages`; empty where this box holds them all."""
    missing = ", ".join(str(code) for code in messages if code not in recordings)
    if not missing:
        return ""
    held = ", ".join(str(message.code) for message in PREPARED if message.code in recordings)
    return Told(
        f"panel.messages in box.toml names {missing}, which this box does not hold; choose among {held}",
        f"panel.messages trong box.toml ghi {missing}, hộp không có bản tin này; hãy chọn trong {held}",
    )


def panel(trial: Callable[[], Awaitable[tuple[int, int]]], messages: Sequence[int]) -> Check:
    """`trial` asks for every line again; how many contacts and lamps there are."""

    async def attempt() -> Said:
        contacts, lamps = await trial()
        chosen = ", ".join(map(str, messages))
        return {
            "vi": f"{contacts} tiếp điểm, {lamps} đèn; nút khẩn cấp phát bản tin {chosen}",
            "en": f"{contacts} contacts, {lamps} lamps; the button sounds message {chosen}",
        }

    return Check("panel", PANEL, attempt)


def token(trouble: Callable[[], str], name: str) -> Check:
    """`trouble` reads the file again; empty where it is a key file."""

    async def attempt() -> Said:
        if why := trouble():
            raise _error(why)
        return {"vi": f"{name}; mã mở khóa thì chỉ thử được khi nhập", "en": f"{name}; its code is tried when entered"}

    return Check("token", TOKEN, attempt)


def board(trial: Callable[[], Awaitable[None]], driver: str) -> Check:
    """`trial` sends the picture once more."""

    async def attempt() -> Said:
        await trial()
        return {"vi": f"{driver}; vừa nhận lại hình đang hiện", "en": f"{driver}; it has just taken its picture again"}

    return Check("board", BOARD, attempt)


def ear(microphone: Microphone | None, line: Line | None) -> Check:
    """Whether the microphone is there, which is open only while the box sounds; a measuring chip is read once."""

    async def attempt() -> Said:
        vi, en = [], []
        if microphone is not None:
            name = await microphone.look()
            vi, en = [f"{name}; chỉ mở khi loa đang phát"], [f"{name}; it is open only while the box sounds"]
        if line is not None:
            level = await line.level()
            vi, en = [*vi, f"mạch đo ở âm ly đọc được {level:.0f}"], [*en, f"the measuring chip reads {level:.0f}"]
        return {"vi": "; ".join(vi), "en": "; ".join(en)}

    return Check("ear", EAR, attempt)


def page(trouble: Callable[[], str], listen: str) -> Check:
    """`trouble`: why it is not served; empty where it is."""

    async def attempt() -> Said:
        if why := trouble():
            raise _error(why)
        return {"vi": f"http://{listen}/", "en": f"http://{listen}/"}

    return Check("page", PAGE, attempt)


def _error(why: str) -> AgentError:
    return AgentError(str(why), vi=why.vi if isinstance(why, Told) else "")
