"""What `tailtune` exports, and that importing it stays cheap."""

from __future__ import annotations

import subprocess
import sys

import pytest

import tailtune

HEAVY = (
    "torch",
    "polars",
    "sklearn",
    "torchvision",
    "timm",
    "xgboost",
    "matplotlib",
    "lightning_fabric",
    "optuna",
    "rich",
)


@pytest.mark.parametrize("name", tailtune.__all__)
def test_every_exported_name_can_be_imported_and_is_documented(name: str) -> None:
    value = getattr(tailtune, name)
    assert isinstance(value, str) or value.__doc__


def test_the_lazy_table_and_all_agree() -> None:
    assert sorted(tailtune.__all__) == sorted([*tailtune._HOME, "__version__"])


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'SAMB'"):
        tailtune.SAMB  # noqa: B018


def test_import_loads_nothing_heavy() -> None:
    code = f"import sys, tailtune; tailtune.ClassProfile; tailtune.Run; print([m for m in {HEAVY} if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_version_is_that_of_the_package() -> None:
    from importlib.metadata import version

    assert version("tailtune") == tailtune.__version__
