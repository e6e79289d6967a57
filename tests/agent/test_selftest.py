"""What the selftest tries, and that no check of it is content with appearances."""

import asyncio
from pathlib import Path

import pytest

from agent.drivers.ear.fake import FakeLine
from agent.errors import AgentError, Told
from agent.ports.board import BoardError
from agent.ports.ear import EarError, Listening
from agent.ports.pins import PinsError
from agent.ports.sound import SoundError
from agent.services import parts_check, selftest
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


async def row(check: selftest.Check, language: str) -> selftest.Outcome:
    return (await selftest.run([check], language))[0]


class NoEar:
    """A microphone that is not plugged in."""

    async def look(self) -> str:
        raise EarError("no input is named 'USB'", vi="không có micrô nào tên 'USB'")

    async def listen(self) -> Listening:
        raise AssertionError("it is open only while the box sounds")


def test_each_part_that_is_fitted_has_a_row_with_what_was_seen_or_the_way_out() -> None:
    async def lines() -> tuple[int, int]:
        return 3, 2

    async def no_lines() -> tuple[int, int]:
        raise PinsError("GPIO 5 cannot be used", vi="không dùng được chân GPIO 5")

    async def takes() -> None:
        return

    async def dark() -> None:
        raise BoardError("no screen", vi="không có màn hình")

    wrong = Told("no key file", "không phải tệp khóa")
    taken = Told("8088 cannot be had", "không mở được 8088")

    async def main() -> None:
        for good, bad, seen, complaint in (
            (parts_check.panel(lines, (1, 4)), parts_check.panel(no_lines, (1,)), "3 tiếp điểm, 2 đèn; nút khẩn cấp "
             "phát bản tin 1, 4", "không dùng được chân GPIO 5"),
            (parts_check.token(lambda: "", "panel.key"), parts_check.token(lambda: wrong, "panel.key"), "panel.key",
             "không phải tệp khóa"),
            (parts_check.board(takes, "hdmi"), parts_check.board(dark, "hdmi"), "hdmi; vừa nhận", "không có màn hình"),
            (parts_check.ear(None, FakeLine(lambda: 7.0)), parts_check.ear(NoEar(), None), "mạch đo",
             "không có micrô nào"),
            (parts_check.page(lambda: "", "127.0.0.1:8088"), parts_check.page(lambda: taken, "127.0.0.1:8088"),
             "http://127.0.0.1:8088/", "không mở được 8088"),
        ):  # fmt: skip
            passed, failed = await row(good, "vi"), await row(bad, "vi")
            assert (passed.ok, failed.ok) == (True, False)
            assert seen in passed.detail
            assert complaint in failed.detail
            assert (await row(bad, "en")).detail != failed.detail

    virtual_time.run(main())


def test_messages_of_the_panel_that_the_box_does_not_hold_are_named_with_those_it_holds() -> None:
    assert not parts_check.lacking((1, 2), Recordings())
    complaint = parts_check.lacking((1, 99), Recordings())
    assert isinstance(complaint, Told)
    assert complaint.startswith("panel.messages in box.toml names 99, which")
    assert "hộp không có bản tin này; hãy chọn trong 1, 2" in complaint.vi
