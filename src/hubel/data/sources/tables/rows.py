"""Which columns of a table say its rows' parts, and what each of their values means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from hubel.base.errors import DataError
from hubel.data.sources.layout import Layout
from hubel.data.sources.listing import natural_order, some
from hubel.data.sources.parts import part_and_rest, part_of, words_of
from hubel.data.sources.tables.heads import names_labels

Rows = Sequence[tuple[int, Sequence[str]]]  # each with its line
NOT_GIVEN = frozenset(
    ("", "nan", "-nan", "<na>", "null", "n/a", "#n/a", "#na", "#null!", "#ref!", "#value!", "#div/0!")
)
FLAGS: Mapping[str, bool] = {
    **dict.fromkeys(("1", "true", "t", "yes", "y", "1.0"), True),
    **dict.fromkeys(("0", "false", "f", "no", "n", "0.0", *NOT_GIVEN), False),
}
_SPLIT = frozenset(
    ["split", "splits", "subset", "subsets", "partition", "partitions", "usage", "set", "sets", "tvt"]
)  # heads of parts alone
_FOLDS = frozenset(["fold", "folds", "cv", "crossval", "crossvalidation", "xval"])
_FOLDS_AT_MOST = 51
_FEW = 12  # different values from which a column is no split


class RowParts(NamedTuple):
    """Each row's part, None where it is of none; the columns that say so; and what is to be said of it."""

    parts: Sequence[str | None]
    columns: frozenset[int] = frozenset()
    said: str = ""
    left_out: str = ""


def cells_of(body: Rows, number: int) -> Iterator[str]:
    """The cells of a column; nothing where a row is too short."""
    return (row[number] if number < len(row) else "" for _, row in body)


def parts_of_rows(
    path: Path, heads: Sequence[str], body: Rows, left: Sequence[int], layout: Layout | None, *, apart: bool = True
) -> RowParts:
    """The parts that a table's columns say, of those that are `left`: a column of words, flags, or folds. apart:
    whether labels are in none of these. layout: None where columns say nothing of parts.

    A column that is headed as a split, or that holds the words of two parts, is one whatever else it holds: rows of
    other values are of no part, since they may be anything but training images. `layout.parts` says what values mean.

    Raises DataError where values may mean anything, and where those of `layout.parts` are nowhere.
    """
    if layout is None or layout.parts == "none":
        return RowParts(["train"] * len(body))
    named, counts = layout.named_parts(), {number: Counter(cells_of(body, number)) for number in left}
    split = _split_column(heads, counts, named)
    if split is not None:
        return _by_split(path, heads[split], split, list(cells_of(body, split)), named)
    if named:
        raise DataError(f"{path}: expected a column that holds {some(named)}, found none")
    flags = list(_flags(heads, counts))
    if flags:
        return _by_flags(path, heads, body, flags)
    fold = next((number for number in left if _is_fold(heads[number], counts[number])), None)
    if fold is not None:
        return _by_fold(heads[fold], fold, list(cells_of(body, fold)))
    for number in left if apart or len(left) > 1 else ():
        may_say = _is_headed(heads[number]) or _is_mark(heads[number], counts[number])
        if 1 < len(counts[number]) < _FEW and (may_say or _may_say(heads[number], counts[number])):
            raise DataError(
                f"{path}: {heads[number]} holds {_counted(counts[number])}{_what_is_called(counts[number])}; say which "
                f"is: {_remedy(counts[number])}, or --parts none to train on all rows"
            )
    return RowParts(["train"] * len(body))


def _split_column(heads: Sequence[str], counts: Mapping[int, Counter[str]], named: Mapping[str, str]) -> int | None:
    def is_all(number: int) -> bool:
        values = set(counts[number]) - NOT_GIVEN
        return 0 < len(values) < _FEW and all(part_and_rest(value)[0] for value in values)

    def is_headed(number: int) -> bool:
        return _is_headed(heads[number]) and any(part_and_rest(value)[0] for value in counts[number])

    def is_mostly(number: int) -> bool:
        own = {value: part for value in counts[number] if (part := part_of(value))}
        known = sum(counts[number][value] for value in own)
        return len(set(own.values())) > 1 and 2 * known > counts[number].total()

    def is_named(number: int) -> bool:
        return any(value in named for value in counts[number])

    rules = (is_named,) if named else (is_all, is_headed, is_mostly)
    return next((number for rule in rules for number in counts if rule(number)), None)


def _is_headed(head: str) -> bool:
    """Whether a column's head is that of parts: "split", "tvt", "train_val_test"."""
    words = words_of(head)
    return any(word in _SPLIT for word in words) or len(set(map(part_of, words)) - {None}) > 1


def _is_mark(head: str, values: Counter[str]) -> bool:
    """Whether a column that is called as a part has a mark, such as an x, in some rows alone."""
    return part_of(head) is not None and len(values) == 2 and not NOT_GIVEN.isdisjoint(map(str.casefold, values))


def _may_say(head: str, values: Counter[str]) -> bool:
    """Whether a column holds a word of validation or test among others, or that of training beside one other."""
    found = {part_of(value) for value in values}
    return not names_labels(head) and bool(found & {"validation", "test"} or ("train" in found and len(values) == 2))


def _what_is_called(values: Counter[str]) -> str:
    known = [value for value in natural_order(values) if part_of(value)]
    return f", of which {some(known)} may name parts" if known else ", none of which is called train, val or test"


def _by_split(path: Path, head: str, number: int, cells: Sequence[str], named: Mapping[str, str]) -> RowParts:
    counts = Counter(cells)
    meaning = {value: named.get(value) or part_and_rest(value)[0] for value in counts}
    known = {value: part for value, part in meaning.items() if part}
    unknown = Counter({value: count for value, count in counts.items() if not meaning[value]})
    most = 2 * unknown.total() > len(cells) and len(set(known.values())) < 2
    if unknown and not named and (most or "train" not in known.values()):
        raise DataError(
            f"{path}: {head} holds {_counted(Counter({value: counts[value] for value in known}))}, and of no part "
            f"{_counted(unknown)}; say which is: {_remedy(unknown)}, or --parts none to train on all rows"
        )
    words = ", ".join(f"{value} is {known[value]}" for value in natural_order(known))
    return RowParts(
        [meaning[cell] for cell in cells], frozenset((number,)), f"parts from {head} ({words})", _left(head, unknown)
    )


def _left(head: str, unknown: Counter[str]) -> str:
    """What is said of rows whose value is that of no part."""
    if not unknown:
        return ""
    count = unknown.total()
    remedy = f"; {_remedy(unknown)} takes them" if set(unknown) - NOT_GIVEN else ""
    return f"left out: {count:,} row{'s' * (count > 1)} of no part: {head} is {_counted(unknown)}{remedy}"


def _remedy(values: Counter[str]) -> str:
    given = [value for value, _ in values.most_common() if value.casefold() not in NOT_GIVEN]
    return f"--parts train={given[0]},…" if given else "write train there"


def _counted(values: Counter[str]) -> str:
    return some((f"{value or 'empty'} ({values[value]:,})" for value in natural_order(values)), 6)


def _flags(heads: Sequence[str], counts: Mapping[int, Counter[str]]) -> Iterator[tuple[int, str]]:
    for number, own in counts.items():
        words = tuple(word for word in words_of(heads[number]) if word not in ("is", "in", "use", "for"))
        part = part_and_rest(" ".join(words).removeprefix("is"))[0]
        known = sum(count for value, count in own.items() if value.casefold() in FLAGS)
        if part is not None and (known == own.total() or (len(own) < _FEW and 2 * known > own.total())):
            yield number, part


def _by_flags(path: Path, heads: Sequence[str], body: Rows, flags: Sequence[tuple[int, str]]) -> RowParts:
    cells = [list(cells_of(body, number)) for number, _ in flags]
    others = {part for _, part in flags}
    rest = "train" if "train" not in others else "test" if "test" not in others else "validation"
    for (number, _), own in zip(flags, cells, strict=True):
        yes = sum(FLAGS.get(cell.casefold(), False) for cell in own)
        if "valid" in words_of(heads[number]) and 2 * yes > len(own):
            raise DataError(
                f"{path}: {heads[number]} is yes in {yes:,} of {len(own):,} rows, which may be those for validation, "
                "or those that are in order; call the column is_validation for the first, or say --parts none to "
                "train on all rows"
            )
    found: list[str | None] = []
    for row in zip(*cells, strict=True):
        marked = [part for (_, part), cell in zip(flags, row, strict=True) if FLAGS.get(cell.casefold())]
        known = all(cell.casefold() in FLAGS for cell in row)
        found.append(
            next((part for part in ("test", "validation", "train") if part in marked), rest) if known else None
        )
    said = "parts from " + " and ".join(f"{heads[number]} ({part})" for number, part in flags)
    said += f", the others are {rest}" if rest != "train" else ""
    unknown = [
        _left(heads[number], Counter(cell for cell in own if cell.casefold() not in FLAGS)).partition(";")[0]
        for (number, _), own in zip(flags, cells, strict=True)
    ]
    return RowParts(found, frozenset(number for number, _ in flags), said, "; ".join(filter(None, unknown)))


def _is_fold(head: str, values: Counter[str]) -> bool:
    """Whether a column numbers the folds of a cross-validation: "fold", "kfold", "cv_group", "cross_val"."""
    words = words_of(head.removeprefix("k"))
    return bool({*words, "".join(words[:2])} & _FOLDS) and 1 < len(values) < _FOLDS_AT_MOST


def _by_fold(head: str, number: int, cells: Sequence[str]) -> RowParts:
    given = [cell for cell in cells if cell.casefold() not in NOT_GIVEN]
    first = natural_order(given)[0]
    found = [None if c.casefold() in NOT_GIVEN else "validation" if c == first else "train" for c in cells]
    left = _left(head, Counter(cell for cell in cells if cell.casefold() in NOT_GIVEN))
    return RowParts(found, frozenset((number,)), f"validation is {head} {first}, the others are train", left)
