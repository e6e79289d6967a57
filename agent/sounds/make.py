"""Makes the sounds that are built into every box: run it when a prepared message's text changes, and commit the files.

    python agent/sounds/make.py        needs espeak-ng, and an ffmpeg with libopus

The recordings are data of the product: an emergency order names one by its code and needs no download. They are made
here, reviewed by ear and shipped, so that a box never depends on a speech engine. `index.json` gives the length of each
in milliseconds, because planning must not open sound files.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import soundfile

from protocol.messages import PREPARED

HERE = Path(__file__).parent
RATE_HZ = 48_000
SPEECH_CHAIN = (
    "highpass=f=120,acompressor=threshold=-20dB:ratio=4:attack=5:release=80:makeup=6dB,loudnorm=I=-16:TP=-1.5:LRA=7"
)
"""The chain that bulletins go through at intake, so that an emergency is as loud as they are: −16 LUFS, −1.5 dBTP."""
OPUS = ("-c:a", "libopus", "-b:a", "24k", "-application", "voip")
BIT_EXACT = ("-fflags", "+bitexact", "-flags:a", "+bitexact", "-map_metadata", "-1")


def speak(text: str, wav: Path) -> None:
    """Northern Vietnamese, slower than espeak-ng's default: horns echo between houses."""
    subprocess.run(["espeak-ng", "-v", "vi", "-s", "140", "-w", str(wav), text], check=True)


def encode(wav: Path, ogg: Path, chain: str) -> None:
    """Opus in Ogg, mono, 24 kbit/s; the same input gives the same bytes."""
    subprocess.run(
        [
            "ffmpeg",
            "-v",
            "error",
            "-y",
            "-i",
            str(wav),
            "-af",
            f"{chain},aresample={RATE_HZ}",
            "-ac",
            "1",
            *OPUS,
            *BIT_EXACT,
            str(ogg),
        ],
        check=True,
    )


def duration_ms(ogg: Path) -> int:
    """Length of a file, rounded up to whole milliseconds."""
    info = soundfile.info(ogg)
    return -(-int(info.frames) * 1000 // int(info.samplerate))


def main() -> None:
    """Write every recording, and the index over them."""
    index = {}
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "sound.wav"
        for message in PREPARED:
            speak(message.text_vi, wav)
            ogg = HERE / f"{message.code}.ogg"
            encode(wav, ogg, SPEECH_CHAIN)
            index[str(message.code)] = duration_ms(ogg)
    (HERE / "index.json").write_text(json.dumps(index, indent=1) + "\n")
    sys.stdout.write(f"{len(index)} sounds in {HERE}\n")


if __name__ == "__main__":
    main()
