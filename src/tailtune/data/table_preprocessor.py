"""`TablePreprocessor`: rows of a table to model inputs, fitted on the training rows only."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from tailtune.data.columns import (
    LARGEST,
    SMALLEST,
    UNKNOWN_NUMBER,
    Floats,
    dates,
    first_bad,
    numbers,
    plain_numbers,
    refuse_infinity,
    texts,
    truths,
)
from tailtune.data.dataset import Kind, LeftOut
from tailtune.data.hashed_text import HashedText
from tailtune.data.level_statistics import Labels, LevelStatistics
from tailtune.data.quantile_normal import QuantileNormal
from tailtune.data.schema import Column, date_features, read_schema
from tailtune.errors import TailtuneError, nearest

if TYPE_CHECKING:
    import polars as pl
    import torch

Encoder = LevelStatistics | HashedText
ENCODERS: Mapping[str, type[Encoder]] = {"many": LevelStatistics, "text": HashedText}  # by kind of column
UNKNOWN = 0
"""Code of a category that the training rows do not have."""


@dataclass(frozen=True)
class TablePreprocessor:
    """Turns a table into numeric and categorical tensors.

    Numbers, and what is made of dates, become normal scores of their training ranks, with the training median where
    they are missing; behind them stands one 0/1 column for each column that lacks values in training. Categories and
    booleans become codes: 0 for a category unknown in training, 1.. for the categories in sorted order, and the last
    for missing if training rows lack values (otherwise a missing value is unknown). A category of many levels becomes
    numbers, see `LevelStatistics`, and codes of its frequent levels, with 0 for the others; text becomes numbers, see
    `HashedText`.

    Attributes:
        columns: the columns in use.
        scores: the fitted transform of the numbers.
        target: name of the column to predict, None if there is none in the table.
        known: names of the columns that the training table had and that are not in use (the target among them).
        left_out: the same with the reasons, without the target.
        warnings: what the user should know about the columns.
        encoders: of categories of many levels and of text, by column.
    """

    columns: tuple[Column, ...]
    scores: QuantileNormal
    target: str | None = None
    known: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    warnings: tuple[str, ...] = ()
    encoders: Mapping[str, Encoder] = field(default_factory=dict)

    kind: ClassVar[Kind] = "table"

    @classmethod
    def fit(
        cls,
        frame: pl.DataFrame,
        target: str | None = None,
        ignore: Mapping[str, str] | tuple[str, ...] = (),
        ids: NDArray[np.str_] | None = None,
        seed: int = 0,
        *,
        labels: Labels | None = None,
        keep: Collection[str] = (),
        text: Literal["leave", "hash"] = "leave",
    ) -> TablePreprocessor:
        """Find out what the columns are and fit their transforms.

        Args:
            frame: the training rows [N].
            target: the column to predict, which is no input.
            ignore: further columns that are no input, with the reasons if it is a mapping.
            ids: identity of each row [N], for messages; row numbers from 1 by default.
            seed: of the noise that breaks ties.
            labels: of the rows; without them, of the levels of a category only the frequencies are known.
            keep: columns that are categories, whatever they look like.
            text: what becomes of columns of sentences.

        Returns:
            The fitted preprocessor.

        Raises:
            TailtuneError: no rows, no usable column, or an infinite number.
        """
        ids = row_numbers(frame.height) if ids is None else ids
        reasons = dict(ignore) if isinstance(ignore, Mapping) else dict.fromkeys(ignore, "was asked to be left out")
        exclude = {**reasons, **({} if target is None else {target: ""})}
        if frame.height == 0:
            raise TailtuneError("a table without rows cannot be fitted; add training rows")
        schema = read_schema(frame, ids, exclude, keep, text)
        if not schema.columns:
            why = "; ".join(f"{left.what!r} {left.why}" for left in schema.left_out[:5]) or "there is none"
            raise TailtuneError(f"no column is left to learn from: {why}; add columns that vary from row to row")
        used = {column.name for column in schema.columns}
        encoders: dict[str, Encoder] = {}
        for column in schema.columns:
            if column.kind == "many":
                encoders[column.name] = LevelStatistics.fit(frame[column.name], labels)
            elif column.kind == "text":
                encoders[column.name] = HashedText.fit(frame[column.name], seed)
        scores = QuantileNormal.fit(_numeric_values(schema.columns, frame, ids, encoders, labels)[0], seed)
        known = tuple(name for name in frame.columns if name not in used)
        return cls(schema.columns, scores, target, known, schema.left_out, schema.warnings, encoders)

    def encode(
        self, frame: pl.DataFrame, ids: NDArray[np.str_] | None = None, *, training: Labels | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Encode rows; columns are found by name, in any order, and others than those in use are not looked at.

        Args:
            frame: rows [N].
            ids: identity of each row [N], for messages; row numbers from 1 by default.
            training: labels of the rows if they are those that the preprocessor was fitted on, which need them.

        Returns:
            numeric [N, Dn] float32 and categorical [N, Dc] int64.

        Raises:
            TailtuneError: columns that are missing, or text, an infinite number or an unreadable date where numbers
                or dates are expected.
        """
        import torch

        ids = row_numbers(frame.height) if ids is None else ids
        self._require_columns(frame)
        values, absent = _numeric_values(self.columns, frame, ids, self.encoders, training)
        numeric = np.concatenate([self.scores.transform(values), absent], axis=1)
        codes = [_codes(column, frame[column.name]) for column in self.columns if column.levels]
        categorical = np.stack(codes, axis=1) if codes else np.zeros((frame.height, 0), dtype=np.int64)
        return torch.from_numpy(numeric), torch.from_numpy(categorical)

    def _require_columns(self, frame: pl.DataFrame) -> None:
        present = set(frame.columns)
        lacking = [column.name for column in self.columns if column.name not in present]
        if lacking:
            hint = next(filter(None, (nearest(name, self.unused(frame)) for name in lacking)), "")
            listed = ", ".join(repr(name) for name in lacking)
            noun = "column" if len(lacking) == 1 else "columns"
            raise TailtuneError(
                f"the data lack the {noun} {listed} that the model was trained on; add them (empty fields are "
                f"allowed).{hint}"
            )

    def unused(self, frame: pl.DataFrame) -> tuple[str, ...]:
        """Return the names of columns in `frame` that training did not know and that are therefore not looked at."""
        expected = {column.name for column in self.columns} | set(self.known)
        return tuple(name for name in frame.columns if name not in expected)

    @property
    def out_of_fold(self) -> bool:
        """Whether training rows are encoded in another way than others, see `LevelStatistics`."""
        return any(isinstance(encoder, LevelStatistics) for encoder in self.encoders.values())

    @property
    def numeric_names(self) -> tuple[str, ...]:
        """Names of the numeric inputs [Dn]: columns, ``date.feature``, then ``column.missing``."""
        names = [name for column in self.columns for name in _feature_names(column, self.encoders)]
        return tuple(names + [f"{column.name}.missing" for column in _with_indicator(self.columns)])

    @property
    def categorical_names(self) -> tuple[str, ...]:
        """Names of the categorical inputs [Dc]."""
        return tuple(column.name for column in self.columns if column.levels)

    def places(self) -> dict[str, tuple[list[int], list[int]]]:
        """Positions of what each column becomes among the numeric inputs [Dn] and the categorical ones [Dc]."""
        found: dict[str, tuple[list[int], list[int]]] = {column.name: ([], []) for column in self.columns}
        made = [column.name for column in self.columns for _ in _feature_names(column, self.encoders)]
        for place, name in enumerate([*made, *(column.name for column in _with_indicator(self.columns))]):
            found[name][0].append(place)
        for place, name in enumerate(self.categorical_names):
            found[name][1].append(place)
        return found

    def shape(self) -> dict[str, object]:
        """Input sizes: ``{"numeric": Dn, "cardinalities": [c_1, ...]}``, codes of column j from 0 to c_j - 1."""
        cardinalities = [1 + len(column.levels) + column.missing for column in self.columns if column.levels]
        return {"numeric": len(self.numeric_names), "cardinalities": cardinalities}

    def state(self) -> tuple[dict[str, object], dict[str, NDArray[np.generic]]]:
        """JSON-ready settings and named arrays, from which `from_state` makes an equal preprocessor."""
        settings: dict[str, object] = {
            "columns": [asdict(column) for column in self.columns],
            "target": self.target,
            "known": list(self.known),
            "left_out": [asdict(left) for left in self.left_out],
            "warnings": list(self.warnings),
        }
        arrays: dict[str, NDArray[np.generic]] = {"quantiles": self.scores.quantiles, "medians": self.scores.medians}
        for place, column in enumerate(self.columns):
            if column.name in self.encoders:
                settings[f"encoders.{place}"], found = self.encoders[column.name].state()
                arrays |= {f"encoders.{place}.{name}": array for name, array in found.items()}
        return settings, arrays

    @classmethod
    def from_state(cls, settings: Mapping[str, Any], arrays: Mapping[str, NDArray[np.generic]]) -> TablePreprocessor:
        """Return the preprocessor whose `state` this is."""
        columns = tuple(
            Column(
                name=column["name"],
                kind=column["kind"],
                missing=column["missing"],
                levels=tuple(column["levels"]),
                stray=tuple(column["stray"]),
                features=tuple(column["features"]),
                form=column["form"],
            )
            for column in settings["columns"]
        )
        scores = QuantileNormal(
            np.asarray(arrays["quantiles"], dtype=np.float64), np.asarray(arrays["medians"], dtype=np.float64)
        )
        encoders = {
            column.name: ENCODERS[column.kind].from_state(
                settings[f"encoders.{place}"], _under(arrays, f"encoders.{place}.")
            )
            for place, column in enumerate(columns)
            if column.kind in ENCODERS
        }
        left_out = tuple(LeftOut(**left) for left in settings["left_out"])
        warnings = tuple(settings["warnings"])
        return cls(columns, scores, settings["target"], tuple(settings["known"]), left_out, warnings, encoders)


def row_numbers(count: int, prefix: str = "") -> NDArray[np.str_]:
    """Return row numbers from 1 as identities [count], such as ``"train.csv:1"`` with the prefix ``"train.csv:"``."""
    return np.array([f"{prefix}{row}" for row in range(1, count + 1)], dtype=np.str_)


def _under(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _feature_names(column: Column, encoders: Mapping[str, Encoder]) -> list[str]:
    if column.kind == "numeric":
        return [column.name]
    made = encoders[column.name].names if column.kind in ENCODERS else column.features
    return [f"{column.name}.{name}" for name in made]


def _with_indicator(columns: tuple[Column, ...]) -> list[Column]:
    return [column for column in columns if column.missing and column.kind in ("numeric", "date")]


def _numeric_values(
    columns: tuple[Column, ...],
    frame: pl.DataFrame,
    ids: NDArray[np.str_],
    encoders: Mapping[str, Encoder],
    training: Labels | None,
) -> tuple[Floats, NDArray[np.float32]]:
    """Return the numbers that the columns become, NaN where there is none [N, D], and the indicators [N, M].

    Raises:
        TailtuneError: a value that cannot be read, or an infinite one.
    """
    values: list[Floats] = []
    absent: list[NDArray[np.bool_]] = []
    wanted = {column.name for column in columns if column.kind == "numeric" and not column.form}
    known = plain_numbers(series for series in frame if series.name in wanted)
    for column in columns:
        if column.kind in ("categorical", "boolean"):
            continue
        if column.kind in ENCODERS:
            encoder, series = encoders[column.name], frame[column.name]
            if training is not None and isinstance(encoder, LevelStatistics):
                values += list(encoder.out_of_fold(series, training).T)
            else:
                values += list(encoder.transform(series).T)
            continue
        if column.name in known:
            values.append(known[column.name])
            if column.missing:
                absent.append(np.isnan(values[-1]))
            continue
        series = frame[column.name]
        if column.kind == "date":
            times, bad = dates(series, column.form)
            features = date_features(times)
            mend = f"dates, however: {{}}; write dates as {column.form or 'YYYY-MM-DD'}"
            values += [features[name] for name in column.features]
        else:
            number, bad = numbers(series, UNKNOWN_NUMBER, column.form)
            bad = bad & (not column.stray)
            mend = f"numbers, however: {{}}; write a number{f' like {column.form}' if column.form else ''}"
            values.append(number)
        if bad.any():
            held = mend.format(first_bad(series, bad, ids))
            raise TailtuneError(f"column {column.name!r} holds {held}, or leave it empty where it is unknown")
        if column.missing:
            absent.append(np.isnan(values[-1]))
    rows = frame.height
    stacked = np.stack(values, axis=1) if values else np.zeros((rows, 0))
    for j in np.flatnonzero((np.abs(stacked) > LARGEST).any(axis=0)).tolist():
        names = [name for column in columns for name in _feature_names(column, encoders)]
        refuse_infinity(stacked[:, j], names[j], ids)
    stacked[np.abs(stacked) < SMALLEST] = 0  # denormal numbers, between which slopes would be infinite
    return (
        stacked,
        np.stack(absent, axis=1).astype(np.float32) if absent else np.zeros((rows, 0), dtype=np.float32),
    )


def _codes(column: Column, series: pl.Series) -> NDArray[np.int64]:
    import polars as pl

    text = truths(series) if column.kind == "boolean" else texts(series)
    codes = {level: code for code, level in enumerate(column.levels, start=UNKNOWN + 1)}
    missing = len(column.levels) + 1 if column.missing else UNKNOWN
    found = text.replace_strict(list(codes), list(codes.values()), default=UNKNOWN, return_dtype=pl.Int64)
    encoded: NDArray[np.int64] = found.set(text.is_null(), missing).to_numpy()
    return encoded
