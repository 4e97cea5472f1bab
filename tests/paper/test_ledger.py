from __future__ import annotations

import json
from pathlib import Path

from command_line import answer as run
from fabricated_batches import batches

from tailtune.paper import fig1
from tailtune.paper.ledger import Entry, figure_of, read_claims, table_of
from tailtune.paper.page import Claim, Effect
from tailtune.paper.writing import write_subject


def write(folder: Path, rare: float, even: float) -> None:
    folder.mkdir(parents=True)
    write_subject(folder, "fig1", fig1, batches(rare, even))


def test_claims_of_all_folders_stand_in_one_ranked_page(tmp_path: Path) -> None:
    write(tmp_path / "a", -0.02, 0.05)
    write(tmp_path / "b" / "deeper", 0.02, 0.001)
    answer = run("paper", "claims", "--out", str(tmp_path))
    assert answer.code == 0, answer.err
    assert "4 claims: 2 held, 2 failed, 0 cannot be told" in answer.out.replace("\n", " ")
    entries = read_claims(tmp_path)
    assert [entry.claim.verdict for entry in entries] == ["held", "held", "failed", "failed"]
    assert {(entry.subject, entry.scale) for entry in entries} == {("fig1", "small")}
    page = (tmp_path / "claims.md").read_text(encoding="utf-8")
    assert page.index("| held |") < page.index("| failed |")
    assert "![claims by verdict](claims.svg)" in page
    assert (tmp_path / "claims.csv").read_text(encoding="utf-8").count("\n") == 5
    said = json.loads(run("paper", "claims", "--out", str(tmp_path), "--json").out)
    assert len(said["claims"]) == 4
    assert said["claims"][0]["effect"]["unit"] == "per cent of accuracy for each halving of the batch"


def test_units_have_a_panel_each_and_claims_without_a_number_stand_in_the_table_alone() -> None:
    entries = [
        Entry("a", "small", Claim("points are better", "", "", "held", Effect(1.0, (0.5, 1.5), "points"))),
        Entry("b", "small", Claim("decades", "", "", "failed", Effect(-1.0, None, "decades"))),
        Entry("c", "smoke", Claim("nothing", "", "not trained", "cannot be told at this scale")),
    ]
    figure = figure_of(entries)
    assert all(words in figure for words in ("points are better", ">points<", ">decades<"))
    assert "nothing" not in figure
    assert len(table_of(entries).rows) == 3


def test_what_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    for content, message in (
        (None, "there are no claims under"),
        ("[{}]", "does not say its subject; run the same command again"),
        ("[{", "cannot be read"),
        ('[{"subject": "fig1", "scale": "small", "words": 1}]', "cannot be read"),
    ):
        if content is not None:
            (tmp_path / "claims.json").write_text(content, encoding="utf-8")
        answer = run("paper", "claims", "--out", str(tmp_path))
        assert answer.code == 2
        assert message in answer.err
        assert len(answer.err.strip().splitlines()) == 1
