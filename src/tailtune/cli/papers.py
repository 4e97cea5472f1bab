"""The command `tailtune paper`: tables and figures of the paper, from training to verdict."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from tailtune.cli.terminal import console, note, print_json, text_table
from tailtune.errors import TailtuneError

if TYPE_CHECKING:
    from tailtune.paper.page import Asked, Scale, Subject


def paper(
    name: Positional[str | None] = None,
    scale: str = "small",
    seeds: int | None = None,
    data: tuple[str, ...] = (),
    data_root: str | None = None,
    jobs: int | None = None,
    out: str | None = None,
    list_: Annotated[bool, arg(name="list")] = False,
    dry_run: bool = False,
    json: bool = False,
) -> None:
    """Reproduce a table or figure of the paper, and say which of its claims hold.

    Args:
        name: of the table or figure, such as table6; or claims, for the ledger of all that were run.
        scale: smoke (some rows, to see that it runs), small (a processor) or full (the paper's settings).
        seeds: trainings of each arm, instead of the scale's own.
        data: data sets, instead of all that the table or figure has.
        data_root: folder of the named datasets.
        jobs: trainings at a time.
        out: folder to write, by default runs/paper/NAME-SCALE; what it holds already is not trained again. For claims:
            the folder that holds those of the tables and figures, by default runs/paper.
        list_: name what there is, with its claim, and the hours of each scale.
        dry_run: show the trainings, the hours and the disk space that they need, and train none.
        json: print JSON.

    Raises:
        TailtuneError: a name, scale or data set that does not exist, or trainings that fail.
    """
    from tailtune.paper.page import Asked, check_scale, subject

    if list_:
        _list(json)
        return
    if name is None:
        raise TailtuneError("name a table or figure of the paper, such as table6; tailtune paper --list names them all")
    if name == "claims":
        _ledger(Path(out or "runs/paper"), json)
        return
    chosen, size = subject(name), check_scale(scale)
    asked = Asked(out or f"runs/paper/{name}-{size}", seeds, data, data_root, jobs)
    if dry_run:
        _price(chosen, size, asked, json)
    else:
        _carry_out(name, chosen, size, asked, json)


def _list(json: bool) -> None:
    from rich.text import Text

    from tailtune import paper as subjects
    from tailtune.paper.costs import hours
    from tailtune.paper.page import SCALES, Asked, subject

    found = [(name, subject(name)) for name in subjects.SUBJECTS]
    taken = {
        name: {scale: hours(one.design(scale, Asked("nowhere")), scale) for scale in SCALES} for name, one in found
    }
    if json:
        print_json(
            [{"name": name, "title": one.TITLE, "claim": one.CLAIM, "hours": taken[name]} for name, one in found]
        )
        return
    for name, one in found:
        console().print(Text(f"{name}   {one.TITLE}"))
        console().print(Text(f"  claim: {one.CLAIM}"))
        for scale in SCALES:
            machine = "one GPU" if scale == "full" else "one core"
            console().print(Text(f"  --scale {scale}: hours: {taken[name][scale]:.2g} of {machine}"))


def _ledger(folder: Path, json: bool) -> None:
    from tailtune.paper.ledger import plain, read_claims, table_of, write_ledger

    entries = read_claims(folder)
    page = write_ledger(folder, entries)
    if json:
        print_json({"page": str(page), "claims": plain(entries)})
        return
    table = table_of(entries)
    for entry in entries:
        claim = entry.claim
        console().print(f"{claim.verdict}: {entry.subject} ({entry.scale}): {claim.words}; {claim.ours}", markup=False)
    console().print(table.caption, markup=False)
    console().print(f"page: {page}", markup=False)


def _price(chosen: Subject, scale: Scale, asked: Asked, json: bool) -> None:
    import msgspec

    from tailtune.paper.costs import expected
    from tailtune.report.terminal.price_table import price_table
    from tailtune.study.conduct import price

    costs = {}
    for name, planned in chosen.design(scale, asked).items():
        costs[name] = expected(price(planned.study, say=note), planned.used)
        if not json:
            console().print(price_table(costs[name]))
    if json:
        print_json({name: msgspec.to_builtins(cost) for name, cost in costs.items()})
    else:
        hours = sum(cost.hours for cost in costs.values())
        console().print(f"together: about {hours:.2g} hours on this machine, searches included", markup=False)


def _carry_out(name: str, chosen: Subject, scale: Scale, asked: Asked, json: bool) -> None:
    from dataclasses import asdict

    from tailtune.compare import conduct_with_page
    from tailtune.jobs.launch import refuse_failures
    from tailtune.jobs.progress import shown
    from tailtune.paper.rows import gathered, write_rows
    from tailtune.paper.writing import write_subject

    folder, planned = Path(asked.out), chosen.design(scale, asked)
    failures: dict[str, str] = {}
    for one in planned.values():
        conducted = conduct_with_page(one.study, show=lambda what: shown(console(stderr=True), note, what), say=note)
        failures |= conducted.failures
        rows = gathered(planned, scale)  # also of data sets that are still to come, where they were trained before
        write_rows(folder, rows)
        page = write_subject(folder, name, chosen, rows)
    tables, claims = chosen.tables(rows), chosen.claims(rows)
    if json:
        print_json(
            {
                "folder": str(folder),
                "tables": [asdict(table) for table in tables],
                "claims": [asdict(claim) for claim in claims],
            }
        )
    else:
        for table in tables:
            console().print(text_table(table))
            console().print(table.caption, markup=False)
        for claim in claims:
            console().print(f"{claim.verdict}: {claim.words} ({claim.number}); ours: {claim.ours}", markup=False)
        console().print(f"page: {page}", markup=False)
    refuse_failures(failures)
