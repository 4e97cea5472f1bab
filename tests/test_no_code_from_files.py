"""Nothing that reads a file carries out what is in it: no pickles, no eval, no YAML of any type."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import tailtune

SOURCE = Path(tailtune.__file__).parent
ALLOWED = {
    "jobs/parcel.py: pickle": "a task on its way to a process of the same user, never read from a file of data",
    "models/external_weights.py: pickle": "the exception alone, by which torch refuses what is no tensor",
}
CALLS = {
    "torch.load": ("weights_only", True),
    "np.load": ("allow_pickle", False),
    "numpy.load": ("allow_pickle", False),
}
FORBIDDEN = ("eval", "exec", "yaml.load", "yaml.unsafe_load", "yaml.full_load", "joblib.load", "read_pickle")
MODULES = ("pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve")


def dangers(text: str) -> Iterator[str]:
    """What in a source text could carry out a file."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in MODULES:
            yield str(node.module)
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            given = {keyword.arg: keyword.value for keyword in node.keywords}
            safe = CALLS.get(name)
            if safe and not (isinstance(given.get(safe[0]), ast.Constant) and given[safe[0]].value is safe[1]):
                yield name
            if name in FORBIDDEN or name.endswith("read_pickle"):
                yield name


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from pickle import loads",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "yaml.load(text, Loader=yaml.Loader)",
        "eval(text)",
    ],
)
def test_a_danger_is_seen(text: str) -> None:
    assert list(dangers(text))


def test_what_is_safe_is_not_refused() -> None:
    safe = "torch.load(p, weights_only=True); np.load(p, allow_pickle=False); yaml.safe_load(t); model.eval()"
    assert not list(dangers(safe))


def test_the_source_carries_out_no_file() -> None:
    found = {
        f"{path.relative_to(SOURCE).as_posix()}: {danger}"
        for path in SOURCE.rglob("*.py")
        for danger in dangers(path.read_text(encoding="utf-8"))
    }
    assert found == set(ALLOWED)
