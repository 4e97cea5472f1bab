"""Runs the command line in this process, and makes small data for it."""

from __future__ import annotations

import io
import multiprocessing
import os
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from PIL import Image

from tailtune.cli import entry, main

CLASSES = ("common", "middling", "rare")
TABLE = ("--target", "label", "--model", "mlp")
SMALL = ("--method", "erm", "--epochs", "2", "--batch-size", "32", "--accelerator", "cpu", "--baselines", "majority")


@dataclass(frozen=True)
class Answer:
    """What a command returned and printed."""

    code: int
    out: str
    err: str

    @property
    def notes(self) -> list[str]:
        """The lines on stderr that are not `fit`'s plan or progress."""
        return notes(self.err)


def notes(err: str) -> list[str]:
    """The lines of `err` but for those in which `fit` says what it is about to do, and how far it is."""
    plan = ("Training by ", "An epoch over all rows takes ", "Faster: ", "Other programs keep ", "step ")
    return [line for line in err.splitlines() if not line.startswith(plan)]


Cli = Callable[..., Answer]
Refused = Callable[..., str]


def answer(*arguments: str | Path) -> Answer:
    """Run one command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as exit_:  # the parser's own complaints
            code = int(exit_.code or 0)
    return Answer(code, out.getvalue(), err.getvalue())


IMPORTED = (
    "command_line tailtune.fit tailtune.report.run_page.page tailtune.models.build lightning_fabric "
    "rtdl_num_embeddings polars rtdl_revisiting_models PIL.Image rich.progress safetensors.torch matplotlib.figure "
    "jinja2 yaml sklearn.metrics"
)
CONTEXT = multiprocessing.get_context("forkserver")  # real processes that need not import all of that once more each
CONTEXT.set_forkserver_preload(IMPORTED.split(" "))


def start(folder: Path, *arguments: str | Path) -> ForkServerProcess:
    """Run one command in a process (and a process group) of its own, which prints into files in `folder`."""
    folder.mkdir(exist_ok=True)
    for name in ("stdout", "stderr"):
        (folder / name).unlink(missing_ok=True)
    process = CONTEXT.Process(target=_be_the_command, args=(folder, [str(argument) for argument in arguments]))
    process.start()
    return process


def _be_the_command(folder: Path, arguments: list[str]) -> None:
    os.setsid()
    for stream, name in ((1, "stdout"), (2, "stderr")):
        with (folder / name).open("w") as file:
            os.dup2(file.fileno(), stream)
    sys.argv = [str(Path(sys.executable).with_name("tailtune")), *arguments]
    entry()


def made_table(rows: int = 240, seed: int = 0) -> pl.DataFrame:
    """Three classes of sizes 6 : 3 : 1 that differ in the means of two columns, and a category."""
    rng = np.random.default_rng(seed)
    y = np.sort(rng.choice(3, rows, p=[0.6, 0.3, 0.1]))
    order = rng.permutation(rows)
    columns = {
        "height": rng.standard_normal(rows) + 2 * y,
        "weight": rng.standard_normal(rows) - 2 * y,
        "colour": rng.choice(["red", "green", "blue"], rows),
        "label": np.array(CLASSES)[y],
    }
    return pl.DataFrame({name: values[order] for name, values in columns.items()})


def picture(seed: int, brightness: int) -> NDArray[np.uint8]:
    """A noisy grey picture [8, 8]."""
    noise = np.random.default_rng(seed).integers(0, 60, (8, 8))
    return (noise + brightness).astype(np.uint8)


def write_images(folder: Path, counts: dict[str, int]) -> Path:
    """One subfolder of grey 8 x 8 PNG files for each class."""
    for k, (name, count) in enumerate(counts.items()):
        (folder / name).mkdir(parents=True)
        for row in range(count):
            Image.fromarray(picture(1000 * k + row, 60 * k)).save(folder / name / f"{row:03}.png")
    return folder


@dataclass(frozen=True)
class Fitted:
    """A finished run and the table files it was made from."""

    folder: Path
    data: Path
    test: Path
    answer: Answer
    command: tuple[str | Path, ...]


def fitted_on(rows: int, home: Path) -> Fitted:
    """Train on a folder with a train.csv of so many rows and a test.csv of 90, both within `home`."""
    data = home / "data"
    data.mkdir()
    made_table(rows).write_csv(data / "train.csv")
    made_table(90, seed=1).write_csv(data / "test.csv")
    command = ("fit", data, *TABLE, *SMALL)
    got = answer(*command, "--out", home / "run", "--json")
    assert got.code == 0, got.err
    return Fitted(home / "run", data, data / "test.csv", got, command)
