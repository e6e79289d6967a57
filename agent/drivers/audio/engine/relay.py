"""A station from the network: `python -m agent.drivers.audio.engine.relay URL PIPE`, in a process of its own.

It has the network, and nothing else of the box: no device, no key, no command. Samples (16 bits, 48 kHz, one channel)
go into the pipe that the player process reads. libvlc pulls the stream; that it says Playing proves nothing (design
§6), so whoever reads the pipe judges by what comes. A stream that fails or stays silent is asked for again, at first
soon, at last every 30 seconds. Where libvlc is not installed, ffmpeg does the same.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

RATE_HZ: Final = 48_000
BACKOFF_S: Final = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
WELL_S: Final = 60.0
"""A stream that has come for so long was well."""
SILENT_S: Final = 10.0
"""A stream that gives nothing for so long is asked for again."""
CACHE_MS: Final = 1_000
NO_ADDRESS: Final = 2
"""Exit code: what was given is not the address of a station."""
WITHOUT: Final = 69
"""Exit code: there is nothing here that could receive a station."""

PR_SET_PDEATHSIG: Final = 1

Write = Callable[[bytes], None]


def main() -> int:
    _end_with_the_daemon()
    url, pipe = sys.argv[1:]
    if urlsplit(url).scheme not in ("http", "https"):
        sys.stderr.write(f"{url}: not the address of a station\n")
        return NO_ADDRESS
    receive = _receiver()
    if receive is None:
        sys.stderr.write("neither libvlc (python3-vlc, vlc-plugin-base) nor ffmpeg is installed\n")
        return WITHOUT
    out = os.open(pipe, os.O_WRONLY)
    failed = 0
    while True:
        began = time.monotonic()
        receive(url, lambda pcm: _write_all(out, pcm))
        failed = 0 if time.monotonic() - began > WELL_S else failed + 1
        time.sleep(BACKOFF_S[min(failed, len(BACKOFF_S)) - 1] if failed else 0.0)


def _end_with_the_daemon() -> None:
    """Whoever kills the daemon ends this too (prctl(2)), also while nobody has opened the pipe."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _receiver() -> Callable[[str, Write], None] | None:
    try:
        import vlc

        vlc.Instance().release()
    except (ImportError, OSError, AttributeError, NameError):
        return _by_ffmpeg if shutil.which("ffmpeg") else None
    return lambda url, write: _by_vlc(vlc, url, write)


def _by_vlc(vlc: Any, url: str, write: Write) -> None:
    """Until the stream ends, fails or is silent for too long."""
    instance = vlc.Instance(
        "--no-video", "--quiet", f"--network-caching={CACHE_MS}", "--no-lua", "--no-metadata-network-access"
    )
    player = instance.media_player_new()
    heard = [time.monotonic()]
    over = threading.Event()

    @vlc.CallbackDecorators.AudioPlayCb  # type: ignore[untyped-decorator]
    def play(_opaque: Any, samples: int, count: int, _pts: int) -> None:
        heard[0] = time.monotonic()
        try:
            write(ctypes.string_at(samples, count * 2))
        except OSError:  # nobody listens any more
            os._exit(0)

    player.audio_set_callbacks(play, None, None, None, None, None)
    player.audio_set_format("S16N", RATE_HZ, 1)
    events = player.event_manager()
    for kind in (vlc.EventType.MediaPlayerEndReached, vlc.EventType.MediaPlayerEncounteredError):
        events.event_attach(kind, lambda _: over.set())
    player.set_media(instance.media_new(url))
    player.play()
    while not over.wait(1.0) and time.monotonic() - heard[0] < SILENT_S:
        pass
    player.stop()
    player.release()
    instance.release()


def _by_ffmpeg(url: str, write: Write) -> None:
    """Until the stream ends, fails or is silent for too long."""
    options = ["-nostdin", "-loglevel", "quiet", "-protocol_whitelist", "http,https,tls,tcp,crypto,httpproxy"]
    options += ["-rw_timeout", str(round(SILENT_S * 1e6)), "-re", "-i", url]
    options += ["-vn", "-f", "s16le", "-ac", "1", "-ar", str(RATE_HZ), "-"]
    with subprocess.Popen(["ffmpeg", *options], stdout=subprocess.PIPE) as ffmpeg:
        assert ffmpeg.stdout is not None
        try:
            while chunk := os.read(ffmpeg.stdout.fileno(), 1 << 14):
                write(chunk)
        finally:
            ffmpeg.kill()


def _write_all(out: int, pcm: bytes) -> None:
    """Raises OSError when nobody reads the pipe any more."""
    while pcm:
        pcm = pcm[os.write(out, pcm) :]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (BrokenPipeError, KeyboardInterrupt):
        sys.exit(0)
