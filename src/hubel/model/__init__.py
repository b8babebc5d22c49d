"""The Keras-style face: a program from a course runs after its import lines are changed.

    from hubel.model import Activation, Dense, Sequential, mnist, to_categorical
    from hubel.model.callbacks import EarlyStopping

or `import hubel.model as keras`. Arrays are NumPy's, N×height×width×channels or N×features, used as they are given:
scale them yourself, as in Keras. For images from files, with everything chosen well, `hubel.train` is the better way.
"""

from __future__ import annotations

from hubel.model import callbacks, datasets, layers, losses, models, optimizers, utils
from hubel.model._sequential import Sequential, load_model
from hubel.model.callbacks import Callback, History
from hubel.model.datasets import cifar10, cifar100, fashion_mnist, load_data, mnist
from hubel.model.layers import *  # noqa: F403 (layers by their Keras names, beside Sequential)
from hubel.model.layers import Input
from hubel.model.layers import __all__ as _layers
from hubel.model.utils import to_categorical

__all__ = ["Callback", "History", "Input", "Sequential", "callbacks", "cifar10", "cifar100", "datasets"]
__all__ += ["fashion_mnist", "layers", "load_data", "load_model", "losses", "mnist", "models", "optimizers"]
__all__ += ["to_categorical", "utils"]
__all__ += _layers  # noqa: PLE0605 (they are names, in a list of their own)
