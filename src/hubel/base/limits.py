"""How much of anything hubel takes from a file or a line before it refuses: one table, each with a setting.

A limit is far above what networks and data have, and low enough that what lies below it is worked out in seconds and
within a few gigabytes. The environment variable HUBEL_MOST_… raises or lowers it: HUBEL_MOST_ROWS=1000000.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from hubel.base.errors import LimitError, SettingError
from hubel.base.names import did_you_mean


class Limit(NamedTuple):
    """The most of something. of: what is counted; why: what it keeps from happening."""

    most: int
    of: str
    why: str


_PLAIN = 2**28  # bytes that a packed file may become whatever its size
LIMITS = {
    "letters": Limit(1_000_000, "letters in a text form", "texts that take minutes to read"),
    "layers": Limit(20_000, "layers in a network", "short texts that mean millions of layers"),
    "rows": Limit(
        2**18,
        "rows, columns or steps: of pictures, sequences, kernels, strides, dilations, padding",
        "arithmetic row by row without end",
    ),
    "channels": Limit(2**20, "channels of a picture or a sequence", "lists of channels that fill the memory"),
    "features": Limit(2**40, "features of a vector", "numbers that no machine can hold"),
    "steps": Limit(2**24, "rows and columns worked through for a whole network", "many layers that are slow each"),
    "header": Limit(100_000_000, "bytes in the header of a safetensors file", "descriptions without end"),
    "tensors": Limit(2**16, "tensors in a safetensors file", "lists that take longer to read than their numbers"),
    "classes": Limit(1_000_000, "classes", "confusion matrices and lists that fill the memory"),
    "name": Limit(10_000, "letters in the name of a class or a network", "names that take minutes to draw"),
    "expansion": Limit(200, "times its size that a packed file becomes, from 256 MiB on", "files that fill the memory"),
    "text": Limit(2**30, "bytes of a text that is learnt or measured", "texts that fill the memory"),
    "encoded": Limit(2**27, "bytes of one encoded image or sound", "files that are no images, read whole"),
    "annotations": Limit(2**30, "bytes in a file of annotations", "files that fill the memory"),
    "samples": Limit(2**28, "samples of recordings that are learnt", "recordings that fill the memory"),
    "answered": Limit(
        2**25, "pixels of a picture each of which is answered: masks, colours, points", "answers that fill the memory"
    ),
    "boxes": Limit(5_000, "boxes in a picture", "comparing each with all others without end"),
    "actions": Limit(4096, "actions of a game", "lists of actions that take longer than playing"),
    "waiting": Limit(
        120, "seconds for a process of a training that has shown no sign of life", "waiting for one that nobody started"
    ),
    "parameters": Limit(2**36, "parameters of a network that is built", "memory that no machine has"),
}


_MOST, _TESTS = "HUBEL_MOST_", "HUBEL_TEST_"  # those of the tests
IGNORED = "HUBEL_IGNORE_DAMAGE"
OTHERS = ("HUBEL_CACHE", "HUBEL_TOKEN", IGNORED)  # variables that are looked at besides limits


def ignores_damage() -> bool:
    """Whether damaged files are to be used all the same, by $HUBEL_IGNORE_DAMAGE: 1, or 0, which is as if it were not
    there. Raises SettingError for anything else.
    """
    given = os.environ.get(IGNORED, "")
    if given not in ("", "0", "1"):
        raise SettingError(f"{IGNORED}: expected 1 or 0, received {given[:40]!r}")
    return given == "1"


def looked_through() -> list[str]:
    """Look at all variables that are called as hubel's are, and return what is to be said of those that are none.
    Raises SettingError for a value that is none.
    """
    known, notes = [*map(setting, LIMITS), *OTHERS], []
    ignores_damage()
    for name in sorted(os.environ):
        if name.startswith(_MOST):
            limit = name.removeprefix(_MOST).lower()
            if limit in LIMITS:
                most(limit)
        if name.startswith("HUBEL_") and name not in known and not name.startswith(_TESTS):
            notes.append(f"{name}: there is no such setting, so it changes nothing{did_you_mean(name, known)}")
    return notes


def setting(name: str) -> str:
    """Return the environment variable that changes a limit."""
    return f"{_MOST}{name.upper()}"


def most(name: str) -> int:
    """Return a limit as it is set. Raises SettingError where its variable holds no whole number above 0."""
    given = os.environ.get(setting(name))
    if given is None:
        return LIMITS[name].most
    if not (given.isascii() and given.isdigit() and len(given) <= 30 and int(given)):
        raise SettingError(f"{setting(name)}: expected a whole number above 0, received {given[:40]!r}")
    return int(given)


def check(name: str, received: int, what: str) -> None:
    """Raise LimitError where more is `received` than the limit: `what` says of which thing, or where."""
    if received > most(name):
        raise LimitError(
            f"{what}: expected at most {most(name):,} ({LIMITS[name].of}), received {received:,}; where that is meant, "
            f"set {setting(name)}={received}"
        )


def check_expansion(place: str, packed: int, whole: int) -> None:
    """Raise LimitError where a packed file of so many bytes becomes far more than data does."""
    if whole > _PLAIN:
        check("expansion", -(-whole // max(1, packed)), place)
