"""What the selftest tries, and that no check of it is content with appearances."""

import asyncio
from pathlib import Path

import pytest

from agent.errors import AgentError
from agent.ports.sound import SoundError
from agent.services import selftest
from agent.services.recordings import Recordings
from protocol.report import ClockQuality
from tests.support import virtual_time
from tests.support.box_parts import NOW_S, Parts, parts
from tests.support.small_controller import roots, signed_roots

BROKER = "mqtts://broker.test:8883"


async def loudspeaker() -> selftest.Sound:
    return selftest.Sound("loudspeaker", "1.ogg", 9_000)


async def unplugged() -> selftest.Sound:
    raise SoundError("unplugged; plug it in", vi="loa đã bị rút; hãy cắm lại", device=True)


async def tried(
    box: Parts, language: str, *, plugged_in: bool = True, recordings: Recordings | None = None
) -> dict[str, selftest.Outcome]:
    sound = loudspeaker if plugged_in else unplugged
    checks = selftest.checks(
        selftest.Trials(
            box.store.trust,
            box.clock,
            box.uplink,
            knock=box.reporter.knock,
            sound=sound,
            recordings=recordings or Recordings(),
        )
    )
    return {outcome.name: outcome for outcome in await selftest.run(checks, language)}


@pytest.mark.parametrize("language", ["vi", "en"])
def test_a_box_in_order_passes_and_has_really_exchanged_a_message(tmp_path: Path, language: str) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.trusts().store.trust.keep_broker(BROKER)
            outcomes = await tried(box, language)
            assert all(outcome.ok for outcome in outcomes.values()), outcomes
            assert len(box.uplink.of("beat")) == 1
            assert BROKER in outcomes["link"].detail

    virtual_time.run(main())


def test_the_announcers_recordings_are_listed_and_what_is_wrong_with_others_is_said(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            assert (await tried(box, "vi"))["announcer"].detail == "chưa có"
            good = {code: (tmp_path / f"{code}.opus", 9_000) for code in ("1", "90")}
            listed = (await tried(box, "en", recordings=Recordings(announcer=good)))["announcer"]
            assert (listed.ok, listed.detail) == (True, "1.opus, 90.opus")
            bad = Recordings(announcer=good, complaints=[AgentError("x", vi="7.wav: không phát được")])
            outcome = (await tried(box, "vi", recordings=bad))["announcer"]
            assert not outcome.ok
            assert outcome.detail.startswith("7.wav: không phát được; các bản tin này được phát bằng bản có sẵn")

    virtual_time.run(main())


@pytest.mark.parametrize(
    ("language", "way_out"), [("vi", "không xác nhận tin nhắn trong 10 giây; hãy thử lại"), ("en", "within 10 s: try")]
)
def test_a_broker_that_hangs_fails_it_after_ten_seconds_though_the_connection_stands(
    tmp_path: Path, language: str, way_out: str
) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.trusts().store.trust.keep_broker(BROKER)
            box.uplink.hangs = True
            before_ms = box.clock.boot_ms()
            outcomes = await tried(box, language)
            assert box.clock.boot_ms() - before_ms == 10_000
            assert [name for name, outcome in outcomes.items() if not outcome.ok] == ["link"]
            assert way_out in outcomes["link"].detail

    virtual_time.run(main())


def test_what_fails_is_said_in_the_language_that_was_asked_for(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path, ClockQuality.NONE) as box:
            box.uplink.connected = False
            vi, en = await tried(box, "vi", plugged_in=False), await tried(box, "en", plugged_in=False)
            for name, in_vietnamese, in_english in (
                ("clock", "chưa tin được giờ (NONE); hãy lắp mạch giờ", "NONE: fit a clock chip"),
                ("sound", "loa đã bị rút; hãy cắm lại", "unplugged; plug it in"),
                ("roots", "chưa có; hãy duyệt hộp này", "none: approve this box"),
                ("link", "hãy kiểm tra SIM", "check SIM"),
            ):
                assert not vi[name].ok
                assert in_vietnamese in vi[name].detail
                assert in_english in en[name].detail

    virtual_time.run(main())


def test_a_list_of_signers_that_has_expired_fails_it(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            held = roots(1, at_s=NOW_S)
            box.inbox.take_first(signed_roots(held))
            await asyncio.sleep(held.expires - NOW_S + 1)
            assert "bản số 1 đã hết hạn" in (await tried(box, "vi"))["roots"].detail

    virtual_time.run(main())


@pytest.mark.parametrize(("language", "way_out"), [("vi", "hãy ghi vân tay"), ("en", "write the fingerprint")])
def test_a_box_that_cannot_read_its_roots_says_how_it_gets_others(tmp_path: Path, language: str, way_out: str) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            outcome = (await tried(box, language))["roots"]
            assert not outcome.ok
            assert way_out in outcome.detail

    (tmp_path / "trust.2").write_bytes(b"damaged")
    virtual_time.run(main())
