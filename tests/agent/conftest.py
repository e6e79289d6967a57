"""A null sink of PulseAudio for the tests that want to hear something."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.audio.null_sink import INSTALLED, WAY_OUT, NullSink


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """For sockets, whose paths have 100 bytes: pytest's own folders are longer where tests run side by side."""
    folder = Path(tempfile.mkdtemp(prefix="loa-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def null_sink(monkeypatch: pytest.MonkeyPatch) -> Iterator[NullSink]:
    if not INSTALLED:
        pytest.skip(WAY_OUT)
    pytest.importorskip("pyaudio", reason="the extra `sound` is not installed")
    folder = Path(tempfile.mkdtemp(prefix="loa-"))
    sink = NullSink(folder)
    for name, value in sink.environment.items():
        monkeypatch.setenv(name, value)
    sink.plug_in()
    yield sink
    sink.close()
    shutil.rmtree(folder)
