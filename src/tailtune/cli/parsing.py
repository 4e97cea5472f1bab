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
    read: Callable[..., Callable[[], None]] = functools.partial(
        app.cli,
        prog="tailtune",
        description="Train classifiers on class-imbalanced data. --version names the version.",
        config=(OmitArgPrefixes, FlagCreatePairsOff),
    )
    if not {"-h", "--help"} & set(words):
        try:
            return read(args=words, console_outputs=False)
        except SystemExit as stop:
            if not stop.code:  # completion for a shell, which is printed in any case
                raise
            _refuse_unknown(words, lambda command: read(args=[*command, "--help"]))
    return read(args=words)


def _later(command: Command) -> Callable[..., Callable[[], None]]:
    """A function of the same options that returns the call instead of making it."""

    @functools.wraps(command)
    def call(*given: Any, **options: Any) -> Callable[[], None]:
        return functools.partial(command, *given, **options)

    return call


def _refuse_unknown(words: Sequence[str], show_help: Callable[[Sequence[str]], Any]) -> None:
    """Check that the command's help knows every option: words behind one that it does not know may have gone astray.

    Raises:
        TailtuneError: names the first that it does not know.
    """
    command = [word for word in words[:1] if not word.startswith("-")]  # none: options of the program
    with redirect_stdout(io.StringIO()) as text, suppress(SystemExit):
        show_help(command)
    known = set(OPTION.findall(text.getvalue()))
    for word in words:
        option = word.partition("=")[0].replace("_", "-")
        if OPTION.fullmatch(option) and option not in known:
            close = nearest(option, known, alike=0.7)  # all begin alike
            name, see = command[0] if command else "tailtune", " ".join(["tailtune", *command, "--help"])
            raise TailtuneError(f"{name} has no option {option}.{close} See {see}")
