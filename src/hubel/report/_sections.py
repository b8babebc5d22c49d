"""The parts of the page that stand still: what was trained, how it went, how it was made."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Sequence

import numpy as np

from hubel import tasks
from hubel.arch import Report
from hubel.base.numbers import an
from hubel.base.words import printable
from hubel.look.errors.mistakes import Mistakes
from hubel.report._glossary import glossed, term
from hubel.report._images import picture_url
from hubel.tasks import Figure
from hubel.tasks.results import percent
from hubel.train import EpochMetrics, Run
from hubel.train.run.found import sentences
from hubel.view.figures.charts import Series, confidences, curves, reliability
from hubel.view.writers.markup import Child, Element, h
from hubel.view.writers.svg import scrolled

_SAMPLES = 8  # of what was made on the way
_LONG = 1000  # letters of a network's text form from which it is folded
_NORMAL = 1.959964  # of a 95% interval


def section(name: str, title: str, content: Child) -> Element:
    """A section of the page under a heading."""
    return h("section", h("h2", title, id=f"{name}-title"), content, id=name, aria_labelledby=f"{name}-title")


def header(run: Run, report: Report, found: Mistakes | None) -> list[Element]:
    """Title, the network's line, and the figures that one asks for first."""
    data = run.settings["data"]
    examples = data["examples"]
    shape = run.task.images_of(report.network)
    size = "×".join(map(str, shape))
    facts: list[tuple[str, Child]] = [
        *_accuracy(run, found),
        (f"{report.parameters:,}", term("parameters")),
        (f"{report.macs:,}", ["multiply-adds (", term("MACs"), f") {an(run.example[0])}"]),
        *_time(run.metrics),
    ]
    # where the parts are made of different things
    of = {"training": f"{run.example[1]} an epoch"} if run.task.measured_by else {}
    counted = [
        f"{count:,} {name}" + (f" {of.get(name, run.measured)}" if of else "") for name, count in examples.items()
    ]
    parts = ", ".join(counted) + ("" if of else f" {run.example[1]}")
    number = len(run.classes) or report.output_shape[-1]
    outputs = f"{number:,} {run.task.noun[number != 1]} of " if report.output_shape != shape else ""
    return [
        h("h1", title(run)),
        _text(run.network_text),
        h("dl", [h("div", h("dd", value), h("dt", name)) for value, name in facts], class_="figures"),
        h(
            "p",
            f"{outputs}{data['name'].removesuffix(' train')}: {parts} of {size}. ",
            "Recipe: ",
            *glossed(f"{run.recipe}."),
        ),
    ]


def _text(network: str) -> Element:
    line = h("p", h("code", network), class_="network")
    return line if len(network) <= _LONG else h("details", h("summary", "The network in text form"), line)


def title(run: Run) -> str:
    """What the page is about."""
    return f"{run.network.title} on {run.settings['data']['name'].removesuffix(' train')}"


def _accuracy(run: Run, found: Mistakes | None) -> Iterable[tuple[str, str]]:
    if found is not None and len(found.labels):
        low, high = interval(int((found.predicted == found.labels).sum()), len(found.labels))
        part = found.dataset.name or run.example[1]
        if part == run.settings["data"]["name"]:
            part += ", which it was trained on"
        yield (
            f"{found.accuracy:.2%}",
            f"of {len(found.labels):,} {run.example[1]} right ({part}; 95% interval {low:.2%} to {high:.2%})",
        )
    elif run.metrics and run.metrics[-1].evaluated:
        kept = run.kept if run.is_finished else run.metrics[-1]
        first, _, rest = run.task.headline(kept.evaluation, f"the {kept.evaluated} {run.measured}").partition(" ")
        yield first, rest


def _time(metrics: Sequence[EpochMetrics]) -> Iterable[tuple[str, str]]:
    if metrics:
        last = metrics[-1]
        yield duration(last.seconds), f"of training: {last.epoch:,} epoch{'s' * (last.epoch != 1)}, {last.step:,} steps"


def duration(seconds: float) -> str:
    """A time as one says it: `8.9 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60:,} h {minutes % 60} min"


def interval(right: int, size: int) -> tuple[float, float]:
    """The 95% interval of a share (Wilson 1927)."""
    share, z = right / size, _NORMAL**2 / size
    middle, half = share + z / 2, _NORMAL * math.sqrt(share * (1 - share) / size + z / (4 * size))
    return max(0.0, (middle - half) / (1 + z)), min(1.0, (middle + half) / (1 + z))


def training(run: Run) -> list[Element]:
    """Loss, the task's figures and learning rate of each epoch, as curves and as a table."""
    rows = run.metrics
    if not rows:
        return [h("p", "No epoch is over yet.")]
    epochs = [row.epoch for row in rows]
    evaluated = next((row.evaluated for row in rows if row.evaluated), "")
    charts = [
        ("Loss", _both(rows, "loss", evaluated), _short, 0.0),
        *(
            (
                each.title[0].upper() + each.title[1:],
                _both(rows, each.name, evaluated),
                _percent if each.kind == "share" else _short,
                math.inf,
            )
            for each in _others(run)
        ),
        (
            "Learning rate at the end of an epoch",
            [Series("rate", "rate", tuple(row.learning_rate for row in rows))],
            _short,
            0.0,
        ),
    ]
    note, table_of_all = h("p", _training_note(run, evaluated), class_="note"), _epochs(run, evaluated)
    if len(rows) == 1:
        return [note, table_of_all]
    drawn = [
        h("figure", h("figcaption", name, _legend(series)), curves(name, epochs, series, write, lowest))
        for name, series, write, lowest in charts
        if any(math.isfinite(value) for one in series for value in one.values)  # a figure that no epoch has
    ]
    folded = h("details", h("summary", "All epochs as a table"), table_of_all)
    return [h("div", drawn, class_="charts"), note, folded]


def _both(rows: Sequence[EpochMetrics], name: str, evaluated: str) -> list[Series]:
    found = []
    if name in rows[0].training:
        found.append(Series("training", "training", tuple(row.training[name] for row in rows)))
    if evaluated and any(math.isfinite(row.evaluation.get(name, math.nan)) for row in rows):
        found.append(Series(evaluated, "evaluated", tuple(row.evaluation[name] for row in rows)))
    return found


def _others(run: Run) -> list[Figure]:
    """The task's figures besides the loss, of training and of what was measured."""
    return list(dict.fromkeys((*run.task.running, *run.task.figures)))


def _legend(series: Sequence[Series]) -> list[Child]:
    if len(series) == 1:
        return []
    return [[" ", h("span", one.name, class_=f"key {one.kind}")] for one in series]


def _training_note(run: Run, evaluated: str) -> str:
    words = [f"Figures of the training {run.example[1]} are means over the epoch, while the weights changed"]
    if run.recipe.label_smoothing:
        words.append(f"their loss is that of targets smoothed by {run.recipe.label_smoothing:g}")
    if run.recipe.augmentation not in ("none", "auto"):
        words.append(f"their {run.example[1]} were varied ({run.recipe.augmentation})")
    told = "; ".join(words)
    told += f". Those of the {evaluated} {run.example[1]} were taken after it." if evaluated else "."
    return " ".join([told, *(f"{each}." for each in sentences(run.settings, run.task.primary))])


def _epochs(run: Run, evaluated: str) -> Element:
    rows, task = run.metrics, run.task
    trained = [task.figure(name) for name in rows[0].training]
    measured = [task.figure(name) for name in rows[0].evaluation] if evaluated else []
    heads = ["epoch", "steps", "learning rate", *(each.title for each in trained)]
    heads += [f"{evaluated} {each.title}" for each in measured]
    heads += [f"{run.example[1]} a second", "seconds"]
    lines = []
    for row in rows:
        cells = [f"{row.epoch}", f"{row.step:,}", _short(row.learning_rate)]
        cells += [each.text(row.training[each.name]) for each in trained]
        cells += [each.text(row.evaluation[each.name]) if row.evaluated else "–" for each in measured]
        lines.append([*cells, f"{row.images_per_second:,.0f}", f"{row.seconds:,.1f}"])
    return table(heads, lines, numbers=range(1, len(heads)))


def table(
    heads: Sequence[Child], lines: Sequence[Sequence[Child]], numbers: Container[int] = (), caption: str = ""
) -> Element:
    """A table of words. Columns at the places `numbers` are set flush right; the first one never."""
    kinds = ["number" if place and place in numbers else None for place in range(len(heads))]
    head = [h("th", name, scope="col", class_=kind) for name, kind in zip(heads, kinds, strict=True)]
    body = [
        h("tr", h("th", first, scope="row"), [h("td", c, class_=kind) for c, kind in zip(rest, kinds[1:], strict=True)])
        for first, *rest in lines
    ]
    about = h("caption", caption) if caption else None
    inside = h("table", about, h("thead", h("tr", head)), h("tbody", body))
    return h("div", inside, class_="scroll", tabindex=0, role="group", aria_label=caption or "table")


def class_table(found: Mistakes, examples: str) -> Element:
    """Precision and recall of each class, and what it is taken for most."""
    lines = []
    for number, own in enumerate(found.per_class):
        taken = found.often_taken_for(number) or "·"
        shares = map(percent, (own.precision, own.recall, own.f1))
        lines.append([own.name, f"{own.examples:,}", *shares, taken])
    heads = ["class", examples, term("precision"), term("recall"), term("F1"), "most often taken for"]
    caption = "Precision: of what was taken for it, the share that is. Recall: of what is, the share found."
    return table(heads, lines, numbers=range(1, 5), caption=caption)


def calibration(found: Mistakes, examples: str) -> list[Element]:
    """How far probabilities can be taken at their word."""
    measured = found.calibration()
    sure, right = float(found.confidences.mean()), found.accuracy
    verdict = "more sure than right" if sure > right else "less sure than right"
    told = h(
        "p",
        *("On average the model gives the class it chooses ", h("b", f"{sure:.2%}"), ", and it is right in "),
        *(
            h("b", f"{right:.2%}"),
            f": it is {verdict}. The ",
            term("expected calibration error"),
            ", the mean distance between ",
        ),
        *("the two over bins of equal width, is ", h("b", f"{measured.error:.2%}"), " (Guo et al. 2017)."),
    )
    key = h("span", "distance", class_="key gap")
    shares = h("figcaption", "Share that is right, for each bin of confidence ", key)
    charts = (
        h("figure", shares, reliability(measured)),
        h("figure", h("figcaption", f"Number of {examples}"), confidences(measured)),
    )
    return [told, h("div", charts, class_="charts two")]


def _short(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


def _percent(value: float) -> str:
    return f"{100 * value:.4g}%"


def samples(run: Run) -> list[Element]:
    """What the model made at the end of each epoch."""
    shown = run.samples
    if len(shown) > _SAMPLES:  # evenly spread, the first and the last among them
        shown = tuple(shown[round(i * (len(shown) - 1) / (_SAMPLES - 1))] for i in range(_SAMPLES))
    return [_written(f"Iteration {one.step:,}, loss {one.loss:.3f}", one.text) for one in shown]


def _written(caption: str, text: str) -> Element:
    words = h("pre", printable(text, keep="\n\t"), tabindex=0, aria_label=caption)
    return h("figure", h("figcaption", caption), words, class_="written")


def _with_colours(found: tasks.Table) -> Element:
    """A task's table, with its rows' colours before their names."""
    patches = [np.full((12, 12, 3), colour, np.uint8) for colour in found.colours]
    firsts = [h("img", src=picture_url(patch), alt="", width=12, height=12) for patch in patches]
    rows: list[list[Child]] = [list(row) for row in found.rows]
    for row, first in zip(rows, firsts, strict=False):
        row[0] = [first, " ", row[0]]
    numbers = [place for place, title in enumerate(found.titles) if title.startswith("#")]
    return table([title.lstrip("#") for title in found.titles], rows, numbers)


def offered(found: tasks.Section) -> list[Child]:
    """What a task offers for a report: its note, table and pictures."""
    parts: list[Child] = [h("p", found.note)] if found.note else []
    if found.table is not None:
        parts.append(_with_colours(found.table))
        parts += [h("p", found.table.note, class_="note")] if found.table.note else []
    if found.drawing is not None:
        parts.append(
            h("div", scrolled(found.drawing), class_="figure", tabindex=0, role="group", aria_label=found.title)
        )
    parts += [_written(*each) for each in found.texts]
    shown = [
        h("figure", h("img", src=picture_url(pixels), alt=words), h("figcaption", words))
        for words, pixels in found.pictures
    ]
    return [*parts, h("div", shown, class_="pictures")] if shown else parts
