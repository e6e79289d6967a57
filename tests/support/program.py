"""`loalang` as a person starts it: real processes on a data folder of the test."""

import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

from tests.support.broker import free_port


class Loalang:
    """One installation; `with installation.serving() …` runs it."""

    def __init__(self, folder: Path, broker_port: int | None, *, province: str = "77") -> None:
        self.folder = folder
        self._log = folder / "serve.log"
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self.env = {
            **os.environ,
            "LOALANG_DATA": str(folder / "data"),
            "LOALANG_PROVINCE": province,
            "LOALANG_ENVIRONMENT": "test",
            "LOALANG_BROKER": f"mqtt://127.0.0.1:{broker_port}" if broker_port else "",
            "LOALANG_LANG": "vi",
            "PYTHONUNBUFFERED": "1",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command to its end."""
        command = [sys.executable, "-m", "controller", *words]
        return subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=120, check=False)

    def must(self, *words: str) -> str:
        """A command that succeeds; what it printed."""
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, *words: str) -> None:
        """`loalang serve`; returns once the pages answer."""
        log = self._log.open("ab")
        command = [sys.executable, "-m", "controller", "serve", "--port", str(self.port), *words]
        with log:
            self._process = subprocess.Popen(command, env=self.env, stdout=log, stderr=log)
        pause = threading.Event()
        for _ in range(600):
            assert self._process.poll() is None, self.log()
            if self.answers():
                return
            pause.wait(0.05)
        raise AssertionError(f"no answer: {self.log()}")

    def start_without_pages(self, *words: str) -> None:
        """`loalang serve` with parts that answer no request; its log tells how it goes."""
        self._log = self.folder / "parts.log"
        command = [sys.executable, "-m", "controller", "serve", *words]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, env=self.env, stdout=log, stderr=log)

    def python(self, program: str) -> None:
        """A few statements in the controller's Django, in a process of its own."""
        begin = "from controller.cli.commands import set_up; set_up(); "
        done = subprocess.run(
            [sys.executable, "-c", begin + program], env=self.env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    def answers(self) -> bool:
        """Whether the login page comes."""
        try:
            with urllib.request.urlopen(f"{self.url}/dang-nhap/", timeout=5) as page:
                return bool(page.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def stop(self) -> int:
        """SIGTERM, and its exit code."""
        assert self._process is not None
        self._process.terminate()
        try:
            return self._process.wait(20)
        finally:
            self._process.kill()
            self._process.wait()

    def log(self) -> str:
        return self._log.read_text() if self._log.exists() else ""
