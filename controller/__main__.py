"""`loalang`: the controller's program. What people or installations do wrong ends in one sentence, not a traceback."""

import argparse
import os
import sys
from importlib import metadata
from typing import Final

from controller.cli import commands, keys, pki, signatures, terminal
from controller.cli.terminal import CliError, words
from controller.core.errors import ConfigError, Refused
from controller.demo import runner as demo
from protocol.errors import ProtocolError

PRIVATE: Final = 0o077
"""Umask: keys, sessions and people's names are in the files that are written; nobody else on the machine reads them."""


def main(argv: list[str] | None = None) -> int:
    """Run one command. 0: done; 1: not done; 2: asked wrongly."""
    os.umask(PRIVATE)
    arguments = sys.argv[1:] if argv is None else argv
    terminal.choose_language(arguments)
    about = words("Hệ thống thông tin nguồn", "The source-information system")
    parser = argparse.ArgumentParser(prog="loalang", description=about)
    parser.add_argument("--version", action="version", version=f"loalang {metadata.version('loalang')}")
    parser.add_argument("--lang", choices=terminal.LANGUAGES, help="vi | en")
    found = parser.add_subparsers(dest="command", required=True, metavar=words("lệnh", "command"))
    commands.add(found)
    pki.add(found)
    keys.add(found)
    signatures.add(found)
    demo.add(found)
    args = parser.parse_args(arguments)
    try:
        done: int = args.run(args)
    except (CliError, ProtocolError, ConfigError, Refused) as error:
        print(f"loalang: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return done


if __name__ == "__main__":
    sys.exit(main())
