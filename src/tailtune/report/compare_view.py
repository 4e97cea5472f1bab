"""What the comparison's template shows: every list, text and figure of the page, made from results.json."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tailtune.evaluation.measure import Quantity
from tailtune.evaluation.measures import BY_KEY, at, of_result
from tailtune.report import compare_figures
from tailtune.report.compare_curves import curves_view
from tailtune.report.compare_table import by_score
from tailtune.report.compare_verdict import KINDS, by_difference, headline, judge, p_value, protocol, shortened
from tailtune.report.view import plain
from tailtune.report.wording import MINUS, NONE, bare, duration, show_change
from tailtune.study.statistics import name_of

Row = Mapping[str, Any]

VARIES = {
    "init": (
        "A seed changes the training: initial weights, order of batches and augmentation. The rows stay the same, so "
        "the intervals speak about training again on these rows, not about other rows."
    ),
    "subset": (
        "A seed changes the rows: which are drawn for training and, where the data bring no split, the split. What "
        "else is random in a training stays the same, so the intervals speak about other rows of the same source."
    ),
    "both": (
        "A seed changes the rows (which are drawn for training and, where the data bring no split, the split) and what "
        "is random in a training. Where the data bring a test part, its rows stay the same, and the intervals do not "
        "speak about other test rows."
    ),
}
ROUTINE = (
    "All methods are trained by one routine: the same splits, model, epochs and augmentation. A method changes only "
    "what it is about."
)
HASHES = 12  # split hashes that the page lists for a data set
MORE = 12  # methods beyond which long lists are folded


def compare_view(results: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything that the template names.

    Args:
        results: the content of results.json.
    """
    comparison = results["comparison"]
    curves = results.get("curves", ())
    measures = of_result(results)
    groups = [_group(comparison, group, i, curves, measures) for i, group in enumerate(comparison["groups"])]
    methods = list(dict.fromkeys(name for group in comparison["groups"] for name in group["methods"]))
    seeds = sorted({len(group["seeds"]) for group in comparison["groups"]})
    rows = [row for row in results["rows"] if row.get("status", "done") == "done"]
    return {
        "results": results,
        "comparison": comparison,
        "baseline": comparison["baseline"],
        "level": f"{100 * comparison['level']:g}",
        "headline": headline(comparison),
        "groups": groups,
        "kinds": KINDS,
        "methods": methods,
        "seeds": " or ".join(map(str, seeds)),
        "trained": len(rows),
        "planned": max(results.get("planned", 0), len(rows)),
        "ranks": _ranks(comparison["ranks"]),
        "routine": ROUTINE,
        "varies": _varies(results["asked"], rows),
        "budget": _budget(results["asked"]),
        "tuned": [_tuned(entry) for entry in results.get("tuning", ())],
        "asked": _asked(results),
        "shared": [
            (name_of({"dataset": plain(each["data"]), "ratio": each["ratio"]}), _stated(each))
            for each in results.get("shared", ())
        ],
        "failed": _failed(results),
        "machine": [
            ("memory (GB)" if key == "memory_gb" else key, "none" if key == "gpu" and not value else plain(value))
            for key, value in results["machine"].items()
        ],
        "versions": [("tailtune", plain(results["tailtune"]))]
        + [(key, plain(value)) for key, value in results["versions"].items() if key != "tailtune"],
        "splits": [_splits(group, rows) for group in comparison["groups"]],
    }


def _group(
    comparison: Mapping[str, Any],
    group: Mapping[str, Any],
    index: int,
    curves: Sequence[Mapping[str, Any]],
    measures: Sequence[Quantity],
) -> dict[str, Any]:
    baseline, primary = comparison["baseline"], BY_KEY[comparison["primary"]]
    order = by_difference(group, baseline, primary)
    published = protocol(comparison, group)
    tested = [primary, *([BY_KEY[published]] if published else [])]
    standings = judge(comparison, group)
    drawn = [(name, entry) for name, entry in order if entry["mean"] is not None]
    slug = f"g{index}-" + (re.sub(r"[^a-z0-9]+", "-", group["name"].lower()).strip("-") or "data")
    columns = _columns(group, measures, primary)
    shown = at("columns", columns)
    return {
        "id": slug,
        "name": group["name"],
        "standings": standings,
        "many": len(order) > MORE,
        "forest": _forest(drawn, comparison, group, slug, standings.sentence) if drawn else None,
        "curves": curves_view(curves, group, by_score(group, primary), baseline, f"curves-{slug}"),
        "columns": shown,
        "rows": [_figures(group, name, shown, baseline) for name in by_score(group, primary)],
        "highlighted": any(_highlights(group, measure.key) for measure in shown),
        "tests": [_tests(group, baseline, measure) for measure in tested] if order else [],
        "others": _others(group, [name for name, _ in order], columns, tested),
        "seconds": _seconds(group, baseline),
        "seeds": ", ".join(map(str, group["seeds"])),
    }


def _columns(group: Mapping[str, Any], measures: Sequence[Quantity], primary: Quantity) -> list[Quantity]:
    """Measures that any method of the group has: the primary one, the protocol's, then the others.

    Those that mean something for certain classes only are there where the data set's protocol names them, and those
    that another one says better only without it.
    """
    stated = [
        measure
        for measure in at("study", measures)
        if (measure.everywhere or measure.key == group.get("headline"))
        and any(figures.get(measure.key, {}).get("mean") is not None for figures in group["results"].values())
    ]
    covered = {measure.covers for measure in stated}
    first = sorted(stated, key=lambda measure: (measure.key != primary.key, measure.everywhere))
    return [measure for measure in first if measure.key not in covered]


def _highlights(group: Mapping[str, Any], metric: str) -> list[str]:
    """The best method and those level with it; none where that is every method, as then nothing stands out."""
    best = group["best"].get(metric)
    if best is None:
        return []
    found = [best["method"], *best["level_with"]]
    stated = sum(figures[metric]["mean"] is not None for figures in group["results"].values())
    return found if len(found) < stated else []


def _figures(group: Mapping[str, Any], name: str, columns: Sequence[Quantity], baseline: str) -> dict[str, Any]:
    results = group["results"][name]
    cells = [{**_cell(results[m.key], m), "best": name in _highlights(group, m.key)} for m in columns]
    seconds = results.get("seconds", {"mean": None, "standard_error": None})
    most = max((results[measure.key]["n"] for measure in columns), default=0)
    return {
        "label": name,
        "baseline": name == baseline,
        "seeds": f"{most} of {len(group['seeds'])} seeds" if most < len(group["seeds"]) else "",
        "cells": cells,
        "seconds": duration(seconds["mean"]),
    }


def _cell(figure: Mapping[str, Any], measure: Quantity) -> dict[str, str]:
    """Mean and standard error, in percent without the sign where the measure is a share."""
    mean, error = figure["mean"], figure["standard_error"]
    if mean is None:
        return {"mean": NONE, "error": ""}
    return {"mean": bare(measure, mean), "error": "" if error is None else bare(measure, error)}


def _tests(group: Mapping[str, Any], baseline: str, measure: Quantity) -> dict[str, Any]:
    """The tests of every method against the baseline on one measure."""
    order = by_difference(group, baseline, measure)
    return {
        "term": measure.term,
        "rows": [_tested(name, entry, measure) for name, entry in order],
        "wilcoxon": _smallest(order),
    }


def _tested(name: str, entry: Mapping[str, Any], measure: Quantity) -> dict[str, Any]:
    wilcoxon = entry["wilcoxon"]
    interval = entry["interval"]
    return {
        "label": name,
        "standing": entry["standing"],
        "n": entry["n"],
        "change": NONE if entry["mean"] is None else show_change(measure, entry["mean"]),
        "interval": "" if interval is None else " to ".join(show_change(measure, end) for end in interval),
        "t": NONE if entry["t"] is None else f"{entry['t']:.2f}".replace("-", MINUS),
        "p": p_value(entry["p"]),
        "holm_p": p_value(entry["holm_p"]),
        "wilcoxon": NONE if wilcoxon is None else p_value(wilcoxon["p"]),
        "note": entry["note"] or "",
    }


def _smallest(order: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    """The smallest p that the signed-rank test can give here, by the number of seeds; empty where none was made."""
    tested = {entry["wilcoxon"]["n"]: entry["wilcoxon"]["smallest_p"] for _, entry in order if entry["wilcoxon"]}
    return ", ".join(f"{p:.3g} for {n} differences other than zero" for n, p in sorted(tested.items()))


def _others(
    group: Mapping[str, Any], names: Sequence[str], columns: Sequence[Quantity], tested: Sequence[Quantity]
) -> dict[str, Any]:
    """Differences from the baseline on the other metrics, each column a family of its own."""
    shown = [measure for measure in columns if measure not in tested]
    rows = []
    for name in names:
        cells = []
        for measure in shown:
            entry = group["results"][name][measure.key]["difference"]
            known = entry is not None and entry["mean"] is not None
            cells.append(
                {
                    "change": show_change(measure, entry["mean"]) if known else NONE,
                    "standing": entry["standing"] if known else "untested",
                    "p": p_value(entry["holm_p"]) if known else NONE,
                }
            )
        rows.append({"label": name, "cells": cells})
    return {"columns": shown, "rows": rows}


def _seconds(group: Mapping[str, Any], baseline: str) -> list[dict[str, Any]]:
    """Time of a training and its ratio to the baseline's, the quickest first."""
    ratios = {name: entry["ratio"] for name, entry in group["seconds"].items() if entry is not None}
    if baseline in group["methods"]:
        ratios[baseline] = 1.0
    longest = max(ratios.values(), default=1.0)
    rows = []
    for name in sorted(ratios, key=lambda each: ratios[each]):
        figure, entry = group["results"][name]["seconds"], group["seconds"].get(name)
        spread = entry is not None and entry["n"] > 1
        rows.append(
            {
                "label": name,
                "seconds": duration(figure["mean"]),
                "error": "" if figure["standard_error"] is None else f"± {figure['standard_error']:.2g}",
                "ratio": f"{ratios[name]:.2f}",
                "range": f"{entry['smallest']:.2f} to {entry['largest']:.2f}" if entry is not None and spread else "",
                "share": ratios[name] / longest,
            }
        )
    return rows


def _forest(
    drawn: Sequence[tuple[str, Mapping[str, Any]]],
    comparison: Mapping[str, Any],
    group: Mapping[str, Any],
    slug: str,
    sentence: str,
) -> str:
    baseline = comparison["baseline"]
    title = f"Balanced accuracy on {group['name']}: difference of each method from {baseline}, with intervals"
    told = [_tested(name, entry, BY_KEY[comparison["primary"]]) for name, entry in drawn]
    text = "; ".join(f"{shortened(row['label'])} {row['change']} ({row['interval'] or 'no interval'})" for row in told)
    return compare_figures.forest(drawn, baseline, f"forest-{slug}", title, f"{sentence} {text}.")


def _ranks(ranks: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if ranks is None:
        return None
    title = f"Mean rank of each method over {len(ranks['datasets'])} data sets"
    text = "; ".join(f"{shortened(name)} {mean:.2f}" for name, mean in ranks["mean_rank"].items())
    rows = [
        {"label": name, "mean": f"{mean:.2f}", "each": [f"{rank:g}" for rank in ranks["ranks"][name]]}
        for name, mean in ranks["mean_rank"].items()
    ]
    return {
        "figure": compare_figures.rank_plot(ranks, "ranks", title, text),
        "rows": rows,
        "datasets": ranks["datasets"],
        "note": ranks["note"],
        "left_out": ranks["left_out"],
        "critical": ranks["critical_difference"] is not None,
    }


def _varies(asked: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """What a seed changes: as asked, or as the trainings say."""
    told = asked.get("vary") or next((row["vary"] for row in rows if row.get("vary")), None)
    return VARIES.get(str(told), "")


def _budget(asked: Mapping[str, Any]) -> str:
    trials = asked.get("tune_trials")
    if not trials:
        return "No method was tuned: each ran with its default settings or those given to it."
    return f"Each method had {trials} trials on validation rows for its settings, the same number for all."


def _tuned(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A search: its data set and method, the trials that had a score, and the best settings."""
    scores = [trial["score"] for trial in entry["trials"] if trial["score"] is not None]
    return {
        "dataset": entry["dataset"],
        "method": entry["method"],
        "trials": f"{len(scores)} of {len(entry['trials'])}",
        "score": f"{max(scores):.4g}" if scores else NONE,
        "best": ", ".join(f"{key} {plain(value)}" for key, value in entry["best"].items()) or "the defaults",
    }


def _asked(results: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was asked for; settings that a data set's own list states in full are left to that list."""
    elsewhere = {key for each in results.get("shared", ()) for key in each} - {"data", "ratio"}
    return _stated({key: value for key, value in results["asked"].items() if key not in elsewhere})


def _stated(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(key.replace("_", " "), plain(value)) for key, value in settings.items() if value is not None]


def _failed(results: Mapping[str, Any]) -> list[dict[str, str]]:
    """Trainings that ended in an error: those listed as failed, and rows with another status than done."""
    rows = [*results.get("failed", ()), *(row for row in results["rows"] if row.get("status", "done") != "done")]
    return [
        {
            "method": plain(row.get("method")),
            "dataset": name_of({"dataset": plain(row.get("dataset")), "ratio": row.get("ratio")}),
            "seed": plain(row.get("seed")),
            "error": plain(row.get("error") or row.get("status")),
        }
        for row in rows
    ]


def _splits(group: Mapping[str, Any], rows: Sequence[Row]) -> tuple[str, str]:
    """A data set and the hashes of its splits, by seed where they differ."""
    found: dict[str, list[Any]] = {}
    for row in rows:
        if (row["dataset"], row["ratio"]) == (group["dataset"], group["ratio"]) and row.get("split_hash"):
            seeds = found.setdefault(str(row["split_hash"]), [])
            if row["seed"] not in seeds:
                seeds.append(row["seed"])
    if len(found) <= 1:
        return group["name"], next(iter(found), NONE)
    listed = [f"{split} (seed {plain(sorted(seeds))})" for split, seeds in list(found.items())[:HASHES]]
    if len(found) > HASHES:
        listed.append(f"{len(found) - HASHES} more in results.json")
    return group["name"], ", ".join(listed)
