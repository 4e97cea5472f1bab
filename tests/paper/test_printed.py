from __future__ import annotations

import pytest
from scipy import stats

from tailtune.paper.image_facts import TABLE1
from tailtune.paper.printed import TABLE2, TABLE3, TABLE5, from_rows, group_sizes, recomputed3, recomputed5, shared


def test_table_3_does_not_follow_from_tables_1_and_2() -> None:
    alike = [method for method in shared() if "Smoothing" not in method]
    assert len(alike) == 8
    for at, data in enumerate(("SIIM-ISIC Melanoma", "APTOS 2019 Blindness", "EuroSAT")):
        x = [TABLE1[method]["cifar10", 0.01][0] for method in alike]
        line = stats.linregress(x, [TABLE2[method][at] for method in alike])
        r, rise = from_rows(data, alike)
        assert (r, rise) == pytest.approx((line.rvalue, line.slope))
        assert r > 0.79 > 4 * TABLE3[data][0]
    assert recomputed3().rows[1][3] == "0.85"


def test_table_5_does_not_add_up_to_table_1() -> None:
    assert group_sizes("cifar100") == (30, 35, 35)
    assert group_sizes("cinic10") == (0, 1, 9)
    erm = next(line for line in recomputed5().rows if line[0] == "ERM")
    assert erm == ("ERM", "87.5", "78.6", "45.5", "47.7")
    assert len(TABLE5) == 9
