"""The parts of the page that stand still: what was trained, how it went, how it was made."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterable, Sequence
from html import escape

from hubel import zoo
from hubel.arch import Report
from hubel.look.mistakes import Mistakes
from hubel.report._charts import Series, confidences, curves, reliability
from hubel.train import EpochMetrics, Run

_LONG = 1000  # letters of a network's text form from which it is folded
_NORMAL = 1.959964  # of a 95% interval


def section(name: str, title: str, content: str) -> str:
    """A section of the page under a heading."""
    heading = f'<h2 id="{name}-title">{title}</h2>'
    return f'<section id="{name}" aria-labelledby="{name}-title">\n{heading}\n{content}\n</section>\n'


def header(run: Run, report: Report, found: Mistakes | None) -> str:
    """Title, the network's line, and the figures that one asks for first."""
    data = run.settings["data"]
    examples = data["examples"]
    shape = "×".join(map(str, report.network.input))
    facts = [
        *_accuracy(run, found),
        (f"{report.parameters:,}", "parameters"),
        (f"{report.macs:,}", "multiply-adds (MACs) an image"),
        *_time(run.metrics),
    ]
    figures = "".join(f"<div><dd>{escape(value)}</dd><dt>{escape(name)}</dt></div>" for value, name in facts)
    parts = ", ".join(f"{count:,} {name}" for name, count in examples.items())
    return (
        f"<h1>{escape(title(run))}</h1>\n"
        f"{_text(run.network_text)}\n"
        f"<dl class=figures>{figures}</dl>\n"
        f"<p>{len(run.classes):,} classes of {escape(data['name'].removesuffix(' train'))}: {parts} images of {shape}. "
        f"Recipe: {escape(str(run.recipe))}.</p>\n"
    )


def _text(network: str) -> str:
    line = f'<p class="network"><code>{escape(network)}</code></p>'
    return line if len(network) <= _LONG else f"<details><summary>The network in text form</summary>{line}</details>"


def title(run: Run) -> str:
    """What the page is about."""
    return f"{run.network.name or 'network'} on {run.settings['data']['name'].removesuffix(' train')}"


def _accuracy(run: Run, found: Mistakes | None) -> Iterable[tuple[str, str]]:
    if found is not None and len(found.labels):
        low, high = interval(int((found.predicted == found.labels).sum()), len(found.labels))
        part = found.dataset.name or "images"
        if part == run.settings["data"]["name"]:
            part += ", which it was trained on"
        yield (
            f"{found.accuracy:.2%}",
            f"of {len(found.labels):,} images right ({part}; 95% interval {low:.2%} to {high:.2%})",
        )
    elif run.metrics and run.metrics[-1].evaluated:
        last = run.metrics[-1]
        yield f"{last.evaluation_accuracy:.2%}", f"of the {last.evaluated} images right"


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


def training(run: Run) -> str:
    """Loss, accuracy and learning rate of each epoch, as curves and as a table."""
    rows = run.metrics
    if not rows:
        return "<p>No epoch is over yet.</p>"
    epochs = [row.epoch for row in rows]
    evaluated = rows[-1].evaluated
    charts = [
        ("Loss", _both(rows, "loss", evaluated), _short, 0.0),
        ("Accuracy", _both(rows, "accuracy", evaluated), _percent, math.inf),
        (
            "Learning rate at the end of an epoch",
            [Series("rate", "rate", tuple(row.learning_rate for row in rows))],
            _short,
            0.0,
        ),
    ]
    if len(rows) == 1:
        return f'<p class="note">{_training_note(run, evaluated)}</p>\n{_epochs(rows, evaluated)}'
    drawn = "".join(
        f"<figure><figcaption>{name}{_legend(series)}</figcaption>"
        f"{curves(name, epochs, series, write, lowest)}</figure>"
        for name, series, write, lowest in charts
    )
    return (
        f'<div class="charts">{drawn}</div>\n<p class="note">{_training_note(run, evaluated)}</p>\n'
        f"<details><summary>All epochs as a table</summary>{_epochs(rows, evaluated)}</details>"
    )


def _both(rows: Sequence[EpochMetrics], name: str, evaluated: str) -> list[Series]:
    found = [Series("training", "training", tuple(getattr(row, name) for row in rows))]
    if evaluated:
        found.append(Series(evaluated, "evaluated", tuple(getattr(row, f"evaluation_{name}") for row in rows)))
    return found


def _legend(series: Sequence[Series]) -> str:
    if len(series) == 1:
        return ""
    return "".join(f' <span class="key {one.kind}">{one.name}</span>' for one in series)


def _training_note(run: Run, evaluated: str) -> str:
    words = ["Figures of the training images are means over the epoch, while the weights changed"]
    if run.recipe.label_smoothing:
        words.append(f"their loss is that of targets smoothed by {run.recipe.label_smoothing:g}")
    if run.recipe.augmentation not in ("none", "auto"):
        words.append(f"their images were varied ({escape(run.recipe.augmentation)})")
    told = "; ".join(words)
    return told + (f". Those of the {evaluated} images were taken after it." if evaluated else ".")


def _epochs(rows: Sequence[EpochMetrics], evaluated: str) -> str:
    heads = ["epoch", "steps", "learning rate", "loss", "accuracy"]
    heads += [f"{evaluated} loss", f"{evaluated} accuracy"] if evaluated else []
    heads += ["images a second", "seconds"]
    lines = []
    for row in rows:
        cells = [f"{row.epoch}", f"{row.step:,}", _short(row.learning_rate), f"{row.loss:.4f}", f"{row.accuracy:.2%}"]
        cells += [f"{row.evaluation_loss:.4f}", f"{row.evaluation_accuracy:.2%}"] if evaluated else []
        lines.append([*cells, f"{row.images_per_second:,.0f}", f"{row.seconds:,.1f}"])
    return table(heads, lines, numbers=len(heads))


def table(heads: Sequence[str], lines: Sequence[Sequence[str]], numbers: int = 0, caption: str = "") -> str:
    """A table of plain words, escaped. So many columns after the first are `numbers`, set flush right."""
    kinds = [' class="number"' if 0 < place <= numbers else "" for place in range(len(heads))]
    head = "".join(f'<th scope="col"{kind}>{escape(name)}</th>' for name, kind in zip(heads, kinds, strict=True))
    body = "".join(
        "<tr>"
        + f'<th scope="row">{escape(first)}</th>'
        + "".join(f"<td{kind}>{escape(cell)}</td>" for cell, kind in zip(rest, kinds[1:], strict=True))
        + "</tr>"
        for first, *rest in lines
    )
    about = f"<caption>{escape(caption)}</caption>" if caption else ""
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{escape(caption or "table")}"><table>{about}'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def class_table(found: Mistakes) -> str:
    """Precision and recall of each class, and what it is taken for most."""
    lines = []
    for number, own in enumerate(found.per_class):
        taken = found.often_called(number) or "·"
        precision = f"{own.precision:.2%}" if own.called else "·"
        recall = f"{own.recall:.2%}" if own.examples else "·"
        lines.append([own.name, f"{own.examples:,}", precision, recall, f"{own.f1:.3f}", taken])
    heads = ["class", "images", "precision", "recall", "F1", "most often taken for"]
    caption = "Precision: of what was called so, the share that is. Recall: of what is, the share found."
    return table(heads, lines, numbers=4, caption=caption)


def calibration(found: Mistakes) -> str:
    """How far probabilities can be taken at their word."""
    measured = found.calibration()
    sure, right = float(found.confidences.mean()), found.accuracy
    verdict = "more sure than right" if sure > right else "less sure than right"
    return (
        f"<p>On average the model gives the class it chooses <b>{sure:.2%}</b>, and it is right in <b>{right:.2%}</b>: "
        f"it is {verdict}. The expected calibration error, the mean distance between the two over bins of equal width, "
        f"is <b>{measured.error:.2%}</b> (Guo et al. 2017).</p>\n"
        '<div class="charts two">'
        f"<figure><figcaption>Share that is right, for each bin of confidence "
        f'<span class="key gap">distance</span></figcaption>{reliability(measured)}</figure>'
        f"<figure><figcaption>Number of images</figcaption>{confidences(measured)}</figure></div>"
    )


def how_made(run: Run) -> str:
    """Recipe, seed, versions, device, data's fingerprint, and how to run it again."""
    data, environment = run.settings["data"], dict(run.settings["environment"])
    recipe = [[name.replace("_", " "), _setting(name, value)] for name, value in run.recipe.to_dict().items()]
    made = [[name, str(value)] for name, value in environment.items() if value]
    facts = [
        ["data", data["name"]],
        *([name, f"{count:,} images"] for name, count in data["examples"].items()),
        ["fingerprint of the training images (SHA-256)", data["fingerprint"]],
        ["preparation", str(run.preprocessing)],
        *made,
    ]
    return (
        "<p>The same network, data and recipe give the same model. To run it again, beside the run's folder:</p>\n"
        f'<pre tabindex="0" aria-label="command">{escape(again(run))}</pre>\n'
        f'<div class="pair"><div><h3>Recipe</h3>{table(["setting", "value"], recipe)}</div>'
        f"<div><h3>Data and machine</h3>{table(['what', 'value'], facts)}</div></div>"
    )


def _setting(name: str, value: object) -> str:
    if name == "weights":
        return _last(str(value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value) or "none"


def _last(place: str) -> str:
    """A file's or folder's name, or a word as it is: where things lie on a machine is its user's affair."""
    return re.split(r"[/\\]", place.rstrip("/\\"))[-1]


def again(run: Run) -> str:
    """The line that trains the same once more. Of a folder of images, its name alone is told: paths are the user's."""
    source = dict(run.settings["data"].get("source", {}))
    data = str(source.get("source", "DATA"))
    folder = run.directory.name or "RUN"
    words = ["hubel", "train", _network(run), shlex.quote(_last(data))]
    words += [f"--fit {source['fit']}"] if source.get("fit", "crop") != "crop" else []
    words += ["--bad-images skip"] if source.get("bad_images") == "skip" else []
    return " ".join([*words, "--recipe", shlex.quote(f"{folder}/run.toml")])


def _network(run: Run) -> str:
    """The zoo's name where it means this very network, else the text form."""
    name = run.network.name
    if name in zoo.names() and str(zoo.get(name)) == run.network_text:
        return name
    return shlex.quote(run.network_text)


def _short(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


def _percent(value: float) -> str:
    return f"{100 * value:.4g}%"
