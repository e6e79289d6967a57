"""Any recording into the one form that boxes sound: Opus in Ogg, mono, 48 kHz, at −16 LUFS.

ffmpeg does it, as a process of its own with a time limit. It is told to read local files and nothing else, and formats
that are lists of other files are refused, so a recording from outside cannot make the server read or fetch anything.
"""

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.utils.translation import gettext as _

from controller.core.errors import Refused
from controller.library import opus, watched
from controller.library.programs import program
from controller.library.watched import Patience

MAX_BYTES: Final = 200 * 1024 * 1024
MAX_SECONDS: Final = 60 * 60
EVEN: Final = "highpass=f=120,acompressor=threshold=-20dB:ratio=4:attack=5:release=80:makeup=6dB"
"""Takes out what horns cannot carry and evens the rest (design §9)."""
LIMIT: Final = "aresample=192000,alimiter=limit=0.79:level=disabled,aresample=48000"
"""Keeps true peaks (so the fourfold rate) 0.5 dB below the −1.5 dBTP of design §2: the encoder adds a little."""
LOUDNESS_LUFS: Final = -16.0
SILENT_LUFS: Final = -55.0
"""Below this nobody speaks: a recording that was switched off, or a cable that was not plugged in."""
SHORT_S: Final = 2.0
BITRATE: Final = "24k"
LISTS: Final = frozenset(
    {"hls", "dash", "concat", "concatf", "applehttp", "imf", "tty", "image2", "lavfi", "sdp", "rtsp"}
)
"""What ffmpeg can read but is no recording: lists of other files, text, streams."""
READ_ONLY_FILES: Final = ("-protocol_whitelist", "file")
PROBE_TIMEOUT_S: Final = 30
PATIENCE: Final = Patience(silent_s=60, total_s=20 * 60)
"""With ffmpeg, which says twice a second how far it is. Both times through an hour took 30 s on two cores, so `total_s`
is for a server that is 80 times slower."""
SAMPLE_S: Final = 5


@dataclass(frozen=True)
class Probe:
    """What a file is, as far as its beginning tells."""

    formats: frozenset[str]
    has_audio: bool
    seconds: float | None
    """None when the file does not say."""
    decodes: bool
    """Samples came out of its first seconds."""


def examine(path: Path) -> float | None:
    """Look at an uploaded file; its length in seconds when it says so. Raises `Refused` (field `audio`)."""
    size = path.stat().st_size
    if size == 0 or size > MAX_BYTES:
        judge_size(size)
    probe = _probe(path)
    judge(probe)
    return probe.seconds


def judge_size(size: int) -> None:
    """Refuse what is empty or too large to be looked at. `size` in bytes."""
    if size == 0:
        raise Refused(
            "audio",
            _("Tệp ghi âm này rỗng (0 byte)."),
            _("Hãy xem lại tệp trên máy của bạn có phát được không, rồi tải lên lại."),
        )
    if size > MAX_BYTES:
        raise Refused(
            "audio",
            _("Tệp ghi âm này lớn %(size)d MB; giới hạn là %(limit)d MB.")
            % {"size": size // (1024 * 1024), "limit": MAX_BYTES // (1024 * 1024)},
            _("Hãy lưu lại ở dạng MP3 hoặc chia thành nhiều bản tin."),
        )


def judge(probe: Probe) -> None:
    """Refuse what is not a recording, or too long for a bulletin."""
    if not probe.has_audio or not probe.decodes or probe.formats & LISTS:
        raise Refused(
            "audio",
            _("Tệp này không phải là âm thanh mà hệ thống đọc được, dù tên tệp có thể nói khác."),
            _("Hãy chọn tệp ghi âm thật, chẳng hạn MP3, M4A, WAV, OGG hoặc FLAC."),
        )
    if probe.seconds is not None:
        judge_length(probe.seconds)


def judge_length(seconds: float) -> None:
    """Refuse what is longer than a bulletin may be."""
    if seconds > MAX_SECONDS:
        raise Refused(
            "audio",
            _("Bản ghi dài %(long)d phút; một bản tin dài nhất %(limit)d phút.")
            % {"long": seconds // 60, "limit": MAX_SECONDS // 60},
            _("Hãy cắt ngắn, hoặc chia thành nhiều bản tin rồi xếp vào một lịch phát."),
        )


def normalise(source: Path, target: Path, progress: Callable[[int], None], *, seconds: float | None = None) -> int:
    """Write the normalised recording to `target` (Opus in Ogg); its length in milliseconds.

    Twice through the file: the loudness is measured, then brought to its goal by one gain, so a call of two seconds
    comes out as loud as an hour's reading (loudnorm in one pass left it 19 dB too low). `seconds` is the source's
    length if known: `progress` is called with per cents of it. Raises `Refused` when nothing is to be heard in it, or
    it is longer than a bulletin may be.
    """
    ffmpeg = [program("ffmpeg", "ffmpeg"), "-nostdin", "-hide_banner", "-y", *READ_ONLY_FILES]
    read = ["-i", str(source), "-map", "0:a:0", "-vn", "-sn", "-dn", "-map_metadata", "-1"]
    read += ["-t", str(MAX_SECONDS + 2), "-ac", "1"]
    # A single word is shorter than the blocks of EBU R128 (0.4 s): it is measured as if said ten times.
    again = ["-stream_loop", "9"] if seconds is not None and seconds < SHORT_S else []
    live = ["-progress", "pipe:1", "-nostats"]
    said = _run(
        [*ffmpeg, *again, *read, "-af", f"{EVEN},ebur128=framelog=verbose", *live, "-f", "null", "-"],
        seconds,
        progress,
        0,
    )
    loudness = _loudness(said)
    if loudness is None or loudness < SILENT_LUFS:
        raise Refused(
            "audio",
            _("Không nghe thấy gì trong bản ghi này: nó im lặng hoặc quá ngắn."),
            _("Hãy nghe thử tệp trên máy của bạn, ghi lại rồi tải lên."),
        )
    chain = f"{EVEN},volume={LOUDNESS_LUFS - loudness:.2f}dB,{LIMIT}"
    # The same input gives the same bytes, so the same hash: no random serial numbers, no dates.
    coded = ["-ar", "48000", "-c:a", "libopus", "-b:a", BITRATE, "-fflags", "+bitexact", "-flags:a", "+bitexact"]
    _run([*ffmpeg, *read, "-v", "error", "-af", chain, *coded, *live, "-f", "ogg", str(target)], seconds, progress, 50)
    try:
        length_ms = opus.duration_ms(target)
    except opus.NotOpusError as error:
        raise _unreadable(str(error)) from error
    judge_length(length_ms / 1000)
    return length_ms


def _run(command: list[str], seconds: float | None, progress: Callable[[int], None], done: int) -> str:
    """Run ffmpeg; what it said. It is one half of the work, begun at `done` per cent."""

    def hear(line: str) -> None:
        key, _sep, value = line.partition("=")
        if key == "out_time_us":
            known = seconds and value.strip().isdigit()
            progress(done + min(50, int(int(value) / 20_000 / seconds)) if known and seconds else done)

    try:
        code, words = watched.run(command, hear, PATIENCE)
    except watched.TooSlow as error:
        raise too_slow("audio") from error
    if code != 0:
        raise _unreadable(words.splitlines()[-1] if words else str(code))
    return words


def too_slow(field: str) -> Refused:
    """What the writer is told when a program had to be killed."""
    return Refused(
        field,
        _("Máy chủ tạo âm thanh quá lâu nên đã dừng."),
        _("Hãy chia thành nhiều bản tin ngắn hơn, hoặc lưu lại bản tin để thử lần nữa; nếu vẫn vậy, báo quản trị."),
    )


def _loudness(said: str) -> float | None:
    """LUFS from the summary of ebur128."""
    found = re.findall(r"\bI:\s+(-?\d+\.\d+) LUFS", said)
    return float(found[-1]) if found else None


def _unreadable(reason: str) -> Refused:
    return Refused(
        "audio",
        _("Không tạo được âm thanh từ tệp này (%(reason)s).") % {"reason": reason[:200]},
        _("Hãy thử mở tệp trên máy của bạn, lưu lại ở dạng khác rồi tải lên."),
    )


def _probe(path: Path) -> Probe:
    try:
        found = subprocess.run(
            [
                *(program("ffprobe", "ffmpeg"), "-v", "quiet", *READ_ONLY_FILES, "-print_format", "json"),
                *("-show_format", "-show_streams", str(path)),
            ],
            capture_output=True,
            timeout=PROBE_TIMEOUT_S,
            check=False,
        )
        facts = json.loads(found.stdout or b"{}")
        kind = facts.get("format", {})
        formats = frozenset(str(kind.get("format_name", "")).split(","))
        audio = any(stream.get("codec_type") == "audio" for stream in facts.get("streams", ()))
        decodes = audio and not formats & LISTS and _decodes(path)
        return Probe(formats, audio, _seconds(kind.get("duration")), decodes)
    except (subprocess.TimeoutExpired, ValueError, AttributeError):
        return Probe(frozenset(), has_audio=False, seconds=None, decodes=False)


def _decodes(path: Path) -> bool:
    found = subprocess.run(
        [
            *(
                program("ffmpeg", "ffmpeg"),
                "-nostdin",
                "-v",
                "quiet",
                *READ_ONLY_FILES,
                "-t",
                str(SAMPLE_S),
                "-i",
                str(path),
            ),
            *("-map", "0:a:0", "-f", "s16le", "-ac", "1", "-ar", "8000", "pipe:1"),
        ],
        capture_output=True,
        timeout=PROBE_TIMEOUT_S,
        check=False,
    )
    return len(found.stdout) > 0


def _seconds(text: object) -> float | None:
    try:
        return float(str(text))
    except ValueError:
        return None
