"""An exercise's answer checked: right, or what was probably done to get there, told with the formula itself."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from hubel.arch import Formula, Report, Row, ShapeError, analyse, shape_text
from hubel.arch.figures.slips import Slip, slip_to, slips
from hubel.base.errors import HubelError, SettingError
from hubel.base.names import did_you_mean
from hubel.base.numbers import number_text
from hubel.base.words import printable
from hubel.studio.answers.exercise_words import FIGURES, QUANTITIES, RULES, SAID
from hubel.studio.answers.read import report, source

GAP = "?"  # in a network's text: the number that is asked for
MOST_TRIED = 256  # numbers for a gap
LONGEST = 60  # letters of an answer
_MISFIT = re.compile(r"(it )?(does ?n.?t|does not|can.?t|cannot|no|não|nao)\b.*", re.IGNORECASE)
_FIT = re.compile(r"(it )?(fits?|does|yes|cabe|sim)\b.*", re.IGNORECASE)
_SIDES = ("output_height", "output_width")
_OF_NETWORKS = ("parameters", "macs", "output", "fits")
_SEPARATED = re.compile(r"\b\d{1,3}(?:,\d{3})+(?:\.\d+)?\b|\b\d+\.\d+\b")
_SIGNS = str.maketrans({"×": "*", "x": "*", "X": "*", "·": "*", "−": "-", "÷": "/", "[": "(", "]": ")"})
_WORKED = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}


def exercise(network: str, layer: str, asks: str, wanted: str, given: str, language: str) -> dict[str, Any]:
    """Whether an answer is right, the right one, and sentences that explain both.

    network: its text, with `?` where a number is asked for so that the output becomes `wanted` (32x32x8). layer: whose
    figure is asked for; empty means the whole network. asks: "output", "fits", or a figure such as "parameters".
    given: the answer; empty asks for the right one. language: "en" or "pt".
    """
    say = _Say(language or "en")
    if GAP in network:
        return say.written(_gap(network, wanted, given, say))
    if asks == "fits":
        return say.written(_fits(network, given, say))
    found = report(network)
    row = found.find(layer)[0] if layer else None
    if asks == "output":
        return say.written(_shape(found, row, given, say))
    return say.written(_figure(found, row, asks or "parameters", given, say))


class _Say:
    """Sentences in a language."""

    def __init__(self, language: str) -> None:
        if language not in SAID:
            raise SettingError(f"language: expected {' or '.join(SAID)}, received {printable(language)[:20]!r}")
        self.language = language

    def __call__(self, key: str, **values: Any) -> str:
        return SAID[self.language][key].format(**values)

    def written(self, answer: dict[str, Any]) -> dict[str, Any]:
        """The answer with its numbers as the language writes them: 1.000.403 and 2,33."""
        if self.language == "en":
            return answer
        swap = str.maketrans(",.", ".,")
        told = [_SEPARATED.sub(lambda found: found[0].translate(swap), each) for each in answer["told"]]
        return {
            **answer,
            "told": told,
            "answer": _SEPARATED.sub(lambda found: found[0].translate(swap), answer["answer"]),
        }

    def rule(self, error: ShapeError) -> list[str]:
        """Why a window does not come out even."""
        rule = error.rule
        if self.language == "en":
            return [f"{error.place}: {error.expected}" if error.place else error.expected, f"{rule}: {error.values}"]
        for name, own in RULES.items():
            rule = rule.replace(name, own)
        return [f"{rule}: {error.values}"]

    def figure(self, name: str) -> str:
        return FIGURES[self.language].get(name, name.replace("_", " "))

    def shown(self, figure: str, formula: str) -> str:
        name = self.figure(figure)
        return f"{name[0].upper()}{name[1:]}: {formula}."

    def slip(self, slip: Slip, figure: str) -> str:
        name = QUANTITIES[self.language].get(slip.what, slip.what)
        if slip.kind == "without one":
            return self("without bias" if figure in ("parameters", "parameters_per_filter") else "without one")
        return self(slip.kind, what=name)


def _answer(right: bool, answer: str, *told: str) -> dict[str, Any]:
    return {"right": right, "answer": answer, "told": [each for each in told if each]}


def _number(given: str, say: _Say) -> int | Fraction:
    """A number as people write one: 1,000,403 and 1.000.403, 9.68, 2,33, ~120M; or the sum that gives it: 5·5·3 + 1."""
    if len(given) <= LONGEST and re.fullmatch(
        r"[\d\s.,()\[\]×xX·*/+−÷-]*\d\s*[×xX·*/+−÷-][\d\s.,()\[\]×xX·*/+−÷-]+", given
    ):
        return _worked_out(given, say)
    text = given.strip().lstrip("~≈").replace(" ", "").replace("\u00a0", "").replace("\u202f", "")
    thousands: int = {"k": 1000, "m": 1_000_000}.get(text[-1:].lower(), 1)
    text = text if thousands == 1 else text[:-1]
    if re.fullmatch(r"\d{1,3}([.,]\d{3})+", text):
        text = re.sub(r"[.,]", "", text)
    if len(text) > LONGEST or not re.fullmatch(r"\d+([.,]\d+)?", text, re.ASCII):
        raise SettingError(say("no number", given=printable(given)[:LONGEST]))
    found = Fraction(text.replace(",", ".")) * thousands
    return int(found) if found.denominator == 1 else found


def _worked_out(given: str, say: _Say) -> int | Fraction:
    """What an expression of numbers, +, −, ·, / and brackets comes to."""

    def value(node: ast.AST) -> Fraction:
        if isinstance(node, ast.Constant):
            return Fraction(_number(str(node.value), say))
        if isinstance(node, ast.BinOp) and type(node.op) in _WORKED:
            found: Fraction = _WORKED[type(node.op)](value(node.left), value(node.right))
            return found
        raise SyntaxError

    try:
        found = value(ast.parse(re.sub(r"\d[\d.,]*", r"'\g<0>'", given.translate(_SIGNS)).strip(), mode="eval").body)
    except (SyntaxError, ZeroDivisionError):
        raise SettingError(say("no number", given=printable(given)[:LONGEST])) from None
    return int(found) if found.denominator == 1 else found


def _figure(found: Report, row: Row | None, asks: str, given: str, say: _Say) -> dict[str, Any]:
    if row is None:
        return _total(found, asks, given, say)
    formula = _formula(row, asks)
    shown = say.shown(asks, str(formula))
    right = number_text(formula.result)
    if not given.strip():
        return _answer(False, right, shown)
    number = _number(given, say)
    if number == formula.result:
        return _answer(True, right, say("right"), shown)
    return _answer(False, right, _why(found, row, formula, number, say), shown)


def _formula(row: Row, asks: str) -> Formula:
    by_figure = {formula.figure: formula for formula in row.formulas}
    if asks not in by_figure:
        figures = ("output", *(each for each in by_figure if each not in (*_SIDES, "output_features")))
        raise SettingError(f"asks: of {row.path} expected {_wanted(figures, asks)}")
    return by_figure[asks]


def _wanted(figures: tuple[str, ...], asks: str) -> str:
    return f"{', '.join(figures)}; received {printable(asks)[:40]!r}{did_you_mean(asks, figures)}"


def _why(found: Report, row: Row, formula: Formula, number: int | Fraction, say: _Say) -> str:
    """What gives that number: another figure, a slip or two, another layer; else which way it is off."""
    given = number_text(number)
    for other in row.formulas:
        if other.result == number and other.figure not in (*_SIDES, formula.figure):
            return say("other figure", given=given, figure=say.figure(other.figure), formula=str(other))
    if formula.figure == "macs" and number == 2 * formula.result:
        return say("flops", given=given)
    if slipped := slip_to(formula.expression, number):
        done, expression = slipped
        told = say("and").join(say.slip(each, formula.figure) for each in done)
        return say("slip", given=given, told=told, formula=expression.values())
    for each in found.rows:
        if each.path != row.path and each.is_layer:
            for other in each.formulas:
                if other.figure == formula.figure and other.result == number:
                    return say("other layer", given=given, layer=each.path)
    return _near(number, formula.result, say)


def _near(number: int | Fraction, right: int | Fraction, say: _Say) -> str:
    given = number_text(number)
    zeros = len(given) - len(given.replace(",", "").rstrip("0")) - given.count(",") if isinstance(number, int) else 0
    if zeros and abs(number - right) < min(10**zeros, right / 50):
        return say("rounded", given=given)
    return say("less" if number < right else "more", given=given)


def _total(found: Report, asks: str, given: str, say: _Say) -> dict[str, Any]:
    if asks not in ("parameters", "macs"):
        raise SettingError(f"asks: of a whole network expected {_wanted(_OF_NETWORKS, asks)}")
    parts = [(row, getattr(row.cost, asks)) for row in found.rows if getattr(row.cost, asks)]
    total: int = getattr(found, asks)
    added = " + ".join(number_text(part) for _, part in parts) if len(parts) < 12 else ""
    alone = str(_formula(parts[0][0], asks)) if len(parts) == 1 else ""
    shown = say.shown(asks, alone or (f"{added} = {total:,}" if added else f"{total:,}"))
    if not given.strip():
        return _answer(False, f"{total:,}", shown)
    number = _number(given, say)
    if number == total:
        return _answer(True, f"{total:,}", say("right"), shown)
    return _answer(False, f"{total:,}", _why_total(found, parts, asks, number, say), shown)


def _why_total(found: Report, parts: list[tuple[Row, int]], asks: str, number: int | Fraction, say: _Say) -> str:
    given, total = number_text(number), sum(part for _, part in parts)
    other = "macs" if asks == "parameters" else "parameters"
    if len(parts) == 1:
        return _why(found, parts[0][0], _formula(parts[0][0], asks), number, say)
    if asks == "macs" and number == 2 * total:
        return say("flops", given=given)
    for row, part in parts:
        if total - part == number:
            return say("left out", given=given, layer=row.path, part=f"{part:,}")
    for row, _ in parts:
        for own in row.formulas:
            if own.result == number and own.figure not in _SIDES:
                return say("one layer", given=given, layer=row.path, figure=say.figure(own.figure), formula=str(own))
    for slip, slipped in _everywhere([row for row, _ in parts], asks):
        if slipped == number:
            return say("everywhere", given=given, told=say.slip(slip, asks))
    if number == getattr(found, other):
        return say("other figure", given=given, figure=say.figure(other), formula=given)
    for row, part in parts:
        formula = _formula(row, asks)
        if slipped_one := slip_to(formula.expression, number - (total - part)):
            done, expression = slipped_one
            told = say("and").join(say.slip(each, asks) for each in done)
            return say("slip in", given=given, layer=row.path, told=told, formula=expression.values())
    product = parts[0][0].cost.macs
    for row, _ in parts[1:]:
        product *= row.output_shape[-1]
    if 0 <= product - number <= product / 50:
        return say("multiplied", given=given)
    return _near(number, total, say)


def _everywhere(rows: list[Row], asks: str) -> Iterator[tuple[Slip, int | Fraction]]:
    """The totals where the same slip is made in each layer that can have it."""
    sums: dict[Slip, int | Fraction] = {}
    for row in rows:
        formula = _formula(row, asks)
        own: dict[Slip, int | Fraction] = {}
        for (slip,), expression in slips(formula.expression, 1):
            own.setdefault(slip, expression.value)
        for slip, value in own.items():
            sums[slip] = sums.get(slip, 0) + value - formula.result
    total = sum(_formula(row, asks).result for row in rows)
    return ((slip, total + less) for slip, less in sums.items())


def _shape(found: Report, row: Row | None, given: str, say: _Say) -> dict[str, Any]:
    at = row or found.rows[-1]
    right = shape_text(at.output_shape)
    sides = [f for f in at.formulas if f.figure in ("output_height", "output_width", "output_features")]
    shown = say("output", shape=right, formula=", ".join(dict.fromkeys(str(f) for f in sides)) or right)
    if not given.strip():
        return _answer(False, right, shown)
    numbers = _sizes(given, say)
    if numbers == list(at.output_shape):
        return _answer(True, right, say("right"), shown)
    if len(at.output_shape) == 3 and len(numbers) in (1, 2):  # of a picture without its channels
        numbers = [numbers[0], numbers[-1]]
        if numbers == list(at.output_shape[:2]):
            alone = at.output_shape[-1] == 1
            return _answer(alone, right, say("right") if alone else say("how many channels"), shown)
    elif len(numbers) != len(at.output_shape):
        many = len(at.output_shape)
        return _answer(
            False, right, say("axes", many=say("numbers", number=many) if many > 1 else say("one number")), shown
        )
    if len(numbers) == 3 and (*numbers[1:], numbers[0]) == at.output_shape:
        return _answer(False, right, say("channels first"), shown)
    for each in found.rows if len(numbers) > 1 else ():
        if list(each.output_shape) == numbers:
            return _answer(
                False, right, say("other layer", given=shape_text(each.output_shape), layer=each.path), shown
            )
    told = [_why_axis(at, axis, number, say) for axis, number in enumerate(numbers) if number != at.output_shape[axis]]
    return _answer(False, right, *dict.fromkeys(told), shown)


def _sizes(given: str, say: _Say) -> list[int]:
    """The sizes of an output as people write them: 28×28×8, 28 28 8, (28, 28, 8), 1,024."""
    text = given.strip().rstrip(".")
    if re.fullmatch(r"\d{1,3}([.,]\d{3})+", text):
        text = re.sub(r"[.,]", "", text)
    parts = [each for each in re.split(r"[\s,;x×X*·()\[\]]+|\b(?:by|por)\b", text) if each]
    if len(text) > LONGEST or not parts or not all(re.fullmatch(r"\d{1,9}([.,]0+)?", each, re.ASCII) for each in parts):
        raise SettingError(say("no sizes", given=printable(given)[:LONGEST]))
    return [int(re.split("[.,]", each)[0]) for each in parts]


def _why_axis(at: Row, axis: int, number: int, say: _Say) -> str:
    if len(at.output_shape) == 3 and axis < 2:
        if number == at.input_shape[axis]:
            return say("kept", given=number)
        formula = next((f for f in at.formulas if f.figure == _SIDES[axis]), None)
        if formula and (slipped := slip_to(formula.expression, number)):
            done, expression = slipped
            told = say("and").join(say.slip(each, formula.figure) for each in done)
            return say("slip", given=number, told=told, formula=expression.values())
        return say("side", given=number)
    if number == at.input_shape[-1]:
        return say("input channels", given=number)
    return say("channels", given=number)


def _fits(network: str, given: str, say: _Say) -> dict[str, Any]:
    try:
        found = analyse(source(network).network, strict=True)
    except ShapeError as error:
        answer, shown = say("does not fit"), say.rule(error)
        if not given.strip():
            return _answer(False, answer, *shown)
        if _MISFIT.fullmatch(given.strip()[:LONGEST]):
            return _answer(True, answer, say("right"), *shown)
        if _FIT.fullmatch(given.strip()[:LONGEST]):
            return _answer(False, answer, f"{say('no fit')} {shown[-1]}.", *shown)
        rounded = analyse(source(network).network).output_shape[:2]
        near = all(each in (size, size + 1) for each, size in zip(_sizes(given, say), rounded, strict=False))
        return _answer(False, answer, say("rounds" if near else "side", given=printable(given)[:LONGEST]), *shown)
    if _MISFIT.fullmatch(given.strip()[:LONGEST]):
        return {**_shape(found, None, "", say), "told": [say("fits"), *_shape(found, None, "", say)["told"]]}
    if _FIT.fullmatch(given.strip()[:LONGEST]):
        return _answer(False, shape_text(found.output_shape), say("which size"), *_shape(found, None, "", say)["told"])
    return _shape(found, None, given, say)


def _gap(network: str, wanted: str, given: str, say: _Say) -> dict[str, Any]:
    target = tuple(int(each) for each in re.findall(r"\d{1,9}", wanted))
    shapes = ((n, _filled(network, n)) for n in range(MOST_TRIED))
    right = next((n for n, found in shapes if found is not None and found.output_shape == target), None)
    if right is None:
        raise SettingError(f"network: no number up to {MOST_TRIED - 1} in place of {GAP} gives {shape_text(target)}")
    shown = say("gap", number=right, formula=_last_size(_filled(network, right)), shape=shape_text(target))
    if not given.strip():
        return _answer(False, str(right), shown)
    number = _number(given, say)
    found = _filled(network, number) if isinstance(number, int) else None
    if found is not None and found.output_shape == target:
        return _answer(
            True, str(number), say("right"), say("gap", number=number, formula=_last_size(found), shape=wanted)
        )
    if found is None:
        return _answer(False, str(right), say("gap misfit", given=number_text(number)), shown)
    told = say("gap other", given=number, shape=shape_text(found.output_shape), formula=_last_size(found))
    return _answer(False, str(right), told, shown)


def _filled(network: str, number: int) -> Report | None:
    try:
        return report(network.replace(GAP, str(number)))
    except HubelError:
        return None


def _last_size(found: Report | None) -> str:
    assert found is not None
    sizes = [str(f) for row in found.rows for f in row.formulas if f.figure in ("output_height", "output_features")]
    return sizes[-1] if sizes else shape_text(found.output_shape)
