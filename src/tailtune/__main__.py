"""``python -m tailtune``."""

from tailtune.cli import entry

entry()
