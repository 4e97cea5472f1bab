"""A name for a training that says what went into it: the same name, the same result."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict

from tailtune.by_name import files_of
from tailtune.data.dataset import Dataset
from tailtune.data.fingerprint import fingerprint
from tailtune.run.folder import NO_EFFECT
from tailtune.settings import Run
from tailtune.version import __version__

DIGITS = 16
IN_ROWS = ("class_rows",)  # what the hash of the rows says already


def rows_hash(dataset: Dataset) -> str:
    """Return a hash of the rows, with their values and classes, and of which is in which part."""
    text = json.dumps(asdict(fingerprint(dataset)), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def config_hash(run: Run, rows: str, purpose: str = "train") -> str:
    """Return a hash of all that the result of `run` depends on.

    Args:
        run: everything resolved; the fields without effect on the result, such as `out`, do not count.
        rows: see `rows_hash`.
        purpose: what the run is for, where it is not a training of the study.

    Returns:
        16 hexadecimal digits. They change with tailtune's version, and with the text of every file that a field names,
        such as that of the method. (Files of own measures do not count: they score what was trained, see NO_EFFECT.)
    """
    content = {name: value for name, value in asdict(run).items() if name not in (*NO_EFFECT, *IN_ROWS)}
    content |= {"rows": rows, "tailtune": __version__, "purpose": purpose, "code": files_of(content.values())}
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
