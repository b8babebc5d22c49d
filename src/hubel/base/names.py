"""Lists of names, and the one that was probably meant."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

BUILT_IN = "builtin:"  # before a word that hubel knows, where something here has that name
_LONGEST = 80  # letters of a name that are compared: the time grows with their square
_LISTED = 40
_MOST_THERE = 1000  # names in a folder that are compared
_ALIKE = 0.5  # of the letters, by which two names may be one


def listing(words: Iterable[object], most: int = _LISTED) -> str:
    """Write words with commas, at most so many of them: `a, b, c … (40)`."""
    found = [str(word) for word in words]
    return ", ".join(found) if len(found) <= most else f"{', '.join(found[:most])} … ({len(found):,})"


def nearest(word: str, known: Iterable[str], alike: float = _ALIKE) -> str:
    """Return the known name that is most like `word`, whatever its case; "" where none has so much of it. Of names that
    differ by a number alone, the one of which a digit was left out or typed twice (vgg16 for vgg161), else the one
    whose number is nearest: resnet50 for resnet51.
    """
    from difflib import get_close_matches  # here: it is needed only where something went wrong

    names = {name.lower(): name for name in reversed(list(known))}  # of names that differ in case the first
    near = get_close_matches(word[:_LONGEST].lower(), names, n=1, cutoff=alike)
    if not near:
        return ""
    form, number = _number(word.lower())
    if form != _number(near[0])[0]:
        return names[near[0]]

    def apart(name: str) -> tuple[bool, int]:
        own = _number(name)[1]
        begins = own.startswith(number) or number.startswith(own)
        return not begins, abs(int(own or 0) - int(number or 0))

    return names[min(reversed([name for name in names if _number(name)[0] == form]), key=apart)]


def _number(name: str) -> tuple[str, str]:
    """A name with its last number left out, and the number's digits; of one without, all of it and none."""
    found = re.search(r"\d{1,9}(?=\D*$)", name)
    return (f"{name[: found.start()]}#{name[found.end() :]}", found[0]) if found else (name, "")


def near_path(word: str) -> str:
    """Write `; did you mean 'photos'?` of what lies where `word` would lie; "" where nothing there is like it."""
    folder, name = os.path.split(os.path.expanduser(word).rstrip("/\\"))
    try:
        there = sorted(os.listdir(folder or "."))[:_MOST_THERE]
    except OSError:
        return ""
    near = nearest(name, there)
    return f"; did you mean {os.path.join(folder, near)!r}?" if near else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Write `; did you mean 'a'?`; "" where no known name is like the word."""
    near = nearest(word, known)
    return f"; did you mean {near!r}?" if near else ""


def hint(word: str, known: Iterable[str]) -> str:
    """Write what to say to an unknown name: `; did you mean 'a'?`, or else `; there are a, b, c`."""
    names = list(known)
    return did_you_mean(word, names) or (f"; there are {listing(names)}" if names else "")


def shortened(text: str, most: int = 40) -> str:
    """Return a text of at most so many letters, the last of them `…` where there were more."""
    return text if len(text) <= most else text[: most - 1] + "…"
