"""results.tex: the figures of a study as a paper prints them, in LaTeX with booktabs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from tailtune.evaluation.measure import Quantity
from tailtune.evaluation.measures import BY_KEY
from tailtune.files import write_whole
from tailtune.report.measure_words import bare
from tailtune.report.study_page.order import protocol
from tailtune.study.statistics import Group, Statistics

TEX = "results.tex"
SPECIAL = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    }
)


def escaped(text: str) -> str:
    r"""Return a text as LaTeX that prints it, on one line.

    >>> print(escaped("cost_50%"))
    cost\_50\%
    """
    return " ".join(text.split()).translate(SPECIAL)


def write_study_tex(folder: Path, statistics: Statistics) -> None:
    """Write results.tex of a study.

    Args:
        folder: the study's folder.
        statistics: what it found.

    Raises:
        TailtuneError: no space for the file.
    """
    write_whole(folder / TEX, render(statistics).encode())


def render(statistics: Statistics) -> str:
    """Return a table of the primary measure, then one of each by which published results are compared.

    A row is an arm, a column a data set at a ratio; a cell is the mean over the seeds ± its standard error, the best
    mean of a column in bold. Every name is escaped.
    """
    primary, groups = BY_KEY[statistics.primary], statistics.groups
    published = {group.name: protocol(statistics, group) for group in groups}
    others = (
        _table(BY_KEY[key], [group for group in groups if published[group.name] == key])
        for key in dict.fromkeys(filter(None, published.values()))
    )
    return "\n".join(["% needs \\usepackage{booktabs}", _table(primary, groups), *others])


def _table(measure: Quantity, groups: Sequence[Group]) -> str:
    arms = dict.fromkeys(arm for group in groups for arm in group.arms)
    term = escaped(measure.term)
    unit = ", in percent" if measure.percent else ""
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{term[:1].upper()}{term[1:]}{unit}: mean $\pm$ standard error over the seeds, the best in bold.}}",
        rf"\begin{{tabular}}{{l{'r' * len(groups)}}}",
        r"\toprule",
        *_head(groups),
        r"\midrule",
        *(" & ".join([escaped(arm), *(_cell(group, arm, measure) for group in groups)]) + r" \\" for arm in arms),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _head(groups: Sequence[Group]) -> Iterator[str]:
    """A line of data sets, each over its ratios, and where there are ratios a line of these."""
    names, rules, column = [""], [], 2
    for dataset, own in groupby(groups, key=lambda group: group.dataset):
        width = len(list(own))
        names.append(rf"\multicolumn{{{width}}}{{c}}{{{escaped(dataset)}}}")
        rules.append(rf"\cmidrule(lr){{{column}-{column + width - 1}}}")
        column += width
    yield " & ".join(names) + r" \\"
    if any(group.ratio is not None for group in groups):
        yield " ".join(rules)
        ratios = ["" if group.ratio is None else f"{group.ratio:g}" for group in groups]
        yield " & ".join(["ratio", *ratios]) + r" \\"


def _cell(group: Group, arm: str, measure: Quantity) -> str:
    figure, best = group.results.get(arm, {}).get(measure.key), group.best[measure.key]
    if figure is None or figure.mean is None:
        return "--"
    mean = bare(measure, figure.mean)
    if best is not None and figure.mean == group.results[best.arm][measure.key].mean:
        mean = rf"\textbf{{{mean}}}"
    return mean if figure.standard_error is None else rf"{mean} $\pm$ {bare(measure, figure.standard_error)}"
