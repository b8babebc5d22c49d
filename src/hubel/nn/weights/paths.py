"""Paths of weights in files: which lie near each other, bear the same mark, or count on from each other."""

from __future__ import annotations

import re
from functools import cache

_MARK, _NEXT = 0.1, 0.2  # what a mark shared and a number that follows weigh, beside 1 for a part of a path shared
Pull = tuple[float, float]  # of paths that are shared; of marks and numbers, which count less


def natural(path: str) -> list[tuple[str, int]]:
    """Sort `layer2.10` after `layer2.9`."""
    return [(text, int(number or 0)) for text, number in re.findall(r"(\D+)(\d*)", f".{path}")]


def common(one: str, other: str) -> int:
    """Count the parts of paths that are the same from the left."""
    found = 0
    for a, b in zip(one.split("."), other.split("."), strict=False):
        if a != b:
            break
        found += 1
    return found


@cache
def near(one: str, other: str) -> Pull:
    """How near two paths lie that follow each other: by what they share, and by the marks of two in one folder."""
    shared, (_, weak) = common(one, other), following(one, other)
    names = [_numbered(path.split(".")[shared])[0] for path in (one, other) if path.count(".") >= shared]
    if len(names) == 2 and names[0] and names[0] == names[1]:
        weak += _MARK
    return float(shared), weak + _marked(one, other)


@cache
def apart(one: str, other: str) -> Pull:
    """What it weighs that two paths with one between them bear the number after the other's, or the same marks."""
    return 0.0, following(one, other)[1] + _marked(one, other)


def _marked(one: str, other: str) -> float:
    return _MARK * len(set(_marks(one)) & set(_marks(other))) if folder_of(one) == folder_of(other) else 0.0


@cache
def following(one: str, other: str) -> Pull:
    """What it weighs that a layer bears the number after another's in its folder: `conv1` and `conv2`."""
    found = [_numbered(path.rpartition(".")[2]) for path in (one, other)]
    follows = found[0][0] == found[1][0] and found[1][1] == found[0][1] + 1
    return 0.0, _NEXT if follows and folder_of(one) == folder_of(other) else 0.0


@cache
def beside(one: str, other: str) -> Pull:
    """What two share with which branches begin side by side."""
    return float(common(one, other)), 0.0


def _numbered(word: str) -> tuple[str, int]:
    """A word and the number that it ends with, `2a` too; -9 where it has none."""
    found = re.fullmatch(r"(.*?)(\d+)[a-z]?", word)
    return (found[1], int(found[2])) if found else (word, -9)


def by_number(one: str, other: str) -> bool | None:
    """Whether two paths that first part in a number rise with it; None where they part otherwise."""
    paths = one.split("."), other.split(".")
    at = common(one, other)
    if at >= min(map(len, paths)):
        return None
    found = [re.fullmatch(r"(.*?)(\d+)(\D*)", path[at]) for path in paths]
    if found[0] is None or found[1] is None or found[0][1] != found[1][1]:
        return None
    if found[0][3] != found[1][3] and not len(found[0][3]) == len(found[1][3]) == 1:  # but 4b and 4c
        return None
    return (int(found[0][2]), found[0][3]) < (int(found[1][2]), found[1][3])


def by_name(one: str, other: str, given: str, instead: str) -> bool | None:
    """Whether two paths bear more of the words that two others in the tree were given than if they were exchanged."""
    own, theirs = [_words(path) for path in (one, other)], [_words(path) for path in (given, instead)]
    right = len(own[0] & theirs[0]) + len(own[1] & theirs[1])
    wrong = len(own[0] & theirs[1]) + len(own[1] & theirs[0])
    return None if right == wrong else right > wrong


def _words(path: str) -> set[str]:
    """The names in a path that somebody gave, and no kind with its number, `conv1`."""
    return {word for word in path.lower().split(".") if not re.fullmatch(r"[a-z]*\d*", word)}


def folder_of(path: str) -> str:
    """Return what a path lies in: `layer1.0` of `layer1.0.conv1`."""
    return path.rpartition(".")[0]


def _marks(path: str) -> list[str]:
    """Return what the last named part of a path is called beyond its first word: `dw` of `conv_dw`, `1` of `bn1`."""
    last = next((word for word in reversed(path.lower().split(".")) if not word.isdigit()), "")
    return re.findall(r"[a-z]+|\d+", last)[1:]
