"""What a technician asks of a box before leaving the pole: each part is tried, not asked whether it is well."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from agent.errors import AgentError
from agent.ports.clock import Clock
from agent.ports.link import Uplink
from agent.ports.store import Trust
from agent.services.recordings import Recordings
from protocol.messages import PREPARED
from protocol.quantities import SECOND_MS


@dataclass(frozen=True)
class Check:
    """One thing to try; `attempt` returns what it saw and raises AgentError with the way out."""

    name: str
    vi: str
    en: str
    attempt: Callable[[], Awaitable[str]]


@dataclass(frozen=True)
class Outcome:
    name: str
    label: str
    ok: bool
    detail: str


async def run(checks: Sequence[Check], language: str) -> list[Outcome]:
    """Every check, whatever the others say."""
    return [await _one(check, check.vi if language == "vi" else check.en) for check in checks]


async def _one(check: Check, label: str) -> Outcome:
    try:
        return Outcome(check.name, label, True, await check.attempt())
    except (AgentError, OSError) as error:
        return Outcome(check.name, label, False, str(error))


def checks(
    trust: Trust, clock: Clock, uplink: Uplink, sound: Callable[[], Awaitable[str]], recordings: Recordings
) -> tuple[Check, ...]:
    """What this version can try. `sound` opens the device and decodes a built-in recording."""

    async def store() -> str:
        trust.try_disk()
        return "ok"

    async def time() -> str:
        if complaint := clock.complaint():
            raise AgentError(complaint)
        return clock.reading().quality.name

    async def built_in() -> str:
        missing = [str(message.code) for message in PREPARED if message.code not in recordings]
        if missing:
            raise AgentError(f"recordings {', '.join(missing)} are missing; reinstall loalang-agent")
        return str(len(PREPARED))

    async def roots() -> str:
        held = trust.roots()
        if held is None:
            raise AgentError("none: approve this box in the console and check controller.root_keys in box.toml")
        if held.expires * SECOND_MS <= clock.now_ms():
            raise AgentError(f"version {held.version} has expired: the province must issue new roots")
        return f"version {held.version}"

    async def link() -> str:
        if not uplink.connected:
            raise AgentError(
                f"no connection to {trust.broker() or 'any broker yet'}: check SIM, cable and controller.url"
            )
        return str(trust.broker())

    return (
        Check("store", "Bộ nhớ ghi được", "Store can be written", store),
        Check("clock", "Biết giờ", "Time is known", time),
        Check("recordings", "Có đủ bản tin khẩn cấp soạn sẵn", "Prepared messages are here", built_in),
        Check("sound", "Mở được thiết bị âm thanh", "Sound device opens", sound),
        Check("roots", "Danh sách người ký còn hiệu lực", "List of signers is valid", roots),
        Check("link", "Kết nối được với trung tâm", "Link to the centre is up", link),
    )
