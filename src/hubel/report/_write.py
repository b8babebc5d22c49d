"""From a run to its page."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hubel import tasks
from hubel.arch import analyse
from hubel.base.errors import DataError
from hubel.base.files import made_place, write_atomically
from hubel.code.javascript import engine_modules
from hubel.data import Dataset, Splits
from hubel.draw import PageParts, figure, strip
from hubel.export.page.form import PLAYING, running
from hubel.export.page.pack import pack, reason_not_packed
from hubel.look.errors.mistakes import Mistakes, class_mistakes
from hubel.report._images import chosen, image_data, picture_url, sheet
from hubel.report._judge import judge_of
from hubel.report._layers import layer_data
from hubel.report._made import how_made
from hubel.report._maps import maps_section
from hubel.report._sections import (
    calibration,
    class_table,
    header,
    offered,
    samples,
    section,
    title,
    training,
)
from hubel.tasks import LoadedModel
from hubel.tasks.decoding import decoding_of
from hubel.tasks.judging import Judged
from hubel.train import Run, where_it_stands
from hubel.view.figures.colours import plot_sheet
from hubel.view.writers.linked import program, web_file
from hubel.view.writers.markup import Child, Element, h
from hubel.view.writers.page import page
from hubel.view.writers.svg import drawing

REPORT = "report.html"
_PAGE = 1080.0  # the main column's width, in pixels
_SAMPLES = 12
_PROBABILITIES = 2**27  # of images × classes that are held at once, 512 MB; with more, images are left out
_SHORT = 24  # layers up to which the running model stands before the rest
Section = tuple[str, str, Child]  # its place in the page, title, content
_LIVE = (h("h3", "Image, layers and answer", class_="hidden"), h("div", id="live-model"))
_MISSING = h(
    "p",
    "There are no figures of images and no picture here: the images could not be read where they lay. With them: ",
    h("code", "hubel report RUN DATA"),
    ".",
    class_="note",
)


def write_report(
    run: Run,
    output: str | os.PathLike[str] | None = None,
    *,
    dataset: Dataset | None = None,
    training: Dataset | None = None,
    judge: str | os.PathLike[str] | None = None,
    device: str = "auto",
) -> Path:
    """Write the page of a run, by default as `report.html` in its folder, and return its path.

    dataset: labelled images of the model's size and classes to measure it on; by default the run's own test part (or
    else validation, or training), read again. Where that cannot be read, the page says so and leaves out what needs
    images. training: what it was trained on, which what models make is held against; by default read again. judge: the
    run of a classifier that says which classes such models make; by default one beside the run that was trained on the
    same data. device: where the model is measured ("auto": on a CUDA device where there is one). The same run, images,
    judge and device give the same bytes.

    Raises RunError where there is no model yet; ValueError where `dataset` or `judge` does not fit the model.
    """
    text = report_page(run, dataset, device, training=training, judge=judge)
    path = run.directory / REPORT if output is None else Path(output)
    made_place(path.parent)
    write_atomically(path, text)
    return path


def report_page(
    run: Run,
    dataset: Dataset | None = None,
    device: str = "auto",
    *,
    training: Dataset | None = None,
    judge: str | os.PathLike[str] | None = None,
) -> str:
    """The page that `write_report` writes."""
    model, (judging, told) = run.model().to(device), judge_of(run, judge)
    if dataset is None or (training is None and isinstance(run.task, Judged)):
        with contextlib.suppress(OSError, ValueError, LookupError):
            splits = own_splits(run)
            dataset, training = splits.part()[1] if dataset is None else dataset, splits.train
    found: Mistakes | None = None
    shown: Sequence[tasks.Section] = ()
    if dataset is not None and len(dataset):
        if decoding_of(run.task.name).names:
            found = _answers(model, dataset)
        else:
            shown = run.task.sections(model, dataset)
            if isinstance(run.task, Judged):
                compared = run.task.compared(model, dataset, training, judging and judging.to(device), told)
                shown = [*shown, *compared]
    model.to("cpu")  # the rest are weights, and a few images
    return _page(run, model, found, shown)


def _answers(model: LoadedModel, dataset: Dataset) -> Mistakes:
    """The model's answers to all images, or as many as there is memory for."""
    every = -(-len(dataset) // max(1, _PROBABILITIES // len(model.classes)))
    if every > 1:
        dataset = dataset.take(np.arange(0, len(dataset), every)).renamed(f"one image in {every:,} of {dataset.name}")
    return class_mistakes(model, dataset)


def own_splits(run: Run) -> Splits:
    """A run's images, read again from where they lay, in the parts that they were in.

    Raises what `hubel.data.load` raises; ValueError where the run does not say where its data lies.
    """
    if not run.source:
        raise DataError(f"{run.directory} does not say where its data lies")
    if run.gone:
        raise DataError(run.gone)
    return run.parted(tasks.load(**run.source))


@dataclass(frozen=True)
class _Inside:
    """What the page has of the model at work: sections, data, modules that start, rules of style."""

    sections: tuple[Section, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    entries: tuple[str, ...] = ()
    style: str = ""
    modules: Mapping[str, str] = field(default_factory=dict)


def _page(run: Run, model: LoadedModel, found: Mistakes | None, shown: Sequence[tasks.Section]) -> str:
    report = analyse(model.network)
    parts = figure(report, page=_PAGE).parts()
    first = ("network", "The network", _network(parts))
    inside = _inside(model, found)
    measured = [
        ("training", "Training", training(run)),
        *(_measured(found, run.example[1]) if found is not None else ()),
    ]
    measured += [(each.name, each.title, offered(each)) for each in shown]
    measured += [("samples", "What it made on the way", samples(run))] if run.samples else []
    last = ("made", "How it was made", how_made(run))
    if len(report.rows) <= _SHORT:
        sections = [first, *inside.sections, *measured, last]
    else:  # many layers' maps would keep the rest far down
        sections = [first, *measured, *inside.sections, last]
    data = {"layers": layer_data(report, parts.formulas, model), **inside.data}
    if found is not None:
        data["images"] = _images(found, run.example)
    plots = "".join(map(plot_sheet, ("light", "dark"))) if any(each.drawing for each in shown) else ""
    return page(
        title(run),
        _body([*header(run, report, found), *_notes(model, found is not None or bool(shown))], sections),
        style=parts.themes + plots + web_file("view", "base.css") + web_file("report", "report.css") + inside.style,
        scripts=[program(("hubel/report/report", *inside.entries), {**engine_modules(), **inside.modules})],
        data=data,
        policy=PLAYING if model.preprocessing.fit == "time" else None,
    )


def _notes(model: LoadedModel, measured: bool) -> list[Child]:
    """What stands above all else: that training has not come to its end, and that no image was there."""
    stands = where_it_stands(model.summary)
    told = [h("p", f"{stands[0].upper()}{stands[1:]}.", class_="note")] if stands else []
    return [*told, *([] if measured else [_MISSING])]


def _inside(model: LoadedModel, found: Mistakes | None) -> _Inside:
    """The model itself, where it can run in the page; else maps of some images, where there are images."""
    examples = _examples(found) if found is not None else []
    made = model.task.vectors(model)
    if made is not None:
        return _making(model, *made)
    decoding = decoding_of(model.task.name)
    if len(model.network.input) == 2:
        if decoding.names:
            return _drawing(model)
        note = h("p", "The network hears waveforms, whose way through its layers is not drawn here.", class_="note")
        return _Inside((("live", "Inside the network", (note,)),))
    packed = pack(model)
    if packed is not None:
        samples = _samples(found, examples) if found is not None else []
        report = analyse(model.network)
        paths = [row.path for row in report.rows]
        drawn = drawing(strip(report), places={path: place for place, path in enumerate(paths)})
        scroll = h("div", drawn, class_="scroll")
        way = h("div", scroll, id="strip", class_="strip", role="navigation", aria_label="layers, from left to right")
        live = ("live", "The model, running in this page", (*_LIVE, way))
        data = {"live-data": {"packed": packed, "samples": samples, "paths": paths}}
        return _Inside((live,), data, ("hubel/report/live",), web_file("view", "live/live.css"))
    if model.task.of_one and (decoding.likeliest or decoding.boxes or decoding.points or decoding.colours):
        return _drawing(model)
    if found is None:
        return _Inside()
    reason = f"This model does not run in the page: {reason_not_packed(model)}"
    return _Inside((("maps", "Inside the network", maps_section(model, found, examples, reason)),))


def _making(model: LoadedModel, vectors: list[list[float]], order: list[int]) -> _Inside:
    """A network that makes pictures of vectors, with sliders for the numbers that change pictures most."""
    packed = pack(model, places=True)
    if packed is None:
        note = h("p", f"This model does not run in the page: {reason_not_packed(model, places=True)}", class_="note")
        return _Inside((("latent", "Make one yourself", (note,)),))
    told = (
        f"The network runs in this page. It makes a picture of {packed['input'][0]:,} numbers, drawn from a normal "
        f"distribution; sliders are for the {len(order)} that change its pictures most."
    )
    parts = (h("p", told), h("div", id="latent-model", class_="latent"))
    data = {"latent-data": {"packed": packed, "vectors": vectors, "order": order}}
    return _Inside((("latent", "Make one yourself", parts),), data, ("hubel/report/latent",))


def _drawing(model: LoadedModel) -> _Inside:
    """A network that answers with what it draws on pictures, which the page has it look at."""
    why = reason_not_packed(model, places=True)
    if why is None and model.preprocessing.channels not in (1, 3):
        why = f"pictures hold no {model.preprocessing.channels} bands"
    words = (
        "The network runs in this page: nothing leaves it." if why is None else f"It does not run in the page: {why}"
    )
    if model.preprocessing.fit == "time":
        words += " It hears waveforms, whose way through its layers is not drawn here."
    live = ("live", "Try it", (h("p", words, class_="note"), h("div", id="page") if why is None else None))
    if why is not None:
        return _Inside((live,))
    modules, data = running(model)
    style = web_file("view", "live/live.css") + web_file("view", "ways/ways.css")
    return _Inside((live,), data, ("hubel/export/page",), style, modules)


def _images(found: Mistakes, example: tuple[str, str]) -> dict[str, Any]:
    """All that the page tells of the images, for its modules."""
    indices = chosen(found)
    return {
        "classes": list(found.classes),
        "name": found.dataset.name,
        "example": example,
        "confusion": _cells(found),
        "sheet": sheet(found.dataset, indices),
        **image_data(found, indices),
        "suspects": found.label_suspects(24).tolist(),
    }


def _body(top: Child, sections: list[Section]) -> list[Element]:
    links = [h("li", h("a", name, href=f"#{name}")) for name, _, _ in sections]
    themes = [h("option", word, value=value) for value, word in (("auto", "system"), ("light",) * 2, ("dark",) * 2)]
    choice = h("label", "theme ", h("select", themes, id="theme"), class_="theme")
    return [
        h("a", "to the content", class_="skip", href="#main"),
        h("nav", h("ul", links), choice, aria_label="parts of the report"),
        h("main", h("header", top), [section(*one) for one in sections], id="main"),
        h("dialog", id="image", aria_labelledby="image-title"),
        h("noscript", h("p", "Pictures of images, filters and the running model need JavaScript.")),
    ]


def _network(parts: PageParts) -> list[Child]:
    table = h("div", parts.table, class_="scroll", id="layers-table", tabindex=0, role="group", aria_label="all layers")
    return [
        h("p", "Choose a layer to see its formulas, weights and filters.", class_="note"),
        parts.figures,
        h("div", id="layer", class_="panel", role="region", aria_live="polite", aria_label="chosen layer"),
        h("details", h("summary", "All layers as a table"), table),
    ]


def _measured(found: Mistakes, examples: str) -> list[Section]:
    """The sections about the images that the model was measured on."""
    wrong = int((found.predicted != found.labels).sum())
    counted = f"{wrong:,} of {len(found.labels):,} {examples} {'is' if wrong == 1 else 'are'} not what the model says."
    if not wrong:
        counted = f"All of the {len(found.labels):,} {examples} are what the model says."
    told = (
        f"{counted} A row is what {examples} are, a column what they were taken for; choose a number to "
        "see them. With the arrow keys one moves between numbers."
    )
    matrix = [h("p", told), h("div", id="matrix"), h("h3", "Each class"), class_table(found, examples)]
    return [
        ("confusion", "What is taken for what", matrix),
        ("mistakes", "The surest mistakes", h("div", id="surest")),
        ("calibration", "How far its probabilities can be trusted", calibration(found, examples)),
        ("gallery", f"{examples.capitalize()} by class", h("div", id="by-class")),
    ]


def _cells(found: Mistakes) -> list[list[int]]:
    """The confusion matrix without its zeros: true class, predicted class, number of images."""
    pairs = found.pairs
    cells: list[list[int]] = np.stack([pairs.true, pairs.predicted, pairs.counts], 1).tolist()
    return cells


def _examples(found: Mistakes) -> list[int]:
    """Images to show the model's work by: one of each class where it is right (else any), of the first twelve."""
    picked = []
    for number in range(min(_SAMPLES, len(found.classes))):
        own = np.flatnonzero(found.labels == number)
        right = own[found.predicted[own] == number]
        picked += [int(i) for i in (right if len(right) else own)[:1]]
    return picked


def _samples(found: Mistakes, indices: list[int]) -> list[dict[str, str]]:
    """Images for the running model, whole and without loss."""
    return [
        {
            "name": f"image {index:,} of {found.dataset.name or 'the set'}",
            "picture": picture_url(found.dataset.images[index]),
            "label": found.classes[found.labels[index]],
        }
        for index in indices
    ]
