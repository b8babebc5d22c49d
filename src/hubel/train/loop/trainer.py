"""The loop over epochs and steps: what happens when, on the way from a state to a trained one."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hubel.arch import Network
from hubel.base.wishes import GO_ON, PAUSE, PAUSED, STEP, is_look_wanted, put_wish, want_look, wish
from hubel.data import Augmentation, Batch, Batches, Dataset, Preprocessing
from hubel.tasks import LoadedModel, Task
from hubel.tasks.results import LOSS
from hubel.train.distributed.buckets import averaged_over
from hubel.train.distributed.heartbeat import unbroken
from hubel.train.distributed.ranks import Ranks
from hubel.train.distributed.signals import StopRequest
from hubel.train.loop.epochs import Epochs
from hubel.train.loop.machine.memory import evaluated_at_once
from hubel.train.loop.measuring import Measuring
from hubel.train.loop.non_finite import NotFiniteError, first_non_finite, is_lost
from hubel.train.loop.state import State
from hubel.train.loop.ways.step import Step, alone
from hubel.train.loop.ways.supervised import normalised
from hubel.train.recipe.balance import order_of
from hubel.train.recipe.recipe import Recipe
from hubel.train.recipe.schedule import WHOLE, Leg, rate
from hubel.train.run.changes import record_found
from hubel.train.run.checkpoint import CHECKPOINTS, CheckpointStore
from hubel.train.run.events import EpochMetrics, Listener, Notice, Progress
from hubel.train.run.samples import Sample
from hubel.train.run.standing import kept_epoch

_EVENT_SECONDS = 0.1
_WAITING_SECONDS = 0.02  # between two looks at what is wished, while it is paused
_BUSY = 2.5  # times slower than at its fastest
_ROUNDS = 16  # steps between two rounds in which processes agree to save or stop


class Trainer(Epochs[Batch]):
    """Trains one network on one set. All its outcomes are functions of network, recipe and data alone.

    evaluated: what to measure after each epoch and what to call it, "validation" or "test"; or None. leg: of the
    learning rate's schedule. until: the moment (`time.perf_counter()`) at which a time budget is over.
    """

    def __init__(
        self,
        step: type[Step],
        network: Network,
        recipe: Recipe,
        task: Task,
        training: Dataset,
        evaluated: tuple[str, Dataset] | None,
        preprocessing: Preprocessing,
        directory: Path,
        listen: Listener,
        ranks: Ranks,
        leg: Leg = WHOLE,
    ) -> None:
        self.ranks, self.task, self.leg = ranks, task, leg
        self.until, self._late, self._took = math.inf, False, 0.0
        self.recipe, self.preprocessing, self.directory, self.listen = recipe, preprocessing, directory, listen
        self.device = torch.device(recipe.device)
        size = min(recipe.batch_size, len(training))
        augmentation = Augmentation.parse(recipe.augmentation)
        self.feed = Batches(
            training,
            size,
            recipe.seed,
            augmentation,
            device=self.device,
            rank=ranks.rank,
            world=ranks.world,
            order=order_of(recipe, training),
        )
        self.state = State(step, network, recipe, task, preprocessing, training)
        at_once = evaluated_at_once(network, recipe, ranks.world)
        self.measuring = Measuring(evaluated, at_once, task, recipe, preprocessing, self.state, ranks)
        if ranks.world > 1 and self.device.type == "cuda":
            self.state.how.distribute(lambda module: averaged_over(module, ranks.group))
        self.store = CheckpointStore(directory / CHECKPOINTS, recipe.keep_checkpoints)
        self.batch_size, self.epoch_steps = size, len(self.feed)
        self.steps = max(1, round(recipe.epochs * self.epoch_steps))
        self.epochs = math.ceil(self.steps / self.epoch_steps)
        self._at: tuple[int, Batch | None] = 0, None
        self._sat_down = self._told = self._saved = time.perf_counter()
        self._recent = (torch.zeros_like(self.state.tally), self.state.done)
        self._fastest, self._slow, self._told_busy = 0.0, 0, False
        self._is_paused, self._minded = False, 0.0

    def run(self, stop: StopRequest) -> str:
        """Train to the end and say why it is the end. Raises NotFiniteError, or what `stop` raises when asked to."""
        self._stop = stop
        self._sat_down = self._told = self._saved = time.perf_counter()
        self._recent = (self.state.tally.clone(), self.state.done)
        self.feed.vary(self.measuring.augmentation())
        if self.recipe.measure_every > 1 and math.isfinite(self.until):
            self._took = self.measuring.seconds()
        self._answer("")  # what an earlier sitting was asked
        try:
            return self.through(range(self.state.done // self.epoch_steps, self.epochs))
        finally:
            self._answer("")

    def over(self, epoch: int | None) -> str:
        """The recipe's epochs, or its patience."""
        if self.state.done >= self.steps:
            return "all epochs are done" + self.state.whose(self.recipe, self.task.primary)
        if self._late:
            at = self.state.done / self.epoch_steps
            return f"the {self.recipe.time_budget:g} s are over, at epoch {at:.3g} of {self.recipe.epochs:.4g}"
        if not self._patience_is_over():
            return ""
        figure = self.task.figure(self.recipe.monitor)
        return f"no better validation {figure.title} in {self.recipe.patience} epochs" + self.state.whose(
            self.recipe, self.task.primary
        )

    def batches(self, epoch: int) -> Iterator[Batch]:
        """The epoch's batches from where it was left."""
        self._began, self._first = time.perf_counter(), self.state.done
        for batch in self.feed.epoch(epoch, self.state.done - epoch * self.epoch_steps):
            if self._is_paused or time.monotonic() - self._minded > _EVENT_SECONDS:
                self._mind_wishes()
            yield batch

    def seconds(self) -> float:
        """Time of training so far, in all sittings."""
        return self.state.seconds + time.perf_counter() - self._sat_down

    def save(self) -> None:
        """Write a checkpoint of this moment."""
        tensors = {**self.state.tensors(), "tally": self.ranks.gather(self.state.tally)}
        if self.ranks.is_first:
            with unbroken:
                self.store.save(self.state.done, tensors, {**self.state.about(), "seconds": self.seconds()})
        self._saved = time.perf_counter()

    def final_weights(self) -> dict[str, torch.Tensor]:
        """What the model is: the best epoch's weights where the recipe keeps them, else the last."""
        state = self.state
        state.best_epoch = kept_epoch(self.recipe, self.task.primary, state.history, state.best_epoch)
        if state.best_epoch:
            best = self.store.best_weights()
            if best is not None:
                return best
            state.best_epoch = 0  # what is told of the model is the last epoch's, too
        return self.state.how.model.state_dict()

    def settled(self, weights: Mapping[str, torch.Tensor]) -> tuple[Task, Mapping[str, torch.Tensor], dict[str, float]]:
        """Once training is over: the task, with as many views as the recipe says or as pay; the model's weights, less
        sure where they are too sure; and figures, where one or the other makes them others than on the way.
        """
        task, figures, looked = self.measuring.views(weights)
        weights, cooler, tempered = self.measuring.tempered(weights)
        if looked is not None:
            self._record(views=dataclasses.asdict(looked))
        if task.tempers:  # a sitting before this one may have found another
            self._record(tempered=dataclasses.asdict(tempered) if tempered else None)
        for found in (looked, tempered):
            if found is not None:
                self.listen(Notice(found.sentence(task.primary)))
        return task, weights, figures or cooler

    def _record(self, **found: Any) -> None:
        if self.ranks.is_first:
            record_found(self.directory, **found)

    def _ending(self) -> float:
        """Seconds that the end takes: measuring, and where views or how sure it is are to be measured, twice as long
        again.
        """
        return self._took * (1 if self.recipe.views == 1 and not self.task.tempers else 3)

    def goes_on(self, epoch: int) -> bool:
        """Tell, save and stop between two steps, where it is time to."""
        if self.state.done == min(self.steps, (epoch + 1) * self.epoch_steps):
            return False
        now = time.perf_counter()
        if now - self._told > _EVENT_SECONDS and not self._is_paused:
            self._tell(epoch, now)
        due, asked = now - self._saved > self.recipe.checkpoint_seconds, self._stop.asked
        self._late = now + self._ending() > self.until
        if self.ranks.world > 1:  # all must save and stop at the same step, and asking takes a moment
            if self.state.done % _ROUNDS:
                return True
            loss, due, asked = self._agreed(due, asked)
            self._check(epoch, loss)
        if due or asked:
            self.save()
            self._stop_if(asked)
        return not self._late

    def _mind_wishes(self) -> None:
        """Save where somebody wants to look or to wait. Only one process that trains alone can be asked."""
        if self.ranks.world > 1:
            return
        looks = is_look_wanted(self.directory)
        self._is_paused = self._is_paused or wish(self.directory) == PAUSE
        if self._is_paused or looks:
            self.save()
        if looks:
            want_look(self.directory, False)
        if self._is_paused:
            self._wait()
        self._minded = time.monotonic()

    def _wait(self) -> None:
        """Wait until a step is asked for, or to go on; no clock counts that time."""
        began, (tally, step) = time.perf_counter(), self._recent
        stands = f"{PAUSED} at step {self.state.done:,} of {self.steps:,}"
        if steps := self.state.done - step:
            figures = self._named(((self.state.tally - tally) / steps).tolist())
            stands += f", loss {figures[LOSS.name]:.4g}"
        while (wished := wish(self.directory)) not in (STEP, GO_ON) and not self._stop.asked:
            if wished != stands:
                self._answer(stands)
            time.sleep(_WAITING_SECONDS)
        self._stop_if(self._stop.asked)  # all is saved
        self._is_paused = wished == STEP
        self._answer("")
        waited = time.perf_counter() - began
        self._sat_down, self._began, self._saved = (at + waited for at in (self._sat_down, self._began, self._saved))
        self.until += waited
        self._told, self._recent = time.perf_counter(), (self.state.tally.clone(), self.state.done)

    def _answer(self, words: str) -> None:
        if self.ranks.is_first:
            put_wish(self.directory, words)

    def _agreed(self, due: bool, asked: int) -> tuple[float, bool, int]:
        loss, save, agreed, late = self.ranks.most(
            [float(self.state.tally[0]) / self._tallied(), float(due), float(asked), float(self._late)]
        )
        self._late = bool(late)
        return loss, bool(save), int(agreed)

    def _tallied(self) -> int:
        """How many steps the tally is of: those of this epoch, or of it since it was last measured."""
        history = self.state.history
        return (self.state.done - (history[-1].step if history else 0)) or 1

    def _stop_if(self, asked: int) -> None:
        """Stop where all agree to. A request that came meanwhile stays, for the next time that they agree."""
        if asked:
            self._stop.asked = asked
            self._stop.raise_if_asked()

    def step(self, epoch: int, batch: Batch) -> None:
        """Change the weights once."""
        state, recipe = self.state, self.recipe
        # dropout and the like: random numbers are a function of seed and step, so that no random state need be saved
        self._seed(_step_seed(recipe.seed, state.done, self.ranks.rank))
        self._at = epoch, batch
        now = rate(recipe, state.done, self.steps, self.leg)
        # reading the loss on a GPU means waiting, and what is recorded cannot be looked at in between
        ready = self._ready if self.device.type == "cpu" or self.ranks.world > 1 else alone
        state.tally += state.how(batch, now, state.done, ready)
        state.done += 1

    def _ready(self, module: nn.Module | None, loss: torch.Tensor) -> None:
        if module is not None:
            self.ranks.average(module)
        if self.device.type == "cpu" and self.ranks.world == 1:
            self._check(self._at[0], loss.item(), self._at[1])

    def _seed(self, seed: int) -> None:
        if self.device.type == "cpu":
            torch.default_generator.manual_seed(seed)
        else:
            torch.manual_seed(seed)

    def _check(self, epoch: int, loss: float, batch: Batch | None = None) -> None:
        if not is_lost(loss, len(self.task.classes) if self.task.guesses else 0):
            return
        part = (batch or next(self.feed.epoch(epoch))).parts(self.recipe.micro_batch)[0]
        layer = first_non_finite(self.state.how.network, normalised(part.images, self.preprocessing, self.recipe))
        what = "exploded" if math.isfinite(loss) else "is not finite"
        kept = self.store.latest_step()
        kept_words = f"the model of step {kept} is kept" if kept else "there is no earlier model to keep"
        raise NotFiniteError(
            f"the loss {what} ({loss:.4g}) at epoch {epoch + 1}, step {self.state.done + 1} of {self.steps}: {layer}; "
            f"{kept_words}. A lower learning rate would help ({self.recipe.learning_rate / 10:g} instead of "
            f"{self.recipe.learning_rate:g})" + ("" if self.recipe.clip_norm else ", or clip_norm = 1")
        )

    def _tell(self, epoch: int, now: float) -> None:
        tally, step = self._recent
        steps = self.state.done - step
        if steps <= 0:
            return
        figures = self._named(((self.state.tally - tally) / steps).tolist())
        if self.ranks.world == 1:
            self._check(epoch, figures["loss"])
        pace = steps / (now - self._told)
        left = (self.steps - self.state.done) / pace
        self.listen(
            Progress(epoch + 1, self.epochs, self.state.done, self.steps, figures, pace * self.batch_size, left)
        )
        self._told, self._recent = now, (self.state.tally.clone(), self.state.done)
        self._mind_the_others(pace)

    def _mind_the_others(self, pace: float) -> None:
        """Say where others keep the machine busy: threads that wait for each other are then far slower than one. With
        `tune`, go on with one, which changes the last bits of what comes out; the change is in a checkpoint before it
        acts, so that a resumed run makes it at the same step.
        """
        self._fastest = max(self._fastest, pace)
        self._slow = self._slow + 1 if pace * _BUSY < self._fastest else 0
        if self._slow < 3 or self.state.threads == 1 or self.ranks.world > 1:
            return
        if not self.recipe.tune:
            if not self._told_busy:
                self._told_busy = True
                self.listen(
                    Notice(
                        "the machine is busy with other work: one thread (--set threads=1) would be faster now; the "
                        f"{self.state.threads} stay, since they decide the last bits"
                    )
                )
            return
        self.state.threads = 1
        self.save()
        torch.set_num_threads(1)
        self._fastest = self._slow = 0
        self.listen(Notice("the machine is busy with other work: one thread from here on, which is faster then"))

    def close(self, epoch: int) -> None:
        """Measure, tell, keep what is best, save."""
        state = self.state
        images_per_second = (state.done - self._first) * self.batch_size / (time.perf_counter() - self._began)
        training = self._named((self.ranks.gather(state.tally).mean(0) / self._tallied()).tolist())
        self._check(epoch, training["loss"])
        start = time.perf_counter()
        self._late = bool(self.ranks.most([float(self._late or start + self._ending() > self.until)])[0])
        due = (epoch + 1) % self.recipe.measure_every == 0 or state.done >= self.steps or self._late
        evaluation = self.measuring() if due else self.measuring.unmeasured()
        self._took = time.perf_counter() - start if due else self._took
        found = self.measuring.mirrors(self.steps, evaluation) if due else None
        if found is not None:
            state.mirrors = found
            # before the checkpoint: who goes on from one before it finds the same
            self._record(mirrors=[dataclasses.asdict(each) for each in found])
            self.feed.vary(self.measuring.augmentation())
        row = EpochMetrics(
            epoch=epoch + 1,
            step=state.done,
            learning_rate=rate(self.recipe, state.done - 1, self.steps, self.leg),
            training=training,
            evaluated=self.measuring.name * due,
            evaluation=evaluation,
            images_per_second=images_per_second,
            seconds=self.seconds(),
        )
        state.history[epoch:] = [row]  # in the place of a row that was ended within this epoch
        state.tally.zero_()
        self._keep_best(row)
        self.save()
        self.listen(row)
        for each in found or ():
            self.listen(Notice(each.sentence(self.task.primary)))
        self.show(row)
        self._told, self._recent = time.perf_counter(), (state.tally.clone(), state.done)
        # where nothing was measured, the next epoch's first step finds that it is late, and what it gives is measured
        late = self._late or (due and self._told + self._ending() > self.until)
        asked, late_too = self.ranks.most([float(self._stop.asked), float(late)])
        self._late = bool(late_too)
        self._stop_if(int(asked))

    def show(self, row: EpochMetrics) -> None:
        """Tell what the model makes now, at the end of an epoch, where its task has it make something."""
        how = self.state.how
        if not self.ranks.is_first:
            return
        model = LoadedModel(how.network.network, how.model, self.preprocessing, self.task)
        if text := self.task.sample(model, self.recipe.seed + row.epoch, self.measuring.held_out):
            self.listen(Sample(row.epoch, row.step, row.training[LOSS.name], text))

    def _named(self, values: list[float]) -> dict[str, float]:
        return {figure.name: value for figure, value in zip(self.state.how.figures, values, strict=True)}

    def _keep_best(self, row: EpochMetrics) -> None:
        if row.evaluated != "validation" or not self.recipe.keeps_best:
            return
        name = self.recipe.monitor if self.recipe.patience else self.task.primary.name
        figure, *before = self.task.figure(name), *(other.evaluation[name] for other in self.state.history[:-1])
        own = row.evaluation[name]
        if not math.isnan(own) and not any(figure.better(other, own) for other in before):
            self.state.best_epoch = row.epoch
            if not self.ranks.is_first:
                return
            self.store.save_best(self.state.how.model.state_dict(), {"epoch": row.epoch})

    def _patience_is_over(self) -> bool:
        patience, best, history = self.recipe.patience, self.state.best_epoch, self.state.history
        return bool(patience and best and history and history[-1].epoch - best >= patience)


def _step_seed(seed: int, step: int, rank: int) -> int:
    return (seed * 0x9E3779B97F4A7C15 + step * 0xBF58476D1CE4E5B9 + rank * 0x94D049BB133111EB + 1) % 2**63
