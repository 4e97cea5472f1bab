"""The program `tailtune`: its commands, their options, and the exit code."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from typing import Literal

from tyro.conf import Positional

from tailtune.by_name import is_own
from tailtune.cli.audits import audit
from tailtune.cli.papers import paper
from tailtune.cli.parsing import parsed
from tailtune.cli.runs import analyse, evaluate, fit, inspect, predict, report, verify
from tailtune.cli.studies import compare, demo, question, study, tune
from tailtune.cli.terminal import console, print_json, show_log
from tailtune.errors import TailtuneError, nearest
from tailtune.files import naming_files, refuse_bytes
from tailtune.interrupt import Interrupted, interrupting, to_be_requeued
from tailtune.questions import NAMES
from tailtune.questions.question import subject
from tailtune.version import __version__
from tailtune.words import printable


def list_(
    what: Positional[Literal["methods", "models", "datasets", "profiles", "policies", "measures"]], json: bool = False
) -> None:
    """Name what --method, --model, DATA, --profile and --policy accept, and the measures that results state.

    Args:
        what: which list.
        json: print JSON.
    """
    from tailtune.report.terminal.listing import entries, listing_table

    if json:
        print_json([{"name": name, "about": about} for name, about in entries(what)])
    else:
        console().print(listing_table(entries(what)))


COMMANDS: dict[str, Callable[..., None]] = {
    "demo": demo,
    "inspect": inspect,
    "audit": audit,
    "fit": fit,
    "tune": tune,
    "compare": compare,
    "study": study,
    "paper": paper,
    "evaluate": evaluate,
    "predict": predict,
    "report": report,
    "analyse": analyse,
    "verify": verify,
    "list": list_,
}


# a study takes several ratios and methods where a run takes one
_MEANT = {
    ("compare", "--ratio"): "--ratios",
    ("compare", "--method"): "--methods",
    ("compare", "--decision"): "--decisions",
    ("study", "--ratio"): "--ratios",
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit code.

    It is 0, 2 for bad input (one line on stderr), 130 if stopped by Ctrl-C, and 75 if by SIGTERM or SIGUSR1, by which
    schedulers end a job: what was begun can be gone on with.
    """
    show_log()
    words = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if words in (["--version"], ["-V"]):
        print(f"tailtune {__version__}")
        return 0
    if not words[0].startswith("-") and words[0] not in COMMANDS:
        close = nearest(words[0], COMMANDS)
        return _fail(f"there is no command {words[0]!r}.{close} There are {', '.join(COMMANDS)}; see tailtune --help")
    named = words[:1] == ["study"] and bool(words[1:]) and words[1] in NAMES  # not one of a person's own
    given = _with_values([_MEANT.get((words[0], word), word) for word in words])
    try:
        for word in words:
            refuse_bytes(word)
        if words[:1] == ["study"] and len(words) > 1 and not (words[1].startswith("-") or is_own(words[1])):
            subject(words[1])  # says which names there are
        if given[:1] == ["fit"] and "--from" in given[:-1]:
            from tailtune.run.repeat import repeating

            given = repeating(given)
        try:
            with interrupting(), naming_files():
                parsed(COMMANDS | ({"study": question} if named else {}), given)()
        finally:
            sys.stdout.flush()  # here, because at the very end Python would complain of a closed pipe itself
    except TailtuneError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return _stopped("stopped")
    except BrokenPipeError:  # what reads our output, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Interrupted as stop:
        return _stopped(f"{stop}; {stop.how}")
    return 0


def _with_values(words: list[str]) -> list[str]:
    """Put True behind an option that stands alone and may also be False."""
    found: list[str] = []
    for word, following in zip(words, [*words[1:], ""], strict=True):
        alone = word in ("--pretrained", "--flip-averaging") and following not in ("True", "False", "None")
        found += [word, "True"] if alone else [word]
    return found


def _fail(message: str) -> int:
    print(f"tailtune: {printable(' '.join(message.split()))}", file=sys.stderr)
    return 2


def _stopped(message: str) -> int:
    print(f"tailtune: {printable(message)}", file=sys.stderr)
    return os.EX_TEMPFAIL if to_be_requeued() else 130


def entry() -> None:
    """Entry point of the `tailtune` script."""
    for stream in (sys.stdout, sys.stderr):  # class names may hold what the terminal's encoding lacks
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    sys.exit(main())
