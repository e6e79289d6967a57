"""What a technician asks of a box before leaving the pole: each part is tried, not asked whether it is well."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agent.errors import AgentError, LinkError
from agent.ports.clock import Clock
from agent.ports.link import Uplink
from agent.ports.store import Trust
from agent.services.recordings import Recordings
from protocol.messages import PREPARED
from protocol.quantities import SECOND_MS

KNOCK_S: Final = 10
"""How long the broker may take to acknowledge a message."""

Said = Mapping[str, str]
"""The same in each language: vi, en."""


@dataclass(frozen=True)
class Check:
    """One thing to try; `attempt` returns what it saw and raises AgentError with the way out."""

    name: str
    label: Said
    attempt: Callable[[], Awaitable[Said]]


@dataclass(frozen=True)
class Outcome:
    name: str
    label: str
    ok: bool
    detail: str


@dataclass(frozen=True)
class Sound:
    """What the sound check saw: the output, and a recording that was decoded whole."""

    output: str
    recording: str
    length_ms: int


async def run(checks: Sequence[Check], language: str) -> list[Outcome]:
    """Every check, whatever the others say."""
    return [await _one(check, language) for check in checks]


async def _one(check: Check, language: str) -> Outcome:
    label = check.label[language]
    try:
        return Outcome(check.name, label, True, (await check.attempt())[language])
    except AgentError as error:
        return Outcome(check.name, label, False, error.said(language))
    except OSError as error:
        return Outcome(check.name, label, False, str(error))


@dataclass(frozen=True)
class Trials:
    """What is tried, each in a method that says what it found; raises `AgentError` with the way out."""

    trust: Trust
    clock: Clock
    uplink: Uplink
    knock: Callable[[], Awaitable[None]]
    """Sends a message to the broker and waits until that has acknowledged it."""
    sound: Callable[[], Awaitable[Sound]]
    """Opens the device and decodes a built-in recording."""
    recordings: Recordings

    async def store(self) -> Said:
        self.trust.try_disk()
        return {"vi": "đã ghi và đọc lại được", "en": "written and read back"}

    async def time(self) -> Said:
        if complaint := self.clock.complaint("en"):
            raise AgentError(complaint, vi=self.clock.complaint("vi"))
        quality = self.clock.reading().quality.name
        return {"vi": f"nguồn giờ {quality}", "en": f"source {quality}"}

    async def built_in(self) -> Said:
        missing = ", ".join(str(message.code) for message in PREPARED if message.code not in self.recordings)
        if missing:
            raise AgentError(
                f"recordings {missing} are missing; reinstall loalang-agent",
                vi=f"thiếu bản tin {missing}; hãy cài lại loalang-agent",
            )
        return {"vi": f"đủ {len(PREPARED)} bản tin", "en": f"all {len(PREPARED)}"}

    async def announcer(self) -> Said:
        if complaints := self.recordings.complaints:
            en, vi = ("; ".join(error.said(language) for error in complaints) for language in ("en", "vi"))
            raise AgentError(
                f"{en}; these messages sound as shipped. See docs/sound.md",
                vi=f"{vi}; các bản tin này được phát bằng bản có sẵn. Xem docs/sound.md",
            )
        names = ", ".join(path.name for path in self.recordings.of_announcer.values())
        return {"vi": names or "chưa có", "en": names or "none"}

    async def output(self) -> Said:
        seen = await self.sound()
        return {
            "vi": f"{seen.output}; giải mã trọn {seen.recording}, dài {seen.length_ms} ms",
            "en": f"{seen.output}; decoded all of {seen.recording}, {seen.length_ms} ms long",
        }

    async def roots(self) -> Said:
        held = self.trust.roots()
        if held is None and self.trust.has_lost_roots():
            raise AgentError(
                "cannot be read any more: write the fingerprint that `loalang roots show` prints as controller.roots "
                "into box.toml, and start the box again",
                vi="không đọc được nữa; hãy ghi vân tay mà “loalang roots show” cho xem vào controller.roots trong "
                "box.toml rồi khởi động lại hộp",
            )
        if held is None:
            raise AgentError(
                "none: approve this box in the console and check controller.roots in box.toml",
                vi="chưa có; hãy duyệt hộp này trên trang quản trị và kiểm tra controller.roots trong box.toml",
            )
        if held.expires * SECOND_MS <= self.clock.now_ms():
            raise AgentError(
                f"version {held.version} has expired: the province must issue a new list",
                vi=f"bản số {held.version} đã hết hạn; tỉnh cần ban hành danh sách mới",
            )
        return {"vi": f"bản số {held.version}", "en": f"version {held.version}"}

    async def link(self) -> Said:
        broker = self.trust.broker()
        if not self.uplink.connected:
            raise AgentError(
                f"no connection to {broker or 'any broker yet'}: check SIM, cable and controller.url",
                vi=f"chưa kết nối được {broker or 'với máy chủ chuyển tin nào'}; "
                "hãy kiểm tra SIM, dây mạng và controller.url trong box.toml",
            )
        asked_ms = self.clock.boot_ms()
        try:
            async with asyncio.timeout(KNOCK_S):
                await self.knock()
        except (TimeoutError, LinkError) as error:
            raise AgentError(
                f"{broker} takes the connection but does not acknowledge a message within {KNOCK_S} s: try again in "
                "a minute; if it stays so, check the signal, and tell the centre to look after its broker",
                vi=f"{broker} nhận kết nối nhưng không xác nhận tin nhắn trong {KNOCK_S} giây; hãy thử lại sau một "
                "phút; nếu vẫn vậy, kiểm tra sóng hoặc đường truyền và báo trung tâm kiểm tra máy chủ chuyển tin",
            ) from error
        took_ms = self.clock.boot_ms() - asked_ms
        return {"vi": f"{broker} xác nhận sau {took_ms} ms", "en": f"{broker} acknowledged after {took_ms} ms"}


def checks(tried: Trials, fitted: Sequence[Check] = ()) -> tuple[Check, ...]:
    """What this version can try, in the order in which a technician reads it; `fitted`: of parts that this box has."""
    return (
        Check("store", {"vi": "Bộ nhớ ghi được", "en": "Store can be written"}, tried.store),
        Check("clock", {"vi": "Biết giờ", "en": "Time is known"}, tried.time),
        Check(
            "recordings", {"vi": "Có đủ bản tin khẩn cấp soạn sẵn", "en": "Prepared messages are here"}, tried.built_in
        ),
        Check(
            "announcer",
            {"vi": "Bản ghi của phát thanh viên dùng được", "en": "The announcer's recordings can be used"},
            tried.announcer,
        ),
        Check("sound", {"vi": "Mở được đầu ra âm thanh", "en": "Sound output opens"}, tried.output),
        *fitted,
        Check("roots", {"vi": "Danh sách người ký còn hiệu lực", "en": "List of signers is valid"}, tried.roots),
        Check("link", {"vi": "Trao đổi được với trung tâm", "en": "Link to the centre answers"}, tried.link),
    )
