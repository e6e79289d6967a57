"""A village to listen in: voices that read, music-like sound, loudspeakers, rooms, noise. All made at run time."""

import functools
import random
import shutil
import subprocess

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]

RATE_HZ = 16_000
VOICES = ("vi", "vi-vn-x-central", "vi-vn-x-south")
"""North, centre and south, as espeak-ng calls them."""
ESPEAK_RATE_HZ = 22_050
HORN_HZ = (300, 5_000)
TALKERS = 8
NEAR = 0.01
LONGEST = 3 * RATE_HZ // 2
"""Delay and echoes together."""
INSTALLED = shutil.which("espeak-ng") is not None

WHO = (
    *("Ủy ban nhân dân xã", "Trạm y tế", "Hợp tác xã nông nghiệp", "Đoàn thanh niên", "Hội phụ nữ", "Công an xã"),
    *("Trường tiểu học", "Hội nông dân", "Ban chỉ huy phòng chống thiên tai", "Chi bộ thôn", "Hội cựu chiến binh"),
)
WHAT = (
    *("mời bà con đến họp bàn việc nạo vét kênh mương", "thông báo lịch tiêm chủng cho trẻ dưới năm tuổi"),
    *("nhắc các hộ phun thuốc trừ rầy nâu cho lúa", "cấp phát giống ngô và phân bón", "thu tiền điện tháng này"),
    *("tổ chức khám mắt miễn phí cho người cao tuổi", "đề nghị không thả rông chó mèo", "vận động hiến máu nhân đạo"),
    *("tuyển lao động thời vụ hái cà phê", "kiểm tra an toàn các bình ga", "hướng dẫn làm căn cước công dân"),
)
WHERE = (
    *("thôn Đông", "thôn Đoài", "xóm Bãi", "bến đò", "nhà văn hóa", "sân kho", "cánh đồng Mả Nghệ", "đầu làng"),
    *("chợ Phiên", "đập tràn", "trạm bơm số hai", "cầu Treo"),
)
BESIDES = (
    *("Thời tiết hôm nay nhiều mây, có mưa rào và dông vài nơi.", "Giá lúa thường đang ở mức cao hơn tuần trước."),
    *("Đề nghị bà con mang theo giấy tờ tùy thân.", "Ai có thắc mắc xin liên hệ số điện thoại của thôn."),
    *("Nước sông đang lên chậm, bà con chú ý theo dõi.", "Chúc mừng các cháu đạt giải học sinh giỏi cấp huyện."),
)


def bulletin(draw: random.Random) -> str:
    """A text for about 40 seconds; of no two are the sentences the same."""
    sentences = [
        f"{draw.choice(WHO)} {draw.choice(WHAT)} tại {draw.choice(WHERE)}, lúc {draw.randint(5, 21)} giờ "
        f"{draw.randint(1, 59)} phút, ngày {draw.randint(1, 28)} tháng {draw.randint(1, 12)}. {draw.choice(BESIDES)}"
        for _ in range(5)
    ]
    return " ".join(["Kính thưa bà con.", *sentences])


def speech(draw: random.Random, seconds: float, voice: str | None = None) -> Samples:
    """A bulletin read by espeak-ng, at most 0.5 loud."""
    pace, pitch = str(draw.randint(120, 165)), str(draw.randint(30, 65))
    command = ["espeak-ng", "-v", voice or draw.choice(VOICES), "-s", pace, "-p", pitch, "--stdout"]
    wave = subprocess.run([*command, bulletin(draw)], capture_output=True, check=True).stdout
    read = np.frombuffer(wave[44:], "<i2").astype(np.float32) / 32_768
    places = np.arange(int(seconds * RATE_HZ)) * (ESPEAK_RATE_HZ / RATE_HZ)
    samples = np.interp(places, np.arange(len(read)), read, right=0.0)
    return np.asarray(samples / (2 * np.abs(samples).max()), np.float32)


def music(draw: random.Random, seconds: float) -> Samples:
    """Plucked chords of a five-tone scale over a drum."""
    dice = np.random.default_rng(draw.getrandbits(32))
    length = int(seconds * RATE_HZ)
    sound = np.zeros(length)
    beat_s, root = 60 / dice.uniform(70, 140), int(dice.integers(48, 64))
    at_s = 0.0
    while at_s < seconds - 0.2:
        lasts_s = beat_s * float(dice.choice((0.5, 1, 1, 2)))
        notes = [root + int(dice.choice((0, 2, 4, 7, 9, 12, 14, 16))), root - 12 + int(dice.choice((0, 5, 7)))]
        for note in notes[: 1 + int(dice.random() < 0.5)]:
            _add(sound, at_s, _note(dice, 440 * 2 ** ((note - 69) / 12), lasts_s * 1.3))
        if dice.random() < 0.6:
            _add(sound, at_s, 0.5 * dice.standard_normal(1_600) * np.exp(-np.arange(1_600) / 300))
        at_s += lasts_s
    return np.asarray(sound / (2 * np.abs(sound).max()), np.float32)


def _note(dice: np.random.Generator, hertz: float, lasts_s: float) -> npt.NDArray[np.float64]:
    time_s = np.arange(int(lasts_s * RATE_HZ)) / RATE_HZ
    wobble = 0.2 * np.sin(2 * np.pi * 5 * time_s)
    falls = dice.uniform(0.8, 1.5)
    tone = sum(
        np.sin(2 * np.pi * hertz * k * time_s + dice.uniform(0, 2 * np.pi) + wobble) / k**falls
        for k in range(1, 9)
        if hertz * k < RATE_HZ / 2
    )
    return np.asarray(tone * np.minimum(1, time_s / 0.01) * np.exp(-time_s * dice.uniform(1, 5)))


def _add(sound: npt.NDArray[np.float64], at_s: float, part: npt.NDArray[np.float64]) -> None:
    begin = int(at_s * RATE_HZ)
    part = part[: len(sound) - begin]
    sound[begin : begin + len(part)] += part


def white(draw: random.Random, length: int) -> Samples:
    return np.random.default_rng(draw.getrandbits(32)).standard_normal(length, np.float32)


def pink(draw: random.Random, length: int) -> Samples:
    spectrum = np.fft.rfft(white(draw, length))
    hertz = np.fft.rfftfreq(length, 1 / RATE_HZ)
    return np.asarray(np.fft.irfft(spectrum / np.sqrt(np.maximum(hertz, 20)), length), np.float32)


def babble(draw: random.Random, crowd: list[Samples]) -> Samples:
    """A market: TALKERS of this crowd at once, each from another moment on."""
    voices = draw.sample(crowd, TALKERS)
    return np.asarray(sum(np.roll(one, draw.randrange(len(one))) / one.std() for one in voices), np.float32)


def through_the_air(
    sound: Samples, draw: random.Random, *, delay_ms: float | None = None, drift_ppm: float | None = None
) -> Samples:
    """As a microphone hears it without noise: a bent amplifier, a horn, a room of 0.2 to 1 s, delay, another clock."""
    dice = np.random.default_rng(draw.getrandbits(32))
    length = len(sound)
    size = 1 << (length + LONGEST).bit_length()
    hertz, horn = _horn(size)
    delay_s = draw.uniform(0, 0.5) if delay_ms is None else delay_ms / 1000
    later = np.exp(-2j * np.pi * hertz * delay_s)
    spectrum = np.fft.rfft(np.tanh(2 * sound), size) * np.fft.rfft(_room(dice), size) * (horn * later)
    heard = np.fft.irfft(spectrum, size)[:length]
    ppm = draw.choice((-100, 100)) if drift_ppm is None else drift_ppm
    places = np.arange(length) * (1 + ppm * 1e-6)
    return np.asarray(np.interp(places, np.arange(length), heard), np.float32)


@functools.cache
def _horn(size: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Frequencies of a spectrum of so many samples, and what the horn leaves of them."""
    hertz = np.asarray(np.fft.rfftfreq(size, 1 / RATE_HZ))
    low, high = (HORN_HZ[0] / np.maximum(hertz, 1)) ** 8, (hertz / HORN_HZ[1]) ** 8
    return hertz, np.asarray(1 / np.sqrt((1 + low) * (1 + high)))


def _room(dice: np.random.Generator) -> npt.NDArray[np.float64]:
    """The direct sound, and echoes that fall by 60 dB; together 6 dB less or more than it."""
    decay = int(dice.uniform(0.2, 1.0) * RATE_HZ)
    echoes = dice.standard_normal(decay) * 10 ** (-3 * np.arange(decay) / decay)
    echoes *= 10 ** (dice.uniform(-6, 6) / 20) / np.linalg.norm(echoes)
    echoes[0] = 1.0
    return np.asarray(echoes, np.float32)


def loudness(sound: Samples) -> float:
    """In the horn's band."""
    spectrum = np.fft.rfft(sound)
    hertz = np.fft.rfftfreq(len(sound), 1 / RATE_HZ)
    return float(np.linalg.norm(spectrum[(hertz >= HORN_HZ[0]) & (hertz <= HORN_HZ[1])]) / len(sound))


def amid(heard: Samples, noise: Samples, snr_db: float) -> Samples:
    """Both at the microphone; `snr_db` is the ratio of their powers between 300 and 5000 Hz, pauses included."""
    return at_loudness(heard, snr_db) + at_loudness(noise, 0)


def at_loudness(sound: Samples, level_db: float) -> Samples:
    """The same at this level between 300 and 5000 Hz; 0 dB is that of a voice beside the microphone."""
    return sound * np.float32(NEAR * 10 ** (level_db / 20) / loudness(sound))
