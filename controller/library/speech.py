"""Text to speech with espeak-ng: one paragraph at a time, a breath between them, silence cut from both ends.

espeak-ng is a program of its own, always there and quick (a minute of speech in a fifth of a second). More natural
voices come later behind the same function.
"""

import io
import subprocess
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Final

from django.utils.translation import gettext as _

from controller.core.errors import Refused
from controller.library.audio import too_slow
from controller.library.programs import program
from controller.library.spoken import for_engine, paragraphs

with warnings.catch_warnings():
    # pydub 0.25 imports audioop, which warns of its own end; audioop-lts takes its place on Python 3.13.
    warnings.simplefilter("ignore")
    from pydub import AudioSegment
    from pydub.silence import detect_leading_silence

WORDS_A_MINUTE: Final = 150
BOX_VOICE: Final = "vi"
BOX_WORDS_A_MINUTE: Final = 140
"""As a box speaks that has no other accent: `agent.drivers.audio.speech`."""
BREATH_MS: Final = 600
EDGE_MS: Final = 60
"""What remains of silence before the first and after the last sound."""
SILENCE_DBFS: Final = -50.0
TIMEOUT_S: Final = 60
"""For one paragraph, after each of which there is a sign of life; the longest that is allowed takes six."""


def speak(
    text: str, voice: str, target: Path, progress: Callable[[int], None], *, timeout_s: float = TIMEOUT_S
) -> None:
    """Write this text, as it is to be read, to a WAV file. `voice` is a name of espeak-ng. Raises `Refused`."""
    parts = paragraphs(for_engine(text))
    whole = AudioSegment.silent(duration=0, frame_rate=22_050)
    for number, part in enumerate(parts):
        said = _trimmed(_say(part, voice, target.with_name(f"part-{number}.wav"), timeout_s))
        whole = whole + said if number == 0 else whole + AudioSegment.silent(BREATH_MS, frame_rate=22_050) + said
        progress((number + 1) * 100 // len(parts))
    if len(whole) <= 2 * EDGE_MS:
        raise Refused(
            "text",
            _("Không có gì để đọc trong bản tin này."),
            _("Hãy viết nội dung bằng chữ, hoặc tải tệp ghi âm lên."),
        )
    whole.export(target, format="wav").close()


def as_a_box_speaks(words: str) -> bytes:
    """A WAV file of an alarm's own words, unchanged, nearly as boxes will be heard. Raises `Refused`."""
    harmless = words.replace("[[", "[ [")  # else it begins phonemes
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "words.wav")
        try:
            said = _say(harmless, BOX_VOICE, target, TIMEOUT_S, words_a_minute=BOX_WORDS_A_MINUTE)
        except (subprocess.CalledProcessError, OSError) as error:
            raise Refused(
                "", _("Máy chủ không đọc thử được lời này."), _("Lệnh vẫn ký và phát được; hãy đọc kỹ lời.")
            ) from error
    whole = io.BytesIO()
    said.export(whole, format="wav")
    return whole.getvalue()


def _say(
    text: str, voice: str, target: Path, timeout_s: float, *, words_a_minute: int = WORDS_A_MINUTE
) -> AudioSegment:
    try:
        subprocess.run(
            [
                program("espeak-ng", "espeak-ng"),
                "-v",
                voice,
                "-s",
                str(words_a_minute),
                "-b",
                "1",
                "--stdin",
                "-w",
                str(target),
            ],
            input=text.encode(),
            capture_output=True,
            timeout=timeout_s,
            check=True,
        )
        with target.open("rb") as file:
            return AudioSegment.from_file(file, format="wav")
    except subprocess.TimeoutExpired as error:  # run() has killed it
        raise too_slow("text") from error
    finally:
        target.unlink(missing_ok=True)


def _trimmed(sound: AudioSegment) -> AudioSegment:
    before = detect_leading_silence(sound, silence_threshold=SILENCE_DBFS, chunk_size=10)
    after = detect_leading_silence(sound.reverse(), silence_threshold=SILENCE_DBFS, chunk_size=10)
    if before >= len(sound):
        return sound[:0]
    return sound[max(0, before - EDGE_MS) : len(sound) - max(0, after - EDGE_MS)]
