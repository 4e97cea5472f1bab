"""`fit`: the whole way from a user's data to a finished run folder with its report."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from pathlib import Path

from tailtune.data.open import open_dataset
from tailtune.interrupt import Interrupted
from tailtune.report.run_page.page import write_report
from tailtune.run.continued import with_start
from tailtune.run.environment import first_process
from tailtune.run.execute import check_run, execute
from tailtune.run.finished import Finished
from tailtune.run.folder import check_data, check_folder, is_begun, is_done
from tailtune.run.learner import Together, Watch
from tailtune.run.lock import alone
from tailtune.run.manifest import seal
from tailtune.settings import Run


def fit(
    run: Run,
    *,
    resume: bool = False,
    watch: Watch = nullcontext,
    say: Callable[[str], object] = print,
    forecast: Callable[[str], object] | None = None,
    together: Together | None = None,
) -> Finished | None:
    """Carry out `run`, write its report, and mark the folder as done.

    Args:
        run: what to do; ``run.out`` names the folder.
        resume: go on with an unfinished run of the same settings; one that is finished is returned as it is.
        watch: opens an observer of the training, such as a progress bar.
        say: is told, in a sentence each, what was noticed about the data.
        forecast: is told before training, a sentence each, what was chosen and how long it takes; None times nothing.
        together: carries out several trainings at a time, where the model consists of several; None for one after the
            other in this process, to the same bits.

    Returns:
        The run, or None in the processes of a data-parallel run that are not the first.

    Raises:
        TailtuneError: anything wrong with the input, in one line.
        Interrupted: stopped by a signal; the folder holds what there is to go on from.
        KeyboardInterrupt: stopped by a signal before there was anything to keep.
    """
    check_run(run)
    run = with_start(run)
    if resume and is_done(run):
        check_data(Path(run.out), open_dataset(run))
        say(f"{run.out} is finished: there is nothing left to do")
        return Finished(run.out)
    began = time.monotonic()
    try:
        with ExitStack() as held:
            if first_process(run.devices):
                held.enter_context(alone(check_folder(run, resume)))
            finished = execute(
                run, resume=resume, watch=watch, say=say, forecast=forecast, together=together, mirrors=True
            )
            if finished is not None:
                write_report(finished)
                seal(finished.folder)
        if finished is not None:
            taken = time.monotonic() - began
            if run.minutes is not None and taken > 60 * run.minutes:
                say(f"The run took {taken / 60:.1f} minutes, which is more than --minutes {run.minutes:g}.")
    except KeyboardInterrupt as stop:
        if not first_process(run.devices):
            return None
        if is_begun(Path(run.out)):
            raise Interrupted("stopped") from stop
        raise
    return finished
