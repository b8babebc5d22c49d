"""`hubel predict`: what a trained run sees in images."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from hubel.base.errors import SettingError
from hubel.cli._numbers import whole
from hubel.cli._output import print_json, tell
from hubel.cli._trained import open_model

DESCRIPTION = """Name the class of each image, with probabilities. Images may be of any size and colour: the model file
says how they become its input. A file that cannot be read is named on stderr, and the rest goes on (exit status 1)."""
EXAMPLES = """  hubel predict runs/lenet5-mnist digit.png
  hubel predict runs/lenet5-mnist *.png --top 3
  hubel predict runs/lenet5-mnist digit.png --json | jq '.[0].class'"""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("run_or_model", metavar="RUN", help="a run's directory, or a model file")
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="image files")
    parser.add_argument("--top", type=whole(), default=3, metavar="K", help="how many classes to show (default 3)")
    parser.add_argument("--json", action="store_true", help="print a JSON list, an object for each image")


def run(arguments: Namespace) -> int:
    """Print what the model sees in each image."""
    model = open_model(arguments.run_or_model)
    if arguments.top < 1:
        raise SettingError(f"expected --top of at least 1, received {arguments.top}")
    found = [_predicted(model, path, arguments.top) for path in arguments.images]
    if arguments.json:
        print_json(found)
    else:
        _show(found)
    return 1 if any("error" in one for one in found) else 0


def _predicted(model: Any, path: str, top: int) -> dict[str, Any]:
    from hubel.data import ImageError
    from hubel.tasks import predict

    try:
        probabilities = predict(model, [path])[0]
    except (ImageError, OSError) as error:
        tell(error)
        return {"image": path, "error": str(error)}
    best = probabilities.topk(min(top, len(model.classes)))
    likeliest = [
        {"class": model.classes[i], "probability": round(p, 6)}
        for p, i in zip(best.values.tolist(), best.indices.tolist(), strict=True)
    ]
    return {"image": path, **likeliest[0], "top": likeliest}


def _show(found: list[dict[str, Any]]) -> None:
    from hubel.view.terminal import console, styled, table

    rows = []
    for one in found:
        if "error" not in one:
            others = "  ".join(f"{other['class']} {other['probability']:.1%}" for other in one["top"][1:])
            best = styled("[bold]{}[/]", one["class"])
            rows.append((one["image"], best, f"{one['probability']:.1%}", styled("[dim]{}[/]", others)))
    if rows:
        console().print(table(rows=rows, gap=3))
