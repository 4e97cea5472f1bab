"""The command line: parses, calls, prints. Every heavy import waits until a command needs it."""

import sys

try:
    import tyro  # noqa: F401
except ModuleNotFoundError:  # a bare `pip install tailtune`
    print("tailtune: the command line needs more packages; pip install 'tailtune[app]'", file=sys.stderr)
    sys.exit(2)

from tailtune.cli.program import entry, main

__all__ = ["entry", "main"]
