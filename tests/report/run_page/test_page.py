from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fabricated_runs import Made
from parsed_page import HOSTILE, Page

from tailtune.advice.advice import Advice
from tailtune.errors import TailtuneError
from tailtune.report.run_page.page import render, write_report
from tailtune.run.finished import RESULT, Finished
from tailtune.run.manifest import seal
from tailtune.run.result import to_json

Make = Callable[..., Any]
ADVICE = (
    Advice(
        code="TT001",
        title="Train with small batches",
        finding="Under imbalance small batches did better than large ones, most of all for rare classes.",
        recommendation="Use a batch size of 64; the run did.",
        level="consider",
    ),
    Advice(
        code="TT007",
        title="Trust balanced accuracy, not accuracy",
        finding="Accuracy is dominated by the largest class.",
        recommendation="Compare models on balanced accuracy or on AUPRC.",
        level="act",
    ),
)


def shown(made: Made, advice: Sequence[Advice] = ADVICE) -> str:
    return render(made.finished(), advice)


@pytest.mark.parametrize("kind", ["binary_table", "ten_images", "hundred_classes"])
def test_the_page_is_whole_quiet_and_accessible(kind: str, request: pytest.FixtureRequest) -> None:
    html = shown(request.getfixturevalue(kind)())
    page = Page(html)
    names = {tag for tag, _ in page.tags}
    assert names.isdisjoint({"script", "iframe", "object", "embed", "form", "base"})
    for tag, attributes in page.tags:
        assert not any(name.startswith("on") for name in attributes), tag
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:")), (tag, attributes)
        if tag == "th":
            assert attributes.get("scope")
        if tag == "img":
            assert attributes.get("alt")
        if tag == "svg":
            assert attributes.get("role") == "img"
    assert re.findall(r"url\((?!#)", html) == []
    assert re.findall(r"@import", html) == []
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in page.tags:
        for name in ("href", "aria-labelledby"):
            target = attributes.get(name) or ""
            if name == "aria-labelledby" and target:
                assert set(target.split()) <= set(ids)
            elif target.startswith("#"):
                assert target[1:] in ids
    assert [tag for tag, _ in page.tags if tag == "h1"] == ["h1"]
    assert len(html) < 600_000


def test_what_the_reader_needs_is_on_the_page(ten_images: Make) -> None:
    made = ten_images()
    words = Page(shown(made)).words
    for told in (
        "2 classes have fewer than 30 test rows.",
        "column notes:",
        "macro AUPRC",
        "TT007",
        "tailtune predict runs/adult new-images/ --out predictions.csv",
        "checkpoint_minutes",
        "9f86d081884c7d65",
        "812 MB",
        "2 min 14 s",
        "xgboost 2.1.3",
        "many / medium / few",
        "The weights of epoch 9 were kept",
    ):
        assert told in words
    assert words.count("tuned (resnet20)") > 3
    difference = made.result.systems[1].difference["balanced_accuracy"].difference
    assert f"{100 * difference:+.1f}" in words


def test_prevalence_stands_beside_the_area_of_a_binary_target(binary_table: Make) -> None:
    words = Page(shown(binary_table())).words
    assert "AUPRC of “>50K”; a guess scores 0.236, its prevalence" in words
    assert "macro AUPRC" not in words


@pytest.mark.parametrize(
    ("headline", "words"),
    [
        ("kappa", "Agreement on ordered classes"),
        ("accuracy", "Right, rows weighing alike"),
        (None, "Finding without false alarms"),  # the objective
    ],
)
def test_the_metric_of_the_protocol_is_the_first_row(ten_images: Make, headline: str | None, words: str) -> None:
    page = shown(ten_images().changed(lambda content: content.update(headline=headline)))
    table = page[page.index('id="headline-title"') :]
    rows = re.findall(r'<th scope="row" title="[^"]*">([^<]*)<small>([^<]*)', table[: table.index("</table>")])
    assert rows[0][0] == words
    assert ("by which published results are compared" in rows[0][1]) == (headline is not None)
    assert len({name for name, _ in rows}) == len(rows)
    assert ("Agreement on ordered classes" in page) == (headline == "kappa")


def test_everything_from_data_is_escaped(ten_images: Make) -> None:
    nasty = HOSTILE[0] + HOSTILE[1] + HOSTILE[2]

    def spoil(content: dict[str, Any]) -> None:
        content["data"]["source"] = nasty
        content["data"]["left_out"] = [{"what": nasty, "why": nasty}]
        content["data"]["warnings"] = [nasty]
        content["data"]["split_hash"] = nasty
        content["data"]["features"] = {nasty: 3}
        content["command"] = nasty
        content["versions"] = {nasty: nasty}
        content["machine"]["processor"] = nasty
        content["training"] |= {"stopped": nasty, "selection_note": nasty}
        content["run"] |= {"target": nasty, "out": nasty, "ignore": [nasty]}
        content["systems"][0]["absent"] = [nasty]
        for system in content["systems"]:
            system["label"] = nasty

    advice = Advice(nasty, nasty, nasty, nasty, nasty)  # type: ignore[arg-type]
    html = shown(ten_images(names=HOSTILE).changed(spoil), [advice])
    page = Page(html)
    assert "script" not in {tag for tag, _ in page.tags}
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert "<script" not in html
    text = "".join(page.text)
    for name in HOSTILE:
        assert name in text or name.strip() in text
    assert "49" not in re.findall(r"“([^”]*)”", text)


def test_the_same_input_gives_the_same_bytes(ten_images: Make, run_folder: Make) -> None:
    run = run_folder(ten_images())
    path = write_report(run)
    assert path == run.folder / "report.html"
    first = path.read_bytes()
    assert write_report(Finished(run.folder)).read_bytes() == first
    assert b"/tmp" not in first


def test_a_run_without_epochs_has_no_training_figures(binary_table: Make, run_folder: Make) -> None:
    none = dict.fromkeys(("best_epoch", "peak_memory_mb", "parameters"))
    made = binary_table(lifts={"xgboost": (3.0, 2.0), "majority": (0.0, 0.0)})._replace(history=[])
    run = run_folder(made.changed(lambda content: content["training"].update(none)))
    page = Page(write_report(run).read_text("utf-8"))
    assert "training-title" not in [attributes.get("id") for _, attributes in page.tags]
    assert "no trained baseline stands beside it" in page.words


def test_the_decision_is_told_with_its_operating_points(binary_table: Make, ten_images: Make) -> None:
    words = Page(shown(binary_table())).words
    for told in (
        "Answers are taken for macro F1; probabilities are meant for the class balance of the training rows, "
        "calibrated by a temperature of 1.250, on 4 123 validation rows.",
        "An alarm is an answer that names “>50K”.",
        "macro F1 ● chosen",
        "Recall at the same 970 alarms",
        "Where “>50K” is rarer or more frequent",
        "24.1 % ● in use",
        "recall of “>50K”",
    ):
        assert told in words
    assert "Cost" not in words.split("The decision")[1].split("Class by class")[0]
    assert "all classes alike" in Page(shown(ten_images())).words


def test_costs_have_a_column_and_a_curve(binary_table: Make) -> None:
    def cost(content: dict[str, Any]) -> None:
        content["decision"] |= {"objective": "cost=costs.csv", "costs": [[0, 1], [5, 0]]}
        for point in content["points"]:
            point["cost"] = 0.25

        content["bill"] = {"total": 1018.0, "mean": 0.25, "likeliest": 0.4, "constant": "<=50K", "always": 1.18}

    page = Page(shown(binary_table().changed(cost)))
    assert "Mean cost of an answer as one threshold for all rows moves" in page.words
    assert "0.250" in page.words
    assert (
        "The answers to 4 071 rows cost 1 018, 0.250 each; the likeliest class of the scores would cost 0.400 each, "
        "and always answering '<=50K', the cheapest of one answer for all, 1.18."
    ) in page.words.replace("\N{NARROW NO-BREAK SPACE}", " ")


def test_what_can_be_promised_is_told_with_what_it_takes(ten_images: Make) -> None:
    def promised(content: dict[str, Any]) -> None:
        at = {"threshold": 0.7, "expected": 0.6, "answered": 0.58, "wrong": 0.021, "rare": 0.123}
        covered = {"calibration_rows": 40, "promised": True, "rows": 100, "covered": 0.91}
        classes = [covered | {"name": name} for name in content["data"]["names"]]
        classes[-1] |= {"calibration_rows": 5, "promised": False, "covered": 1.0}
        content["promises"] = {
            "sets": {"coverage": 0.9, "needed": 9, "size": 2.345, "single": 0.31, "classes": classes},
            "levels": [at | {"expected": share} for share in (1.0, 0.9, 0.75, 0.5, 0.25)],
            "error": 0.02,
            "confidence": 0.95,
            "kept": at,
            "note": "",
            "scored_by": "first",
        }

    words = Page(shown(ten_images().changed(promised))).words
    for told in (
        "60.0 %, for at most 2.0 % wrong",
        "58.0 % 2.1 % 12.3 %",
        "A set has 2.35 classes on average, 31.0 % of the sets are of one.",
        "It takes 9 validation rows of a class to promise 90 %, so nothing is promised for “lorry”.",
        "lorry in every set 5 100 100.0 %",
        "are those of the training before the refit",
    ):
        assert told in words.replace("\N{NO-BREAK SPACE}", " ")
    assert "validation rows of a class to promise" not in Page(shown(ten_images())).words


def test_scores_taken_as_they_come_have_no_calibration(binary_table: Make) -> None:
    def plain(content: dict[str, Any]) -> None:
        content["decision"] |= {"mode": "none"}
        content |= {"points": content["points"][:1], "balances": []}

    words = Page(shown(binary_table().changed(plain))).words
    assert "Probabilities are the scores as they come, and the likeliest class is answered." in words
    assert "rarer or more frequent" not in words


def test_a_model_alone_is_reported(ten_images: Make) -> None:
    made = ten_images().changed(lambda content: content.update(systems=content["systems"][:1]))
    assert "model minus it" not in Page(shown(made)).words


def test_classes_without_test_rows_are_named(ten_images: Make) -> None:
    words = Page(shown(ten_images(test=(50, 40, 30, 20, 10, 9, 8, 7, 0, 0)))).words
    assert "No test row at all: ship, lorry." in words
    assert "nothing is known about them" in words


def test_validation_may_be_missing(ten_images: Make) -> None:
    made = ten_images().changed(lambda content: content["data"]["counts"].update(val=None))
    for line in made.history:
        line |= {"val_loss": None, "val_balanced_accuracy": None, "val_tail_accuracy": None}
    words = Page(shown(made)).words
    assert "Validation" not in words
    assert "Loss by epoch" in words


def test_missing_and_broken_files_are_told(ten_images: Make, run_folder: Make) -> None:
    made = ten_images()
    lacking = replace(made.predictions, baselines={})
    with pytest.raises(TailtuneError, match=r"lacks baseline_erm, which result\.json names"):
        write_report(run_folder(made._replace(predictions=lacking)))
    folder = run_folder(made).folder
    (folder / "metrics.jsonl").write_text('{"epoch": 1}\n{"epo', encoding="utf-8")
    seal(folder)  # so that its reader is asked
    with pytest.raises(TailtuneError, match=r"metrics\.jsonl holds a line that is not JSON"):
        write_report(Finished(folder))
    (folder / "metrics.jsonl").unlink()
    seal(folder)  # so that its reader is asked
    np.savez(folder / "predictions.npz", ids=made.predictions.ids, targets=made.predictions.targets)
    seal(folder)  # so that its reader is asked
    with pytest.raises(TailtuneError, match="lacks 'probabilities'"):
        write_report(Finished(folder))
    (folder / "predictions.npz").write_bytes(b"PK\x03\x04 cut short")
    seal(folder)  # so that its reader is asked
    with pytest.raises(TailtuneError, match=r"predictions\.npz cannot be read"):
        write_report(Finished(folder))
    (folder / RESULT).write_bytes(to_json(made.result)[:100])
    seal(folder)  # so that its reader is asked
    with pytest.raises(TailtuneError, match=r"result\.json cannot be read"):
        write_report(Finished(folder))
    (folder / "DONE").unlink()
    with pytest.raises(TailtuneError, match="holds no finished run"):
        write_report(Finished(folder))
