"""Commands about one run: fit, inspect, predict, evaluate, report, analyse, verify."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, PositionalRequiredArgs, arg

from tailtune.cli.terminal import console, note, print_json
from tailtune.errors import TailtuneError
from tailtune.settings import Reading, Run, check


def fit(
    run: Annotated[Run, arg(name=""), PositionalRequiredArgs],
    resume: bool = False,
    no_flip: bool = False,
    from_: Annotated[Path | None, arg(name="from")] = None,
    jobs: int | None = None,
    json: bool = False,
) -> None:
    """Train on DATA, evaluate once on held-out rows, and write a run folder with a model and report.html.

    Args:
        run: the configuration.
        resume: go on with the run in --out, if it is unfinished; the settings must be the same.
        no_flip: the same as --flip False: a mirrored picture is another class (digits, letters, left and right).
        from_: run.yaml of a run to repeat: its settings, as they were resolved, and its DATA unless other DATA stand
            first; further options change them.
        jobs: trainings at a time, where a model consists of several; by default as many as processors and memory
            allow. It changes no figure.
        json: print the headline figures as JSON.
    """
    from tailtune.data.memory import available_memory
    from tailtune.fit import fit as fit_run
    from tailtune.jobs.progress import shown as counted
    from tailtune.jobs.side_by_side import SideBySide
    from tailtune.processors import cores
    from tailtune.report.terminal.run_table import as_json, headline
    from tailtune.run.repeat import check_repeated
    from tailtune.training.observer import shown

    if no_flip:
        run = replace(run, flip=False)
    if from_ is not None:
        check_repeated(from_, run)
    finished = fit_run(
        run,
        resume=resume,
        watch=lambda: shown(console(stderr=True), note),
        say=note,
        forecast=note,
        together=SideBySide(
            jobs, lambda what: counted(console(stderr=True), note, what, each=False), cores(), available_memory
        ),
    )
    if finished is None:
        return
    folder, result = finished.folder, finished.result
    if json:
        print_json({"folder": str(folder), **as_json(result)})
    else:
        screen = console()
        screen.print(headline(result))
        screen.print(f"report: {folder / 'report.html'}", markup=False)


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
        print_json(as_json(facts, advice, source=dataset.source) | {"notes": dataset.notes})
        return
    for sentence in dataset.notes:
        note(sentence)
    console().print(render(facts, advice, source=dataset.source))
    if page is not None:
        console().print(f"page: {page}", markup=False)


def predict(
    run: Positional[Path],
    data: Positional[str],
    out: Path,
    objective: str | None = None,
    deploy_prior: str | None = None,
    sets: float | None = None,
    abstain_error: float | None = None,
    manifest: str | None = None,
    top: int | None = None,
    skip_bad_images: bool = False,
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
        manifest: CSV or Parquet file whose column path lists the pictures of the folder DATA that are meant.
        top: also name so many of the most probable classes, with their probabilities.
        skip_bad_images: go on where an image cannot be read; its row stays, empty, and says why.
        force: replace the file at --out, if there is one.
        json: print a summary as JSON.
    """
    from tailtune.run.predict import Wanted, write_predictions_table

    wanted = Wanted(objective, deploy_prior, sets, abstain_error, top)
    rows = write_predictions_table(run, data, out, note, wanted, force, manifest, skip_bad_images)
    if json:
        print_json({"rows": rows, "out": str(out)})
    else:
        console().print(f"{rows} rows: {out}", markup=False)


def evaluate(
    run: Positional[Path],
    data: Positional[str],
    objective: str | None = None,
    deploy_prior: str | None = None,
    manifest: str | None = None,
    skip_bad_images: bool = False,
    skip_unknown_classes: bool = False,
    slice: tuple[str, ...] = (),
    json: bool = False,
) -> None:
    """Score a finished run on DATA, which must hold the target; rows that it was trained on are scored apart.

    Args:
        run: finished run folder.
        data: table, image folder or .npz with targets, or the named dataset of the run, for its test part.
        objective: choose the answers for another objective than the run did, on the validation rows that it kept.
        deploy_prior: state other class frequencies in use than the run did; nothing is trained for either.
        manifest: CSV or Parquet file that lists the pictures of the folder DATA that are meant, and their classes.
        skip_bad_images: score the others where images cannot be read.
        skip_unknown_classes: score the others where rows are of classes that the model does not know.
        slice: columns by whose values the rows are also scored apart.
        json: print all figures as JSON.
    """
    from tailtune.report.run_page.decision import paid
    from tailtune.report.terminal.run_table import scores_table
    from tailtune.run.score import score

    scores = score(run, data, note, objective, deploy_prior, manifest, skip_bad_images, skip_unknown_classes, slice)
    if json:
        print_json(scores.as_json())
    else:
        console().print(scores_table(scores))
        if scores.bill is not None:
            console().print(paid(scores.bill, scores.rows), markup=False)
        if scores.note:
            console().print(scores.note, markup=False)


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
            note(sentence)
    else:
        finished = Finished(run)
        with alone(run):
            page = write_report(finished)
    console().print(f"report: {page}", markup=False)


def analyse(
    run: Positional[Path],
    only: tuple[str, ...] = (),
    layer: str | None = None,
    beside: Path | None = None,
    rows: int | None = None,
    features: tuple[str, ...] = (),
    ensemble: tuple[Path, ...] = (),
    accelerator: Literal["auto", "cpu", "cuda"] = "auto",
    json: bool = False,
) -> None:
    """Look into the network of a finished run, class by class; write analysis.html and analysis.json into its folder.

    Args:
        run: finished run folder.
        only: analyses to carry out, of collapse, overfitting, regions, landscape, curvature and bayes; by default the
            first three, because the others may take minutes.
        layer: where collapse is measured, by its dotted name in the network; by default what goes into the head.
        beside: another finished run, which landscape, curvature and regions compare with this one.
        rows: training rows that landscape and curvature look at, about as many of each class; 256 by default.
        features: two columns of a table over which regions are drawn; by default those with the largest influence.
        ensemble: finished runs on the same test rows, which bayes averages with this one.
        accelerator: where to compute: auto takes a GPU if there is one. bayes stays on the processor.
        json: print JSON.
    """
    from tailtune.analysis.analyses import analyse as analyse_run
    from tailtune.analysis.analyses import as_json, check_names, write_analysis
    from tailtune.report.analysis_page.page import write_analysis_page
    from tailtune.run.finished import Finished
    from tailtune.run.lock import alone

    check_names(only, layer, beside, rows, features, ensemble)
    finished = Finished(run)
    other, others = None if beside is None else Finished(beside), [Finished(folder) for folder in ensemble]
    found = analyse_run(finished, only, layer, other, rows, features, others, accelerator)
    with alone(run):
        write_analysis(finished, found)
        page = write_analysis_page(finished, found)
    if json:
        print_json({"page": str(page), **as_json(found)})
        return
    for each in found:
        console().print(f"{each.title}: {each.finding}", markup=False)
    console().print(f"analysis: {page}", markup=False)


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

    findings = verify_run(run, retrain, note)
    if json:
        print_json(msgspec.to_builtins(findings))
    else:
        for finding in findings:
            mark = "holds" if finding.holds else "FAILS"
            console().print(f"{mark}  {finding.check}: {finding.said}", markup=False)
    wrong = [finding.check for finding in findings if not finding.holds]
    if wrong:
        raise TailtuneError(f"{run} does not hold what it says: {', '.join(wrong)}")
