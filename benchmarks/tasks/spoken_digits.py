"""Spoken digits: the share that is heard right, of the customary test part and of speakers that were never heard.

    python benchmarks/tasks/spoken_digits.py --data spoken-digits.zip [--speakers] [--epochs N]

--data: 3,000 recordings DIGIT_SPEAKER_NUMBER.wav at 8 kHz (Jakobovski/free-spoken-digit-dataset, CC BY-SA 4.0), in an
archive or a folder. The numbers 0 to 4 of each speaker and digit are the test part by custom. With --speakers, each of
the six speakers is held out in turn as well. All is by hubel's rules, network and recipe, on one thread. Beside it
stand softmax regression on the same spectrograms, a network of 1-D convolutions on the waveform, and CPU seconds (user
and system) of each training.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from hubel import zoo
from hubel.data import Dataset, Splits
from hubel.tasks import evaluate, load, task_of
from hubel.train import choose, train

WAVES = (  # after Dai et al. 2017, "Very deep convolutional neural networks for raw waveforms"
    "8000x1: conv1d 32 80/8, norm, relu, maxpool1d 4, conv1d 64 3 same, norm, relu, maxpool1d 4, "
    "conv1d 128 3 same, norm, relu, maxpool1d 4, conv1d 128 3 same, norm, relu, globalavgpool1d, dense 10 softmax"
)


def trained(network: str, training: Dataset, test: Dataset, epochs: float) -> dict[str, float]:
    """Train by rule; the share of the test part that is right, and CPU seconds."""
    tree = zoo.network(network)
    recipe = choose(tree, training).replace(threads=1, checkpoint_seconds=1e9)
    recipe = recipe.replace(epochs=epochs) if epochs else recipe
    began = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        run = train(tree, Splits(training), recipe, Path(folder) / "run", validation=0)
        seconds = time.process_time() - began
        right = evaluate(run.model(), test).accuracy
    return {"right": round(right, 4), "cpu_seconds": round(seconds, 1), "epochs": recipe.epochs}


def main() -> None:
    """Run them and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="spoken-digits.zip, or a folder of its recordings")
    parser.add_argument("--speakers", action="store_true", help="hold out each speaker in turn as well")
    parser.add_argument("--epochs", type=float, default=0, help="another number than the rule's")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    whole = load(arguments.data, labels="{label}_*", parts="none").train
    names = [os.path.splitext(os.path.basename(path.replace(":", "/")))[0].split("_") for path in whole.paths]
    speakers, numbers = np.array([name[1] for name in names]), np.array([int(name[2]) for name in names])

    def parts(out: np.ndarray) -> tuple[Dataset, Dataset]:
        return whole.take(np.flatnonzero(~out)), whole.take(np.flatnonzero(out))

    training, test = parts(numbers < 5)
    own = task_of(training).network(training).word
    print(json.dumps({"network": own, "training": len(training), "test": len(test), "of": list(whole.shape)}))
    height, width, channels = whole.shape
    plain = f"{height}x{width}x{channels}: flatten, dense {len(whole.classes)} softmax"
    for name, network in (("softmax regression", plain), ("by rule", own)):
        print(json.dumps({name: trained(network, training, test, arguments.epochs)}), flush=True)
    heard = load(arguments.data, labels="{label}_*", parts="none", size=(8000, 1), channels=1).train
    waves = (heard.take(np.flatnonzero(part)) for part in (numbers >= 5, numbers < 5))
    print(json.dumps({"of the waveform": trained(WAVES, *waves, arguments.epochs)}), flush=True)
    for speaker in sorted(set(speakers.tolist())) if arguments.speakers else ():
        found = trained(own, *parts(speakers == speaker), arguments.epochs)
        print(json.dumps({f"without {speaker}": found}), flush=True)


if __name__ == "__main__":
    main()
