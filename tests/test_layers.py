"""The direction of imports: a package may import those before it in the list, never one after it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import tailtune

ROOT = Path(tailtune.__file__).parent
ORDER = (
    "words", "errors", "quiet", "processors", "version", "files", "yaml_file", "by_name", "named_settings", "settings",
    "interrupt", "profile", "data", "sampling", "augment", "models", "losses", "optim", "decision", "bayes", "methods",
    "collapse", "training", "evaluation", "leaks", "run", "analysis", "jobs", "study", "advice", "audit", "report",
    "paper", "fit", "compare", "questions", "tuning", "estimators", "demo", "cli", "__main__",
)  # fmt: skip
LIGHT = (
    "words", "errors", "version", "files", "by_name", "named_settings", "settings", "interrupt", "profile", "__init__",
)  # fmt: skip
FOR_PYTORCH_USERS = ("profile", "sampling", "losses", "optim", "decision")
FILES = sorted(ROOT.rglob("*.py"))


def package_of(file: Path) -> str:
    """The name in ORDER that a file belongs to: its first folder, or its own name at the top."""
    return file.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(file: Path, *, only_on_load: bool = False, for_types: bool = True) -> Iterator[str]:
    """Dotted names that a file imports; `only_on_load` leaves out functions and ``if TYPE_CHECKING``, not `for_types`
    the latter only.
    """
    module = "tailtune." + ".".join(file.relative_to(ROOT).with_suffix("").parts)
    nodes: list[ast.AST] = [ast.parse(file.read_text(encoding="utf-8"))]
    while nodes:
        node = nodes.pop()
        if only_on_load and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        leave_out = only_on_load or not for_types
        if leave_out and isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            nodes += node.orelse
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            home = (
                ".".join(filter(None, [*module.split(".")[: -node.level], node.module])) if node.level else node.module
            )
            yield from (f"{home}.{alias.name}" for alias in node.names)
        nodes += ast.iter_child_nodes(node)


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Nodes in a circle or on the way to one: what is left when those that import nothing left are taken away."""
    left = dict(graph)
    while free := [name for name, wanted in left.items() if not wanted & left.keys()]:
        for name in free:
            del left[name]
    return sorted(left)


def module_of(file: Path) -> str:
    """The dotted name of a module or package."""
    parts = file.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def target(name: str) -> str | None:
    """The name in ORDER that an imported tailtune name belongs to; None for what has no place in the order."""
    top, _, rest = name.partition(".")
    if top != "tailtune":
        return None
    first = rest.partition(".")[0]
    first = tailtune._HOME.get(first, f"tailtune.{first}").split(".")[1]
    return None if first in ("", "__version__") else first


@pytest.mark.parametrize(
    "file", [f for f in FILES if f != ROOT / "__init__.py"], ids=lambda f: str(f.relative_to(ROOT))
)
def test_imports_go_one_way(file: Path) -> None:
    package = package_of(file)
    assert package in ORDER, f"{file.relative_to(ROOT)} belongs to no layer: add {package!r} to ORDER at its place"
    layers = {name: layer for name in imports(file) if (layer := target(name)) is not None and layer != package}
    upward = [name for name, layer in layers.items() if ORDER.index(layer) >= ORDER.index(package)]
    assert not upward, f"{file.relative_to(ROOT)} is in layer {package!r} and must not import {upward}"


@pytest.mark.parametrize("name", LIGHT)
def test_the_light_modules_load_only_numpy(name: str) -> None:
    loaded = {imported.partition(".")[0] for imported in imports(ROOT / f"{name}.py", only_on_load=True)}
    assert loaded <= sys.stdlib_module_names | {"numpy", "tailtune"}


@pytest.mark.parametrize(
    "file", [f for f in FILES if package_of(f) in FOR_PYTORCH_USERS], ids=lambda f: str(f.relative_to(ROOT))
)
def test_what_serves_a_bare_pytorch_loop_needs_only_torch_and_numpy(file: Path) -> None:
    loaded = {imported.partition(".")[0] for imported in imports(file, only_on_load=True)}
    assert loaded <= sys.stdlib_module_names | {"numpy", "torch", "tailtune"}


@pytest.mark.parametrize("file", [f for f in FILES if package_of(f) != "cli"], ids=lambda f: str(f.relative_to(ROOT)))
def test_nothing_prints_but_the_command_line(file: Path) -> None:
    calls = [node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    assert not [node.lineno for node in calls if isinstance(node.func, ast.Name) and node.func.id == "print"]


def test_the_reader_of_imports_sees_what_it_should(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    (tmp_path / "data").mkdir()
    file = tmp_path / "data" / "reader.py"
    file.write_text(
        "from typing import TYPE_CHECKING\n"
        "from . import splits\n"
        "from ..models import build\n"
        "from tailtune import SAM\n"
        "if TYPE_CHECKING:\n    import polars\n"
        "def f():\n    import sklearn.metrics\n"
    )
    now = {"typing.TYPE_CHECKING", "tailtune.data.splits", "tailtune.models.build", "tailtune.SAM"}
    assert set(imports(file)) == now | {"polars", "sklearn.metrics"}
    assert set(imports(file, only_on_load=True)) == now
    assert [target(name) for name in ("tailtune.models.build", "tailtune.SAM", "tailtune.__version__", "numpy")] == [
        "models",
        "optim",
        None,
        None,
    ]


@pytest.mark.parametrize("file", sorted((ROOT / "jobs").glob("*.py")), ids=lambda f: f.name)
def test_jobs_know_nothing_of_what_they_carry_out(file: Path) -> None:
    layers = {target(name) for name in imports(file)} - {None}
    assert layers <= {"errors", "files", "interrupt", "jobs"}


def test_no_modules_import_each_other() -> None:
    """Also not inside functions, where Python would bear it; the package itself loads what it offers by name."""
    modules = {module_of(file): file for file in FILES if file != ROOT / "__init__.py"}
    graph = {}
    for module, file in modules.items():
        wanted = {name if name in modules else name.rpartition(".")[0] for name in imports(file, for_types=False)}
        graph[module] = wanted - {module}
    assert not circle(graph)
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["a", "b", "c"]
