"""A recipe: every setting of a training run in one frozen value that a TOML file can hold."""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Mapping
from typing import Any, Literal

from hubel.base.errors import SettingError
from hubel.base.names import did_you_mean, hint
from hubel.base.toml import read_toml, write_toml

Optimizer = Literal["adam", "adamw", "sgd", "muon"]
Schedule = Literal["one-cycle", "cosine", "constant"]
Precision = Literal["auto", "float32", "bfloat16"]
MemoryFormat = Literal["auto", "channels-last", "channels-first"]
Compile = Literal["auto", "none", "graph", "inductor"]
Balance = Literal["none", "weights", "sampling"]
Pixels = Literal["auto", "data", "imagenet", "symmetric", "weights"]
Keep = Literal["last", "best"]
Mirrors = Literal["said", "measured"]
Initializer = Literal["glorot", "he", "pytorch"]
MOST_EPOCHS = 1e6


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to train. Nothing else, apart from the network and the data, decides what comes out.

    epochs: passes over the training images; a fraction stops within a pass.
    time_budget: seconds of training to size `epochs` to; 0 for none.
    batch_size: images a step, of all processes together.
    micro_batch: images that a process computes at a time within its share of a step, the gradients added up; 0 for all
        at once. It saves memory; batch normalisation then sees so many images at a time.
    optimizer: "adam" (Kingma, Ba 2015), "adamw" (Loshchilov, Hutter 2019), "sgd" with Nesterov momentum, "muon"
        (Jordan 2024; kernels by orthogonalised momentum, the rest by AdamW).
    learning_rate: the peak of the schedule.
    momentum: of sgd and muon; Adam's first beta. beta2: Adam's second.
    weight_decay: coupled to the gradient for adam and sgd, decoupled for adamw and muon; biases and norms have none.
    schedule: "one-cycle" (Smith, Topin 2018) or "cosine" (Loshchilov, Hutter 2017), both after a rise over `warmup`
        of all steps, both down to nothing; "constant" after the rise.
    label_smoothing: share of the target spread over all classes (Szegedy et al. 2015).
    clip_norm: the gradient's largest Euclidean norm; 0 for no clipping.
    views: how often the model looks at an image for an answer, of tasks that say something of every place: once (1), or
        twice, as it is and mirrored left to right, of which the mean is told (2); 0 is twice where training mirrors so
        and the validation part's first figure gains at least a hundredth of what it lacks by it (a number, a fiftieth).
    ema: decay per step of the weights' moving average, which then is the model; 0 for none.
    balance: for classes of unequal size: "weights" weighs each class's loss by (examples / (classes × the class's
        examples)) ^ `balance_power`; "sampling" shows rare classes more often, in the same proportions.
    balance_power: 1 makes all classes count alike, 0.5 is square-root sampling (Mahajan et al. 2018), 0 is none.
    augmentation: the text form of `hubel.data.Augmentation`, such as "shift 1, flip", or "none"; "auto" is its rule,
        or "none" for fewer than three epochs.
    mirrors: whether images are mirrored in training as `augmentation` says, or as is "measured" besides: after a
        quarter of the steps, on the validation part's images mirrored in each way that it lacks.
    patience: stop after so many epochs without a better `monitor`, and keep the best; 0 never stops.
    keep: which weights the model has, without patience: the "last", or, where the task's first figure of the validation
        part was better before by more than a hundredth, the "best" that were measured.
    monitor: which figure of the validation part patience watches: "loss", or one of the task's, such as "accuracy".
    measure_every: epochs from one measuring of the validation (or test) part to the next; the last is always measured.
        0 is every epoch, or, of a time budget, as many as leave measuring a twentieth of it.
    initializer: how kernels start: "glorot" (uniform, as in Keras), "he" (normal), "pytorch" (as PyTorch has it).
    weights: a file or address of trained weights to start from instead (see `hubel.nn.load_pretrained`); "" for none.
    freeze: layers that stay as they are, as paths with commas between ("conv1, stage1"), "all-but-head", or
        "batch-norms", which is all batch normalisation. They get no gradients, and normalisation keeps its statistics.
    layer_decay: a layer learns so many times as fast as the next one with weights (top-level parts count as one), the
        last at the full rate: discriminative rates (Howard, Ruder 2018). 1 is the same for all.
    pixels: how pixels are scaled: by the training "data"'s mean and deviation, by "imagenet"'s, from -1 to 1
        ("symmetric"), or as the "weights" file says (a model of hubel's); "auto" is what suits weights, else data.
    seed: of the initial weights, the order and everything random.
    device: "auto" (a GPU where there is one), "cpu", "cuda", "cuda:1", "mps".
    precision, memory_format, threads: "auto" and 0 are chosen by rule, from the network and what the processor has.
    compile: how steps are made quicker on a GPU: "graph" records one and replays it (CUDA graphs), "inductor" compiles
        network and loss as well (`torch.compile`; on a processor too), which takes a minute; "none". "auto" is by rule:
        "graph", or "inductor" where training is long enough; "none" on a processor and with several processes.
    deterministic: on a GPU, take kernels that give the same bits each time, without which a resumed run does not end
        where one that was never stopped does; what has none is named. A processor's always do.
    tune: measure these instead and take the fastest ("inductor" where all training takes longer than ten minutes), and
        give several threads up for one when other programs turn out to keep the machine busy. What was measured stands
        in `run.toml` under `tuned`. All of them change the last bits: what comes out then hangs on the moment.
    checkpoint_seconds: time between checkpoints within an epoch; keep_checkpoints: how many of the last are kept.
    """

    epochs: float = 4.0
    time_budget: float = 0.0
    batch_size: int = 128
    micro_batch: int = 0
    optimizer: Optimizer = "adam"
    learning_rate: float = 0.006
    momentum: float = 0.9
    beta2: float = 0.99
    weight_decay: float = 0.0
    schedule: Schedule = "one-cycle"
    warmup: float = 0.25
    label_smoothing: float = 0.05
    clip_norm: float = 0.0
    views: int = 1
    ema: float = 0.0
    balance: Balance = "none"
    balance_power: float = 1.0
    augmentation: str = "auto"
    mirrors: Mirrors = "said"
    patience: int = 0
    keep: Keep = "last"
    monitor: str = "loss"
    measure_every: int = 1
    initializer: Initializer = "glorot"
    weights: str = ""
    freeze: str = ""
    layer_decay: float = 1.0
    pixels: Pixels = "auto"
    seed: int = 0
    device: str = "auto"
    precision: Precision = "auto"
    memory_format: MemoryFormat = "auto"
    threads: int = 0
    compile: Compile = "auto"
    deterministic: bool = True
    tune: bool = False
    checkpoint_seconds: float = 30.0
    keep_checkpoints: int = 2

    def __post_init__(self) -> None:
        for name, kind in _kinds().items():
            object.__setattr__(self, name, _checked(name, getattr(self, name), kind))
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                shown = f"from {low:g} to {high:g}" if high < math.inf else f"of at least {low:g}"
                raise SettingError(f"recipe: expected {name} {shown}, received {value!r}")
        if self.learning_rate == 0:
            raise SettingError("recipe: expected a learning_rate above 0, received 0")
        if self.epochs == 0 and self.time_budget == 0:
            raise SettingError("recipe: expected epochs or a time_budget above 0, received 0 for both")
        if self.patience and self.measure_every > 1:
            raise SettingError(
                f"recipe: expected measure_every 0 or 1 with patience, which looks at every epoch, received "
                f"{self.measure_every}"
            )

    @property
    def keeps_best(self) -> bool:
        """Whether the best weights are kept beside the last."""
        return self.patience > 0 or self.keep == "best"

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Recipe:
        """The recipe with these settings and defaults for the rest.

        Raises ValueError for an unknown name (with the nearest known one), a wrong type, or a value out of range.
        """
        known = _kinds()
        for name in settings:
            if name not in known:
                raise SettingError(f"recipe: unknown setting {name!r}{hint(name, known)}")
        return cls(**settings)

    @classmethod
    def from_toml(cls, text: str) -> Recipe:
        """The recipe that a TOML text holds, at its top or in its table `recipe`. Raises ValueError as `from_dict`."""
        settings = read_toml(text)
        return cls.from_dict(settings.get("recipe", settings))

    def to_dict(self) -> dict[str, Any]:
        """All settings by name: plain strings and numbers."""
        return dataclasses.asdict(self)

    def to_toml(self) -> str:
        """All settings as TOML; `from_toml` is the inverse."""
        return write_toml(self.to_dict())

    def replace(self, **settings: Any) -> Recipe:
        """Return this recipe with other settings. Raises ValueError as `from_dict`."""
        return Recipe.from_dict({**self.to_dict(), **settings})

    def __str__(self) -> str:
        """The settings that matter, on one line."""
        parts = [f"{self.optimizer}, {self.schedule} to {self.learning_rate:g}", f"batch {self.batch_size}"]
        epochs = f"{self.epochs:g} epoch{'s' * (self.epochs != 1)}"
        parts.insert(0, f"{self.time_budget:g} s" if self.time_budget else epochs)
        optional = {
            "weight decay": self.weight_decay,
            "label smoothing": self.label_smoothing,
            "clip": self.clip_norm,
            "average": self.ema,
            "patience": self.patience,
        }
        parts += [f"{name} {value:g}" for name, value in optional.items() if value]
        parts += [self.augmentation] if self.augmentation not in ("auto", "none") else []
        parts += [f"at most {self.micro_batch} at a time"] if self.micro_batch else []
        parts += [f"from {self.weights.rpartition('/')[2]}"] if self.weights else []
        parts += [f"{self.freeze} frozen"] if self.freeze else []
        parts += [f"layer decay {self.layer_decay:g}"] if self.layer_decay != 1 else []
        parts += [f"classes balanced by {self.balance}"] if self.balance != "none" else []
        machine = {"device": self.device, "precision": self.precision, "memory": self.memory_format}
        parts += [value for value in machine.values() if value != "auto"]
        parts += [_COMPILED[self.compile]] if self.compile in _COMPILED else []
        parts += [] if self.deterministic else ["not the same bits each time"]
        parts += [f"{self.threads} thread{'s' * (self.threads > 1)}"] if self.threads else []
        parts += ["measured here"] if self.tune else []
        return ", ".join([*parts, f"seed {self.seed}"])


_COMPILED = {"graph": "steps recorded", "inductor": "steps compiled and recorded"}
_RANGES: dict[str, tuple[float, float]] = {
    "epochs": (0, MOST_EPOCHS),
    "time_budget": (0, 1e9),
    "batch_size": (1, 2**31),
    "micro_batch": (0, 2**31),
    "learning_rate": (0, 1e6),
    "momentum": (0, 0.9999),
    "beta2": (0, 0.999999),
    "weight_decay": (0, 1e3),
    "warmup": (0, 1),
    "label_smoothing": (0, 0.99),
    "clip_norm": (0, math.inf),
    "views": (0, 2),
    "ema": (0, 0.999999),
    "balance_power": (0, 1),
    "layer_decay": (1e-3, 1),
    "patience": (0, 1e6),
    "measure_every": (0, 1e6),
    "seed": (0, 2**63 - 1),
    "threads": (0, 4096),
    "checkpoint_seconds": (0, math.inf),
    "keep_checkpoints": (1, 1e6),
}


def _kinds() -> dict[str, Any]:
    hints = typing.get_type_hints(Recipe)
    return {field.name: hints[field.name] for field in dataclasses.fields(Recipe)}


def _checked(name: str, value: Any, kind: Any) -> Any:
    choices = typing.get_args(kind)
    if choices:
        if isinstance(value, str) and value.lower() in choices:
            return value.lower()
        if value not in choices:
            near = did_you_mean(str(value), choices)
            raise SettingError(f"recipe: expected {name} as one of {', '.join(choices)}, received {value!r}{near}")
        return value
    whole = isinstance(value, int) and not isinstance(value, bool)
    if kind is float and (whole or isinstance(value, float)) and not math.isnan(value):
        return float(value)
    if kind is bool and isinstance(value, bool):
        return value
    if (kind is int and whole) or (kind is str and isinstance(value, str)):
        return value
    wanted = {int: "a whole number", float: "a number", str: "a word", bool: "true or false"}[kind]
    raise SettingError(f"recipe: expected {name} as {wanted}, received {value!r}")
