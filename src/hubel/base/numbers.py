"""Numbers as hubel writes them: each way has one function.

>>> number_text(1000403), number_text(2.3333)
('1,000,403', '2.333')
>>> exact_text(Fraction(-1, 2)), exact_text(Fraction(1, 9)), rounded_text(Fraction(1, 9))
('−0.5', '1/9', '0.1111')
>>> short_text(-0.5), short_text(12345.6)
('−0.5', '12346')
"""

from __future__ import annotations

from fractions import Fraction
from typing import TypeAlias

Number: TypeAlias = "int | Fraction | float"

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_DECIMALS = 4  # a fraction with at most so many decimals is written with them


def plural(count: int, word: str) -> str:
    """Write `word` as many as there are: `1 row` is "row", `3 rows` is "3 rows"."""
    return word if count == 1 else f"{count} {word}s"


def counted(count: int, word: str, many: str = "") -> str:
    """Write `1 row`, `3 rows`, `10,000 rows`; of words such as class with what several are called."""
    return f"{count:,} {word if count == 1 else many or f'{word}s'}"


def an(word: str) -> str:
    """Write a word with "a" or "an" before it."""
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


def number_text(value: Number) -> str:
    """Write a result: `1,000,403`, or `2.33` where it is not whole."""
    return f"{value:,}" if isinstance(value, int) else f"{float(value):,.4g}"


def exact_text(value: Number) -> str:
    """Write a number exactly: `−4`, `3.25`, `122/9`; a float to six figures."""
    if isinstance(value, float):
        return _written(f"{value:.6g}")
    if isinstance(value, int):
        return str(value).replace("-", "−")
    scaled = value * 10**_DECIMALS
    if scaled.denominator == 1:
        whole, rest = divmod(abs(int(scaled)), 10**_DECIMALS)
        return f"{'−' if value < 0 else ''}{whole}.{rest:0{_DECIMALS}d}".rstrip("0").rstrip(".")
    return str(value).replace("-", "−")


def rounded_text(value: Number) -> str:
    """Write a number in few characters: exactly where that is short, else with four figures."""
    if isinstance(value, int):
        return exact_text(value)
    if isinstance(value, Fraction) and "/" not in exact_text(value):
        return exact_text(value)
    given = float(value)
    return _written(f"{given:.1f}" if 1000 <= abs(given) < 1e15 else f"{given:.4g}")


def short_text(value: float) -> str:
    """Write a number for a tick or a caption: three digits that count, a real minus."""
    size = abs(value)
    form = ".3g" if 1e-3 <= size < 999.5 or not size else ".0f" if 999.5 <= size < 99_999.5 else ".2e"
    return _written(f"{value:{form}}")


def _written(text: str) -> str:
    """Python's digits as people write them: a real minus, and `1.5·10⁻⁹` for `1.5e-09`."""
    digits, e, power = text.partition("e")
    return digits.replace("-", "−") + (f"·10{str(int(power)).translate(_RAISED)}" if e else "")
