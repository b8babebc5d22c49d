"""The card of a model: what it is for whoever gets it, with figures and what is not known."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from hubel.arch import analyse
from hubel.base.names import listing
from hubel.base.numbers import counted
from hubel.export.forms import Order
from hubel.tasks import LoadedModel, evaluate
from hubel.tasks.decoding import decoding_of
from hubel.tasks.results import examples_of
from hubel.train import where_it_stands
from hubel.view.words.tables import markdown_words

_READ = (
    "pictures of any size and kind are read, turned as their EXIF says.",
    "WAV files of any rate and length are read (FLAC, Ogg and MP3 where `soundfile` is installed).",
)
_MISTAKES = 8  # pairs of classes that are told
_Z = 1.959964  # of a 95 % interval


def card(order: Order) -> str:
    """The card as Markdown."""
    return "\n".join(_lines(order)) + "\n"


def _lines(order: Order) -> Iterator[str]:
    model = order.model
    report, words = analyse(model.network), markdown_words
    yield f"# {words(order.title)}"
    what = f" of {counted(len(model.classes), *model.task.noun)}: {words(listing(model.classes, 40))}"
    yield f"\n{model.task.name.capitalize()}{what if model.classes else ''}."
    hears = model.preprocessing.fit == "time"
    one, file = ("sound", "seven.wav") if hears else ("picture", "cat.jpg")
    yield f"\n{words(model.network.title)}: {report.parameters:,} parameters, {report.macs:,} multiply-adds a {one}."
    if stands := where_it_stands(model.summary):
        yield f"\n**{words(stands[0].upper() + stands[1:])}.**"
    yield f"\n## Use\n\n```sh\npip install -r requirements.txt\npython predict.py {file}\npython test_predict.py"
    if (decoding := decoding_of(model.task.name)).likeliest or decoding.colours:
        yield f"python predict.py {file} -o drawn  # writes what it draws into that folder; else nothing is written"
    yield f'docker build -t model . && docker run --rm --user "$(id -u)" -v "$PWD:/data" model /data/{file}\n```\n'
    yield f'From Python: `from predict import predict; predict("{file}")["{_output(model)}"]`. It needs no hubel.'
    yield "\n## Preparation\n"
    yield f"{words(str(model.preprocessing))}. All of it is in `model.onnx` and `reading.py`; {_READ[hears]}"
    yield "Doing it otherwise is the commonest cause of wrong answers."
    yield "\n## Data\n"
    data = model.summary.get("data") or "data that the model file does not name"
    yield f"Trained on {words(str(data))}. *Say here where it comes from, who is in it and"
    yield "who is not, and what it may be used for.*"
    yield "\n## Figures\n"
    yield from _figures(order)
    yield "\n## Licence\n\n*Name the licence of the model and of the data here.*"
    versions = model.summary.get("versions", {})
    told = ", ".join(f"{words(str(name))} {words(str(version))}" for name, version in versions.items())
    yield f"\n## Made with\n\n{told or 'versions that the model file does not name'}. The network: `{model.network}`"


def _output(model: LoadedModel) -> str:
    """What of the outputs a reader wants first."""
    decoding = decoding_of(model.task.name)
    kinds = {"boxes": decoding.boxes, "points": decoding.points, "picture": decoding.colours}
    return next((name for name, rules in kinds.items() if rules), decoding.likeliest or decoding.output)


def _figures(order: Order) -> Iterator[str]:
    model = order.model
    if order.labelled is None:
        told = {part: model.summary[part] for part in ("test", "validation") if part in model.summary}
        for part, figures in told.items():
            values = ", ".join(f"{model.task.figure(name).title} {model.task.figure(name).text(value)}"
                               for name, value in figures.items())  # fmt: skip
            yield f"{values} on the {part} part, as measured while it was trained; no interval is known."
        if not told:
            yield "None is known: the model file tells none, and the data could not be read."
        return
    part, dataset = order.labelled
    measured: Any = evaluate(model, dataset)
    count, (_, noun) = len(dataset), examples_of(model.task, dataset.fit)
    for name, value in measured.figures.items():
        figure = model.task.figure(name)
        interval = ""
        if name == "accuracy":
            low, high = wilson(value, count)
            interval = f" (95 % interval {low:.2%} to {high:.2%})"
        yield f"- {figure.title}: {figure.text(value)}{interval}, {count:,} {noun} of the {part} part"
    if "accuracy" in measured.figures:
        yield "\nThe interval is of chance in which images were drawn (Wilson's); other kinds of pictures may do worse."
    if hasattr(measured, "confusion"):
        yield "\n## Mistakes\n"
        yield from _mistakes(measured.confusion, model.classes, " pixels" if model.task.about_places else "")


def _mistakes(confusion: Any, classes: tuple[str, ...], noun: str) -> Iterator[str]:
    """Lines of what is taken for what most often. confusion: rows of counts, dense or as Confusion has them."""
    rows = [
        dict(confusion.row(i) if hasattr(confusion, "row") else enumerate(confusion[i])) for i in range(len(classes))
    ]
    pairs = sorted(
        ((count, i, j) for i, row in enumerate(rows) for j, count in row.items() if j != i and count), reverse=True
    )
    if not pairs:
        yield "None on these images."
    for count, i, j in pairs[:_MISTAKES]:
        names = markdown_words(classes[i]), markdown_words(classes[j])
        yield f"- {names[0]} taken for {names[1]}: {count:,} of {sum(rows[i].values()):,}{noun}"


def wilson(share: float, count: int) -> tuple[float, float]:
    """The 95 % interval of a share of `count` (Wilson 1927)."""
    if not count:
        return 0.0, 1.0
    middle = (share + _Z**2 / (2 * count)) / (1 + _Z**2 / count)
    half = _Z * math.sqrt(share * (1 - share) / count + _Z**2 / (4 * count**2)) / (1 + _Z**2 / count)
    return max(0.0, middle - half), min(1.0, middle + half)
