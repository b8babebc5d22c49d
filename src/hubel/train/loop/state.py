"""Everything about a run that changes while it trains, and its way into a checkpoint and back."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from hubel.arch import Network
from hubel.data import Dataset, Preprocessing
from hubel.nn import Pretrained, drawing, load_pretrained
from hubel.tasks import Figure, Task
from hubel.train.loop.ways.step import Step
from hubel.train.recipe.recipe import Recipe
from hubel.train.run.checkpoint import Checkpoint
from hubel.train.run.events import EpochMetrics
from hubel.train.run.found import Mirrored
from hubel.train.run.standing import Standing, faded


class State:
    """What is trained, how, and how far it has come: the step's modules and optimizers, sums of the running epoch,
    history.

    done: how many steps are done. seconds: of training, over all sittings. threads: in use. tally: the step's figures,
    summed over the running epoch's steps, on the device. mirrors: what came of mirroring images in other ways than the
    recipe says; None where that was not tried yet.
    """

    def __init__(
        self,
        step: type[Step],
        network: Network,
        recipe: Recipe,
        task: Task,
        preprocessing: Preprocessing,
        training: Dataset,
    ) -> None:
        with drawing:
            torch.manual_seed(recipe.seed)
            self.how = how = step(network, recipe, task, preprocessing, training)
        self.done = 0
        self.seconds = 0.0
        self.history: list[EpochMetrics] = []
        self.best_epoch = 0
        self.mirrors: tuple[Mirrored, ...] | None = None
        self.threads = recipe.threads
        self.tally = torch.zeros(len(how.figures), device=torch.device(recipe.device))

    def take_weights(self, source: str, classes: Sequence[str], sha256: str | None = None) -> Pretrained:
        """Fill the network, and what is made of it, with trained weights. Raises as `hubel.nn.load_pretrained`."""
        taken = load_pretrained(self.how.network, source, sha256, classes=classes)
        if self.how.model is not self.how.network:
            self.how.model.load_state_dict(self.how.network.state_dict())
        return taken

    def whose(self, recipe: Recipe, figure: Figure) -> str:
        """Whose weights the model will have, where those are not the last; and, where nothing keeps the best, what is
        to be said of a validation that was better before. figure: the task's first one.
        """
        before = faded(self.history, figure)
        if recipe.patience:
            earlier = self.best_epoch and self.history and self.history[-1].epoch != self.best_epoch
            return f", and the weights are those of epoch {self.best_epoch}" if earlier else ""
        if before is None:
            return ""
        epoch, best, last = before
        when = (
            f"; validation {figure.title} was best after epoch {epoch} ({figure.text(best)}, then {figure.text(last)})"
        )
        return when + (", whose weights the model has" if recipe.keep == "best" else ": --patience keeps the best")

    def tensors(self) -> dict[str, torch.Tensor]:
        """All tensors by name: `<module>.*`, `optimizer.<which>.<parameter>.<what>`, `tally`."""
        found = {
            f"{module}.{name}": tensor
            for module, held in self.how.modules.items()
            for name, tensor in held.state_dict().items()
        }
        names = self._names()
        for which, optimizer in enumerate(self.how.optimizers):
            for parameter, entries in optimizer.state.items():
                for what, tensor in entries.items():
                    found[f"optimizer.{which}.{names[parameter]}.{what}"] = tensor
        return {**found, "tally": self.tally}

    def about(self) -> dict[str, Any]:
        """The rest, as plain values."""
        history = [[(name, _in_json(value)) for name, value in row.to_row().items()] for row in self.history]
        return {
            "step": self.done,
            "seconds": self.seconds,
            "best_epoch": self.best_epoch,
            **({} if self.mirrors is None else {"mirrors": [dataclasses.asdict(each) for each in self.mirrors]}),
            "threads": self.threads,
            "history": history,
        }

    def load(self, checkpoint: Checkpoint, rank: int = 0, world: int = 1) -> None:
        """Put everything back to where `tensors` and `about` were taken; `tally` has a row for each process then."""
        tensors = checkpoint.tensors
        for module, held in self.how.modules.items():
            held.load_state_dict(_under(f"{module}.", tensors))
        names = self._names()
        for which, optimizer in enumerate(self.how.optimizers):
            for parameter, memory in optimizer.state.items():
                entries = _under(f"optimizer.{which}.{names[parameter]}.", tensors)
                memory.update({what: _like(value, parameter) for what, value in entries.items()})
        tallies = tensors["tally"]
        self.tally.copy_(tallies[rank] if len(tallies) == world else tallies.mean(0))
        stands = Standing.of(checkpoint)
        self.done, self.seconds, self.best_epoch = stands.step, stands.seconds, stands.best_epoch
        self.threads, self.history, self.mirrors = stands.threads, list(stands.history), stands.mirrors

    def _names(self) -> dict[torch.Tensor, str]:
        """Parameters by name: those of the first module by their own, others' with their module's before it."""
        first = next(iter(self.how.modules))
        return {
            parameter: name if module == first else f"{module}.{name}"
            for module, held in self.how.modules.items()
            for name, parameter in held.named_parameters()
        }


def _under(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _like(value: torch.Tensor, parameter: torch.Tensor) -> torch.Tensor:
    """As the optimizer would hold it: momenta in the parameter's layout, since other strides give other bits."""
    if value.shape != parameter.shape:
        return value.to(parameter.device)
    return torch.empty_like(parameter).copy_(value)


def _in_json(value: str | float) -> str | float:
    """The value; as a word where JSON has no number for it, such as a figure that is not known."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
