"""Speaking: bits a sample beside tables of codes, and how much of what is said a hearing network understands.

    python benchmarks/tasks/spoken_words.py --data spoken-digits.zip [--seconds S] [--each N] [--keep FOLDER]

--data: 3,000 recordings DIGIT_SPEAKER_NUMBER.wav at 8 kHz (Jakobovski/free-spoken-digit-dataset, CC BY-SA 4.0), in an
archive or a folder. The numbers 0 to 4 of each speaker and digit are the test part by custom. A network learns by rule
to say the samples, told digit and speaker, on one thread, for --seconds (by default as long as the rule says); another
learns by rule to hear digits, of the same training recordings. Then each speaker says each digit --each times, which
the second network hears, as it hears the test recordings. Beside the bits stand those of two tables that are counted on
the training recordings: how often each code comes, and how often it comes after the one before it. CPU seconds are user
and system. --keep: where to put the first of each digit as a WAV file.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from hubel import zoo
from hubel.data import Dataset, Splits
from hubel.data.speech.targets import VOID
from hubel.tasks import evaluate, load, task_of
from hubel.tasks.speech.speaking import speak
from hubel.train import Run, choose, train

LABELS = "{label}_{speaker}_*"


def parts(whole: Dataset) -> tuple[Dataset, Dataset]:
    """Training and test, by the number in each file's name."""
    numbers = np.array([int(path.rpartition("_")[2].partition(".")[0]) for path in whole.paths])
    return whole.take(np.flatnonzero(numbers >= 5)), whole.take(np.flatnonzero(numbers < 5))


def learned(training: Dataset, folder: Path, seconds: float = 0) -> tuple[Run, float]:
    """A run by rule, and the CPU seconds that it took."""
    chosen = task_of(training).network(training)
    given = {} if zoo.is_text(chosen.word) else {"input": training.shape, **chosen.options}
    network = zoo.network(chosen.word, **given)
    recipe = choose(network, training).replace(threads=1, checkpoint_seconds=1e9)
    recipe = recipe.replace(time_budget=seconds) if seconds else recipe
    began = time.process_time()
    run = train(network, Splits(training), recipe, folder, validation=0)
    return run, time.process_time() - began


def pairs(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Each code, and the one before it."""
    values = dataset.targets.values
    wanted = values != VOID
    return dataset.images[:, :, 0, 0][wanted].astype(int), values[wanted].astype(int)


def tables(training: Dataset, test: Dataset) -> dict[str, float]:
    """Bits a sample of the test part by tables of the training part, half a time added to each cell."""
    counts = np.full((256, 256), 0.5)
    np.add.at(counts, pairs(training), 1)
    after = counts / counts.sum(1, keepdims=True)
    alone = counts.sum(0) / counts.sum()
    before, code = pairs(test)
    return {"codes alone": -np.log2(alone[code]).mean(), "after the one before": -np.log2(after[before, code]).mean()}


def main() -> None:
    """Run them and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="spoken-digits.zip, or a folder of its recordings")
    parser.add_argument("--seconds", type=float, default=0, help="of learning to speak")
    parser.add_argument("--each", type=int, default=5, help="how often each speaker says each digit")
    parser.add_argument("--keep", type=Path, help="a folder for WAV files")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    time.perf_counter = time.process_time  # what a budget is held against
    folder = Path(tempfile.mkdtemp())
    training, test = parts(load(arguments.data, labels=LABELS, parts="none", task="speech").train)
    print(json.dumps({name: round(bits, 3) for name, bits in tables(training, test).items()}), flush=True)
    run, seconds = learned(training, folder / "speaks", arguments.seconds)
    model = run.model()
    found = {"bits": round(evaluate(model, test).figures["bits"], 3), "cpu_seconds": round(seconds, 1)}
    print(json.dumps({"network": model.network.name, **found}), flush=True)
    heard, unheard = parts(load(arguments.data, labels=LABELS, parts="none").train)
    ears = learned(heard, folder / "hears")[0].model()
    print(json.dumps({"recordings heard right": evaluate(ears, unheard).figures["accuracy"]}), flush=True)
    told = [
        {"label": label, "speaker": speaker}
        for label in model.task.known["label"]
        for speaker in model.task.known["speaker"]
        for _ in range(arguments.each)
    ]
    began = time.process_time()
    said = speak(model, told, seed=0)
    seconds = time.process_time() - began
    answers = ears.predict([each.wav() for each in said], top=1)
    right = np.array([answer.data()["class"] == each.told["label"] for answer, each in zip(answers, said, strict=True)])
    own = {label: right[[each.told["label"] == label for each in said]].mean() for label in model.task.known["label"]}
    spread = 1.96 * math.sqrt(right.mean() * (1 - right.mean()) / len(right))
    about = {"said": len(said), "heard right": round(right.mean(), 4), "plus or minus": round(spread, 4)}
    rate = sum(len(each.samples) for each in said) / seconds
    each = {label: round(float(share), 3) for label, share in own.items()}
    print(json.dumps({**about, "each": each, "samples a CPU second": round(rate)}), flush=True)
    if arguments.keep:
        arguments.keep.mkdir(parents=True, exist_ok=True)
        for one in said[:: arguments.each]:
            (arguments.keep / f"{one.told['label']}_{one.told['speaker']}.wav").write_bytes(one.wav())
        print(json.dumps({"kept": os.fspath(arguments.keep)}))


if __name__ == "__main__":
    main()
