"""`loalang`: the program of the controller. Errors of people and installations end it with one sentence, not a traceback."""

import argparse
import sys
from importlib import metadata

from controller.cli import commands, keys, signatures, terminal
from controller.cli.terminal import CliError, words
from controller.core.errors import ConfigError, Refused
from protocol.errors import ProtocolError


def main(argv: list[str] | None = None) -> int:
    """Run one command. 0: done; 1: not done; 2: asked wrongly."""
    arguments = sys.argv[1:] if argv is None else argv
    terminal.choose_language(arguments)
    parser = argparse.ArgumentParser(
        prog="loalang", description=words("Hệ thống thông tin nguồn", "The source-information system")
    )
    parser.add_argument("--version", action="version", version=f"loalang {metadata.version('loalang')}")
    parser.add_argument("--lang", choices=terminal.LANGUAGES, help="vi | en")
    found = parser.add_subparsers(dest="command", required=True, metavar=words("lệnh", "command"))
    commands.add(found)
    keys.add(found)
    signatures.add(found)
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
