"""`tailtune fit --from run.yaml`: the settings of a run as command-line options, before those that change them."""

from __future__ import annotations

from dataclasses import MISSING, fields
from pathlib import Path

from tailtune.data.open import open_dataset
from tailtune.errors import TailtuneError
from tailtune.run.folder import DATA, check_data, read_resolved
from tailtune.settings import Resolved, Run

OWN = ("data", "out", "minutes")  # fields that are not repeated as options; a time stands for the epochs that it gave


def repeating(words: list[str]) -> list[str]:
    """Return the words of ``fit`` with what ``--from FILE`` stands for put in, before all that is said beside it.

    Raises:
        TailtuneError: FILE is not the run.yaml of a run.
    """
    place = words.index("--from")
    file, rest = Path(words[place + 1]), [*words[1:place], *words[place + 2 :]]
    before = _read(file)
    data = [] if rest and not rest[0].startswith("-") else [before.data]
    return [words[0], *rest[: 1 - len(data)], *data, *_options(before), "--from", str(file), *rest[1 - len(data) :]]


def check_repeated(file: Path, run: Run) -> None:
    """See that the data of the run that is repeated are what they were; other data may be given, and are not looked at.

    Raises:
        TailtuneError: they changed.
    """
    if run.data == _read(file).data and (file.parent / DATA).is_file():
        check_data(file.parent, open_dataset(run))


def _read(file: Path) -> Resolved:
    if file.name != "run.yaml":
        raise TailtuneError(f"--from takes the run.yaml of a run folder, however: {file}")
    return read_resolved(file.parent)


def _options(before: Resolved) -> list[str]:
    options: list[str] = []
    for field in fields(Run):
        value = getattr(before, field.name)
        if field.name in OWN or value is None or (field.default is not MISSING and value == field.default):
            continue
        name = f"--{field.name.replace('_', '-')}"
        if value is True and field.default is False:
            options.append(name)
        elif isinstance(value, tuple):
            options += [name, *value]
        else:
            options += [name, str(value)]
    return options
