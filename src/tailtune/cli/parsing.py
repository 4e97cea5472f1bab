"""The words of a command line become a command with its options."""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout, suppress
from typing import Any

from tyro.conf import FlagCreatePairsOff, OmitArgPrefixes
from tyro.extras import SubcommandApp

from tailtune.errors import TailtuneError, nearest

Command = Callable[..., None]
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")


def parsed(commands: Mapping[str, Command], words: Sequence[str]) -> Callable[[], None]:
    """Return the command that `words` call, with its options, to be carried out.

    Raises:
        TailtuneError: options that the command has not.
        SystemExit: anything else that is wrong, or a call for help, once the terminal has been told.
    """
    app = SubcommandApp()
    for name, command in commands.items():
        app.command(name=name)(_later(command))
    read = functools.partial(
        app.cli,
        prog="tailtune",
        description="Train classifiers on class-imbalanced data. --version names the version.",
        config=(OmitArgPrefixes, FlagCreatePairsOff),
    )
    if not {"-h", "--help"} & set(words):
        try:
            return read(args=words, console_outputs=False)  # type: ignore[no-any-return]  # see _later
        except SystemExit:
            _refuse_unknown(words, lambda: read(args=[words[0], "--help"]))
    return read(args=words)  # type: ignore[no-any-return]


def _later(command: Command) -> Callable[..., Callable[[], None]]:
    """A function of the same options that returns the call instead of making it."""

    @functools.wraps(command)
    def call(*given: Any, **options: Any) -> Callable[[], None]:
        return functools.partial(command, *given, **options)

    return call


def _refuse_unknown(words: Sequence[str], show_help: Callable[[], Any]) -> None:
    """Check that the command's help knows every option: words behind one that it does not know may have gone astray.

    Raises:
        TailtuneError: names the first that it does not know.
    """
    with redirect_stdout(io.StringIO()) as text, suppress(SystemExit):
        show_help()
    known = set(OPTION.findall(text.getvalue()))
    for word in words:
        option = word.partition("=")[0].replace("_", "-")
        if OPTION.fullmatch(option) and option not in known:
            close = nearest(option, known, alike=0.7)  # all begin alike
            raise TailtuneError(f"{words[0]} has no option {option}.{close} See tailtune {words[0]} --help")
