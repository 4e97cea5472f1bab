"""HAM10000 by a manifest, as a person would write one from its table: no lesion is in two parts."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl
import pytest

from tailtune.data.image_listing import every_image
from tailtune.data.open import open_dataset
from tailtune.settings import Reading

pytestmark = pytest.mark.real


def test_lesions_stay_in_one_part(tmp_path: Path) -> None:
    root = Path(os.environ["TAILTUNE_DATA"]) / "ham10000"
    places = pl.DataFrame({"path": every_image(root)}).with_columns(
        image_id=pl.col("path").str.extract(r"([^/]+)\.[^./]+$")
    )
    table = pl.concat([pl.read_csv(path) for path in sorted(root.glob("HAM10000_metadata*"))[:1]])
    manifest = table.join(places, on="image_id").rename({"dx": "label", "lesion_id": "group"})
    manifest.write_csv(tmp_path / "manifest.csv")

    reading = Reading(data=str(root), manifest=str(tmp_path / "manifest.csv"), image_size=8)
    dataset = open_dataset(reading)
    parts = [part for part in (dataset.train, dataset.val, dataset.test) if part is not None]
    assert sum(map(len, parts)) == 10_015
    lesions = [set(part.groups.tolist()) for part in parts if part.groups is not None]
    assert len(lesions) == 3
    assert sum(map(len, lesions)) == len(set.union(*lesions)) == 7_470
    of_label = dict(manifest.select("path", "label").iter_rows())
    for part in parts:
        assert part.frame is not None
        assert part.frame["path"].to_list() == part.ids.tolist()
        names = [dataset.names[k] for k in part.targets.tolist()]
        assert names == [of_label[path] for path in part.ids.tolist()]
    assert any("7,470" in said or "groups train" in said for said in dataset.warnings)
