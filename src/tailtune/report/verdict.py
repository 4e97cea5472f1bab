"""The verdict: one sentence that says how well the model finds rare cases and whether a baseline does better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from tailtune.evaluation.measures import BY_KEY
from tailtune.report import wording
from tailtune.report.wording import number, percent, show, show_interval, whole

Standing = Literal["ahead", "behind", "level", "mixed", "alone"]

FEW_ROWS = 30  # under this many test rows a share moves by several points with one row
LONGEST_NAME = 40


@dataclass(frozen=True)
class Verdict:
    """How the model stands against its strongest baseline, in one sentence, with notes that keep it honest."""

    standing: Standing
    sentence: str
    notes: tuple[str, ...] = ()


def verdict(result: dict[str, Any]) -> Verdict:
    """Judge the model of a finished run.

    The strongest baseline is the one with the highest balanced accuracy; the majority class is a rival only where it
    is alone. Two systems are told apart where the 95 % interval of their paired difference leaves out zero. The
    verdict rests on two figures: the rare cases found and all rows right. Ahead on one and behind on the other is
    "mixed", and the sentence says both.

    Args:
        result: the content of result.json.

    Returns:
        The verdict; it names classes as they are in the data, so escape it for HTML.
    """
    model, *baselines = result["systems"]
    rival = _strongest(baselines)
    sentence = _opening(model)
    standing: Standing = "alone"
    if rival is not None:
        tail = _standing(rival, "tail_accuracy")
        rows = _standing(rival, "accuracy")
        standing = _overall(tail, rows)
        if model["metrics"].get("tail_accuracy") is not None:
            sentence += _rare_cases(model, rival, tail) + _all_rows(rival, tail, rows)
        else:
            sentence += _only_all_rows(rival, rows)
    published = _published(model, rival, result.get("headline"))
    return Verdict(standing, sentence + ".", (*published, *_notes(model, rival, standing)))


def tail_names(system: dict[str, Any]) -> list[str]:
    """Names of the rarest fifth of the classes (at least one), largest first, as `ClassProfile.tail` has them."""
    by_size = sorted(system["per_class"], key=lambda entry: -entry["train_count"])
    return [entry["name"] for entry in by_size[-max(1, round(0.2 * len(by_size))) :]]


def quoted(name: str) -> str:
    """Put a class name in quotation marks, cut where it is long."""
    name = " ".join(str(name).split())
    return f"“{name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + '…'}”"


def rare_cases(system: dict[str, Any]) -> str:
    """Name the rare cases: the rarest class by its name, several rare classes by their number."""
    names = tail_names(system)
    return f"the {quoted(names[0])} cases" if len(names) == 1 else f"the cases of the {len(names)} rarest classes"


def _strongest(baselines: list[dict[str, Any]]) -> dict[str, Any] | None:
    trained = [system for system in baselines if system["name"] != "majority"] or baselines
    return max(trained, key=lambda system: system["metrics"]["balanced_accuracy"], default=None)


def _standing(rival: dict[str, Any], key: str) -> str:
    entry = rival.get("difference", {}).get(key)
    return wording.standing(BY_KEY[key], entry["interval"] if entry else None)


def _overall(tail: str, rows: str) -> Standing:
    if {tail, rows} == {"better", "worse"}:
        return "mixed"
    if "better" in (tail, rows):
        return "ahead"
    return "behind" if "worse" in (tail, rows) else "level"


def _opening(model: dict[str, Any]) -> str:
    key = "tail_accuracy"
    if model["metrics"].get(key) is None:
        key = "balanced_accuracy"
        start = f"No test row belongs to {rare_cases(model)}, so nothing is known about them; of the other classes the"
    else:
        start = "The"
    interval = show_interval(BY_KEY[key], model.get("intervals", {}).get(key))
    sure = f" (95 % interval {interval})" if interval else ""
    value = show(BY_KEY[key], model["metrics"][key])
    if key == "tail_accuracy":
        return f"{start} model finds {value} of {rare_cases(model)}{sure}"
    return f"{start} model recognises {value} of the rows on average{sure}"


def _points(rival: dict[str, Any], key: str) -> str:
    return f"{abs(100 * rival['difference'][key]['difference']):.1f} points"


def _rare_cases(model: dict[str, Any], rival: dict[str, Any], tail: str) -> str:
    theirs = rival["metrics"].get("tail_accuracy")
    if rival["name"] == "majority":
        return f", where always answering {quoted(_largest(model))} finds {'none' if not theirs else percent(theirs)}"
    if tail == "better":
        return (
            f", {_points(rival, 'tail_accuracy')} more than {rival['label']}; "
            "the difference is larger than chance would explain"
        )
    if tail == "worse":
        return (
            f"; {rival['label']} finds {_points(rival, 'tail_accuracy')} more and is ahead "
            "by more than chance would explain"
        )
    return f"; {rival['label']} finds {percent(theirs)}, and on these test rows the two cannot be told apart"


def _all_rows(rival: dict[str, Any], tail: str, rows: str) -> str:
    if rival["name"] == "majority":
        return ""
    if rows == "unclear":
        return ", nor over all rows" if tail == "unclear" else ", while over all rows the two cannot be told apart"
    gap = _points(rival, "accuracy")
    if rows == "better":
        joint = ", and" if tail == "better" else ", but"
        return f"{joint} over all rows the model is right more often, by {gap}"
    joint = ", and" if tail == "worse" else ", but"
    return f"{joint} over all rows {rival['label']} is right more often, by {gap}"


def _only_all_rows(rival: dict[str, Any], rows: str) -> str:
    if rows == "unclear":
        return f"; over all rows it cannot be told apart from {rival['label']}"
    ahead = "it is" if rows == "better" else f"{rival['label']} is"
    return f"; over all rows {ahead} right more often, by {_points(rival, 'accuracy')}"


def _published(model: dict[str, Any], rival: dict[str, Any] | None, headline: str | None) -> list[str]:
    """Return one sentence about the metric of the data set's protocol, where there is one and it is defined."""
    if headline is None or model["metrics"][headline] is None:
        return []
    measure = BY_KEY[headline]
    note = f"Published results on this data set are compared by {measure.term}: the model reaches "
    note += show(measure, model["metrics"][headline])
    interval = show_interval(measure, model["intervals"].get(headline))
    note += f" (95 % interval {interval})" if interval else ""
    if rival is not None and rival["name"] != "majority":
        words = {
            "better": "the model is ahead by more than chance would explain",
            "worse": f"{rival['label']} is ahead by more than chance would explain",
            "unclear": "the two cannot be told apart",
        }
        note += f", {rival['label']} {show(measure, rival['metrics'][headline])}; {words[_standing(rival, headline)]}"
    return [note + "."]


def _largest(model: dict[str, Any]) -> str:
    return str(max(model["per_class"], key=lambda entry: entry["train_count"])["name"])


def _notes(model: dict[str, Any], rival: dict[str, Any] | None, standing: Standing) -> list[str]:
    notes = []
    if standing == "mixed" and rival is not None:
        key = "auprc" if "auprc" in model["metrics"] else "macro_auprc"
        words = {"better": "better than", "worse": "worse than", "unclear": "no differently from"}
        ours, theirs = number(model["metrics"][key]), number(rival["metrics"][key])
        notes.append(
            f"Where to draw the line is a choice. Whatever the line, the model ranks "
            f"{'the rarer class' if key == 'auprc' else 'the classes'} {words[_standing(rival, key)]} "
            f"{rival['label']} ({BY_KEY[key].term} {ours} against {theirs})."
        )
    rows = sum(entry["support"] for entry in model["per_class"])
    top = max(model["per_class"], key=lambda entry: entry["train_count"])
    if top["support"] > 0.5 * rows:
        notes.append(
            f"Accuracy alone would mislead here: always answering {quoted(top['name'])} is right for "
            f"{percent(top['support'] / rows)} of the test rows and finds no other class."
        )
    rare = set(tail_names(model))
    tail_rows = sum(entry["support"] for entry in model["per_class"] if entry["name"] in rare)
    if 0 < tail_rows < FEW_ROWS:
        plural = "rows belong" if tail_rows > 1 else "row belongs"
        notes.append(
            f"Only {whole(tail_rows)} test {plural} to the rare cases, so one row moves the figure by "
            f"{percent(1 / tail_rows)}."
        )
    return notes
