"""Whether processes that train one network together were started with the same things; nothing else would show it."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hubel.arch import Network
from hubel.data import Dataset, Splits
from hubel.train._create import fingerprint
from hubel.train.distributed.ranks import DisagreementError, Ranks
from hubel.train.recipe.recipe import Recipe
from hubel.train.run.environment import versions
from hubel.train.run.run import SETTINGS, Run

_OWN = ("device", "threads", "precision", "memory_format")  # settings that each machine measures for itself
_READ = 2**30  # bytes of images in memory up to which all of them are compared
_AROUND = 30  # letters shown before and after the first that differs


class Fact(NamedTuple):
    """What a process does, and with what: ("reads", "640 training images"); `aside` is shown and not compared."""

    doing: str
    what: str
    aside: str = ""


Facts = Mapping[str, Sequence[Fact]]
"""Facts by subject. Of each subject the first that differs is told."""


def facts(network: Network, splits: Splits, recipe: Recipe | None, directory: Path) -> Facts:
    """What processes that train together must have in common, of one of them."""
    parts = {"training": splits.train, "validation": splits.validation, "test": splits.test}
    settings = {} if recipe is None else {name: str(value) for name, value in recipe.to_dict().items()}
    return {
        **{name: _about(name, part) for name, part in parts.items()},
        "network": [Fact("trains", str(network))],
        **{name: [Fact(f"sets {name} to", value)] for name, value in settings.items() if name not in _OWN},
        "folder": [Fact("writes to a run called", directory.resolve().name, str(directory))],
        "recipe": [Fact("has", "no recipe of its own" if recipe is None else "a recipe of its own")],
        **{name: [Fact(f"runs {name}", version)] for name, version in versions().items()},
    }


def settings_of(run: Run) -> Facts:
    """What tells one run from another, its settings; a folder that not all see may hold another."""
    digest = hashlib.sha256((run.directory / SETTINGS).read_bytes()).hexdigest()
    return {"run": [Fact(f"has a run whose {SETTINGS} has the SHA-256", digest[:12], str(run.directory))]}


def agree(ranks: Ranks, own: Facts) -> None:
    """Raise DisagreementError in every process, with the same words, where one's facts are not the first one's."""
    if ranks.world == 1:
        return
    first, *others = (_read(words) for words in ranks.words(json.dumps(own)))
    differences = [line for rank, other in enumerate(others, 1) for line in _differences(rank, other, first)]
    if differences:
        ranks.wait()  # all know it before one leaves
        raise DisagreementError(
            f"nothing was trained, since the processes were started with different things: {'; '.join(differences)}. "
            "Start all with the same line, data and versions"
        )


def _read(words: str) -> Facts:
    return {subject: [Fact(*each) for each in told] for subject, told in json.loads(words).items()}


def _differences(rank: int, other: Facts, first: Facts) -> Iterator[str]:
    for subject in dict.fromkeys((*first, *other)):
        pairs = zip(other.get(subject, ()), first.get(subject, ()), strict=False)
        unlike = next(((there, here) for there, here in pairs if there[:2] != here[:2]), None)
        if unlike is not None:
            there, here = unlike
            excerpts = _excerpts(there.what, here.what)
            told = [
                f"{fact.doing} {what}{fact.aside and f' ({fact.aside})'}"
                for fact, what in zip(unlike, excerpts, strict=True)
            ]
            yield f"process {rank} {told[0]}, process 0 {told[1]}"


def _about(name: str, part: Dataset | None) -> list[Fact]:
    if part is None:
        return [Fact("reads", f"no {name} images")]
    shape = "×".join(map(str, part.shape))
    return [
        Fact("reads", f"{len(part):,} {name} images of {shape}", part.name),
        Fact("calls their classes", ", ".join(part.classes), part.name),
        Fact(f"has {name} labels of the SHA-256", part.targets.digest()[:12], part.name),
        Fact(f"has {name} images of the fingerprint", f"{fingerprint(part)[:12]}{_content(part)}", part.name),
    ]


def _content(part: Dataset) -> str:
    """What tells all images, not only some of them, without reading much: the cache of decoded ones knows its own."""
    if part.cache_key:
        return f", cached as {part.cache_key[:12]}"
    if isinstance(part.images, np.memmap) or part.images.nbytes > _READ:
        return ""
    return f", checksum {zlib.crc32(np.ascontiguousarray(part.images).data):08x}"


def _excerpts(one: str, other: str) -> tuple[str, str]:
    """Both texts, around the first letter that differs where they are long."""
    pairs = zip(one, other, strict=False)
    at = next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
    start = 0 if at <= 2 * _AROUND else at - _AROUND

    def excerpt(text: str) -> str:
        return f"{'…' if start else ''}{text[start : at + _AROUND]}{'…' if len(text) > at + _AROUND else ''}"

    return excerpt(one), excerpt(other)
