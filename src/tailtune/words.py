"""How numbers, counts, names and lists are written for people, on pages and in the terminal alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from unicodedata import category

NBSP = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH}"
OUT_OF_TIME = "the minutes were over"  # why a training stopped
LONGEST = 40  # characters of a name in a sentence
QUOTES = ("''", '""', "“”", "‘’", "«»", "„“", "``")


def percent(value: float | None, decimals: int = 1) -> str:
    """Write a share of 0..1 as a percentage; an en dash for None."""
    return NONE if value is None else f"{100 * value:.{decimals}f}{NBSP}%"


def short_percent(share: float) -> str:
    """Write a share in per cent with as many digits as it needs.

    >>> short_percent(0.752), short_percent(0.0081), short_percent(0.9987)
    ('75 %', '0.81 %', '99.87 %')
    """
    digits = 2 if min(share, 1 - share) < 0.01 else 0
    return f"{100 * share:.{digits}f} %"


def number(value: float | None) -> str:
    """Write a number with three decimals; an en dash for None."""
    return NONE if value is None else f"{value:.3f}".replace("-", MINUS)


def amount(value: float) -> str:
    """Write a sum with thin spaces between thousands, and with three digits or more.

    >>> amount(12345.678).replace("\N{NARROW NO-BREAK SPACE}", " "), amount(31.44), amount(0.01234)
    ('12 346', '31.4', '0.0123')
    """
    if abs(value) >= 999.5:
        return whole(round(value)).replace("-", MINUS)
    return f"{value:#.3g}".rstrip(".").replace("-", MINUS)


def whole(value: int | None) -> str:
    """Write a count with thin spaces between thousands; an en dash for None."""
    return NONE if value is None else f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def points(share: float, sign: str = "-") -> str:
    """Write a share as points with one decimal, no sign where it rounds to zero; `sign` is that of format strings.

    >>> points(0.0312), points(-0.0312), points(0.0312, "+"), points(-0.0001)
    ('3.1', '−3.1', '+3.1', '0.0')
    """
    return signed(100 * share, 1, sign)


def signed(value: float, decimals: int, sign: str = "+") -> str:
    """Write a number with its sign, without one where it rounds to zero.

    >>> signed(0.0131, 3), signed(-0.00001, 3)
    ('+0.013', '0.000')
    """
    text = f"{value:{sign}.{decimals}f}"
    return text.replace("-", MINUS) if text.strip("+-0.") else text.lstrip("+-")


def p_value(p: float | None) -> str:
    """Write a p value with three decimals, an en dash for None.

    >>> p_value(0.0004), p_value(0.03125), p_value(None)
    ('< 0.001', '0.031', '–')
    """
    if p is None:
        return NONE
    return "< 0.001" if p < 0.0005 else f"{p:.3f}"


def duration(seconds: float | None) -> str:
    """Write a duration in the two units that matter; an en dash for None.

    >>> [duration(s).replace(NBSP, " ") for s in (0.42, 12.34, 134, 8000)]
    ['0.42 s', '12.3 s', '2 min 14 s', '2 h 13 min']
    """
    if seconds is None:
        return NONE
    if seconds < 60:
        return f"{seconds:.3g}{NBSP}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}{NBSP}min {rest}{NBSP}s"
    return f"{minutes // 60}{NBSP}h {minutes % 60}{NBSP}min"


def counted(amount: int, one: str, many: str) -> str:
    """Write a number with a word in the form that goes with it.

    >>> counted(1, "class", "classes"), counted(1200, "class", "classes")
    ('1 class', '1,200 classes')
    """
    return f"{amount:,} {one if amount == 1 else many}"


def setting(value: object) -> str:
    """Write the value of a setting: an en dash for nothing, yes and no, lists with commas, six digits.

    >>> [setting(value) for value in (True, 0.1 + 0.2, ["id", "name"], None)]
    ['yes', '0.3', 'id, name', '–']
    >>> setting({"small": {"lr": 0.1, "epochs": 3}, "plain": {}})
    'small (lr 0.1, epochs 3), plain'
    """
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_part(part)}".rstrip() for name, part in value.items()) or NONE
    if value is None or value in ("", [], ()):
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(setting, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _part(value: object) -> str:
    """A setting within settings."""
    if isinstance(value, Mapping):
        return f"({setting(value)})" if value else ""
    return setting(value)


def printable(text: str) -> str:
    r"""`text` without control characters, which come from data and would otherwise reach a terminal or a page.

    Spaces of every width stay, line ends and tabs do not.

    >>> printable("a\x1b[2Jb"), printable("3\N{NO-BREAK SPACE}%")
    ('a�[2Jb', '3\xa0%')
    """
    return "".join(
        letter if letter.isprintable() or category(letter) == "Zs" else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


def printable_lines(text: str) -> str:
    """`text` as `printable` leaves it, but for the ends of its lines."""
    return "\n".join(map(printable, text.split("\n")))


def shortened(name: str, longest: int = LONGEST) -> str:
    """Write a name on one line, printable, and cut where it is too long for its place.

    >>> shortened("sama", 4), shortened("sama(rho=0.1)", 8)
    ('sama', 'sama(rh…')
    """
    name = printable(" ".join(name.split()))
    return name if len(name) <= longest else name[: longest - 1] + "…"


def quoted(name: str, marks: str = "''") -> str:
    """Write a name shortened, between two marks, unless it brings marks of its own.

    >>> quoted("rare"), quoted("rare", "“”")
    ("'rare'", '“rare”')
    >>> print(quoted('"rare"'), quoted("“rare”"), quoted("rare's"))
    "rare" “rare” 'rare's'
    """
    brings = len(name) > 1 and name[0] + name[-1] in QUOTES
    return shortened(name) if brings else f"{marks[0]}{shortened(name)}{marks[1]}"


def listed(names: Iterable[str], most: int = 3) -> str:
    """Join names in words, at most `most` of them.

    >>> listed(["'a'", "'b'", "'c'"], most=2)
    "'a', 'b' and 1 more"
    """
    every = list(names)
    if len(every) > most:
        return f"{', '.join(every[:most])} and {len(every) - most} more"
    return " and ".join(filter(None, [", ".join(every[:-1]), every[-1]])) if every else "none"
