"""What cannot be asked of the demo together is said before anything starts."""

from argparse import ArgumentParser

import pytest

from controller.demo.errors import DemoError
from controller.demo.runner import add, staged


def test_what_sounds_on_a_device_is_not_compared_with_recordings() -> None:
    parser = ArgumentParser()
    add(parser.add_subparsers())
    with pytest.raises(DemoError, match="--audio and --check"):
        staged(parser.parse_args(["demo", "--audio", "--check"]))
