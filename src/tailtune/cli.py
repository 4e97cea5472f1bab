"""The command line: parses, calls, prints. Every heavy import waits until a command needs it."""

from __future__ import annotations

import io
import logging
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tailtune.errors import TailtuneError
from tailtune.files import naming_files, refuse_bytes
from tailtune.interrupt import Interrupted, interrupting, to_be_requeued
from tailtune.jobs.task import On
from tailtune.settings import Reading, Run, check
from tailtune.study.comparison import Comparison
from tailtune.study.study import Study
from tailtune.words import printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from tailtune.study.results import StudyResult

try:
    import tyro
    from tyro.conf import FlagCreatePairsOff, OmitArgPrefixes, Positional, PositionalRequiredArgs, arg
except ModuleNotFoundError:  # a bare `pip install tailtune`
    print("tailtune: the command line needs more packages; pip install 'tailtune[app]'", file=sys.stderr)
    sys.exit(2)


def _console(stderr: bool = False) -> Console:
    from rich.console import Console

    from tailtune.report.terminal.printable import PrintableHook

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else 120  # in a file or a pipe there is no window that tables must fit
    console = Console(stderr=stderr, highlight=False, emoji=False, width=width, soft_wrap=not stream.isatty())
    console.push_render_hook(PrintableHook())
    return console


def _note(sentence: str) -> None:
    _console(stderr=True).print(printable(sentence), markup=False)


class _Notes(logging.Handler):
    """Shows what the library logs, such as how far pictures are read, as a line on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one line."""
        _note(record.getMessage())


def _show_log() -> None:
    log = logging.getLogger("tailtune")
    if not log.handlers:
        log.addHandler(_Notes())
        log.setLevel(logging.INFO)
        log.propagate = False


def _print_json(value: Any) -> None:
    import json

    text = json.dumps(value, indent=1, ensure_ascii=False)
    print(re.sub(r"[^\n]", lambda letter: letter[0] if letter[0].isprintable() else json.dumps(letter[0])[1:-1], text))


def fit(
    run: Annotated[Run, arg(name=""), PositionalRequiredArgs],
    resume: bool = False,
    no_flip: bool = False,
    from_: Annotated[Path | None, arg(name="from")] = None,
    json: bool = False,
) -> None:
    """Train on DATA, evaluate once on held-out rows, and write a run folder with a model and report.html.

    Args:
        run: the configuration.
        resume: go on with the run in --out, if it is unfinished; the settings must be the same.
        no_flip: the same as --flip False: a mirrored picture is another class (digits, letters, left and right).
        from_: run.yaml of a run to repeat: its settings, as they were resolved, and its DATA unless other DATA stand
            first; further options change them.
        json: print the headline figures as JSON.
    """
    from tailtune.fit import fit as fit_run
    from tailtune.report.terminal.run_table import as_json, headline
    from tailtune.run.repeat import check_repeated
    from tailtune.training.observer import shown

    if no_flip:
        run = replace(run, flip=False)
    if from_ is not None:
        check_repeated(from_, run)
    finished = fit_run(run, resume=resume, watch=lambda: shown(_console(stderr=True), _note), say=_note, forecast=_note)
    if finished is None:
        return
    folder, result = finished.folder, finished.result
    if json:
        _print_json({"folder": str(folder), **as_json(result)})
    else:
        console = _console()
        console.print(headline(result))
        console.print(f"report: {folder / 'report.html'}", markup=False)


def inspect(
    reading: Annotated[Reading, arg(name=""), PositionalRequiredArgs],
    no_flip: bool = False,
    page: Path | None = None,
    force: bool = False,
    json: bool = False,
) -> None:
    """Show the classes and columns of DATA, and what they ask for; nothing is trained.

    Args:
        reading: the data, and how they are read.
        no_flip: the same as --flip False: a mirrored picture is another class (digits, letters, left and right).
        page: HTML file to write the same to, besides.
        force: replace the file at --page, if there is one.
        json: print JSON.
    """
    from tailtune.advice.all_checks import advise
    from tailtune.advice.facts import facts_of_dataset
    from tailtune.advice.inspection import as_json, render
    from tailtune.data.open import open_dataset
    from tailtune.report.inspect_page.page import check_place, write_inspect_page

    if no_flip:
        reading = replace(reading, flip=False)
    check(reading)
    if page is not None:
        check_place(page, Path(reading.data), force)
    dataset = open_dataset(reading)
    facts = facts_of_dataset(dataset, reading)
    advice = advise(facts)
    if page is not None:
        write_inspect_page(page, facts, advice, source=dataset.source, notes=dataset.notes)
    if json:
        _print_json(as_json(facts, advice, source=dataset.source) | {"notes": dataset.notes})
        return
    for sentence in dataset.notes:
        _note(sentence)
    _console().print(render(facts, advice, source=dataset.source))
    if page is not None:
        _console().print(f"page: {page}", markup=False)


def predict(
    run: Positional[Path],
    data: Positional[str],
    out: Path,
    objective: str | None = None,
    deploy_prior: str | None = None,
    sets: float | None = None,
    abstain_error: float | None = None,
    force: bool = False,
    json: bool = False,
) -> None:
    """Write the class and the probability of each class for every row of DATA, in its order.

    Args:
        run: finished run folder.
        data: table, image folder, image or .npz.
        out: CSV or Parquet file to write.
        objective: choose the answers for another objective than the run did, on the validation rows that it kept.
        deploy_prior: state other class frequencies in use than the run did, or have them found from DATA (estimate).
        sets: also write sets of classes that hold the true one so often, such as 0.9, for every class.
        abstain_error: also write which rows to answer so that at most this share of the answers is wrong.
        force: replace the file at --out, if there is one.
        json: print a summary as JSON.
    """
    from tailtune.run.predict import Wanted, write_predictions_table

    wanted = Wanted(objective, deploy_prior, sets, abstain_error)
    rows = write_predictions_table(run, data, out, _note, wanted, force)
    if json:
        _print_json({"rows": rows, "out": str(out)})
    else:
        _console().print(f"{rows} rows: {out}", markup=False)


def evaluate(
    run: Positional[Path],
    data: Positional[str],
    objective: str | None = None,
    deploy_prior: str | None = None,
    json: bool = False,
) -> None:
    """Score a finished run on DATA, which must hold the target; rows that it was trained on are scored apart.

    Args:
        run: finished run folder.
        data: table, image folder or .npz with targets, or the named dataset of the run, for its test part.
        objective: choose the answers for another objective than the run did, on the validation rows that it kept.
        deploy_prior: state other class frequencies in use than the run did; nothing is trained for either.
        json: print all figures as JSON.
    """
    from tailtune.report.run_page.decision import paid
    from tailtune.report.terminal.run_table import scores_table
    from tailtune.run.score import score

    scores = score(run, data, _note, objective, deploy_prior)
    if json:
        _print_json(scores.as_json())
    else:
        _console().print(scores_table(scores))
        if scores.bill is not None:
            _console().print(paid(scores.bill, scores.rows), markup=False)
        if scores.note:
            _console().print(scores.note, markup=False)


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
    """Carry out a study of your own: any settings against each other on the same rows and seeds.

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
    """
    from tailtune.study.design import load_study

    own = {"out": out, "seeds": seeds, "jobs": jobs, "on": on, "shard": shard, "data_root": data_root}
    given: dict[str, Any] = {name: value for name, value in own.items() if value is not None}
    _conduct(replace(load_study(design), **given), lenient=False, dry_run=dry_run, json=json)


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
        cost = price(asked, say=_note, lenient=lenient)
        _print_json(msgspec.to_builtins(cost)) if json else _console().print(price_table(cost))
        return
    conducted = conduct_with_page(
        asked, show=lambda what: shown(_console(stderr=True), _note, what), say=_note, lenient=lenient
    )
    if json:
        _print_json({"folder": str(conducted.folder), **msgspec.to_builtins(conducted.result)})
    else:
        console = _console()
        for part in output(conducted.result):
            console.print(part)
        console.print(f"report: {conducted.folder / 'report.html'}", markup=False)
    if conducted.elsewhere:
        _note(f"{conducted.elsewhere} trainings are left to other processes; the same command collects their results")
    refuse_failures(conducted.failures)


def report(run: Positional[Path]) -> None:
    """Write report.html of a finished run, or of a comparison as far as it is, anew.

    Args:
        run: finished run folder, or the folder of a comparison, in which trainings may be under way.
    """
    from tailtune.compare import write_pages
    from tailtune.report.run_page.page import write_report
    from tailtune.report.study_page.record import missing
    from tailtune.run.finished import Finished
    from tailtune.run.lock import alone
    from tailtune.study.study import STUDY
    from tailtune.study.tidy_table import collect

    if (run / STUDY).exists():
        result = collect(run)
        page = write_pages(run, result)
        for sentence in missing(result):
            _note(sentence)
    else:
        finished = Finished(run)
        with alone(run):
            page = write_report(finished)
    _console().print(f"report: {page}", markup=False)


def verify(run: Positional[Path], retrain: bool = False, json: bool = False) -> None:
    """Check that the files of a run are as they were written and that its figures follow from its predictions.

    Args:
        run: finished run folder.
        retrain: also train it anew and compare the scores of the test rows bit by bit.
        json: print JSON.

    Raises:
        TailtuneError: one of the checks failed.
    """
    import msgspec

    from tailtune.run.verify import verify as verify_run

    findings = verify_run(run, retrain, _note)
    if json:
        _print_json(msgspec.to_builtins(findings))
    else:
        for finding in findings:
            mark = "holds" if finding.holds else "FAILS"
            _console().print(f"{mark}  {finding.check}: {finding.said}", markup=False)
    wrong = [finding.check for finding in findings if not finding.holds]
    if wrong:
        raise TailtuneError(f"{run} does not hold what it says: {', '.join(wrong)}")


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
        _print_json([{"name": name, "about": about} for name, about in entries(what)])
    else:
        _console().print(listing_table(entries(what)))


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


COMMANDS: dict[str, Callable[..., None]] = {
    "demo": demo,
    "inspect": inspect,
    "fit": fit,
    "compare": compare,
    "study": study,
    "evaluate": evaluate,
    "predict": predict,
    "report": report,
    "verify": verify,
    "list": list_,
}


# a study takes several ratios and methods where a run takes one
_MEANT = {
    ("compare", "--ratio"): "--ratios",
    ("compare", "--method"): "--methods",
    ("compare", "--decision"): "--decisions",
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit code.

    It is 0, 2 for bad input (one line on stderr), 130 if stopped by Ctrl-C, and 75 if by SIGTERM or SIGUSR1, by which
    schedulers end a job: what was begun can be gone on with.
    """
    _show_log()
    app = tyro.extras.SubcommandApp()
    for name, function in COMMANDS.items():
        app.command(name=name)(function)
    words = sys.argv[1:] if arguments is None else arguments
    given = [_MEANT.get((words[0], word), word) for word in words]
    try:
        for word in words:
            refuse_bytes(word)
        if given[:1] == ["fit"] and "--from" in given[:-1]:
            from tailtune.run.repeat import repeating

            given = repeating(given)
        try:
            with interrupting(), naming_files():
                app.cli(
                    args=given,
                    prog="tailtune",
                    description="Train classifiers on class-imbalanced data.",
                    config=(OmitArgPrefixes, FlagCreatePairsOff),
                )
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
