"""Digits of noise: `hubel train r3gan mnist` beside a plain DCGAN, for as many seconds of one thread's work each.

    python benchmarks/tasks/mnist_gan.py [--epochs 3] [--judge RUN] [--pictures 10000]

Both are measured in the 84 features of LeNet-5 before its last layer (trained here where no judge is given):
Fréchet's distance to the 10,000 test digits, beside its floor, that of as many training digits; and what share
of the made digits is taken for the rarest class. These features are not Inception's: the figures compare with one
another alone. Seconds are of the processor, one thread, so that others on the machine change them little.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import hubel
from hubel.tasks import LoadedModel, load
from hubel.tasks.synthesis.distance import frechet, moments
from hubel.tasks.synthesis.pictures import pictures


def judged(judge: LoadedModel, digits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The judge's features of uint8 digits N×28×28×1, and the classes it takes them for."""
    before: dict[str, torch.Tensor] = {}
    last = [each for each in judge.module.modules() if isinstance(each, nn.Linear)][-1]
    handle = last.register_forward_pre_hook(lambda module, given: before.update(features=given[0]))
    features, classes = [], []
    with torch.inference_mode():
        for part in digits.split(1000):
            classes.append(judge.module.logits(judge.preprocessing.normalise(part)).argmax(1))
            features.append(before["features"])
    handle.remove()
    return torch.cat(features), torch.cat(classes)


def plain(images: torch.Tensor, seconds: float, number: int) -> torch.Tensor:
    """What a plain DCGAN makes after so many seconds: width 0.5, Adam 0.0002, beta 0.5, batches of 64, no average."""
    torch.manual_seed(0)
    maker = nn.Sequential(
        nn.Linear(100, 128 * 49, bias=False), nn.Unflatten(1, (128, 7, 7)), nn.BatchNorm2d(128), nn.ReLU(),
        nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
        nn.ConvTranspose2d(64, 1, 4, 2, 1, bias=False), nn.Tanh(),
    )  # fmt: skip
    critic = nn.Sequential(
        nn.Conv2d(1, 64, 4, 2, 1, bias=False), nn.LeakyReLU(0.2),
        nn.Conv2d(64, 128, 4, 2, 1, bias=False), nn.BatchNorm2d(128), nn.LeakyReLU(0.2),
        nn.Flatten(), nn.Linear(128 * 49, 1, bias=False),
    )  # fmt: skip
    for layer in (*maker.modules(), *critic.modules()):
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(layer.weight, 0, 0.02)
    of_maker, of_critic = (torch.optim.Adam(each.parameters(), 2e-4, (0.5, 0.999)) for each in (maker, critic))
    began = time.process_time()
    while time.process_time() - began < seconds:
        real = images[torch.randint(len(images), (64,))].permute(0, 3, 1, 2).float() / 127.5 - 1
        made = maker(torch.randn(64, 100))
        of_critic.zero_grad()
        (F.softplus(-critic(real)).mean() + F.softplus(critic(made.detach())).mean()).backward()
        of_critic.step()
        of_maker.zero_grad()
        F.softplus(-critic(made)).mean().backward()
        of_maker.step()
    maker.eval()
    with torch.inference_mode():
        found = torch.cat([maker(torch.randn(500, 100)) for _ in range(-(-number // 500))])[:number]
    return ((found + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=float, default=3.0)
    parser.add_argument("--judge", type=Path)
    parser.add_argument("--pictures", type=int, default=10_000)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    folder = Path(tempfile.mkdtemp())
    judge = hubel.load_model(arguments.judge) if arguments.judge else hubel.train(
        "lenet5", "mnist", directory=folder / "judge", threads=1, progress=False
    ).model()  # fmt: skip
    splits = load("mnist", task="synthesis")
    images, test = (torch.from_numpy(np.array(each.images)) for each in (splits.train, splits.test))
    real = moments(judged(judge, test)[0])

    def tell(name: str, digits: torch.Tensor, seconds: float) -> dict[str, object]:
        features, classes = judged(judge, digits)
        shares = np.bincount(classes.numpy(), minlength=10) / len(classes)
        found = {"what": name, "seconds": round(seconds, 1), "distance": round(frechet(moments(features), real), 3),
                 "rarest": round(float(shares.min()), 4)}  # fmt: skip
        print(json.dumps(found), flush=True)
        return found

    tell("training digits (the floor)", images[: arguments.pictures], 0)
    began = time.process_time()
    run = hubel.train("r3gan", splits, directory=folder / "r3gan", epochs=arguments.epochs, threads=1, progress=False,
                      checkpoint_seconds=600)  # fmt: skip
    spent = time.process_time() - began
    model = run.model()
    tell("hubel, r3gan", torch.from_numpy(pictures(model, arguments.pictures, seed=0)), spent)
    tell("plain DCGAN", plain(images, spent, arguments.pictures), spent)


if __name__ == "__main__":
    main()
