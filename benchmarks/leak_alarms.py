"""What the leakage checks find where the truth is known, their false alarms, and their time.

    python benchmarks/leak_alarms.py --out leak_alarms.json

CIFAR-10, HAM10000, Adult, Otto and Covertype are read from $TAILTUNE_DATA. A picture that stands on its head is like
none of the others, so what is found then are false alarms; so are pairs of two classes (CIFAR-10), or of two lesions
(HAM10000, as far as its list of lesions is right). Seconds are of the processor, with one thread.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from tailtune.data.catalog.label_table import columns
from tailtune.data.catalog.listed_files import data_root
from tailtune.data.likeness.copy_sets import copy_sets
from tailtune.data.likeness.picture_signature import SIDE, signatures
from tailtune.data.open import open_dataset
from tailtune.leaks.check import alike_pictures, check_leaks, known_pictures
from tailtune.leaks.table_rows import alike_rows
from tailtune.run.environment import machine, versions
from tailtune.settings import Reading

Pixels = torch.Tensor


def compared(name: str, train: Pixels, test: Pixels, same: Callable[[int, int], bool]) -> dict[str, Any]:
    """What is found of the test pictures, and how many pairs are of two kinds."""
    began = time.process_time()
    known, _ = signatures(train)
    alike = alike_pictures(known, test)
    seconds = time.process_time() - began
    hits = np.flatnonzero(alike.like >= 0)
    apart = sum(not same(int(row), int(alike.like[row])) for row in hits)
    line = {
        "pictures": name,
        "side": train.shape[2],
        "train": len(train),
        "test": len(test),
        "same": int((alike.same >= 0).sum()),
        "near": int((alike.near >= 0).sum()),
        "of_two_kinds": apart,
        "seconds": round(seconds, 1),
    }
    print(json.dumps(line), flush=True)
    return line


def moved(pictures: Pixels, down: int, right: int, noise: float) -> Pixels:
    """Pictures moved by so many pixels, with what enters at the border mirrored, and with noise."""
    padded = torch.nn.functional.pad(pictures.float(), (4, 4, 4, 4), mode="reflect")
    height, width = pictures.shape[2:]
    seen = padded[:, :, 4 + down : 4 + down + height, 4 + right : 4 + right + width]
    seen = seen + noise * torch.randn(seen.shape, generator=torch.Generator().manual_seed(0))
    return seen.clamp(0, 255).byte()


def cifar() -> list[dict[str, Any]]:
    """The official parts, which are known to share about 3 % of the test pictures, and changed copies."""
    dataset = open_dataset(Reading("cifar10", selection="last"))
    train, test = (part.tensors("pictures")[0] for part in (dataset.train, dataset.test))
    before, now = dataset.train.targets.tolist(), dataset.test.targets.tolist()

    def one_class(row: int, like: int) -> bool:
        return bool(now[row] == before[like])

    found = [compared("CIFAR-10", train, test, one_class)]
    found.append(compared("CIFAR-10, test pictures on their heads", train, test.flip(2), one_class))
    some = train[:1000]
    for words, changed in {
        "noise of 8 grey values": moved(some, 0, 0, 8),
        "moved by 1 pixel": moved(some, 1, 0, 0),
        "moved by 2 and 1 pixels, noise of 5": moved(some, 2, 1, 5),
        "moved by 2 and 2 pixels, noise of 5": moved(some, 2, 2, 5),
        "moved by 3 and 3 pixels": moved(some, 3, 3, 0),
        "mirrored": some.flip(3),
        "brighter by 30": (some.float() * 0.8 + 30).clamp(0, 255).byte(),
    }.items():
        found.append(compared(f"CIFAR-10 again, {words}", train, changed, lambda row, like: row == like))
    return found


def lesions() -> list[dict[str, Any]]:
    """Split by picture, so that lesions are in both parts."""
    dataset = open_dataset(Reading("ham10000", selection="last"))
    every = dataset.train.joined(dataset.test)
    ids, of = columns(data_root(Reading("ham10000")) / "ham10000" / "HAM10000_metadata.csv", "image_id", "lesion_id")
    lesion = dict(zip(ids, of, strict=True))
    owner = np.array([lesion[Path(name).stem] for name in every.ids])
    rows = np.random.default_rng(0).permutation(len(every))
    test, train = rows[:2000], rows[2000:]
    pixels = every.tensors("pictures")[0]
    sibling = np.isin(owner[test], owner[train])

    def one_lesion(row: int, like: int) -> bool:
        return bool(owner[test[row]] == owner[train[like]])

    first = compared("HAM10000 by picture", pixels[train], pixels[test], one_lesion)
    first["test_pictures_with_a_sibling"] = int(sibling.sum())
    heads = compared("HAM10000, test pictures on their heads", pixels[train], pixels[test].flip(2), one_lesion)
    return [first, heads]


def made() -> list[dict[str, Any]]:
    """Noise, pictures of one colour, and the digits that come with scikit-learn, enlarged."""
    rng = np.random.default_rng(0)
    noise = torch.from_numpy(rng.integers(0, 256, (4000, 3, 32, 32), dtype=np.uint8))
    flat = torch.from_numpy(
        np.clip(rng.integers(0, 256, (4000, 3, 1, 1)) + rng.integers(-2, 3, (4000, 3, 32, 32)), 0, 255)
    )
    digits = open_dataset(Reading("digits", selection="last"))
    large = [
        torch.nn.functional.interpolate(part.tensors("digits")[0].float(), 32, mode="bicubic").clamp(0, 255).byte()
        for part in (digits.train, digits.test)
    ]

    def never(row: int, like: int) -> bool:
        return False

    assert known_pictures([digits.train]).centre is None
    assert digits.train.inputs[0].shape[2] < SIDE
    return [
        compared("noise", noise[:3000], noise[3000:], never),
        compared("one colour each", flat[:3000].byte(), flat[3000:].byte(), never),
        compared("digits, enlarged from 8 to 32 pixels", large[0], large[1], never),
    ]


def sets() -> list[dict[str, Any]]:
    """Which pictures a random split of a folder would keep together, and how many sets are of several kinds."""
    cifar10, ham10000 = (open_dataset(Reading(name, selection="last")).train for name in ("cifar10", "ham10000"))
    ids, of = columns(data_root(Reading("ham10000")) / "ham10000" / "HAM10000_metadata.csv", "image_id", "lesion_id")
    lesion = dict(zip(ids, of, strict=True))
    found = [
        in_sets("CIFAR-10, training", cifar10.tensors("pictures")[0], cifar10.targets.numpy()),
        in_sets(
            "HAM10000, training",
            ham10000.tensors("pictures")[0],
            np.array([lesion[Path(name).stem] for name in ham10000.ids]),
        ),
    ]
    half = cifar10.tensors("pictures")[0][:20000]
    heads = torch.cat([half[:10000], half[10000:].flip(2)])
    found.append(in_sets("CIFAR-10, half of them on their heads", heads, np.arange(20000) >= 10000))
    return found


def in_sets(name: str, pictures: Pixels, kinds: NDArray[Any]) -> dict[str, Any]:
    """How many pictures are in sets, and how many of these are of several kinds [N]."""
    began = time.process_time()
    found = copy_sets(pictures)
    seconds = time.process_time() - began
    first, sizes = np.unique(found, return_counts=True)
    several = first[sizes > 1]
    line = {
        "pictures": name,
        "number": len(pictures),
        "in_sets": int(sizes[sizes > 1].sum()),
        "sets": len(several),
        "largest": int(sizes.max()),
        "of_several_kinds": sum(len(np.unique(kinds[found == one])) > 1 for one in several),
        "seconds": round(seconds, 1),
    }
    print(json.dumps(line), flush=True)
    return line


def tables() -> list[dict[str, Any]]:
    """Splits of tables, copied rows of them, and a large table."""
    root, found = data_root(Reading("adult")), []
    readings = {
        "Adult": Reading("adult"),
        "Covertype": Reading(str(root / "covertype" / "covtype_subset.parquet"), target="Cover_Type"),
        "Otto": Reading(str(root / "otto" / "train.csv"), target="target"),
    }
    for name, reading in readings.items():
        dataset = open_dataset(reading)
        began = time.process_time()
        leaks = check_leaks(dataset)
        seconds = time.process_time() - began
        names = [column.name for column in dataset.preprocessor.columns]  # type: ignore[attr-defined]
        assert dataset.train.frame is not None
        assert dataset.test.frame is not None
        train, test = dataset.train.frame.select(names), dataset.test.frame.select(names)
        rows = alike_rows(train, test)
        again = alike_rows(train, train[np.random.default_rng(0).choice(train.height, 1000, replace=False)])
        line = {
            "table": name,
            "train": train.height,
            "test": test.height,
            "columns": train.width,
            "identical": int((rows.identical >= 0).sum()),
            "identical_and_no_chance": int(((rows.identical >= 0) & rows.surprising).sum()),
            "near_and_no_chance": int(((rows.near >= 0) & rows.surprising).sum()),
            "of_1000_copied_rows_no_chance": int(again.surprising.sum()),
            "spoils": leaks.spoils,
            "seconds": round(seconds, 1),
        }
        print(json.dumps(line), flush=True)
        found.append(line)
    return [*found, large_table()]


def large_table(rows: int = 1_000_000) -> dict[str, Any]:
    """24 numbers and 6 categories; a fifth is the test part."""
    rng = np.random.default_rng(0)
    values: dict[str, NDArray[Any]] = {f"x{j}": rng.normal(size=rows) for j in range(24)}
    values |= {f"c{j}": rng.integers(0, 5 + 9 * j, rows).astype(str) for j in range(6)}
    frame = pl.DataFrame(values)
    began = time.process_time()
    alike = alike_rows(frame[: 4 * rows // 5], frame[4 * rows // 5 :])
    line = {"table": "made", "rows": rows, "columns": 30, "seconds": round(time.process_time() - began, 1)}
    line |= {"no_chance": int(alike.surprising.sum())}
    print(json.dumps(line), flush=True)
    return line


def main() -> None:
    """Measure everything."""
    parser = argparse.ArgumentParser(description="Findings, false alarms and time of the leakage checks.")
    parser.add_argument("--out", type=Path, default=Path("leak_alarms.json"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    about = {"command": " ".join(["python", *sys.argv]), "versions": versions(), "machine": asdict(machine())}
    content = about | {"pictures": [*cifar(), *lesions(), *made()], "sets": sets(), "tables": tables()}
    options.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
