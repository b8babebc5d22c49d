"""Words for compositions of other layers, which stand in their place in every network."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from hubel.arch._composition import Composition
from hubel.arch._layer import register
from hubel.arch._shape import Shape, positive
from hubel.arch._tree import Chain, Node, Product
from hubel.arch._window import need_picture
from hubel.arch.layers.convolution import Conv2D
from hubel.arch.layers.pooling import GlobalAveragePooling2D
from hubel.arch.layers.regularization import Identity


@register("se", positional=("ratio",))
class SqueezeExcitation(Composition):
    """Weigh each channel by a small network that sees all of them: Hu, Shen & Sun (2017). The shape stays.

    The product of the picture and of global average, 1×1 convolution to C/ratio channels (rounded down, at least 1),
    relu, 1×1 convolution to C channels, sigmoid.
    """

    ratio: int = 16

    called = "squeeze-and-excitation"
    older = {"squeeze": "branch2.conv1", "excite": "branch2.conv2"}  # noqa: RUF012 (of a class, as `word` is)

    def check(self) -> None:
        """Check the settings."""
        self._set(ratio=positive(self.ratio, "ratio"))

    def composed(self, input: Shape) -> Node:
        """Return the product."""
        need_picture("SqueezeExcitation", input)
        return _weighed(input[-1], max(1, input[-1] // self.ratio), self.name)

    @classmethod
    def of(cls, node: Product) -> SqueezeExcitation | None:
        """Return what a product is written as: the largest ratio that gives its width."""
        layers: tuple[Any, ...] = getattr(node.branches[-1], "nodes", ())
        if len(node.branches) != 2 or len(layers) != 3 or not all(isinstance(layer, Conv2D) for layer in layers[1:]):
            return None
        channels, narrow = layers[2].filters, layers[1].filters
        found = cls(max(1, channels // narrow), name=node.name)
        return found if found.composed((1, 1, channels)) == node else None


@lru_cache(1024)  # equal ones are analysed once
def _weighed(channels: int, narrow: int, name: str | None) -> Node:
    gate = (
        GlobalAveragePooling2D(keepdims=True),
        Conv2D(narrow, 1, activation="relu"),
        Conv2D(channels, 1, activation="sigmoid"),
    )
    return Product(Identity(), Chain(*gate), name=name)
