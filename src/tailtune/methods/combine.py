"""`combine`: several methods in one training, where that makes sense."""

from __future__ import annotations

from dataclasses import fields, replace

from tailtune.errors import TailtuneError
from tailtune.methods.method import Method, Recipe, Stage

_OF_STRETCH = ("share", "init", "reference")  # these say when a stage runs, not what it does


def combine(name: str, *methods: Method, recipe: Recipe = "plain") -> Method:
    """Merge methods that set different parts of training.

    At most one of them may have several stages; the parts of the others go into its main stage (the one that trains
    the representation: the second of M2m, the first of MiSLAS).

    Args:
        name: of the new method.
        methods: what to merge.
        recipe: the routine that fills what a `Run` leaves open.

    Raises:
        TailtuneError: two of them set the same part, have several stages, or make up for unequal class frequencies;
            samples are both mixed and synthesised; or there is no kind of data that all of them take.

    >>> combine("both", Method("a", (Stage(head="cosine"),)), Method("b", (Stage(loss=print),))).stages[0].head
    'cosine'
    """
    long = [method for method in methods if len(method.stages) > 1]
    if len(long) > 1:
        _refuse(long[0], long[1], "have several stages, and there is no one order for them")
    balancing = [method for method in methods if method.balances]
    if len(balancing) > 1:
        _refuse(balancing[0], balancing[1], "make up for unequal class frequencies, and doing so twice overshoots")
    frame = long[0] if long else Method("", (Stage(),))
    stage, owner = frame.stages[frame.main], dict.fromkeys(_parts(frame.stages[frame.main]), frame)
    whole: dict[str, Method] = {}
    for method in methods:
        for part in ("decision", "posterior", "ema"):
            if getattr(method, part) is not None:
                if part in whole:
                    _refuse(whole[part], method, f"set {part}")
                whole[part] = method
        if method is frame:
            continue
        for part in _parts(method.stages[0]):
            if part in owner:
                _refuse(owner[part], method, f"set {part.replace('_', ' ')}")
            owner[part] = method
            stage = replace(stage, **{part: getattr(method.stages[0], part)})
    if stage.mix and stage.synthesise:
        _refuse(owner["mix"], owner["synthesise"], "make new samples, one by mixing labels and one by class")
    kinds = tuple(kind for kind in ("table", "image") if all(kind in method.kinds for method in methods))
    if not kinds:
        _refuse(methods[0], methods[-1], "take different kinds of data")
    stages = list(frame.stages)
    stages[frame.main] = stage
    posterior = whole.get("posterior")
    return Method(
        name,
        tuple(stages),
        decision=whole["decision"].decision if "decision" in whole else None,
        posterior=posterior.posterior if posterior else None,
        members=posterior.members if posterior else "collected",
        main=frame.main,
        balances=bool(balancing),
        implied=balancing[0].implied if balancing else None,
        kinds=kinds,  # type: ignore[arg-type]
        recipe=recipe,
        ema=whole["ema"].ema if "ema" in whole else None,
    )


def _parts(stage: Stage) -> list[str]:
    names = [field.name for field in fields(Stage) if field.name not in _OF_STRETCH]
    return [name for name in names if getattr(stage, name) is not None]


def _refuse(one: Method, other: Method, why: str) -> None:
    raise TailtuneError(f"{one.name} and {other.name} both {why}, so they cannot be combined; keep one of them")
