"""What every task says of itself: its figures, loss, counts and answers. A task is one folder beside this file."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import nn

from hubel.arch import Network, Shape, analyse
from hubel.base.errors import NetworkError, SettingError
from hubel.base.numbers import an
from hubel.data import Augmentation, Dataset, Preprocessing, Splits
from hubel.tasks.answer import Answer as Answer
from hubel.tasks.answer import Said as Said
from hubel.tasks.asking import Made as Made
from hubel.tasks.choosing import Chosen as Chosen
from hubel.tasks.choosing import by_size as by_size
from hubel.tasks.decoding import Exchange
from hubel.tasks.gathering import Counts as Counts
from hubel.tasks.gathering import Sums as Sums
from hubel.tasks.outputs import outputs
from hubel.tasks.results import LOSS as LOSS
from hubel.tasks.results import Baseline as Baseline
from hubel.tasks.results import Figure as Figure
from hubel.tasks.results import Measured as Measured
from hubel.tasks.results import Numbers as Numbers
from hubel.tasks.results import Section as Section
from hubel.tasks.results import Table as Table
from hubel.tasks.results import percent as percent
from hubel.view.figures.frames import coloured

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from typing_extensions import Self

    from hubel.tasks.model import LoadedModel
    from hubel.view.words.finding import Finding

AUXILIARY_WEIGHT = 0.3  # of each side exit's loss, as in GoogLeNet (Szegedy et al. 2014, section 5)


class Objective(nn.Module, abc.ABC):
    """A network together with its loss, so that what is copied to other processes or compiled is one module.

    Side exits' losses are added with weight 0.3.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        inputs: torch.Tensor,
        targets: torch.Tensor,
        others: torch.Tensor | None = None,
        share: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The mean loss, and the outputs before a closing softmax or sigmoid, for inputs N×C×H×W.

        Of mixed images, `share` (float32, N) is of `targets` and the rest of `others`; both are None without.
        """
        network: Any = self.network
        outputs, side = network.training_logits(inputs)
        loss = self.loss(outputs, targets, others, share)
        for other in side:
            loss = loss + AUXILIARY_WEIGHT * self.loss(other, targets, others, share)
        return loss, outputs.detach()

    @abc.abstractmethod
    def loss(
        self, outputs: torch.Tensor, targets: torch.Tensor, others: torch.Tensor | None, share: torch.Tensor | None
    ) -> torch.Tensor:
        """The mean loss of outputs."""


class Task(abc.ABC):
    """What is predicted.

    name: in files. figures: of a set that is measured, the primary first; the loss comes besides. beside: others that
    runs and models keep, and nothing is chosen by. running: of the training batches, on the way. draws: whether answers
    have pictures. step: how a batch changes weights, a name of `hubel.train.loop.ways.steps`. noun: what an output
    stands for, one and many. example: what a data set is made of, one and many; measured_by: what parts that are
    measured are made of, where that is another. asked: what `hubel predict RUN` is to be followed by. of_files: whether
    a text that is given for an example is the name of its file. of_one: whether an answer comes from a network's scores
    of one example alone, which any engine can compute. defaults: settings of a recipe that the rules take. reads_like:
    whether `load` takes `like`. about_places: whether it says something of every place of an image
    (`hubel.tasks.places`). own_size: whether networks of the zoo are made in the size that examples have, instead of
    those brought to theirs. scores_classes: whether outputs begin with a score for each name of `scored`. score: what
    that is called. shares: whether its outcome is a probability. guesses: whether the loss of guessing is ln(classes).
    as_it_is: what its data is, where neither classes are balanced nor examples changed. measures_loss: whether a set
    that is measured has a loss. tempers: whether scores are divided once training is over, where they are too sure.
    classes: the names of what is told apart, in the order of the network's outputs; none where nothing is. sentence: of
    a model that is asked about the words of what it says, all that; lexicon: every word that it has.
    """

    name: ClassVar[str]
    figures: ClassVar[tuple[Figure, ...]]
    beside: ClassVar[tuple[Figure, ...]] = ()
    running: ClassVar[tuple[Figure, ...]] = ()
    draws: ClassVar[bool] = False
    step: ClassVar[str] = "supervised"
    noun: ClassVar[tuple[str, str]] = ("class", "classes")
    example: ClassVar[tuple[str, str]] = ("image", "images")
    measured_by: ClassVar[str] = ""
    of_files: ClassVar[bool] = True
    asked: ClassVar[str] = "IMAGE …"
    of_one: ClassVar[bool] = True
    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    reads_like: ClassVar[bool] = True
    about_places: ClassVar[bool] = False
    own_size: ClassVar[bool] = False
    guesses: ClassVar[bool] = True
    scores_classes: ClassVar[bool] = False
    shares: ClassVar[bool] = True
    score: ClassVar[str] = "logit"
    as_it_is: ClassVar[str] = ""
    measures_loss: ClassVar[bool] = True
    tempers: ClassVar[bool] = False
    classes: tuple[str, ...]
    sentence: str = ""
    lexicon: tuple[str, ...] = ()

    @property
    def answers_examples(self) -> bool:
        """Whether it answers an example that is given, such as a picture, rather than making something by itself."""
        return self.asked == Task.asked

    @property
    def primary(self) -> Figure:
        """The figure that decides."""
        return self.figures[0]

    def figure(self, name: str) -> Figure:
        """The figure of a name; one that the task does not have is a plain number."""
        known = {each.name: each for each in (LOSS, *self.running, *self.figures, *self.beside)}
        return known.get(name) or Figure(name, name.replace("_", " "), "number")

    def headline(self, figures: Mapping[str, float], of: str) -> str:
        """The primary figure of a set called `of`, in a line that begins with it."""
        return f"{self.primary.text(figures[self.primary.name])} {self.primary.title} on {of}"

    @classmethod
    def recognises(cls, source: str) -> bool:
        """Whether a path is data of this task, by a glance at its folders; by default none is."""
        return False

    @classmethod
    def wants(cls, network: Network) -> bool:
        """Whether a network is one for this task, whatever it is trained on; of most tasks the data says it."""
        return False

    @classmethod
    def images_of(cls, network: Network) -> Shape:
        """The shape of the images that a network for this task is about (H×W×C, or a vector): those it takes; of one of
        sequences those of one column, as waveforms are.
        """
        return (network.input[0], 1, network.input[1]) if len(network.input) == 2 else network.input

    @classmethod
    def rules(cls, network: Network, training: Dataset) -> Mapping[str, Any]:
        """What the rules of a recipe set otherwise than for classification: by default `defaults`."""
        return cls.defaults

    @classmethod
    def varied(cls, augmentation: str, epochs: float) -> str:
        """What is left of the rules' augmentation where training is to last about so many epochs."""
        return augmentation

    @classmethod
    @abc.abstractmethod
    def load(cls, source: str, **settings: Any) -> Splits:
        """The data set at a path; `settings` as `hubel.data.load` has them, and the task's own."""

    @classmethod
    def work(cls, network: Network) -> tuple[float, float]:
        """How often an example that is seen in training goes through a network alone, and how often it is learned from:
        of most tasks once.
        """
        return 0.0, 1.0

    @classmethod
    def describe(cls, source: str, **settings: Any) -> Finding:
        """What the data at a path holds, before anything is trained on it; of most tasks nothing is known."""
        raise SettingError(f"{source}: is data for {cls.name}, which does not say what it holds")

    @classmethod
    def for_dataset(cls, dataset: Dataset) -> Self:
        """The task of saying what this set's targets say."""
        return cls.from_settings(dataset.classes, {})

    def settings(self) -> dict[str, Any]:
        """All that the task is besides its name and classes, as plain values; empty for most."""
        return {}

    def reading(self) -> dict[str, Any]:
        """Arguments of `load` with which a set is read as this task's own was, besides those of its images."""
        return {}

    @classmethod
    def from_settings(cls, classes: tuple[str, ...], settings: Mapping[str, Any]) -> Self:
        """The task that `settings` is of. Raises ValueError, KeyError or TypeError for what it is not."""
        of: Any = cls
        task: Self = of(classes)
        return task

    @abc.abstractmethod
    def output(self, shape: tuple[int, ...]) -> tuple[tuple[int, ...], str]:
        """The shape of output for images of `shape` (H×W×C), and what would end a network with it."""

    @property
    def exchange(self) -> Exchange | None:
        """Where an answer is the mean of what the network says of an image and of the mirrored one: what of this one's
        outputs is what. None where it sees each image once, as of most tasks.
        """
        return None

    def outputs(self, module: nn.Module, preprocessing: Preprocessing, images: torch.Tensor) -> torch.Tensor:
        """What is counted of uint8 images N×H×W×C: by default what the network says of them."""
        return outputs(module, preprocessing, images, self.exchange)

    def stretches(self, examples: int, steps: int, at_once: int) -> Iterator[slice]:
        """Which examples of a set, of so many rows each, are counted together, in order: by default as many as can be
        at once.
        """
        yield from (slice(start, start + at_once) for start in range(0, examples, at_once))

    def going_on(self, module: nn.Module) -> AbstractContextManager[Any]:
        """Within, what `stretches` gives is counted one after the other; by default each is apart."""
        return nullcontext()

    def outcome(self, scores: torch.Tensor) -> torch.Tensor:
        """What is answered, as numbers, of what the network says before a closing softmax or sigmoid, N×outputs…: by
        default probabilities that add up to 1.
        """
        return scores.softmax(1)

    @property
    def scored(self) -> tuple[str, ...]:
        """What its scores are of, in the order of the network's outputs: by default the classes."""
        return self.classes

    def probabilities(self, logits: torch.Tensor) -> torch.Tensor:
        """Of the classes, of what a network says of an image or a place before a closing softmax, N×outputs: by default
        the outcome.
        """
        return self.outcome(logits)

    def fits(self, output: tuple[int, ...], shape: tuple[int, ...]) -> bool:
        """Whether a network that gives this for images of `shape` (H×W×C) is one for the task."""
        return output == self.output(shape)[0]

    def tell(self, outcome: float) -> str:
        """The outcome of one output in words: by default a probability."""
        return f"{outcome:.1%}"

    def foremost(self, scores: torch.Tensor, most: int) -> list[list[int]]:
        """Which outputs to speak of first, of each image's scores, N×outputs: by default the likeliest."""
        found: list[list[int]] = scores.topk(most, 1).indices.tolist()
        return found

    def said(self, outcome: torch.Tensor) -> torch.Tensor:
        """Which of an image's classes are said, of their probabilities, bool: by default the likeliest alone."""
        return torch.arange(len(outcome)) == outcome.argmax()

    def fitted(self, network: Network) -> Network:
        """A network of the zoo, made for so many classes, with the end that this task wants."""
        return network

    def network(self, training: Dataset) -> Chosen:
        """The network for a training set, where none is named: by the size and the number of its images."""
        return by_size(training)

    def network_within(self, training: Dataset, work: float) -> Chosen:
        """The network for a training set, where none is named and training may take about so many multiply-adds: by
        default as without a limit.
        """
        return self.network(training)

    @abc.abstractmethod
    def objective(self, network: nn.Module, label_smoothing: float, class_weights: torch.Tensor | None) -> Objective:
        """The network with its loss. class_weights: float32, one a class."""

    def on_the_way(self, outputs: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The `running` figures of a training batch, float32 on its device."""
        return ()

    @abc.abstractmethod
    def counts(self) -> Counts:
        """New counts, of nothing yet."""

    @abc.abstractmethod
    def measured(self, counts: Sequence[torch.Tensor]) -> Measured:
        """What a set's counts come to."""

    def prepared(self, model: LoadedModel, given: Any) -> npt.NDArray[np.uint8]:
        """An example as the network has it before it is normalised, H×W×C, of whatever `answer` takes."""
        return model.preprocessing.prepare(given)

    def about(self, model: LoadedModel, prepared: npt.NDArray[np.uint8]) -> LoadedModel | None:
        """The model asked about the sentence that it says of one example (uint8 H×W×C), whose words are its classes
        then; None of most, which say one of their classes.
        """
        return None

    def visible(self, prepared: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """An example (uint8 H×W×C) as people see it, uint8 H×W×1 or H×W×3: by default as it is, or its first three
        channels.
        """
        return prepared if prepared.shape[2] in (1, 3) else coloured(prepared)

    def measures(self, examples: int) -> str:
        """What measuring so many examples is, in words, as it is told on the way."""
        return "measuring"

    def sample(self, model: LoadedModel, seed: int, held_out: tuple[torch.Tensor, torch.Tensor] | None) -> str:
        """What the model makes of itself, or says of some of what is held out (images and targets; None where nothing
        is), to be shown on the way; "" for tasks whose figures alone are shown.
        """
        return ""

    @abc.abstractmethod
    def answer(self, model: LoadedModel, image: Any, top: int = 3) -> Answer:
        """What the model says of one image of any size: a path, bytes, a Pillow image or an array. Raises ImageError
        where it cannot be read.
        """

    def make(self, model: LoadedModel, **how: Any) -> Made:
        """What the model makes without examples, as the options of the task's `asking` say. Raises SettingError for
        tasks that only answer.
        """
        raise SettingError(f"this model answers {self.asked}, and makes nothing by itself: it is for {self.name}")

    def symbols(self, prepared: npt.NDArray[np.uint8]) -> tuple[str, ...]:
        """The steps of an example that is no file's, each as it can be seen."""
        return ()

    def answers(self, model: LoadedModel, prepared: npt.NDArray[np.uint8], top: int = 3) -> list[Answer]:
        """What the model says of images that are prepared, uint8 N×H×W×C of its own size."""
        return [self.answer(model, image, top) for image in prepared]

    def check_training(self, balance: str, augmentation: Augmentation) -> None:
        """Raise ValueError where classes cannot be balanced or images changed so ("sampling", mixup, operations), since
        their targets do not allow it.
        """
        if self.as_it_is and (balance != "none" or str(augmentation) != "none"):
            raise SettingError(
                f"recipe: expected balance 'none' and augmentation 'none' with {self.as_it_is}, received "
                f"{balance!r} and {str(augmentation)!r}"
            )

    def vectors(self, model: LoadedModel) -> tuple[list[list[float]], list[int]] | None:
        """Of a network that makes pictures of vectors: some that a page begins with, and the places of the numbers in
        them that change its pictures most. None of all others.
        """
        return None

    def sections(self, model: LoadedModel, dataset: Dataset) -> Sequence[Section]:
        """What a report shows of the model's answers to a set, besides its figures."""
        return ()

    def asked_with(self, network: Network, named: str) -> Mapping[str, str]:
        """Options of `hubel train` without which `named` (a name, or a text form) does not give the task that this is
        for `network`, by name.
        """
        return {}

    def check(self, network: Network, shape: tuple[int, int, int]) -> None:
        """Raise ValueError where `network` does not take images of `shape` (H×W×C) or gives what the task does not
        want, with what would fit.
        """
        if tuple(Task.images_of(network)) not in (shape, (shape[0] * shape[1] * shape[2],)):
            raise NetworkError(
                f"expected a network whose input is that of the images, {'×'.join(map(str, shape))}, received one for "
                f"{'×'.join(map(str, network.input))}; write the network with the input {'x'.join(map(str, shape))}"
            )
        if network.reads_whole_numbers:
            raise NetworkError(
                "expected a network that takes an image's shades, received one whose input is whole numbers that are "
                "looked up (embed): words and letters have such numbers, images do not; begin it with another layer"
            )
        wanted, end = self.output(shape)
        output = tuple(analyse(network).output_shape)
        if not self.fits(output, shape):
            outputs = (
                f"{wanted[0]} output{'s' * (wanted[0] != 1)}"
                if len(wanted) == 1
                else f"an output of {'×'.join(map(str, wanted))}"
            )
            every = "" if len(wanted) == 1 else " for every pixel"
            each = f", one {an(self.noun[0])}{every}" if wanted[-1] == len(self.classes) else ""
            raise NetworkError(
                f"expected a network with {outputs}{each}, "
                f"received one whose output is {'×'.join(map(str, output))}; end it with {end}"
            )
