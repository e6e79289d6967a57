"""A bad link without netem: two TUN devices, one in a network namespace, and a process between them. It needs root.

`python -m tests.support.bad_link NAMESPACE DEVICE HERE THERE` makes the namespace and moves packets until its standard
input ends. Each line there sets the link: kilobit a second, round trip in ms, jitter in ms either way, loss in percent
each way.
"""

import asyncio
import fcntl
import os
import random
import struct
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

TUNSETIFF: Final = 0x400454CA
TUN_NO_PI: Final = 0x1001  # IFF_TUN | IFF_NO_PI
QUEUE_S: Final = 4.0
MTU: Final = 1500


@dataclass(frozen=True)
class Quality:
    """What the link is like, each way."""

    kbit_s: float
    rtt_ms: float
    jitter_ms: float
    loss_percent: float


LAN: Final = Quality(100_000, 1, 0, 0)
G4: Final = Quality(8_000, 60, 20, 1)
G3: Final = Quality(384, 300, 60, 5)


class Way:
    """One direction: serialisation, delay with jitter (order kept), random loss, a queue that drops its tail."""

    def __init__(self, source: int, target: int, rng: random.Random) -> None:
        self._source, self._target, self._rng = source, target, rng
        self.quality = LAN
        self._free_s = 0.0
        self._last_s = 0.0
        self.packets = self.lost = 0

    def carry(self) -> None:
        loop = asyncio.get_running_loop()
        packet = os.read(self._source, 65_536)
        now = loop.time()
        self.packets += 1
        quality = self.quality
        if self._rng.random() * 100 < quality.loss_percent or self._free_s - now > QUEUE_S:
            self.lost += 1
            return
        self._free_s = max(now, self._free_s) + len(packet) * 8 / (quality.kbit_s * 1000)
        jitter = self._rng.uniform(-quality.jitter_ms, quality.jitter_ms)
        self._last_s = max(self._last_s, self._free_s + (quality.rtt_ms / 2 + jitter) / 1000)
        loop.call_at(self._last_s, self._deliver, packet)

    def _deliver(self, packet: bytes) -> None:
        try:
            os.write(self._target, packet)
        except OSError:
            self.lost += 1


def tun(name: str) -> int:
    """The file descriptor of a new TUN device."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH", name.encode(), TUN_NO_PI))
    return descriptor


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def make(namespace: str, device: str, here: str, there: str) -> tuple[int, int]:
    near, far = tun(f"{device}0"), tun(f"{device}1")
    ip("netns", "add", namespace)
    ip("link", "set", f"{device}1", "netns", namespace)
    ip("addr", "add", here, "peer", there, "dev", f"{device}0")
    ip("link", "set", f"{device}0", "mtu", str(MTU), "up")
    inside = ("netns", "exec", namespace, "ip")
    ip(*inside, "addr", "add", there, "peer", here, "dev", f"{device}1")
    ip(*inside, "link", "set", f"{device}1", "mtu", str(MTU), "up")
    ip(*inside, "link", "set", "lo", "up")
    return near, far


async def run(namespace: str, device: str, here: str, there: str) -> None:
    loop = asyncio.get_running_loop()
    near, far = make(namespace, device, here, there)
    rng = random.Random(2026)
    ways = (Way(near, far, rng), Way(far, near, rng))
    loop.add_reader(near, ways[0].carry)
    loop.add_reader(far, ways[1].carry)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    _say("ready")
    while line := await reader.readline():
        for way in ways:
            way.quality = Quality(*(float(word) for word in line.split()))
        _say("set")


def _say(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


class BadLink:
    """`with BadLink("10.77.0.1", "10.77.0.2") as link:`; programs behind it are run by `link.behind`."""

    def __init__(self, here: str, there: str) -> None:
        self.here, self.there = here, there
        self.namespace = f"loa{os.getpid()}"
        self._device = f"l{os.getpid() % 100_000}x"
        self._process: subprocess.Popen[str] | None = None

    @staticmethod
    def possible() -> bool:
        return os.geteuid() == 0 and os.path.exists("/dev/net/tun")  # noqa: PTH110

    def __enter__(self) -> "BadLink":
        command = [sys.executable, "-m", "tests.support.bad_link", self.namespace, self._device, self.here, self.there]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.communicate()
        subprocess.run(["ip", "netns", "del", self.namespace], check=False)

    def become(self, quality: Quality) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        words = (quality.kbit_s, quality.rtt_ms, quality.jitter_ms, quality.loss_percent)
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "set\n"

    def behind(self, command: Sequence[str]) -> list[str]:
        """The command, on the other side of the link."""
        return ["ip", "netns", "exec", self.namespace, *command]


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:]))
