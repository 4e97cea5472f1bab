"""The wheel in an environment that holds torch, numpy and what torch itself requires, and nothing else.

Torch is gigabytes large, so it is not installed again: the environment sees links to the running one's packages.
"""

from __future__ import annotations

import re
import subprocess
import sys
import venv
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
ABSENT = ("lightning", "lightning_fabric", "timm", "sklearn", "xgboost", "polars", "rich")

USE = f"""
import importlib.util, sys
from tailtune import SAM, SAMA, ClassConditionalSmoothing, ClassProfile
import torch
assert "site-packages/tailtune" in sys.modules["tailtune"].__file__.replace("\\\\", "/"), "not the installed wheel"
for name in {ABSENT}:
    assert importlib.util.find_spec(name) is None, f"{{name}} can be imported, so the environment is not bare"
x, y = torch.randn(32, 4), torch.tensor([0] * 28 + [1] * 4)
profile = ClassProfile.from_targets(y)
model = torch.nn.Linear(4, 2)
loss = ClassConditionalSmoothing(profile.counts)
optimizer = SAMA(torch.optim.SGD(model.parameters(), lr=0.1), counts=profile.counts, model=model)
before = optimizer.step(lambda: (loss(model(x), y), y))
for _ in range(20):
    after = optimizer.step(lambda: (loss(model(x), y), y))
assert after < before
assert not set({ABSENT}) & set(sys.modules)
print("fine")
"""


def required(names: list[str]) -> dict[str, metadata.Distribution]:
    """The distributions of `names` and all that they require here, by normalised name."""
    found: dict[str, metadata.Distribution] = {}
    open_names = list(names)
    while open_names:
        name = re.sub(r"[-_.]+", "-", open_names.pop()).lower()
        if name in found:
            continue
        found[name] = metadata.distribution(name)
        requirements = [Requirement(line) for line in found[name].requires or []]
        open_names += [r.name for r in requirements if r.marker is None or r.marker.evaluate({"extra": ""})]
    return found


def link_packages(distributions: dict[str, metadata.Distribution], folder: Path) -> None:
    """Link the top-level files and folders of `distributions` into `folder`."""
    for distribution in distributions.values():
        for top in {file.parts[0] for file in distribution.files or []} - {"..", "__pycache__"}:
            source = Path(str(distribution.locate_file(top)))
            if source.exists() and not (folder / top).exists():
                (folder / top).symlink_to(source)


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the wheel, torch and numpy."""
    home = tmp_path_factory.mktemp("bare")
    uv = [sys.executable, "-m", "uv"]
    build = [*uv, "build", "--quiet", "--wheel", "--out-dir", str(home / "dist"), str(ROOT)]
    if subprocess.run([*build, "--offline"], capture_output=True).returncode:  # the build backend is not cached yet
        subprocess.run(build, check=True)
    (wheel,) = (home / "dist").glob("*.whl")

    environment = home / "env"
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    install = [*uv, "pip", "install", "--quiet", "--offline", "--no-deps", "--python", str(python), str(wheel)]
    subprocess.run(install, check=True)

    links = home / "links"
    links.mkdir()
    link_packages(required(["torch", "numpy"]), links)
    (site,) = environment.glob("lib/python*/site-packages")
    (site / "links.pth").write_text(f"{links}\n")
    return python


@pytest.mark.skipif(sys.platform == "win32", reason="links to packages need rights that Windows users lack")
def test_the_pytorch_user_needs_torch_and_numpy_alone(bare_python: Path) -> None:
    answer = subprocess.run([bare_python, "-I", "-c", USE], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip() == "fine"


@pytest.mark.skipif(sys.platform == "win32", reason="links to packages need rights that Windows users lack")
def test_the_command_line_names_the_missing_extra(bare_python: Path) -> None:
    script = bare_python.parent / "tailtune"
    answer = subprocess.run([script, "list", "methods"], capture_output=True, text=True)
    assert answer.returncode != 0
    assert "tailtune[app]" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_the_wheel_declares_torch_and_numpy_only() -> None:
    plain = [line for line in metadata.requires("tailtune") or [] if "extra ==" not in line]
    assert sorted(Requirement(line).name for line in plain) == ["numpy", "torch"]
