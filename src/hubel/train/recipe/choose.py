"""The recipe for a network and a data set, by rule, where the user says nothing."""

from __future__ import annotations

import torch

from hubel.arch import Network, analyse, ops
from hubel.base.errors import DataError
from hubel.data import Dataset
from hubel.nn import build, chosen_device
from hubel.tasks import task_of
from hubel.train.recipe.freezing import ALL_BUT_HEAD, BATCH_NORMS, depths
from hubel.train.recipe.recipe import Recipe

_THREAD_PACE, _GPU_PACE = 4e10, 2e13  # multiply-adds a second in training: a thread's, a large GPU's
_TUNED_RATE = 0.003  # of AdamW, which knows weights that are trained better than Muon does
_IMAGES = 240_000  # to be seen in all: four epochs of MNIST
_TUNED_IMAGES, _TUNED_EPOCHS = 60_000, 20  # weights that know something already need to see less
_FIRST_PART = 0.01  # of the last part's rate, at which the first one learns from trained weights
_LEAST_DECAY = 0.7  # from part to part, so that in networks of few parts the first still learns


def fine_tune(network: Network, training: Dataset, weights: str, freeze: str = "") -> Recipe:
    """A recipe that starts from trained weights (see `Recipe.weights`) and keeps those of `freeze` as they are.

    The rules are those of `choose`, but: epochs are as many as show 60,000 images, from 4 to 20, and the rate rises
    over the first tenth alone. Unless "all-but-head" is frozen: half the rate, at which weights forget less; the first
    part of the network learns a hundredth as fast as the last, with equal factors in between, of at least 0.7 (after
    Howard, Ruder 2018); and where nothing is said of freezing, batch normalisation stays as it is.
    """
    chosen = choose(network, training)
    if chosen.optimizer == "muon":
        chosen = chosen.replace(optimizer="adamw", learning_rate=_TUNED_RATE)
    epochs = float(min(_TUNED_EPOCHS, max(4, round(_TUNED_IMAGES / max(1, len(training))))))
    tuned = chosen.replace(weights=weights, freeze=freeze, epochs=epochs, warmup=0.1)
    if freeze.strip() == ALL_BUT_HEAD:
        return tuned
    # statistics of new images lose what the weights know: 1 to 11 points of accuracy (docs/fine-tuning.md)
    report = analyse(network)
    normalised = any(isinstance(row.operation, ops.Normalise) and row.operation.over == "batch" for row in report.rows)
    # what says something of every place has new layers, on its way up, whose normalisation has to learn
    kept = normalised and len(report.output_shape) < 3
    return tuned.replace(
        freeze=freeze or (BATCH_NORMS if kept else ""),
        learning_rate=chosen.learning_rate / 2,
        layer_decay=_layer_decay(network),
    )


def likely_epochs(recipe: Recipe, network: Network, images: int) -> float:
    """The recipe's epochs; of a time budget about how many fit it, by usual processors and GPUs, whatever the machine:
    what the rules choose by it must not hang on what else runs.
    """
    if not recipe.time_budget:
        return recipe.epochs
    work = likely_work(recipe.time_budget, recipe.device, recipe.threads)
    return work / (analyse(network).training_macs * max(1, images))


def likely_work(seconds: float, device: str = "auto", threads: int = 0) -> float:
    """About how many multiply-adds of training fit so long, by usual processors and GPUs, whatever the machine."""
    processor = chosen_device(device) == "cpu"
    return seconds * (_THREAD_PACE * (threads or torch.get_num_threads()) if processor else _GPU_PACE)


def _layer_decay(network: Network) -> float:
    """The factor from part to part that leaves the first a hundredth of the last one's rate, however many there are."""
    with torch.device("meta"):
        parts = max(depths(build(network)).values(), default=0)
    return max(_LEAST_DECAY, round(_FIRST_PART ** (1 / parts), 2)) if parts else 1.0


def choose(network: Network, training: Dataset) -> Recipe:
    """A recipe for this network and training set; what it leaves to the machine is "auto".

    The rules: Adam by one cycle, batches of 128, smoothed labels. The peak rate is 0.006, and the model is the weights'
    moving average, which is good long before the rate has come down. With normalisation, which makes large steps
    harmless, the peak is 0.015, reached after a twentieth of the steps, and Adam forgets sooner (0.8, 0.95). Deep
    networks (more than seven layers with weights) get 0.003, or 0.001 without normalisation, where kernels also start
    as He et al. (2015) have it, and no average. Epochs are as many as show 240,000 images, from 4 to 60. Small sets get
    smaller batches, so that an epoch has at least 50 steps.

    Raises ValueError where there is one class alone, of which nothing can be told apart.
    """
    try:
        if len(training):  # a set without any is refused where its other parts are known
            training.targets.check_training()
    except DataError as error:
        raise DataError(f"{training.name}: {error}") from None
    rows = analyse(network).rows
    normalised = any(isinstance(row.operation, ops.Normalise) for row in rows)
    weighted = sum(isinstance(row.operation, (ops.WindowedSum, ops.TransposedSum, ops.DenseSum)) for row in rows)
    deep = weighted > 7
    plain_and_deep = deep and not normalised
    size = max(1, len(training))
    batch_size = 128
    while batch_size > 16 and size // batch_size < 50:
        batch_size //= 2
    quick = normalised and not deep
    return Recipe(
        epochs=float(min(60, max(4, round(_IMAGES / size)))),
        batch_size=batch_size,
        learning_rate=0.001 if plain_and_deep else 0.003 if deep else 0.015 if quick else 0.006,
        momentum=0.8 if quick else 0.9,
        beta2=0.95 if quick else 0.99,
        warmup=0.05 if quick else 0.25,
        ema=0.0 if deep else 0.99,
        label_smoothing=0.05 if training.classes else 0.0,
        measure_every=0,
        initializer="he" if plain_and_deep else "glorot",
    ).replace(**task_of(training).rules(network, training))
