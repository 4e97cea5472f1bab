"""`verify`, `fit --from`, damaged files, two writers, and outputs that would be written over something."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from command_line import SMALL, TABLE, Cli, Fitted, made_table

from tailtune.errors import TailtuneError
from tailtune.run.lock import alone
from tailtune.run.manifest import DONE, check_file, seal, seal_again


@pytest.fixture
def run(fitted: Fitted, tmp_path: Path) -> Path:
    """A copy of a finished run that may be spoilt."""
    return Path(shutil.copytree(fitted.folder, tmp_path / "copy"))


def flip_bit(path: Path, place: float = 0.6) -> None:
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 4
    path.write_bytes(content)


def test_a_sound_run_holds_and_comes_out_again_to_the_bit(run: Path, cli: Cli) -> None:
    got = cli("verify", run, "--retrain")
    assert got.code == 0, got.out + got.err
    assert "FAILS" not in got.out
    assert "the same to the bit" in got.out
    findings = json.loads(cli("verify", run, "--json").out)
    assert [finding["check"] for finding in findings][:2] == ["files", "figures of the model"]
    assert all(finding["holds"] for finding in findings)


def test_a_figure_that_does_not_follow_from_the_predictions_is_found(run: Path, cli: Cli) -> None:
    content = json.loads((run / "result.json").read_text())
    content["systems"][0]["metrics"]["accuracy"] += 0.01
    content["systems"][0]["per_class"][1]["recall"] = 0.123
    (run / "result.json").write_text(json.dumps(content))
    seal_again(run, "result.json")  # whoever edits it may do that, too
    got = cli("verify", run)
    assert got.code == 2
    assert "accuracy is stated as" in got.out
    assert "recall of" in got.out
    assert "does not hold what it says: figures of the model" in got.err


@pytest.mark.parametrize(
    "name", ["model.safetensors", "predictions.npz", "result.json", "run.yaml", "trained_rows.npy"]
)
@pytest.mark.parametrize("damage", ["bit", "cut", "empty", "other"])
def test_a_damaged_file_is_refused_by_what_reads_it(
    name: str, damage: str, run: Path, fitted: Fitted, cli: Cli, tmp_path: Path
) -> None:
    path = run / name
    if damage == "bit":
        flip_bit(path)
    else:
        content = path.read_bytes()
        path.write_bytes({"cut": content[: len(content) // 2], "empty": b"", "other": b"\x00\xff[]{}" * 9}[damage])
    reader = {
        "model.safetensors": ("predict", run, fitted.test, "--out", tmp_path / "p.csv"),
        "trained_rows.npy": ("evaluate", run, fitted.test),
        "run.yaml": ("fit", "--from", run / "run.yaml"),
    }.get(name, ("report", run))
    got = cli(*reader)
    assert got.code == 2
    (line,) = got.notes
    assert f"{path} is not as it was written" in line
    got = cli("verify", run)
    assert got.code == 2
    assert f"{name} is not as it was written" in got.out


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"[1, 2", b"[]", b"7", b"null", b'{"schema": 1}', b'{"format": 99}']
)
@pytest.mark.parametrize("name", ["result.json", "run.yaml", "predictions.npz", "metrics.jsonl", "data.json", DONE])
def test_a_file_of_another_kind_is_refused_in_one_line(name: str, content: bytes, run: Path, cli: Cli) -> None:
    if name == "metrics.jsonl" and content in (b"", b'{"schema": 1}', b'{"format": 99}'):
        pytest.skip("a log that may be one")
    (run / name).write_bytes(content)
    if name != DONE:
        seal_again(run, name)  # as if it had been written so
    command = ("report", run)
    if name in ("data.json", "run.yaml"):
        command = ("fit", "--from", run / "run.yaml", "--out", run / "again")
    got = cli(*command)
    assert got.code == 2, got.out
    (line,) = got.notes
    assert str(run) in line


def test_a_run_is_repeated_with_its_settings_and_others_on_top(fitted: Fitted, cli: Cli, tmp_path: Path) -> None:
    got = cli("fit", "--from", fitted.folder / "run.yaml", "--out", tmp_path / "same")
    assert got.code == 0, got.err
    before, after = ((folder / "model.safetensors").read_bytes() for folder in (fitted.folder, tmp_path / "same"))
    assert before == after
    got = cli("fit", "--from", fitted.folder / "run.yaml", "--out", tmp_path / "other", "--seed", "5", "--epochs", "1")
    assert got.code == 0, got.err
    result = json.loads((tmp_path / "other" / "result.json").read_text())
    assert (result["run"]["seed"], result["run"]["epochs"], result["run"]["method"]) == (5, 1, "erm")
    made_table(150, seed=9).write_csv(tmp_path / "new.csv")
    got = cli("fit", tmp_path / "new.csv", "--from", fitted.folder / "run.yaml", "--out", tmp_path / "new")
    assert got.code == 0, got.err
    assert "--from takes the run.yaml of a run folder" in cli("fit", "--from", tmp_path / "new.csv").err


def test_a_second_writer_is_told_of_the_first(cli: Cli, tmp_path: Path) -> None:
    made_table(60).write_csv(tmp_path / "rows.csv")
    out = tmp_path / "runs" / "one"
    finish = ("fit", tmp_path / "rows.csv", *TABLE, *SMALL, "--out", out)
    with alone(out):
        got = cli(*finish)
        assert got.code == 2
        (line,) = got.notes
        assert f"writes into {out}; wait for it, or choose another --out" in line
        assert "process " in line
        assert "(since 20" in line
    assert not (tmp_path / "runs").exists()  # neither wrote anything
    assert cli(*finish).code == 0
    with alone(out):
        got = cli("report", out)
        assert got.code == 2
        assert f"writes into {out}" in got.err
    assert cli("report", out).code == 0
    assert not [path for path in out.iterdir() if path.name.startswith(".")]


def test_an_output_never_replaces_what_is_read_nor_anything_else_unasked(
    fitted: Fitted, cli: Cli, tmp_path: Path
) -> None:
    rows, other = tmp_path / "rows.csv", tmp_path / "mine.csv"
    rows.write_bytes(fitted.test.read_bytes())
    other.write_text("precious")
    (tmp_path / "link.csv").symlink_to(rows)
    before = {path: path.read_bytes() for path in (rows, other)}
    for out, words in (
        (rows, "would be written over what is read from"),
        (tmp_path / "link.csv", "would be written over what is read from"),
        (fitted.folder / "p.csv", "would be written over what is read from"),
        (other, "exists; name another file, or add --force"),
    ):
        got = cli("predict", fitted.folder, rows, "--out", out)
        assert got.code == 2
        assert words in got.err
    assert cli("predict", fitted.folder, rows, "--out", rows, "--force").code == 2
    assert {path: path.read_bytes() for path in (rows, other)} == before
    assert cli("predict", fitted.folder, rows, "--out", other, "--force").code == 0
    assert other.read_text().startswith("id,predicted")


def test_a_manifest_reads_as_sha256sum_writes_it(tmp_path: Path) -> None:
    (tmp_path / "a b.txt").write_text("x")
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "c").write_bytes(b"")
    seal(tmp_path)
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    x = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    assert (tmp_path / DONE).read_text() == f"{x}  a b.txt\n{empty}  deeper/c\n"
    (tmp_path / "new").write_text("y")
    with pytest.raises(TailtuneError, match="is not among the files"):
        check_file(tmp_path, "new")
