"""What the report's template shows: every list, text and figure of the page, made from result.json and its arrays."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tailtune.errors import TailtuneError
from tailtune.evaluation.measure import Quantity
from tailtune.evaluation.measures import BY_KEY, MEASURES, at, listed, of_result
from tailtune.profile import FEW, MANY, ClassProfile
from tailtune.report import figures, wording
from tailtune.report.inline_svg import SERIES
from tailtune.report.verdict import FEW_ROWS, verdict
from tailtune.training.log import watched

GLYPHS = ("●", "■", "▲", "◆", "▼")  # the figures' markers, so that no series is told by colour alone
MATRIX_CLASSES = 12  # up to here the confusion matrix is a table with numbers
BAR_CLASSES = 20  # up to here the class sizes need no figure beside their table
CURVE_CLASSES = 10
SUPPORT_ROWS = 8
COMMON_CONFUSIONS = 10

Facts = list[tuple[str, str]]


class Mark(NamedTuple):
    """How a system looks in a legend."""

    label: str
    series: int
    glyph: str


def view(
    result: dict[str, Any], history: Sequence[dict[str, Any]], predictions: Mapping[str, NDArray[Any]]
) -> dict[str, Any]:
    """Return everything that the template names; see `tailtune.report.page.render` for the arguments."""
    # the majority class last, so that every system has one colour and marker, in tables and in figures without it
    systems = sorted(result["systems"], key=lambda system: system["name"] == "majority")
    result = {**result, "systems": systems}
    model, training, data = systems[0], result["training"], result["data"]
    profile = ClassProfile(tuple(data["counts"]["train"]), tuple(map(str, data["names"])))
    order = sorted(range(profile.num_classes), key=lambda k: -profile.counts[k])
    compared = [system for system in systems if system["name"] != "majority"]  # its curves are points or blank
    best, part = training.get("best_epoch"), watched(history) or "val"
    rows = figures.WATCHED[part]
    return {
        "result": result,
        "model": model,
        "profile": profile,
        "ratio": _ratio(profile),
        "order": order,
        "verdict": verdict(result),
        "headline": _headline(
            systems, listed("page", of_result(result), result.get("headline")), result.get("headline")
        ),
        "rails": _rails(systems),
        "groups": _groups(compared) if profile.num_classes > 2 else [],
        "marks": _marks(systems),
        "compared": compared,
        "compared_marks": _marks(compared),
        "support": _support(model, order),
        "few_rows": FEW_ROWS,
        "borders": {"many": MANY, "few": FEW},
        "sizes": figures.class_sizes(profile.counts) if profile.num_classes > BAR_CLASSES else None,
        "losses": figures.losses(history, best) if figures.has(history, "train_loss") else None,
        "watched": rows,
        "loss_marks": [Mark("training", 1, "■")] + [Mark(rows, 0, "●")] * figures.has(history, f"{part}_loss"),
        "scores": figures.scores(history, best) if figures.has(history, f"{part}_balanced_accuracy") else None,
        "score_marks": [Mark("balanced accuracy", 0, "●"), Mark("accuracy on the rarest classes", 1, "■")],
        "best_epoch": best,
        "border_lines": " and ".join(map(str, figures.borders(compared))),
        "recall": figures.recall_by_size(compared),
        "reliability": figures.reliability(compared),
        "calibration": [_calibration(system) for system in compared],
        "curves": _curves(compared, profile, order, predictions),
        "confusion": _confusion(model, order),
        "record": {
            "training": _training(training),
            "data": _data(data),
            "machine": _machine(result),
            "run": [(name, plain(value)) for name, value in result["run"].items()],
        },
        "folder": shlex.quote(str(result["run"].get("out") or "RUN")),
        "input": "new-images/" if result["kind"] == "image" else "new-rows.csv",
    }


def plain(value: Any) -> str:
    """Write a value for people: an en dash for nothing, yes and no, lists with commas, six digits.

    >>> [plain(value) for value in (True, 0.1 + 0.2, ["id", "name"], None)]
    ['yes', '0.3', 'id, name', '–']
    """
    if value is None or value in ("", [], ()):
        return wording.NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(plain, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _marks(systems: Sequence[dict[str, Any]]) -> list[Mark]:
    return [Mark(system["label"], i % len(SERIES), GLYPHS[i % len(GLYPHS)]) for i, system in enumerate(systems)]


def _ratio(profile: ClassProfile) -> str:
    if not min(profile.counts):
        return "a class is empty"
    times = 1 / profile.ratio
    return f"{times:.1f} : 1" if times < 10 else f"{wording.whole(round(times))} : 1"


def _headline(
    systems: Sequence[dict[str, Any]], measures: Sequence[Quantity], headline: str | None
) -> list[dict[str, Any]]:
    """A row a measure: what each system reaches, and how far the model is from each baseline."""
    rows = []
    covered = {measure.covers for measure in measures if measure.key in systems[0]["metrics"]}
    for measure in measures:
        if systems[0]["metrics"].get(measure.key) is None or measure.key in covered:
            continue
        cells = []
        for system in systems:
            cell = {
                "value": wording.show(measure, system["metrics"].get(measure.key)),
                "interval": wording.show_interval(measure, system.get("intervals", {}).get(measure.key)),
                "change": "",
            }
            difference = system.get("difference", {}).get(measure.key)
            if difference is not None:
                low, high = (wording.show_change(measure, end) for end in difference["interval"])
                cell |= {
                    "change": wording.show_change(measure, difference["difference"]),
                    "change_interval": f"{low} to {high}",
                    "standing": wording.standing(measure, difference["interval"]),
                }
            cells.append(cell)
        term = f"{measure.term}, by which published results are compared" if measure.key == headline else measure.term
        if measure.key == "auprc":
            term += f"; a guess scores {wording.number(systems[0]['metrics']['prevalence'])}, its prevalence"
        rows.append({"measure": measure, "term": term, "cells": cells})
    return rows


def _rails(systems: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Rare cases found (or, where there are none to find, balanced accuracy) of each system on a rail of 0..1."""
    key = "balanced_accuracy" if systems[0]["metrics"].get("tail_accuracy") is None else "tail_accuracy"
    measure = BY_KEY[key]
    rails = [
        {
            "mark": mark,
            "value": wording.show(measure, system["metrics"][key]),
            "at": system["metrics"][key],
            "interval": system.get("intervals", {}).get(key, [system["metrics"][key]] * 2),
        }
        for mark, system in zip(_marks(systems), systems, strict=True)
    ]
    return {"words": measure.words, "rails": rails}


def _groups(compared: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Accuracy of each system on the rows of head, tail, many-, medium- and few-shot classes, where there are any."""
    return [
        {
            "word": measure.short,
            "meaning": measure.classes,
            "values": [wording.show(measure, system["metrics"].get(measure.key)) for system in compared],
        }
        for measure in at("groups", MEASURES)
    ]


def _support(model: dict[str, Any], order: Sequence[int]) -> dict[str, Any]:
    """Test rows a class: every class where they are few, else the smallest ones and the range of the others."""
    entries = sorted((model["per_class"][k] for k in order), key=lambda entry: -entry["support"])
    rest = entries[:-SUPPORT_ROWS] if len(entries) > SUPPORT_ROWS + 2 else []
    return {
        "rows": sum(entry["support"] for entry in entries),
        "largest": max(entry["support"] for entry in entries),
        "listed": entries[len(rest) :],
        "rest": len(rest),
        "rest_rows": [rest[0]["support"], rest[-1]["support"]] if rest else [],
        "thin": sum(0 < entry["support"] < FEW_ROWS for entry in entries),
    }


def _curves(
    compared: Sequence[dict[str, Any]],
    profile: ClassProfile,
    order: Sequence[int],
    predictions: Mapping[str, NDArray[Any]],
) -> list[dict[str, Any]]:
    """Precision-recall curves: of the rarer class of two, of every class up to ten, of none where there are more.

    Raises:
        TailtuneError: an array that is missing.
    """
    if profile.num_classes > CURVE_CLASSES:
        return []
    keys = ["probabilities"] + [f"baseline_{system['name']}" for system in compared[1:]]
    missing = [key for key in ("targets", *keys) if key not in predictions]
    if missing:
        raise TailtuneError(
            f"predictions.npz lacks {', '.join(missing)}, which result.json names; run tailtune fit again to write it"
        )
    classes = [int(profile.tail[-1])] if profile.num_classes == 2 else order
    found = []
    for k in classes:
        entry = compared[0]["per_class"][k]
        if entry["support"]:
            columns = [predictions[key][:, k] for key in keys]
            title = f"Precision and recall of class {entry['name']} at every threshold"
            svg = figures.precision_recall(
                predictions["targets"], columns, k, f"curve-{k}", title, small=len(classes) > 1
            )
            found.append({"name": entry["name"], "svg": svg, "area": entry["auprc"]})
    return found


def _confusion(model: dict[str, Any], order: Sequence[int]) -> dict[str, Any]:
    """A table for few classes; an image and the commonest confusions for many."""
    counts = np.asarray(model["confusion"])
    support = counts.sum(axis=1)
    names = [entry["name"] for entry in model["per_class"]]
    wrong = counts * (1 - np.eye(len(order), dtype=np.int64))
    commonest = np.argsort(-wrong.ravel(), kind="stable")[:COMMON_CONFUSIONS]
    pairs = [
        {"true": names[i], "called": names[j], "count": int(wrong[i, j]), "share": float(wrong[i, j] / support[i])}
        for i, j in (divmod(int(cell), len(order)) for cell in commonest)
        if wrong[i, j]
    ]
    if len(order) <= MATRIX_CLASSES:
        rows = [
            {
                "name": names[i],
                "cells": [
                    {"count": int(counts[i, j]), "share": float(counts[i, j] / max(support[i], 1)), "right": i == j}
                    for j in order
                ],
            }
            for i in order
        ]
        return {"rows": rows, "names": [names[k] for k in order], "pairs": pairs if len(order) > 2 else []}
    return {"rows": [], "names": names, "image": figures.confusion_image(model["confusion"], order), "pairs": pairs}


def _calibration(system: dict[str, Any]) -> dict[str, str]:
    table = [entry for entry in system["reliability"] if entry["count"]]
    stated = sum(entry["count"] * entry["confidence"] for entry in table) / sum(entry["count"] for entry in table)
    figures_of = system["metrics"]
    return {
        "stated probability, mean": wording.percent(stated),
        "answers right": wording.percent(figures_of["accuracy"]),
        "calibration error (ECE)": wording.percent(figures_of["ece"]),
        "class-wise calibration error": wording.percent(figures_of["classwise_ece"], 2),
        "log loss": wording.number(figures_of["log_loss"]),
    }


def _training(training: dict[str, Any]) -> Facts:
    found = [("time", wording.duration(training.get("seconds")))]
    if training.get("epochs") is not None:
        found.append(("epochs", f"{plain(training['epochs'])} of {plain(training.get('planned_epochs'))}"))
    if training.get("seconds_per_step") is not None:
        found.append(("time a step", f"{1000 * training['seconds_per_step']:.3g}{wording.NBSP}ms"))
    if training.get("peak_memory_mb") is not None:
        found.append(("most memory", f"{wording.whole(round(training['peak_memory_mb']))}{wording.NBSP}MB"))
    counted = [name for name in ("steps", "parameters") if training.get(name) is not None]
    found.extend((name, wording.whole(training[name])) for name in counted)
    words = {"best_epoch": "epoch kept", "stopped": "ended", "selection": "selection"}
    return found + [(word, plain(training[key])) for key, word in words.items() if training.get(key) is not None]


def _data(data: dict[str, Any]) -> Facts:
    parts = [(part, data["counts"][part]) for part in ("train", "val", "test") if data["counts"].get(part)]
    words = {"train": "training rows", "val": "validation rows", "test": "test rows"}
    return [
        ("source", plain(data["source"])),
        ("split", plain(data["split"])),
        ("split hash", plain(data["split_hash"])),
        *((words[part], wording.whole(sum(counts))) for part, counts in parts),
        *((name, plain(value)) for name, value in data["features"].items()),
    ]


def _machine(result: dict[str, Any]) -> Facts:
    machine = result["machine"]
    words = {"processor": "processor", "cores": "cores", "memory_gb": "memory (GB)", "gpu": "GPU"}
    facts = [
        (words.get(key, key), "none" if key == "gpu" and not value else plain(value)) for key, value in machine.items()
    ]
    return [*facts, ("tailtune", plain(result["tailtune"])), *((k, plain(v)) for k, v in result["versions"].items())]
