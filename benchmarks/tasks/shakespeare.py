"""A character network on Tiny Shakespeare: nats a character on the last tenth, after so many seconds.

    python benchmarks/tasks/shakespeare.py --data tiny-shakespeare.txt [--seconds 150] [--threads 2]
        [--network TEXT] [--set NAME=…]

--data: 1,115,394 characters, 65 different (karpathy/char-rnn, public domain); the last 10 % is the validation part by
custom. Beside hubel's own rules runs a plain script of PyTorch for as long: one GRU of 256 units in float32, batches of
64 streams by 64 characters, Adam at 0.002, gradients clipped, its state carried, and measured the same way.

Seconds are, of one thread, those that the processor spent on this process (user and system), which other work on the
machine changes little; of several, those of the clock. Both begin when the data is read. The plain script's end with
its last step; hubel's are all of `train`, with measuring and a sample after the last epoch, and finding out how sure
the model is. How many epochs `--seconds` of steps give is worked out from a few steps before. The network and its
recipe are those that the rules choose for so long a time of so many threads (`hubel train TEXT --time SECONDS`).
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from pathlib import Path

import torch
from torch import nn

from hubel import zoo
from hubel.tasks import evaluate, load, task_of
from hubel.train import EpochMetrics, Recipe, Run, choose, parse_value, train
from hubel.train.recipe.choose import likely_work


def now() -> float:
    """Seconds of the processor, or of the clock where it has several threads."""
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


def plain(text: str, seconds: float) -> tuple[float, int]:
    """Train the plain script; nats a character of the validation part, and the characters seen."""
    torch.manual_seed(0)
    known = {character: number for number, character in enumerate(sorted(set(text)))}
    symbols = torch.tensor([known[character] for character in text])
    cut = int(len(symbols) * 0.9)
    streams, steps = 64, 64

    def parts(numbers: torch.Tensor, streams: int) -> tuple[torch.Tensor, torch.Tensor]:
        each = (len(numbers) - 1) // streams
        return numbers[: each * streams].view(streams, each), numbers[1 : each * streams + 1].view(streams, each)

    embed, gru, head = nn.Embedding(len(known), 64), nn.GRU(64, 256, batch_first=True), nn.Linear(256, len(known))
    weights = [*embed.parameters(), *gru.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(weights, 2e-3)
    inputs, targets = parts(symbols[:cut], streams)
    began, state, place, seen = now(), None, 0, 0
    while now() - began < seconds:
        if place + steps > inputs.shape[1]:
            state, place = None, 0
        states, state = gru(embed(inputs[:, place : place + steps]), state)
        state = state.detach()
        loss = nn.functional.cross_entropy(head(states).flatten(0, 1), targets[:, place : place + steps].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        place += steps
        seen += streams * steps
    inputs, targets = parts(symbols[cut:], 27)  # stretches of 4,131 characters, as hubel measures
    state, total = None, 0.0
    with torch.inference_mode():
        for start in range(0, inputs.shape[1], 256):
            states, state = gru(embed(inputs[:, start : start + 256]), state)
            wanted = targets[:, start : start + 256].flatten()
            total += nn.functional.cross_entropy(head(states).flatten(0, 1), wanted, reduction="sum").item()
    return total / targets.numel(), seen


class Clock:
    """Seconds of training alone, as a listener."""

    def __init__(self) -> None:
        self.began = now()
        self.seconds = 0.0

    def __call__(self, event: object) -> None:
        """Count up to the end of an epoch."""
        if isinstance(event, EpochMetrics):
            self.seconds = now() - self.began


def hubel(path: str, seconds: float, network: str | None, settings: dict[str, object]) -> dict[str, object]:
    """Train by hubel's rules for about so long; what came of it."""
    steps = {"size": (zoo.network(network).input[0], 1)} if network else {}
    splits = load(path, validation="auto", **steps)
    by_rule = (
        task_of(splits.train).network_within(splits.train, likely_work(seconds, "cpu", torch.get_num_threads())).word
    )
    tree = zoo.network(network or by_rule)
    own = {"threads": torch.get_num_threads(), "checkpoint_seconds": 1e9, "measure_every": 1000, **settings}
    recipe = choose(tree, splits.train).replace(**own)
    with tempfile.TemporaryDirectory() as folder:

        def spent(epochs: float, name: str, chosen: Recipe) -> tuple[float, float, Run]:
            clock = Clock()
            run = train(tree, splits, chosen.replace(epochs=epochs), Path(folder) / name, progress=clock)
            return clock.seconds, now() - clock.began, run

        few, more = (spent(epochs, f"pace{epochs}", recipe)[0] for epochs in (0.02, 0.12))
        pace = (more - few) / 0.1  # seconds an epoch, without what is done once: reading, measuring, a sample
        epochs = seconds / pace
        _, taken, run = spent(epochs, "run", recipe)
        figures = evaluate(run.model(), splits.validation)
        text = "".join(run.model().predict("ROMEO:", length=300, seed=1).text)
    return {
        "network": str(tree),
        "recipe": str(recipe.replace(epochs=epochs)),
        "epochs": round(epochs, 2),
        "seconds": round(taken, 1),
        "divided": run.settings.get("tempered", {}),
        "nats": round(figures.loss, 4),
        "bits": round(figures.bits, 4),
        "sample": text,
    }


def main() -> None:
    """Run both and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="tiny-shakespeare.txt")
    parser.add_argument("--seconds", type=float, default=150)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--network", help="a text form (default: by rule)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="of the recipe")
    parser.add_argument("--alone", action="store_true", help="without the plain script")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if not arguments.alone:
        nats, seen = plain(Path(arguments.data).read_text(), arguments.seconds)
        print(json.dumps({"plain": {"nats": round(nats, 4), "bits": round(nats / math.log(2), 4), "seen": seen}}))
    settings = {name: parse_value(value) for name, _, value in (each.partition("=") for each in arguments.set)}
    found = hubel(arguments.data, arguments.seconds, arguments.network, settings)
    print(json.dumps({"hubel": found}, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
