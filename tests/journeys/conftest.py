"""A short folder for what runs whole: an agent's control socket may have a path of 100 bytes, and pytest's are long."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="loa-"))
    yield folder
    shutil.rmtree(folder)
