"""Whether a file that was written answers as `predict` does: run on real pictures and on odd ones, and compared."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from hubel.base.errors import FileError
from hubel.data import Preprocessing, read_image
from hubel.data.prepare.framing import opaque
from hubel.export.odd import odd_pictures
from hubel.export.odd_sounds import odd_sounds
from hubel.tasks import LoadedModel
from hubel.tasks.decoding import decoding_of
from hubel.tasks.results import examples_of

if TYPE_CHECKING:
    from hubel.base.download import Progress
    from hubel.export.forms import Written

Pixels: TypeAlias = npt.NDArray[np.uint8]
Picture: TypeAlias = "str | bytes | Pixels"  # a path, a file's bytes, or uint8 H×W×C

SIZED, RESIZED = 1e-4, 5e-3  # how far probabilities may be off
MARGIN = 0.01  # of predict's first class before its second, from which on the class has to be the same, at least
WANTED = 64  # of the user's pictures


class SkewError(FileError):
    """A file that was written and answers otherwise than `predict`."""


@dataclasses.dataclass(frozen=True)
class Check:
    """How far a written file is from `predict`.

    pictures, odd: how many of the user's, and how many odd ones, it was run on. largest: the largest difference of a
    probability (or of what else is compared, `of`) beside what it may be there, `bound` (None: no bound is held to, as
    of eight bits), and `where`: of which picture, of which size, by what engine; where any is over its own bound, the
    one that is furthest over it, and what engines are not.
    others: how many of all have another class (`noun`) although predict's margin exceeds 1 % and twice the bound (of
    masks, a picture with such a place). share: of all places that are so sure, those of another class; None where
    answers are not about places.
    """

    pictures: int
    odd: int
    largest: float
    where: str
    others: int
    bound: float | None
    runtime: str
    of: str = "probabilities"
    examples: str = "images"
    noun: str = "class"
    share: float | None = None

    @property
    def passed(self) -> bool:
        """Whether it answers as `predict` does."""
        return self.bound is None or (self.largest <= self.bound and not self.others)

    def data(self) -> dict[str, Any]:
        """Plain values."""
        return {**dataclasses.asdict(self), "passed": self.passed}

    def _compared(self) -> str:
        own = {"images": "pictures", "sounds": "sounds"}.get(self.examples)
        if own is None:
            return f"{self.odd:,} random {self.examples}"
        return f"{self.pictures:,} of your {own} and {self.odd:,} odd ones"

    def sentence(self) -> str:
        """What came of it, in a line."""
        same = f", everywhere the same {self.noun}" if self.of == "probabilities" else ""
        other = f"; {self.others:,} have another {self.noun}" if self.others else same
        if self.others and self.share is not None:
            other += f" at some place, {max(self.share, 1e-4):.2%} of all places"
        head = "expected answers like those of predict"
        if self.passed:
            head = "checked" if self.bound is not None else "compared, no bound is held to"
        allowed = "" if self.bound is None else f", {self.bound:.0e} is allowed there"
        return (
            f"{head}: {self.runtime} on {self._compared()}: {self.of} differ by at most {self.largest:.1e} "
            f"({self.where}){allowed}{other}"
        )


def compared(
    model: LoadedModel, written: Written, pictures: Sequence[Picture], show: Progress = lambda *how: None
) -> Check:
    """Run what was written on these pictures and on forty odd ones, and compare with the model itself.

    What takes images of any size is given them upright, red, green and blue; what does not, what
    `Preprocessing.prepare` makes of them; what reads files itself, the files. show: is told how many of how many.
    """
    resizes = written.input in ("image", "sound")
    assert written.run is not None
    runs = {written.runtime: written.run, **written.also}
    preparation = model.preprocessing
    decoding = decoding_of(model.task.name)
    alone, marks = decoding.sees_none, bool(decoding.boxes or decoding.points)
    own = "your sounds" if preparation.fit == "time" else "your pictures"
    found = [] if alone else [(_called(own, number, picture), picture) for number, picture in enumerate(pictures, 1)]
    drawn = _random_vectors if decoding.makes else _random_windows
    odd = list(drawn(model) if alone else _odd(preparation))
    bound = RESIZED if resizes else SIZED
    told, largest, where, most, others, places = (False, -1.0), 0.0, "", bound, 0, (0, 0)
    for number, (name, picture) in enumerate((*found, *odd), 1):
        show(f"comparing by {' and '.join(runs)}:", number, len(found) + len(odd))
        prepared: Any = picture if alone else preparation.prepare(picture)
        wanted = _answer(model, prepared)
        if written.read is not None and not isinstance(picture, np.ndarray):
            given = written.read(picture)
        else:
            given = colours(picture, preparation) if resizes else prepared
        differs, agree, worst = False, [], ""
        for runtime, run in runs.items():
            received, expected = np.asarray(run(given[np.newaxis]))[0], wanted
            if decoding.writes:
                received, expected = _while_sure(received, expected)
            off = _apart(received, expected)
            rounds = written.bounded and resizes and off > bound
            room = max(bound, _by_rounding(model, prepared, expected)) if rounds else bound
            # what fails before all else, and of that by how many times; of what does not, the largest
            rank = (off > room, off / room if off > room else off)
            agree += [runtime] * (off <= room)
            if rank > told:
                told, largest, most, worst = rank, off, room, runtime
            margin = max(MARGIN, 2 * room) if written.bounded else MARGIN
            if not (marks or decoding.makes):
                wrong, sure = _others(expected, received, margin)
                differs, places = differs or wrong > 0, (places[0] + wrong, places[1] + sure)
        others += differs
        if worst:
            where = f"{name}, {given.shape[0]}×{given.shape[1]}" if written.input == "image" else name
            where += f", by {worst}" * (len(runs) > 1)
            where += f"; {' and '.join(agree)} answers like predict" * bool(told[0] and agree and written.bounded)
    numbers = decoding.function == "linear" and not decoding.colours
    of = "scores" if marks else "numbers" if numbers else "probabilities"
    example = "vectors" if decoding.makes else examples_of(model.task, preparation.fit)[1]
    noun = model.task.noun[0]
    held = most if written.bounded else None
    share = places[0] / max(1, places[1]) if model.task.about_places else None
    return Check(len(found), len(odd), largest, where, others, held, " and ".join(runs), of, example, noun, share)


def _called(own: str, number: int, picture: Picture) -> str:
    """What a picture of the user's is called: as its file, where it has one."""
    return f"number {number} of {own}" if isinstance(picture, (bytes, np.ndarray)) else f"{picture} of {own}"


def _random_windows(model: LoadedModel) -> Iterator[tuple[str, Picture]]:
    """Windows of steps drawn at random, of symbols or codes."""
    draw, symbols = np.random.default_rng(0), model.task.output(model.network.input)[0][-1]
    kind = np.uint8 if symbols <= 256 else np.int32
    for number in range(40):
        yield f"random window {number + 1}", draw.integers(0, symbols, model.task.images_of(model.network)).astype(kind)


def _random_vectors(model: LoadedModel) -> Iterator[tuple[str, Picture]]:
    """Noise that pictures are made of."""
    draw = np.random.default_rng(0)
    for number in range(40):
        yield f"random vector {number + 1}", draw.standard_normal(model.network.input).astype(np.float32)


def _odd(preparation: Preprocessing) -> Iterable[tuple[str, Picture]]:
    if preparation.fit == "time":
        return odd_sounds()
    if preparation.channels in (1, 3):
        return odd_pictures(preparation.height, preparation.width)
    return _odd_bands(preparation)


def _odd_bands(preparation: Preprocessing) -> Iterator[tuple[str, Picture]]:
    draw = np.random.default_rng(0)
    for number in range(40):
        sides = (preparation.height, preparation.width) if number % 2 else draw.integers(1, 200, 2)
        yield f"noise, {sides[0]}×{sides[1]}", draw.integers(0, 256, (*sides, preparation.channels), dtype=np.uint8)


def colours(picture: Picture, preparation: Preprocessing) -> Pixels:
    """A picture as a file that takes any size is given it: upright, opaque, uint8 H×W×3, all bands where there are
    others.
    """
    if not isinstance(picture, np.ndarray):
        return np.asarray(opaque(read_image(picture, levels=preparation.levels)).convert("RGB"))
    return np.repeat(picture, 3, 2) if picture.shape[2] == 1 else picture


def _answer(model: LoadedModel, prepared: Pixels) -> npt.NDArray[np.float32]:
    """The model's own: classes first."""
    import torch

    from hubel.nn import evaluation_mode
    from hubel.tasks.outputs import outputs

    cudnn = torch.backends.cudnn
    exact = cudnn.flags(cudnn.enabled, cudnn.benchmark, cudnn.benchmark_limit, cudnn.deterministic, allow_tf32=False)
    with exact, evaluation_mode(model.module), torch.inference_mode():
        given = torch.from_numpy(prepared[np.newaxis].copy())
        makes = decoding_of(model.task.name).makes
        scores = (
            model.module(given) if makes else outputs(model.module, model.preprocessing, given, model.task.exchange)
        )
    return model.task.outcome(scores)[0].cpu().numpy()


def _apart(received: npt.NDArray[np.floating], wanted: npt.NDArray[np.floating]) -> float:
    """The largest difference; of large numbers, the share."""
    off = float((np.abs(received - wanted) / np.maximum(1, np.abs(wanted))).max())
    return off if np.isfinite(off) else float("inf")


def _while_sure(
    received: npt.NDArray[np.floating], wanted: npt.NDArray[np.floating]
) -> tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]:
    """Both, words × steps, up to the first word that could as well be another, which all that follows hangs on."""
    ordered = np.sort(wanted, axis=0)
    doubtful = ordered[-1] - ordered[-2] <= MARGIN
    steps = int(doubtful.argmax()) + 1 if doubtful.any() else wanted.shape[1]
    return received[:, :steps], wanted[:, :steps]


def _by_rounding(model: LoadedModel, prepared: Pixels, wanted: npt.NDArray[np.floating]) -> float:
    """How far the model's own answer moves where each level of a picture is rounded the other way: a file that resizes
    pictures by itself may be a level off anywhere, and of answers for many places one lies where that counts.
    """
    moved = prepared.astype(np.int64) + np.random.default_rng(0).integers(0, 2, prepared.shape) * 2 - 1
    found = _answer(model, moved.clip(0, np.iinfo(prepared.dtype).max).astype(prepared.dtype))
    return _apart(found[..., : wanted.shape[-1]], wanted)


def _others(wanted: npt.NDArray[np.floating], received: npt.NDArray[np.floating], margin: float) -> tuple[int, int]:
    """How many are another class although predict is sure of them by the margin, and how many are so sure."""
    if len(wanted) < 2:
        return 0, 0
    ordered = np.sort(wanted, axis=0)
    sure = ordered[-1] - ordered[-2] > margin
    return int((sure & (wanted.argmax(0) != received.argmax(0))).sum()), int(sure.sum())


def evenly(items: Sequence[Any], most: int = WANTED) -> list[Any]:
    """So many of a sequence, evenly spread, or all."""
    if not len(items):
        return []
    places = np.unique(np.linspace(0, len(items) - 1, min(most, len(items))).astype(int))
    return [items[place] for place in places]
