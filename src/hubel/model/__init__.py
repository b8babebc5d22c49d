"""The Keras-style face: a program from a course runs after its import lines are changed.

    from hubel.model import Activation, Dense, Sequential, mnist, to_categorical
    from hubel.model.callbacks import EarlyStopping

or `import hubel.model as keras`. Arrays are NumPy's, N×height×width×channels or N×features, used as they are given:
scale them yourself, as in Keras. For images from files, with everything chosen well, `hubel.train` is the better way.
"""

from __future__ import annotations

from hubel.model import (
    activations,
    backend,
    callbacks,
    data,
    datasets,
    initializers,
    layers,
    losses,
    metrics,
    models,
    ops,
    optimizers,
    preprocessing,
    random,
    regularizers,
    schedules,
    utils,
)
from hubel.model.callbacks import Callback, History
from hubel.model.datasets import cifar10, cifar100, fashion_mnist, load_data, mnist
from hubel.model.initializers import Initializer
from hubel.model.layers import *  # noqa: F403 (layers by their Keras names, beside Sequential)
from hubel.model.layers import Input, KerasTensor, Layer
from hubel.model.layers import __all__ as _layers
from hubel.model.losses import Loss
from hubel.model.metric import Metric
from hubel.model.networks.model import Model
from hubel.model.networks.sequential import Sequential, load_model
from hubel.model.optimizers import Optimizer
from hubel.model.regularizers import Regularizer
from hubel.model.utils import to_categorical
from hubel.model.variables import Variable

config, saving = backend, models

__all__ = [
    "Callback",
    "History",
    "Initializer",
    "Input",
    "KerasTensor",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Optimizer",
    "Regularizer",
    "Sequential",
    "Variable",
    "activations",
    "backend",
    "callbacks",
    "cifar10",
    "cifar100",
    "config",
    "data",
    "datasets",
    "fashion_mnist",
    "initializers",
    "layers",
    "load_data",
    "load_model",
    "losses",
    "metrics",
    "mnist",
    "models",
    "ops",
    "optimizers",
    "preprocessing",
    "random",
    "regularizers",
    "saving",
    "schedules",
    "to_categorical",
    "utils",
]
__all__ += _layers  # noqa: PLE0605 (they are names, in a list of their own)

_REFUSED = {
    "constraints": "weights have none here; kernel_regularizer keeps them small",
    "distribution": "hubel.train works on several processes and devices",
    "mixed_precision": "hubel.train chooses the precision",
}


def __getattr__(name: str) -> object:
    if name == "applications":  # the zoo, for those who ask for it
        import hubel.model.applications as applications

        return applications
    hint = f": {_REFUSED[name]}" if name in _REFUSED else ""
    raise AttributeError(f"hubel.model has no {name}{hint}")
