from __future__ import annotations

import io
import json
from dataclasses import replace

from fabricated_runs import adult, photos
from rich.console import Console

from tailtune.evaluation.metrics import Summary, summarise
from tailtune.profile import ClassProfile
from tailtune.report.terminal.run_table import as_json, headline, scores_table
from tailtune.run.result import Result
from tailtune.run.score import Scores


def printed(what: object) -> str:
    console = Console(width=130, record=True, file=io.StringIO())
    console.print(what)
    return " ".join(console.export_text().replace("\N{NO-BREAK SPACE}", " ").split())


def test_two_classes_name_the_rare_one_and_its_area() -> None:
    text = printed(headline(adult().result))
    assert "The model is better than XGBoost by average precision of “>50K” (" in text
    for row in ("AUPRC of “>50K” 0.9", "recall of “>50K” 0.8", "log loss 0.1"):
        assert row in text
    assert "macro auprc" not in text
    assert "tail accuracy" not in text


def test_the_decision_and_its_operating_points_are_printed() -> None:
    text = printed(headline(adult().result))
    assert "Answers are taken for macro F1; probabilities are meant for the class balance of the training rows" in text
    assert "answers taken for alarms found missed false precision" in text
    assert "macro F1 (chosen) 970 810 152 160 0.835" in text
    assert "an alarm is an answer that names “>50K”" in text


def test_several_classes_keep_the_keys_of_the_measures() -> None:
    text = printed(headline(photos().result))
    for row in ("tail auprc 0.", "tail accuracy 0.", "macro auprc 0."):
        assert row in text
    assert "an alarm is an answer that names the 2 rarest classes" in text


def test_a_cost_has_a_column() -> None:
    result = adult().result
    decision = replace(result.decision, costs=((0.0, 1.0), (5.0, 0.0)))
    points = tuple(replace(point, cost=0.25) for point in result.points)
    assert "precision cost" in printed(headline(replace(result, decision=decision, points=points)))


def test_json_holds_what_is_printed() -> None:
    found = json.loads(json.dumps(as_json(adult().result)))
    assert found["verdict"]["standing"] == "ahead"
    assert [point["rule"] for point in found["points"] if point["chosen"]] == ["macro_f1"]
    assert found["decision"]["words"] == "macro F1"
    assert found["systems"][1]["same_alarms"]["alarms"] == 970
    assert found["balances"][0]["metrics"]["precision"]


def scores_of(result: Result, made: Summary) -> Scores:
    return Scores(
        rows=4071,
        per_class=made.per_class,
        confusion=result.model.confusion,
        reliability=(),
        absent=(),
        metrics={key: made.metrics[key] for key in result.model.metrics},
        intervals={},
        headline=None,
        measures=(),
        seen=None,
        note="",
    )


def test_scores_on_other_rows_name_the_rare_class_and_count_alarms() -> None:
    made = adult()
    profile = ClassProfile(made.result.data.counts.train, made.result.data.names)
    found = summarise(made.predictions.targets, made.predictions.model.probabilities, profile)
    text = printed(scores_table(scores_of(made.result, found)))
    assert "AUPRC of “>50K” 0.921" in text
    assert "970 alarms (answers that name “>50K”): 810 of 962 found, 152 missed, 160 false" in text
