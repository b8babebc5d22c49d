"""A second way for a batch to change weights: two networks in turn, as a semi-supervised GAN has them (Salimans et al.
2016).

`python -m tests.train.adversary DIRECTORY`, or the same as one of several processes. The judge names the classes of
real images and tells them from those that the maker makes of noise; each learns from what the other does.
"""

import sys
from pathlib import Path

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, softplus

from hubel.arch import parse
from hubel.data import Splits
from hubel.nn import build
from hubel.tasks import Figure
from hubel.train import Started, Step, StoppedError, resume, train
from hubel.train.loop.optimizers import Adam
from hubel.train.loop.parameter_groups import set_rate
from hubel.train.loop.ways.step import alone
from tests.train.quadrants import RECIPE, quadrants

JUDGE = "8x8x1: flatten, dense 16 relu, dense 4 softmax"
MAKER = "8: dense 32 relu, dense 64 tanh, reshape 8x8x1"


class Adversarial(Step):
    """The judge and its maker, a step of each for every batch."""

    name = "adversarial"
    figures = (Figure("loss", "loss", "number", "lowest"), Figure("maker_loss", "the maker's loss", "number", "lowest"))

    def __init__(self, network, recipe, task, preprocessing, training):
        self.preprocessing = preprocessing
        self.network, self.maker = build(network), build(parse(MAKER))
        self.to_training()
        self.optimizers = [
            Adam([{"params": list(module.parameters())}], recipe.learning_rate, (0.5, 0.9))
            for module in self.modules.values()
        ]

    @property
    def modules(self):
        return {"network": self.network, "maker": self.maker}

    def __call__(self, batch, rate, number, ready=alone):
        images = self.preprocessing.normalise(batch.images)
        made = self.maker(torch.randn(len(images), 8))
        named = self.network.logits(torch.cat([images, made.detach()]))
        real = torch.arange(len(named)).lt(len(images)).float()
        loss = cross_entropy(named[: len(images)], batch.targets)
        loss = loss + binary_cross_entropy_with_logits(named.logsumexp(1), real)
        judged = self._change(0, self.network, loss, rate, ready)
        fooled = softplus(-self.network.logits(made).logsumexp(1)).mean()
        return torch.stack([judged, self._change(1, self.maker, fooled, rate, ready)])

    def _change(self, which, module, loss, rate, ready):
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        loss.backward()
        ready(module, loss.detach())
        set_rate([self.optimizers[which]], rate)
        self.optimizers[which].step()
        return loss.detach()


def listen(event):
    if isinstance(event, Started):
        print("started", event.step, flush=True)


SPLITS = Splits(quadrants(640, 0), test=quadrants(200, 1))
PLAIN = RECIPE.replace(epochs=3, checkpoint_seconds=0, augmentation="none", learning_rate=0.005)

if __name__ == "__main__":
    directory = Path(sys.argv[1])
    try:
        if (directory / "run.toml").exists():
            resume(directory, SPLITS, step=Adversarial, progress=listen)
        else:
            train(parse(JUDGE), SPLITS, PLAIN, directory, step=Adversarial, progress=listen)
    except StoppedError as stopped:
        print(stopped)
