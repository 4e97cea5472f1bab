"""The README's table of results, made of the result files.

    python benchmarks/readme_table.py [--write README.md]

With --write the lines between the two comments that name this script are replaced; tests/test_readme.py sees that they
are what the files say.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from read_tables import BALANCED, MEASURES, OWN, means, ranks

HERE = Path(__file__).parent
BEGIN, END = "<!-- made by benchmarks/readme_table.py -->", "<!-- end -->"
HEAD = "| data | measured | tailtune | beside it, on the same rows | seeds | file |"


def linked(name: str) -> str:
    """A result file as a link."""
    return f"[{name}](benchmarks/{name})"


def read(name: str) -> Any:
    """A result file."""
    return json.loads((HERE / name).read_text(encoding="utf-8"))


def mean(values: Sequence[float]) -> str:
    """Mean ± standard error, which a single value has not."""
    if len(values) == 1:
        return f"{values[0]:.3f}"
    error = statistics.stdev(values) / len(values) ** 0.5
    return f"{statistics.mean(values):.3f} ± {error:.3f}"


def of_tables() -> list[str]:
    """The mean ranks of the default among the boosting libraries, each on the tables that it was asked on."""
    lines = [json.loads(line) for line in (HERE / "tables.jsonl").read_text(encoding="utf-8").splitlines()]
    found, higher = [], {measure: better for measure, _, better, _ in MEASURES}
    for measure, systems, name in (
        ("average_precision", OWN, "average precision of the rarest class"),
        ("log_loss", OWN, "log loss"),
        ("balanced_accuracy", BALANCED, "balanced accuracy, asked for by `--objective`"),
    ):
        values = means(lines, measure, systems)
        rank = ranks(values, systems, higher[measure])
        others = ", ".join(f"{system} {rank[system]:.2f}" for system in sorted(systems[1:], key=rank.__getitem__))
        seeds = [
            len({line["seed"] for line in lines if (line["table"], line["system"]) == (table, systems[0])})
            for table in values
        ]
        found.append(
            f"| {len(values)} tables | mean rank in {name} | **{rank[systems[0]]:.2f}** | {others} | "
            f"{_span(seeds)} | {linked('tables.jsonl')} |"
        )
    return found


def _span(numbers: Sequence[int]) -> str:
    """The least and the most of some numbers."""
    least, most = min(numbers), max(numbers)
    return str(most) if least == most else f"{least} to {most}"


def of_study(
    name: str, data: str, measure: str, own: Mapping[str, Any], others: Mapping[str, Mapping[str, Any]]
) -> str:
    """A line of one measure: our arm and others, each as what its rows are to have."""
    rows = read(name)["rows"]

    def values(wanted: Mapping[str, Any]) -> list[float]:
        return [float(row[measure]) for row in rows if all(row[key] == value for key, value in wanted.items())]

    mine = values(own)
    beside = "; ".join(f"{words} {mean(values(wanted))}" for words, wanted in others.items())
    return f"| {data} | {measure.replace('_', ' ')} | {mean(mine)} | {beside} | {len(mine)} | {linked(name)} |"


def of_cifar() -> str:
    """The recipe on long-tailed CIFAR-10, beside what it was with SAM-A: as many passes, and the prior taken off."""
    now, before = (read(f"{name}_cifar10_lt.json")["runs"] for name in ("default", "decision"))
    ours = [run["systems"][0]["metrics"]["balanced_accuracy"] for run in now]
    by = {
        decision: [
            result["metrics"]["balanced_accuracy"]
            for run in before
            for result in run["results"]
            if result["decision"] == decision
        ]
        for decision in ("none", "prior")
    }
    epochs = now[0]["training"]["epochs"]
    return (
        f"| CIFAR-10 at ratio 0.01, ResNet-20, {epochs} epochs | balanced accuracy | {mean(ours)} | "
        f"with SAM-A for {before[0]['training']['epochs']} epochs, as many passes, {mean(by['prior'])}; without the "
        f"decision {mean(by['none'])} | {len(now)}, {len(before)} | {linked('default_cifar10_lt.json')}, "
        f"{linked('decision_cifar10_lt.json')} |"
    )


def table() -> str:
    """The whole table."""
    digits = "digits at ratio 0.01, ResNet-8"
    lesions = "HAM10000 by lesion, ResNet-8 at 32 px, 226 epochs"
    fitted = {"objective": "balanced_accuracy", "decision": "fitted"}
    lines = [
        *of_tables(),
        of_study(
            "demo.json",
            digits,
            "balanced_accuracy",
            {"arm": "tuned"},
            {"ERM, same decision": {"arm": "erm, prior"}, "ERM": {"arm": "erm"}},
        ),
        of_cifar(),
        of_study(
            "decisions_lesions_default.json",
            lesions,
            "balanced_accuracy",
            fitted | {"method": "tuned"},
            {
                "ERM, same decision": fitted | {"method": "erm"},
                "ERM": fitted | {"method": "erm", "decision": "none"},
            },
        ),
    ]
    return "\n".join([HEAD, "|---|---|---|---|---|---|", *lines])


def main() -> None:
    """Print or write it."""
    parser = argparse.ArgumentParser(description="The README's table of results.")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    if not options.write:
        print(table())
        return
    text = options.write.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    options.write.write_text(f"{before}{BEGIN}\n\n{table()}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
