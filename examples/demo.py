"""What `make demo` runs: LeNet-5 trained on MNIST, then shown digits that it has never seen."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hubel.cli import main
from hubel.data import load
from hubel.tasks import LoadedModel, predict
from hubel.train import Run

DIGITS = Path(os.path.relpath(Path(__file__).parent / "digits"))
SHOWN = (0, 1, 2, 61, 115)  # of the test images; the last two are hard


def free_directory() -> Path:
    """Return runs/demo, or with a number where that is taken."""
    number, free = 1, Path("runs/demo")
    while free.exists():
        number += 1
        free = Path(f"runs/demo-{number}")
    return free


def hubel(screen: Console, *arguments: str) -> None:
    """Show a command as one would type it, and run it."""
    screen.print(f"\n[bold]$ hubel {shlex.join(arguments)}[/]", highlight=False, soft_wrap=True)
    status = main(arguments)
    if status:
        raise SystemExit(status)


def sketch(image: object) -> Text:
    """Draw a 28×28 digit in 14 columns and 7 rows: two pixels a character, the upper and the lower."""
    import numpy as np

    small = np.asarray(image).reshape(14, 2, 14, 2).max(axis=(1, 3))
    text = Text()
    for upper, lower in zip(small[::2], small[1::2], strict=True):
        for above, below in zip(upper.tolist(), lower.tolist(), strict=True):
            text.append("▀", style=f"rgb({above},{above},{above}) on rgb({below},{below},{below})")
        text.append("\n")
    return text


def show_test_digits(screen: Console, model: LoadedModel) -> None:
    """Draw a few test images, and what the model takes them for."""
    test = load("mnist").test
    assert test is not None
    images, labels = test.images[list(SHOWN)], test.labels[list(SHOWN)]
    best = predict(model, images).max(1)
    table = Table(box=None, show_header=False, padding=(0, 1))
    table.add_row(*map(sketch, images))
    words = []
    for label, chance, guess in zip(labels.tolist(), best.values.tolist(), best.indices.tolist(), strict=True):
        verdict = "right" if guess == label else f"wrong: a {label}"
        words.append(f"[bold]{model.classes[guess]}[/] {chance:.0%}\n{verdict}")
    table.add_row(*words)
    screen.print("\ntest images that it has not seen:", highlight=False)
    screen.print(table, highlight=False)


def demo() -> None:
    """Train, look, predict, and say what comes next."""
    screen, directory = Console(), str(free_directory())
    hubel(screen, "train", "lenet5", "mnist", "--run", directory)
    show_test_digits(screen, Run.open(directory).model())
    hubel(screen, "predict", directory, *(str(DIGITS / f"{name}.png") for name in ("three", "five", "seven")))
    screen.print(
        "\nTry next, after: source .venv/bin/activate\n"
        "  hubel explain lenet5 conv2            every formula of a layer\n"
        f"  hubel evaluate {directory}             which digits it takes for which\n"
        "  hubel compare vgg16 resnet50          two networks side by side\n"
        "  hubel train lenet5 YOUR_PHOTOS/       your own images, a folder for each class\n"
        "  hubel --help",
        highlight=False,
    )


if __name__ == "__main__":
    demo()
