"""A network as a program: readable source for PyTorch, Keras or Flax that needs nothing of hubel.

    >>> from hubel import zoo
    >>> print(source(zoo.get("lenet5"), "pytorch"))  # doctest: +SKIP

No framework is needed to write it. Standard library only.
"""

from hubel.base.rooms import called
from hubel.code._source import FRAMEWORKS, source

called(__name__, source)

__all__ = ["FRAMEWORKS", "source"]
