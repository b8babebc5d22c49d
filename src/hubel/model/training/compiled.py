"""What `compile` chose: optimizer, loss and metrics, and how they judge a batch."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hubel.base.errors import SettingError
from hubel.base.names import did_you_mean
from hubel.model import loss_functions, losses, metrics, optimizers
from hubel.model.losses import Loss
from hubel.model.metric import Metric
from hubel.model.networks.graph import Answer, Assembled
from hubel.model.networks.wired import Wired
from hubel.model.optimizers import Optimizer
from hubel.model.training.feed import Step
from hubel.tasks.cross_entropy import cross_entropy, shares


@dataclass(frozen=True)
class Part:
    """What is asked of one output: its loss, by how much that counts, and metrics; `weighted` ones count examples by
    their weights. name: "" where there is one output alone.
    """

    name: str
    loss: Loss | None
    factor: float = 1.0
    metrics: tuple[Metric, ...] = ()
    weighted: tuple[Metric, ...] = ()

    def named(self, figure: str) -> str:
        """Return what a figure of this output is called."""
        return f"{self.name}_{figure}" if self.name else figure


@dataclass(frozen=True)
class Compiled:
    """Optimizer, and what is asked of each output. Where there is no loss, layers of one's own add what is lowered."""

    optimizer: Optimizer
    parts: tuple[Part, ...]

    @staticmethod
    def of(
        optimizer: Any, loss: Any, given: Any, weighted: Any = None, factors: Any = None, names: Sequence[str] = ("",)
    ) -> Compiled:
        """Look names up; `names` are those of several outputs, whose losses, metrics and factors are lists, or dicts of
        them. Raises ValueError for an unknown one, and says which are known.
        """
        if len(names) == 1:
            if factors not in (None, 1, 1.0, [1.0], [1]):
                raise SettingError(f"expected no loss_weights for one output, received {factors!r}")
            parts = [_part("", None if loss is None or loss == "" else _only("loss", loss), 1.0, given, weighted)]
        else:
            losses_of = _each(loss, names, "loss", spread=True)
            weights = [1.0 if each is None else float(each) for each in _each(factors, names, "loss_weights")]
            own, heavy = _each(given, names, "metrics"), _each(weighted, names, "weighted_metrics")
            parts = [_part(*each) for each in zip(names, losses_of, weights, own, heavy, strict=True)]
        return Compiled(optimizers.get(optimizer), tuple(parts))

    @property
    def loss(self) -> Any:
        """The loss; of several outputs a list."""
        found = [part.loss for part in self.parts]
        return found[0] if len(found) == 1 else found

    @property
    def metrics(self) -> list[Metric]:
        """All metrics, output by output, those that count weights after the others."""
        return [metric for part in self.parts for metric in (*part.metrics, *part.weighted)]

    @property
    def names(self) -> list[str]:
        """The names of all figures, in order."""
        several = [part.named("loss") for part in self.parts if part.loss is not None] if len(self.parts) > 1 else []
        return ["loss", *several, *(part.named(m.name) for part in self.parts for m in (*part.metrics, *part.weighted))]

    def reset(self) -> None:
        """Begin to count anew."""
        for metric in self.metrics:
            metric.reset_state()

    def judge(
        self, whole: Assembled | Wired, step: Step, penalties: Any, is_first: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Return the batch's loss (each example's, weighted, summed and divided by their number, and the penalties, as
        in Keras), and count it and the metrics; also losses times the number of examples, to be added over batches: of
        all, and of each of several outputs.
        """
        bare = [
            softmaxed and part.loss is not None and part.loss.takes_logits and not part.loss.from_logits
            for softmaxed, part in zip(whole.softmaxed, self.parts, strict=True)
        ]
        answers = whole.answers(step.inputs, bare)
        loss, each = torch.zeros(()), []
        for part, answer, targets, weights, without in zip(
            self.parts, answers, step.targets, step.weights, bare, strict=True
        ):
            if part.loss is None or targets is None:
                continue
            if is_first and not without:
                _look_at_outputs(part, answer.values.detach())
            found = self._lost(part.loss, answer, targets, weights, without)
            each.append(found.detach())
            loss = loss + found * part.factor
        added = list(penalties())
        if not any(part.loss for part in self.parts) and not added:
            raise SettingError(
                "expected compile(loss=…), or a layer that adds a loss, received neither: nothing to lower"
            )
        for penalty in added:
            loss = loss + penalty
        with torch.no_grad():
            self._count(answers, step, bare)
            several = each if len(self.parts) > 1 else []
            return loss, torch.stack([loss.detach(), *several]) * len(step)

    def _count(self, answers: Sequence[Answer], step: Step, bare: Sequence[bool]) -> None:
        for part, answer, targets, weights, without in zip(
            self.parts, answers, step.targets, step.weights, bare, strict=True
        ):
            if not part.metrics and not part.weighted:
                continue
            seen = answer.values.detach()
            seen = seen.softmax(-1) if without else seen
            known = answer.known
            for metric in part.metrics:
                metric.update_state(targets, seen, *(() if known is None else (known,)))
            for metric in part.weighted:
                metric.update_state(targets, seen, weights if known is None else masked_weights(weights, known, "sum"))

    def _lost(self, loss: Loss, answer: Answer, targets: Tensor, weights: Tensor | None, bare: bool) -> Tensor:
        outputs = answer.values
        if answer.known is not None:
            weights = masked_weights(weights, answer.known, loss.reduction)
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
        """Name the mean losses over so many examples, and what the metrics have counted."""
        means = (total / max(1, examples)).tolist()
        found: dict[str, float] = dict(zip(self.names, means, strict=False))
        for part in self.parts:
            for metric in (*part.metrics, *part.weighted):
                value = metric.result()
                if isinstance(value, dict):
                    found |= {part.named(name): _plain(each) for name, each in value.items()}
                else:
                    found[part.named(metric.name)] = _plain(value)
        return found

    def settings(self) -> dict[str, Any] | None:
        """All of it as plain values, for a model's file; None where a loss or metric is of the user's own, which a file
        cannot hold. What PyTorch's own optimizer was is not kept.
        """
        named = {kind: name for name, kind in optimizers.NAMED.items()}
        kind = named.get(type(self.optimizer))
        known = all(type(each) in metrics.BY_CLASS.values() or _is_plain(each) for each in self.metrics)
        if not known or any(part.loss and type(part.loss) not in losses.BY_CLASS.values() for part in self.parts):
            return None
        parts = [
            {
                "loss": part.loss and {"class_name": type(part.loss).__name__, "config": part.loss.get_config()},
                "metrics": [_described(metric) for metric in part.metrics],
                "weighted_metrics": [_described(metric) for metric in part.weighted],
            }
            for part in self.parts
        ]
        optimizer = {"name": kind, **self.optimizer.get_config()} if kind else None
        if len(parts) == 1:
            return {"optimizer": optimizer, **parts[0]}
        several: dict[str, Any] = {key: [part[key] for part in parts] for key in parts[0]}
        factors = [part.factor for part in self.parts]
        return {"optimizer": optimizer, **several, "loss_weights": factors}

    @staticmethod
    def from_settings(settings: dict[str, Any], names: Sequence[str] = ("",)) -> Compiled:
        """Make it anew from what `settings` gave; `names` as for `of`."""
        loss = settings["loss"]
        if isinstance(loss, dict) and "class_name" not in loss:  # an older file
            loss = {
                "class_name": losses.NAMED[loss["name"]].__name__,
                "config": {k: v for k, v in loss.items() if k != "name"},
            }
        optimizer = dict(settings["optimizer"] or {"name": "rmsprop"})
        made: Any = optimizers.NAMED[optimizer.pop("name")]
        more = settings.get("weighted_metrics"), settings.get("loss_weights")
        return Compiled.of(made(**optimizer), loss, settings["metrics"], *more, names)


def _look_at_outputs(part: Part, outputs: Tensor) -> None:
    """Warn where a loss takes probabilities for logits, or logits for probabilities: both train, and badly."""
    settings = getattr(part.loss, "settings", {})
    if "from_logits" not in settings or not outputs.numel():
        return
    within = bool(((outputs >= 0) & (outputs <= 1)).all())
    whole = within and outputs.shape[-1] > 1 and bool(((outputs.sum(-1) - 1).abs() < 1e-3).all())
    if settings["from_logits"] and whole:
        warnings.warn(
            f"{part.named('loss')}: from_logits=True, and outputs are probabilities already: softmax is applied twice; "
            "leave one of the two out",
            stacklevel=7,
        )
    elif not settings["from_logits"] and not within:
        warnings.warn(
            f"{part.named('loss')}: outputs from {outputs.min():.3g} to {outputs.max():.3g} stand for probabilities; "
            "give the last layer a softmax or sigmoid, or the loss from_logits=True",
            stacklevel=7,
        )


def _part(name: str, loss: Any, factor: float, given: Any, weighted: Any) -> Part:
    own, heavy = (tuple(map(metrics.get, _list(each))) for each in (given, weighted))
    names = [metric.name for metric in (*own, *heavy)]
    twice = next((each for each in names if names.count(each) > 1 or each == "loss"), None)
    if twice is not None:
        raise SettingError(f"expected metrics of different names, received {twice!r} twice")
    return Part(name, None if loss is None else losses.get(loss), factor, own, heavy)


def _each(given: Any, names: Sequence[str], what: str, spread: bool = False) -> list[Any]:
    """Return what is given for each output: nothing, a list, a dict by name, or with `spread` one for all.

    Raises SettingError for other names and numbers.
    """
    if given is None:
        return [None] * len(names)
    if isinstance(given, dict) and "class_name" not in given:
        unknown = next((name for name in given if name not in names), None)
        if unknown is not None:
            raise SettingError(
                f"expected {what} of {', '.join(names)}, received {unknown!r}{did_you_mean(str(unknown), names)}"
            )
        return [given.get(name) for name in names]
    if isinstance(given, (list, tuple)) and len(given) == len(names):
        return list(given)
    if spread and not isinstance(given, (list, tuple)):
        return [given] * len(names)
    raise SettingError(
        f"expected {what} of {len(names)} outputs, a list of as many or a dict of {', '.join(names)}, received "
        f"{given!r}"
    )


def masked_weights(weights: Tensor | None, known: Tensor, reduction: str | None) -> Tensor:
    """Return weights of each step, none where it is passed over; where a mean is taken, those of the others are so much
    larger that it is theirs, as in Keras.
    """
    mean = reduction in ("mean", "sum_over_batch_size")
    factor = known.numel() / known.sum().clamp(min=1) if mean else torch.ones(())
    found = known * factor
    return found if weights is None else found * weights.reshape(*weights.shape, *[1] * (found.dim() - weights.dim()))


def _is_plain(metric: Metric) -> bool:
    return metrics.NAMED.get(metric.name) is metrics.accuracy


def _described(metric: Metric) -> Any:
    if _is_plain(metric):
        return metric.name
    return {"class_name": type(metric).__name__, "config": metric.get_config()}


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
    """Return the one loss of a list or dict of one. Raises SettingError for several."""
    if isinstance(given, dict) and "class_name" not in given:
        given = list(given.values())
    if not isinstance(given, (list, tuple)):
        return given
    if len(given) != 1:
        raise SettingError(f"expected one {what}, received {len(given)}: the model has one output")
    return given[0]
