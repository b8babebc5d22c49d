"""What `compile` chose: optimizer, loss and metrics, and how they judge a batch."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from hubel.base.errors import SettingError
from hubel.model import losses, optimizers
from hubel.model._metrics import METRICS, OF_CLASSES
from hubel.model.losses import Loss
from hubel.model.optimizers import Optimizer
from hubel.nn import NetworkModule


@dataclass(frozen=True)
class Compiled:
    """Optimizer, loss, and the metrics by the names under which they are shown."""

    optimizer: Optimizer
    loss: Loss
    metrics: tuple[str, ...]

    @staticmethod
    def of(optimizer: str | Optimizer | torch.optim.Optimizer, loss: str | Loss, metrics: Sequence[str]) -> Compiled:
        """Look names up. Raises ValueError for an unknown one, and says which are known."""
        unknown = [metric for metric in metrics if metric not in METRICS]
        if unknown:
            raise SettingError(f"expected metrics of {', '.join(METRICS)}, received {unknown[0]!r}")
        return Compiled(optimizers.get(optimizer), losses.get(loss), tuple(metrics))

    def judge(
        self, module: NetworkModule, inputs: Tensor, targets: Tensor, weights: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return the batch's loss (each example's, weighted, summed and divided by their number, as in Keras), and the
        sums of loss and metrics, float32, to be added over batches; metrics are not weighted.
        """
        softmaxed = self.loss.takes_logits and isinstance(list(module.children())[-1], nn.Softmax)
        bare = softmaxed and not getattr(self.loss, "from_logits", False)
        outputs = module.logits(inputs) if bare else module(inputs)
        each = self.loss.each(outputs, targets, bare)
        loss = each.mean() if weights is None else (each * weights).mean()
        with torch.no_grad():
            sums = [loss.detach() * len(inputs)]
            for name in self.metrics:
                metric = METRICS[name]
                seen = outputs.softmax(1) if bare and metric not in OF_CLASSES else outputs
                sums.append(metric(seen, targets).sum())
            return loss, torch.stack(sums)

    def figures(self, sums: Tensor, examples: int) -> dict[str, float]:
        """Name the means over so many examples."""
        means = (sums / max(1, examples)).tolist()
        return dict(zip(("loss", *self.metrics), means, strict=True))

    def settings(self) -> dict[str, Any]:
        """All of it as plain values, for a model's file; what PyTorch's own optimizer was is not kept."""
        named = {kind: name for name, kind in optimizers.NAMED.items()}
        kind = named.get(type(self.optimizer))
        return {
            "optimizer": {"name": kind, **self.optimizer.get_config()} if kind else None,
            "loss": {"name": self.loss.name, **dataclasses.asdict(self.loss)},
            "metrics": list(self.metrics),
        }

    @staticmethod
    def from_settings(settings: dict[str, Any]) -> Compiled:
        """Make it anew from what `settings` gave."""
        optimizer, loss = dict(settings["optimizer"] or {"name": "rmsprop"}), dict(settings["loss"])
        made: Any = optimizers.NAMED[optimizer.pop("name")]
        return Compiled(made(**optimizer), losses.NAMED[loss.pop("name")](**loss), tuple(settings["metrics"]))
