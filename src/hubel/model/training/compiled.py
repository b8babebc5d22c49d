"""What `compile` chose: optimizer, loss and metrics, and how they judge a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from hubel.base.errors import SettingError
from hubel.model import loss_functions, losses, metrics, optimizers
from hubel.model.layers.arrays import last
from hubel.model.losses import Loss
from hubel.model.metric import Metric
from hubel.model.optimizers import Optimizer
from hubel.nn import NetworkModule
from hubel.tasks.cross_entropy import cross_entropy, shares


@dataclass(frozen=True)
class Compiled:
    """Optimizer, loss, and metrics; `weighted` ones count examples by their weights. Where there is no loss, layers of
    one's own add what is lowered.
    """

    optimizer: Optimizer
    loss: Loss | None
    metrics: tuple[Metric, ...] = ()
    weighted: tuple[Metric, ...] = ()

    @staticmethod
    def of(optimizer: Any, loss: Any, given: Any, weighted: Any = None) -> Compiled:
        """Look names up. Raises ValueError for an unknown one, and says which are known."""
        chosen = None if loss is None or loss == "" else losses.get(_only("loss", loss))
        own, heavy = (tuple(map(metrics.get, _list(each))) for each in (given, weighted))
        names = [metric.name for metric in (*own, *heavy)]
        twice = next((name for name in names if names.count(name) > 1 or name == "loss"), None)
        if twice is not None:
            raise SettingError(f"expected metrics of different names, received {twice!r} twice")
        return Compiled(optimizers.get(optimizer), chosen, own, heavy)

    def reset(self) -> None:
        """Begin to count anew."""
        for metric in (*self.metrics, *self.weighted):
            metric.reset_state()

    def judge(
        self, module: NetworkModule, inputs: Tensor, targets: Tensor | None, weights: Tensor | None, penalties: Any
    ) -> tuple[Tensor, Tensor]:
        """Return the batch's loss (each example's, weighted, summed and divided by their number, and the penalties, as
        in Keras), and count it and the metrics; also the loss times the number of examples, to be added over batches.
        """
        softmaxed = isinstance(list(module.children())[-1], nn.Softmax)
        bare = self.loss is not None and softmaxed and self.loss.takes_logits and not self.loss.from_logits
        outputs = last(module.logits(inputs) if bare else module(inputs))
        loss = torch.zeros(())
        if self.loss is not None and targets is not None:
            loss = self._lost(self.loss, outputs, targets, weights, bare)
        added = list(penalties())
        if self.loss is None and not added:
            raise SettingError(
                "expected compile(loss=…), or a layer that adds a loss, received neither: nothing to lower"
            )
        for penalty in added:
            loss = loss + penalty
        with torch.no_grad():
            if self.metrics or self.weighted:
                seen = outputs.detach()
                seen = seen.softmax(-1) if bare else seen
                for metric in self.metrics:
                    metric.update_state(targets, seen)
                for metric in self.weighted:
                    metric.update_state(targets, seen, weights)
            return loss, loss.detach() * len(inputs)

    def _lost(self, loss: Loss, outputs: Tensor, targets: Tensor, weights: Tensor | None, bare: bool) -> Tensor:
        logits = loss.takes_logits and (bare or loss.from_logits)
        if logits and outputs.dim() == 2 and loss.reduction == "sum_over_batch_size":
            # the loop's own cross-entropy, one pass back for ten
            settings: Any = loss
            smoothing, labels = settings.settings["label_smoothing"], loss_functions.labels_of(targets, outputs)
            if labels is not None:
                wanted, _ = shares(labels, outputs.shape[1], smoothing)
            else:
                wanted = targets.float() * (1 - smoothing) + smoothing / outputs.shape[1]
            wanted = wanted if weights is None else wanted * weights.reshape(-1, 1)
            return cross_entropy(outputs, wanted / len(outputs))
        return losses.reduced(loss.on(targets, outputs, bare), weights, loss.reduction)

    def figures(self, total: Tensor, examples: int) -> dict[str, float]:
        """Name the mean loss over so many examples, and what the metrics have counted."""
        found: dict[str, float] = {"loss": float(total) / max(1, examples)}
        for metric in (*self.metrics, *self.weighted):
            value = metric.result()
            if isinstance(value, dict):
                found |= {name: _plain(each) for name, each in value.items()}
            else:
                found[metric.name] = _plain(value)
        return found

    def settings(self) -> dict[str, Any] | None:
        """All of it as plain values, for a model's file; None where a loss or metric is of the user's own, which a file
        cannot hold. What PyTorch's own optimizer was is not kept.
        """
        named = {kind: name for name, kind in optimizers.NAMED.items()}
        kind = named.get(type(self.optimizer))
        counted = [*self.metrics, *self.weighted]
        plain = [metrics.NAMED.get(metric.name) is metrics.accuracy for metric in counted]
        known = [type(metric) in metrics.BY_CLASS.values() for metric in counted]
        if (self.loss is not None and type(self.loss) not in losses.BY_CLASS.values()) or not all(
            one or other for one, other in zip(plain, known, strict=True)
        ):
            return None
        described = [
            metric.name if easy else {"class_name": type(metric).__name__, "config": metric.get_config()}
            for metric, easy in zip(counted, plain, strict=True)
        ]
        return {
            "optimizer": {"name": kind, **self.optimizer.get_config()} if kind else None,
            "loss": self.loss and {"class_name": type(self.loss).__name__, "config": self.loss.get_config()},
            "metrics": described[: len(self.metrics)],
            "weighted_metrics": described[len(self.metrics) :],
        }

    @staticmethod
    def from_settings(settings: dict[str, Any]) -> Compiled:
        """Make it anew from what `settings` gave."""
        loss = settings["loss"]
        if loss and "class_name" not in loss:  # an older file
            loss = {
                "class_name": losses.NAMED[loss["name"]].__name__,
                "config": {k: v for k, v in loss.items() if k != "name"},
            }
        optimizer = dict(settings["optimizer"] or {"name": "rmsprop"})
        made: Any = optimizers.NAMED[optimizer.pop("name")]
        return Compiled.of(made(**optimizer), loss, settings["metrics"], settings.get("weighted_metrics"))


def _plain(value: Any) -> Any:
    array = value.detach() if isinstance(value, Tensor) else torch.as_tensor(value)
    return float(array) if array.numel() == 1 else array.tolist()


def _list(given: Any) -> Sequence[Any]:
    if given is None:
        return ()
    if isinstance(given, (list, tuple)):
        return _list(given[0]) if len(given) == 1 and isinstance(given[0], (list, tuple)) else given
    return _list(_only("metrics", given)) if isinstance(given, dict) and "class_name" not in given else [given]


def _only(what: str, given: Any) -> Any:
    """Return the one loss of a list or dict of one. Raises SettingError for several: a tree has one output."""
    if isinstance(given, dict) and "class_name" not in given:
        given = list(given.values())
    if not isinstance(given, (list, tuple)):
        return given
    if len(given) != 1:
        raise SettingError(f"expected one {what}, received {len(given)}: a tree has one output")
    return given[0]
