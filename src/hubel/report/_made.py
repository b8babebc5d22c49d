"""How a run was made, and the line that makes it again."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from hubel import zoo
from hubel.report._glossary import SETTINGS, term
from hubel.report._sections import table
from hubel.train import Run
from hubel.view.writers.markup import Element, h


def how_made(run: Run) -> list[Element]:
    """Recipe, seed, versions, device, data's fingerprint, and how to run it again."""
    data, environment = run.settings["data"], dict(run.settings["environment"])
    recipe = [
        [term(word, SETTINGS) for word in (name.replace("_", " "), _setting(name, value))]
        for name, value in run.recipe.to_dict().items()
    ]
    made = [[name, str(value)] for name, value in environment.items() if value]
    facts = [
        ["data", data["name"]],
        *([name, f"{count:,} {run.example[1]}"] for name, count in data["examples"].items()),
        [f"fingerprint of the training {run.example[1]} (SHA-256)", data["fingerprint"]],
        ["preparation", str(run.preprocessing)],
        *made,
    ]
    words = f"{_sameness(run)} To run it again, beside the run's folder:"
    place = str(run.settings["data"].get("source", {}).get("source", "DATA"))
    if _beside(run, place) is None:
        words = words.replace(":", f", with where {_last(place)} lies in place of its name:")
    return [
        h("p", words),
        h("pre", again(run), tabindex=0, aria_label="command"),
        h(
            "div",
            h("div", h("h3", "Recipe"), table(["setting", "value"], recipe)),
            h("div", h("h3", "Data and machine"), table(["what", "value"], facts)),
            class_="pair",
        ),
    ]


def _setting(name: str, value: object) -> str:
    if name == "weights":
        return _last(str(value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value) or "none"


def _last(place: str) -> str:
    """A file's or folder's name, or a word as it is."""
    return re.split(r"[/\\]", place.rstrip("/\\"))[-1]


def _beside(run: Run, place: str) -> str | None:
    """Words as they are; a path as it is from beside the run's folder, where that tells no more than its name: it lies
    in a folder that the run lies in too. Else None: where things lie on a machine is its user's affair.
    """
    if not Path(place).is_absolute():
        return _last(place)
    above = run.directory.resolve().parents
    return next((f"{'../' * n}{_last(place)}" for n, each in enumerate(above) if each == Path(place).parent), None)


def again(run: Run) -> str:
    """The line that trains the same once more, beside the run's folder."""
    source = dict(run.settings["data"].get("source", {}))
    data = str(source.get("source", "DATA"))
    folder = run.directory.name or "RUN"
    network = _network(run)
    words = ["hubel", "train", network, shlex.quote(_beside(run, data) or _last(data))]
    if network == run.network.name and "channels" in source:  # else it is made in the data's own size, where that fits
        words += [f"--input {'x'.join(map(str, (*source['size'], source['channels'])))}"]
    words += [f"--fit {source['fit']}"] if source.get("fit", "auto") != "auto" else []
    words += ["--bad-images skip"] if source.get("bad_images") == "skip" else []
    words += [f"--{name} {source[name]}" for name in ("task", "void", "vocabulary") if name in source]
    words += [f"--{name} {shlex.quote(text)}" for name, text in run.task.asked_with(run.network, network).items()]
    layout = ("parts", "labels", "image_column", "label_column", "label_kind", "image_folder")
    told = {
        n: _beside(run, source[n]) or _last(source[n]) if n == "image_folder" else source[n]
        for n in layout
        if n in source
    }
    words += [f"--{name.replace('_', '-')} {shlex.quote(value)}" for name, value in told.items()]
    words += [f"--validation {source['validation']}"] if source.get("validation", "auto") != "auto" else []
    words += ["--layers FILE.py"] if run.settings.get("layers") else []
    words += ["--recipe", shlex.quote(f"{folder}/run.toml")]
    return " ".join([*words, "--set time_budget=0"] if run.recipe.time_budget else words)  # it has found its epochs


def _network(run: Run) -> str:
    """The zoo's name where it means this very network, else the text form."""
    name = run.network.name
    if name in zoo.names() and str(zoo.get(name)) == run.network_text:
        return name
    return shlex.quote(run.network_text)


def _sameness(run: Run) -> str:
    """Whether one line gives the same model, and what it needs besides."""
    words = "The same network, data and recipe give the same model."
    if changes := run.settings.get("changes"):
        steps = f"step{'s' * (len(changes) > 1)} {', '.join(format(each['step'], ',') for each in changes)}"
        words = f"Its settings were changed on the way (from {steps} on), so that a run of one go gives another model."
    elif run.is_finished and not run.recipe.patience and run.metrics and run.metrics[-1].step < run.steps:
        done = f"after {run.metrics[-1].step:,} of {run.steps:,} steps"
        words = f"Its time was over {done}, so that a run of them all gives another model."
    if own := run.settings.get("layers"):
        words += f" FILE.py is the file of the layers that are your own: {', '.join(own)}."
    return words
