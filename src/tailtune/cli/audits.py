"""The command that looks for what is wrong with rows and labels: audit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import PositionalRequiredArgs, arg

from tailtune.cli.terminal import console, note, print_json
from tailtune.errors import TailtuneError
from tailtune.settings import Reading, check

if TYPE_CHECKING:
    from tailtune.audit.finding import Audit
    from tailtune.data.dataset import Dataset
    from tailtune.run.finished import Finished


def audit(
    reading: Annotated[Reading, arg(name=""), PositionalRequiredArgs],
    no_flip: bool = False,
    page: Path | None = None,
    force: bool = False,
    json: bool = False,
) -> None:
    """Look for wrong labels, copies, contradictions and leaks in DATA, and say what no model can exceed on it.

    DATA may also be the folder of a finished run: then its data are looked at, as it read them, and with --folds its
    own scores are gone by. Otherwise a quick model of trees is trained on folds.

    Args:
        reading: the data, and how they are read.
        no_flip: the same as --flip False: a mirrored picture is another class (digits, letters, left and right).
        page: HTML file to write the same to, with the rows or pictures shown.
        force: replace the file at --page, if there is one.
        json: print JSON.
    """
    import msgspec

    from tailtune.audit.audit import audit as audit_rows
    from tailtune.report.audit_page.page import write_audit_page
    from tailtune.report.inspect_page.page import check_place

    if no_flip:
        reading = replace(reading, flip=False)
    check(reading)
    if page is not None:
        check_place(page, Path(reading.data), force)
    dataset, run = _opened(reading)
    found, rows = audit_rows(dataset, run)
    if page is not None:
        write_audit_page(page, found, rows)
    if json:
        print_json(msgspec.to_builtins(found))
        return
    for sentence in dataset.notes:
        note(sentence)
    _print(found)
    if page is not None:
        console().print(f"page: {page}", markup=False)


def _opened(reading: Reading) -> tuple[Dataset, Finished | None]:
    """The data, and the run whose scores are taken, if there is one.

    Raises:
        TailtuneError: options on reading beside a run, which says itself how its data are read.
    """
    from tailtune.data.open import open_dataset

    folder = Path(reading.data)
    if not (folder / "run.yaml").is_file():
        return open_dataset(reading), None
    from tailtune.run.finished import Finished

    if reading != Reading(reading.data):
        raise TailtuneError(
            f"{folder} is a run, which says itself how its data are read; leave the other options out, or audit its "
            "data instead"
        )
    run = Finished(folder)
    return run.dataset(), run if run.run.folds is not None else None


def _print(found: Audit) -> None:
    from tailtune.words import percent

    screen = console()
    for finding in found.findings:
        screen.print(f"{finding.title}: {finding.sentence}", markup=False)
        for shown in finding.shown[:3]:
            screen.print(f"  {shown.row} ({shown.label}){f': {shown.note}' if shown.note else ''}", markup=False)
    if not found.findings:
        screen.print("Nothing was found in the rows and their labels.")
    for reason in found.left_out.values():
        screen.print(f"Left out: {reason}", markup=False)
    for ceiling in found.ceilings:
        screen.print(f"Ceiling: {ceiling.what} {ceiling.why_wrong}", markup=False)
    screen.print(
        f"{found.scored_by} They get {percent(found.accuracy)} of these rows right, and "
        f"{percent(found.balanced_accuracy)} as the mean over classes that weigh alike.",
        markup=False,
    )
