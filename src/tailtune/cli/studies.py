"""Commands about many runs: compare, study, demo."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import Positional, PositionalRequiredArgs, arg

from tailtune.cli.terminal import console, note, print_json, text_table
from tailtune.errors import TailtuneError
from tailtune.jobs.task import On
from tailtune.questions import NAMES
from tailtune.questions.question import Question
from tailtune.settings import Run
from tailtune.study.comparison import Comparison
from tailtune.study.study import Study

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tailtune.study.results import StudyResult


def compare(
    asked: Annotated[Comparison, arg(name=""), PositionalRequiredArgs],
    no_flip: bool = False,
    dry_run: bool = False,
    json: bool = False,
) -> None:
    """Train several methods on the same splits with the same settings and seeds, and say which of them differ.

    Args:
        asked: the configuration.
        no_flip: the same as --flip False: a mirrored picture is another class (digits, letters, left and right).
        dry_run: show the trainings, the hours and the disk space that they need, and train none.
        json: print JSON.
    """
    if no_flip:
        asked = replace(asked, flip=False)
    _conduct(asked.study(), lenient=asked.all, dry_run=dry_run, json=json)


def study(
    design: Positional[str],
    out: str | None = None,
    seeds: int | None = None,
    jobs: int | None = None,
    on: On | None = None,
    shard: str | None = None,
    data_root: str | None = None,
    dry_run: bool = False,
    json: bool = False,
) -> None:
    """Carry out a study of your own; or answer a question about DATA by one of ours: tailtune study ratio DATA.

    Ours are batch-size, augmentation, architecture, ratio, growth and pretraining, in the place of DESIGN; tailtune
    study ratio --help tells their options.

    Args:
        design: path/to/file.py:function or package.module:function, a function that returns a tailtune.study.Study.
        out: folder to write, instead of the study's own.
        seeds: trainings of each arm, instead of the study's own.
        jobs: trainings at a time.
        on: where trainings run: local, slurm or ray.
        shard: I/N does every N-th training, beginning with the I-th.
        data_root: folder of the named datasets, instead of the study's own.
        dry_run: show the trainings, the hours and the disk space that they need, and train none.
        json: print JSON.

    Raises:
        TailtuneError: a name of ours behind an option, or no such function.
    """
    from tailtune.study.design import load_study

    if design in NAMES:
        raise TailtuneError(f"the name and the data come first: tailtune study {design} DATA")
    own = {"out": out, "seeds": seeds, "jobs": jobs, "on": on, "shard": shard, "data_root": data_root}
    given: dict[str, Any] = {name: value for name, value in own.items() if value is not None}
    _conduct(replace(load_study(design), **given), lenient=False, dry_run=dry_run, json=json)


def question(
    name: Positional[str],
    asked: Annotated[Question, arg(name=""), PositionalRequiredArgs],
    no_flip: bool = False,
    dry_run: bool = False,
    json: bool = False,
) -> None:
    """Answer a question about DATA by a study: one sentence with an interval, a table, figures and a page.

    Args:
        name: batch-size, augmentation, architecture, ratio, growth or pretraining.
        asked: the configuration.
        no_flip: the same as --flip False: a mirrored picture is another class (digits, letters, left and right).
        dry_run: show the trainings, the hours and the disk space that they need, and train none.
        json: print JSON.
    """
    import msgspec

    from tailtune.jobs.launch import refuse_failures
    from tailtune.jobs.progress import shown
    from tailtune.questions.carry_out import carry_out, cost
    from tailtune.report.terminal.price_table import price_table

    if no_flip:
        asked = replace(asked, flip=False)
    if dry_run:
        found = cost(name, asked, note)
        print_json(msgspec.to_builtins(found)) if json else console().print(price_table(found))
        return
    answered = carry_out(name, asked, show=lambda what: shown(console(stderr=True), note, what), say=note)
    conducted, answer = answered.conducted, answered.answer
    if json:
        tables = msgspec.to_builtins(answer.tables)
        print_json({"page": str(answered.page), "sentence": answer.sentence, "tables": tables})
    else:
        for table in answer.tables:
            console().print(text_table(table))
            console().print(table.caption, markup=False)
        console().print(answer.sentence, markup=False)
        console().print(f"page: {answered.page}", markup=False)
    if conducted.elsewhere:
        note(f"{conducted.elsewhere} trainings are left to other processes; the same command collects their results")
    refuse_failures(conducted.failures)


def _study_output(result: StudyResult) -> Iterator[RenderableType]:
    """What is printed of a study: its tables, and what they say."""
    from rich.text import Text

    from tailtune.report.terminal.study_table import own_table, protocol_table, study_lines, study_table

    yield study_table(result.statistics)
    yield from filter(None, (protocol_table(result.statistics), own_table(result)))
    yield from map(Text, study_lines(result.statistics))


def _conduct(
    asked: Study,
    *,
    lenient: bool,
    dry_run: bool,
    json: bool,
    output: Callable[[StudyResult], Iterable[RenderableType]] = _study_output,
) -> None:
    import msgspec

    from tailtune.compare import conduct_with_page
    from tailtune.jobs.launch import refuse_failures
    from tailtune.jobs.progress import shown
    from tailtune.report.terminal.price_table import price_table
    from tailtune.study.conduct import price

    if dry_run:
        cost = price(asked, say=note, lenient=lenient)
        print_json(msgspec.to_builtins(cost)) if json else console().print(price_table(cost))
        return
    conducted = conduct_with_page(
        asked, show=lambda what: shown(console(stderr=True), note, what), say=note, lenient=lenient
    )
    if json:
        print_json({"folder": str(conducted.folder), **msgspec.to_builtins(conducted.result)})
    else:
        screen = console()
        for part in output(conducted.result):
            screen.print(part)
        screen.print(f"report: {conducted.folder / 'report.html'}", markup=False)
    if conducted.elsewhere:
        note(f"{conducted.elsewhere} trainings are left to other processes; the same command collects their results")
    refuse_failures(conducted.failures)


def tune(
    run: Annotated[Run, arg(name=""), PositionalRequiredArgs],
    trials: int | None = None,
    jobs: int | None = None,
    sampler: Literal["tpe", "gp"] = "tpe",
    storage_url: str | None = None,
    final_seeds: int = 1,
    no_flip: bool = False,
    json: bool = False,
) -> None:
    """Search settings of the whole pipeline for DATA, say what they gain on rows that chose nothing, and use them.

    Args:
        run: the configuration; what it leaves open is searched. --minutes is for everything, the final run included.
        trials: most trainings of the search; by default as many as --minutes (10) have room for.
        jobs: processes that make trials; by default as many as processors and memory allow, or one with --trials,
            because what is proposed depends on which trials ended before. It changes no figure of a trial.
        sampler: what proposes settings: Optuna's estimator of Parzen trees (tpe), or a Gaussian process (gp).
        storage_url: Optuna storage that several processes share; by default a journal in --out.
        final_seeds: final runs, with seeds 0, 1, and so on; 0 makes none.
        no_flip: the same as --flip False: a mirrored picture is another class (digits, letters, left and right).
        json: print JSON.
    """
    import msgspec

    from tailtune.data.memory import available_memory
    from tailtune.jobs.progress import shown as counted
    from tailtune.jobs.side_by_side import SideBySide
    from tailtune.processors import cores
    from tailtune.training.observer import shown
    from tailtune.tuning.page import write_page
    from tailtune.tuning.table import trials_table
    from tailtune.tuning.tune import tune as search

    if no_flip:
        run = replace(run, flip=False)
    result = search(
        run,
        trials=trials,
        storage=storage_url,
        sampler=sampler,
        jobs=jobs,
        seeds=final_seeds,
        say=note,
        watch=lambda: shown(console(stderr=True), note),
        together=SideBySide(
            jobs, lambda what: counted(console(stderr=True), note, what, each=False), cores(), available_memory
        ),
    )
    page = write_page(Path(run.out), result)
    if json:
        print_json({"folder": run.out, **msgspec.to_builtins(result)})
    else:
        console().print(trials_table(result))
        console().print(f"report: {page}", markup=False)


def demo(out: Path = Path("demo-run"), seeds: int = 3, json: bool = False) -> None:
    """Train on embedded long-tailed digits: plain training (ERM) against the tuned recipe.

    Args:
        out: folder to write.
        seeds: how many seeds.
        json: print JSON.
    """
    from tailtune.demo import demo as demo_study
    from tailtune.demo import demo_table

    asked = demo_study(out, seeds)
    _conduct(asked, lenient=False, dry_run=False, json=json, output=lambda result: [demo_table(result)])
