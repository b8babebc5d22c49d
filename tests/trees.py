"""Random networks: every layer, every combinator, shapes small enough to run thousands of them."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import strategies as st

import hubel.arch as arch
from hubel.arch import Auxiliary, Chain, Concat, Layer, Network, Node, Product, Shape, ShapeError, Sum
from hubel.arch import layers as all_layers
from hubel.arch.ops.functions import PLAIN

MOST_NUMBERS = 3000
ACTIVATIONS = (None, None, *PLAIN)
small = st.integers(1, 3)
pairs = st.one_of(small, st.tuples(small, small))
sides = st.tuples(st.tuples(st.integers(0, 2), st.integers(0, 2)), st.tuples(st.integers(0, 2), st.integers(0, 2)))
paddings = st.one_of(st.sampled_from(["valid", "same"]), st.integers(0, 2), st.tuples(st.integers(0, 2), small), sides)


def divisors(number: int) -> st.SearchStrategy[int]:
    return st.sampled_from([d for d in range(1, number + 1) if number % d == 0])


@st.composite
def weighted(draw: Any, kind: type[Layer], **settings: Any) -> Layer:
    found = {name: draw(value) if isinstance(value, st.SearchStrategy) else value for name, value in settings.items()}
    return kind(**found, activation=draw(st.sampled_from(ACTIVATIONS)), use_bias=draw(st.booleans()))


@st.composite
def convolution(draw: Any, channels: int) -> Layer:
    groups = draw(st.one_of(st.just(1), divisors(channels)))
    filters = groups * draw(st.integers(1, 3))
    common = {"kernel_size": pairs, "strides": pairs, "dilation_rate": pairs, "padding": paddings}
    match draw(st.integers(0, 5)):
        case 0 | 1 | 2:
            return draw(weighted(arch.Conv2D, filters=filters, groups=groups, **common))
        case 3:
            return draw(weighted(arch.DepthwiseConv2D, depth_multiplier=st.integers(1, 2), **common))
        case 4:
            local = {"kernel_size": pairs, "strides": pairs, "padding": paddings}
            return draw(weighted(arch.LocallyConnected2D, filters=st.integers(1, 3), **local))
        case _:
            strides = draw(st.tuples(small, small))
            extra = draw(st.one_of(st.just((0, 0)), st.tuples(*(st.integers(0, stride - 1) for stride in strides))))
            padding = draw(paddings)
            return draw(
                weighted(
                    arch.Conv2DTranspose,
                    filters=filters,
                    groups=groups,
                    kernel_size=pairs,
                    dilation_rate=pairs,
                    strides=strides,
                    padding=padding,
                    output_padding=(0, 0) if padding == "same" else extra,
                )
            )


@st.composite
def pooling(draw: Any) -> Layer:
    kind = draw(st.sampled_from([arch.MaxPooling2D, arch.AveragePooling2D]))
    rows, columns = draw(st.tuples(small, small))
    own = st.tuples(*(st.tuples(st.integers(0, size // 2), st.integers(0, size // 2)) for size in (rows, columns)))
    even = st.tuples(st.integers(0, rows // 2), st.integers(0, columns // 2))
    padding, ceil_mode = draw(
        st.one_of(
            st.tuples(st.sampled_from(["valid", "same"]), st.just(False)),
            st.tuples(own, st.just(False)),
            st.tuples(even, st.booleans()),
        )
    )
    settings = {"count_padding": draw(st.booleans())} if kind is arch.AveragePooling2D else {}
    strides = draw(st.one_of(st.none(), pairs))
    return kind((rows, columns), strides, padding, ceil_mode, **settings)


@st.composite
def picture_layer(draw: Any, shape: Shape) -> Layer:
    height, width, channels = shape
    match draw(st.integers(0, 22)):
        case 0 | 1 | 2 | 3 | 4 | 5:
            return draw(convolution(channels))
        case 6 | 7:
            return draw(pooling())
        case 8:
            return draw(st.sampled_from([arch.GlobalAveragePooling2D, arch.GlobalMaxPooling2D]))(draw(st.booleans()))
        case 9:
            return draw(st.sampled_from([arch.AdaptiveAveragePooling2D, arch.AdaptiveMaxPooling2D]))(draw(pairs))
        case 10:
            return arch.Flatten()
        case 11:
            targets = [
                (width, height, channels),
                (channels, height, width),
                (1, height * width, channels),
                (height * width * channels,),
            ]
            return arch.Reshape(draw(st.sampled_from(targets)))
        case 12:
            return draw(st.sampled_from([arch.ZeroPadding2D, arch.Cropping2D]))(draw(st.one_of(small, sides)))
        case 13:
            how, aligned = draw(st.sampled_from([("nearest", False), ("bilinear", False), ("bilinear", True)]))
            if draw(st.booleans()):
                return arch.Resizing(draw(st.tuples(st.integers(1, 9), st.integers(1, 9))), how, aligned)
            return arch.UpSampling2D(draw(pairs), interpolation=how, aligned=aligned)
        case 14:
            return arch.GroupNormalization(draw(divisors(channels)), scale=(both := draw(st.booleans())), center=both)
        case 15:
            size = draw(st.integers(1, 5))
            return arch.LocalResponseNormalization(size) if size < 5 else arch.GlobalResponseNormalization()
        case 16:
            return arch.ChannelShuffle(draw(divisors(channels)))
        case 17:
            return arch.SqueezeExcitation(draw(st.integers(1, 4)))
        case 18:
            return arch.SelectChannels(tuple(draw(st.lists(st.integers(0, channels - 1), min_size=1, max_size=4))))
        case 19:
            return arch.ChannelPadding(draw(st.integers(0, 2)), draw(st.integers(0, 2)))
        case 20:
            return draw(st.sampled_from([arch.ReflectionPadding2D, arch.ReplicationPadding2D, arch.CircularPadding2D]))(
                draw(st.one_of(small, sides))
            )
        case 21:
            return draw(st.sampled_from([arch.PixelShuffle, arch.PixelUnshuffle]))(draw(small))
        case _:
            return draw(any_layer(shape))


@st.composite
def sequence_layer(draw: Any, shape: Shape) -> Layer:
    length, channels = shape
    match draw(st.integers(0, 14)):
        case 0 | 1 | 2:
            groups = draw(st.one_of(st.just(1), divisors(channels)))
            ends = st.one_of(st.sampled_from(["valid", "same", "causal"]), st.integers(0, 2), st.tuples(small, small))
            filters, windows = groups * draw(st.integers(1, 3)), {"strides": small, "dilation_rate": small}
            return draw(
                weighted(arch.Conv1D, filters=filters, groups=groups, kernel_size=small, padding=ends, **windows)
            )
        case 3 | 4:
            kind = draw(st.sampled_from([arch.MaxPooling1D, arch.AveragePooling1D]))
            size, ceil_mode = draw(small), draw(st.booleans())
            half = st.integers(0, size // 2)
            padding = draw(half if ceil_mode else st.one_of(st.sampled_from(["valid", "same"]), st.tuples(half, half)))
            more = {"count_padding": draw(st.booleans())} if kind is arch.AveragePooling1D else {}
            return kind(size, draw(st.one_of(st.none(), small)), padding, ceil_mode, **more)
        case 5:
            return draw(st.sampled_from([arch.GlobalAveragePooling1D, arch.GlobalMaxPooling1D]))(draw(st.booleans()))
        case 6 | 7 | 8:
            kind = draw(st.sampled_from([arch.SimpleRNN, arch.LSTM, arch.GRU]))
            more = {"activation": draw(st.sampled_from(["tanh", "relu"]))} if kind is arch.SimpleRNN else {}
            flags = {name: draw(st.booleans()) for name in ("use_bias", "return_sequences", "go_backwards")}
            return kind(draw(st.integers(1, 4)), **more, **flags)
        case 9:
            return draw(st.sampled_from([arch.Flatten(), arch.Reshape((channels, length)), arch.Reshape((1, *shape))]))
        case 10:
            return arch.GroupNormalization(draw(divisors(channels)), scale=(both := draw(st.booleans())), center=both)
        case 11:
            return arch.SelectChannels(tuple(draw(st.lists(st.integers(0, channels - 1), min_size=1, max_size=4))))
        case 12:
            return arch.ChannelPadding(draw(st.integers(0, 2)), draw(st.integers(0, 2)))
        case _:
            return draw(any_layer(shape))


@st.composite
def any_layer(draw: Any, shape: Shape) -> Layer:
    match draw(st.integers(0, 10)):
        case 0 | 1:
            return draw(weighted(arch.Dense, units=st.integers(1, 5)))
        case 2:
            kind = arch.InstanceNormalization if len(shape) > 1 and draw(st.booleans()) else arch.BatchNormalization
            return kind(scale=(both := draw(st.booleans())), center=both)
        case 3:
            return arch.LayerNormalization(scale=(scale := draw(st.booleans())), center=scale and draw(st.booleans()))
        case 4:
            spatial = {2: arch.SpatialDropout1D, 3: arch.SpatialDropout2D}.get(len(shape), arch.Dropout)
            kind = spatial if len(shape) == 2 or (len(shape) == 3 and draw(st.booleans())) else arch.Dropout
            return kind(draw(st.sampled_from([0.0, 0.2, 0.5])))
        case 5 | 6:
            return arch.Activation(
                draw(st.sampled_from([name for name in ACTIVATIONS if name] + ["softmax", "log_softmax", "linear"]))
            )
        case 7:
            constant = draw(st.sampled_from([0.2, 1.5]))
            return draw(st.sampled_from([arch.LeakyReLU, arch.ELU, arch.CELU, arch.Rescaling]))(constant)
        case 8:
            return arch.Scale() if draw(st.booleans()) else arch.Shift()
        case 9:
            return arch.PReLU(draw(st.booleans()))
        case _:
            return arch.Identity()


@st.composite
def vector_layer(draw: Any, shape: Shape) -> Layer:
    match draw(st.integers(0, 7)):
        case 0:
            return arch.RadialBasis(draw(st.integers(1, 4)))
        case 1:
            return arch.Reshape((1, 1, shape[0]))
        case 2:
            return arch.SelectChannels((draw(st.integers(0, shape[0] - 1)),))
        case 3:
            return arch.ChannelPadding(1, draw(st.integers(0, 2)))
        case 4:
            return arch.Flatten()
        case _:
            return draw(any_layer(shape))


@st.composite
def node(draw: Any, shape: Shape, depth: int) -> tuple[Node, Shape] | None:
    """Draw a node that fits `shape` and return it with its output's shape; None where the layer drawn does not fit."""
    kind = draw(st.integers(0, 9)) if depth else 9
    if kind == 0:
        inner, after = draw(chain(shape, depth - 1))
        return Chain(*inner, name=draw(st.sampled_from(["stage", "block", "body"]))), after
    if kind == 1:
        inner, after = draw(chain(shape, depth - 1))
        others = [draw(ending(after, inner)) for _ in range(draw(st.integers(1, 2)))]
        return Sum(Chain(*inner), *others, name=draw(st.sampled_from([None, None, "residual"]))), after
    if kind == 2:
        inner, after = draw(chain(shape, depth - 1))
        branches = [Chain(*inner), draw(ending(after, inner))]
        return Concat(*branches), (*after[:-1], 2 * after[-1])
    if kind == 4:
        inner, after = draw(chain(shape, depth - 1))
        gates = [draw(gate(after, inner)) for _ in range(draw(st.integers(1, 2)))]
        branches = draw(st.permutations([Chain(*inner), *gates]))
        return Product(*branches, name=draw(st.sampled_from([None, None, "gated"]))), after
    if kind == 3 and depth > 1:
        inner, _ = draw(chain(shape, 0))
        return Auxiliary(*inner), shape
    layer = draw({3: picture_layer, 2: sequence_layer, 1: vector_layer}[len(shape)](shape))
    try:
        after = layer.output_shape(shape)
    except ShapeError:
        return None
    return (layer, after) if arch.size(after) <= MOST_NUMBERS else None


@st.composite
def ending(draw: Any, after: Shape, inner: list[Node]) -> Chain:
    """Draw another branch of the same output's shape: the first one again, with something harmless after it."""
    return Chain(*inner, draw(st.sampled_from([arch.Identity(), arch.Activation("tanh"), arch.BatchNormalization()])))


@st.composite
def gate(draw: Any, after: Shape, inner: list[Node]) -> Chain:
    """Draw another branch that can be spread over `after`: the first one again, with what makes it a gate."""
    sigmoid = arch.Activation("sigmoid")
    ways = [[arch.Dense(after[-1], activation="sigmoid")], [arch.Identity()], [arch.Dense(1), sigmoid]]
    if len(after) == 3:
        keepdims = draw(st.booleans())
        ways.append([arch.GlobalAveragePooling2D(keepdims), arch.Dense(after[-1], activation="sigmoid")])
        ways.append([arch.GlobalMaxPooling2D(keepdims), sigmoid])
        ways.append([arch.AdaptiveAveragePooling2D((after[0], 1)), sigmoid])
    if len(after) == 2:
        ways.append([arch.GlobalAveragePooling1D(draw(st.booleans())), arch.Dense(after[-1], activation="sigmoid")])
        ways.append([arch.LSTM(after[-1])])
    return Chain(*inner, *draw(st.sampled_from(ways)))


@st.composite
def chain(draw: Any, shape: Shape, depth: int) -> tuple[list[Node], Shape]:
    nodes: list[Node] = []
    for _ in range(draw(st.integers(1, 4))):
        found = draw(node(shape, depth))
        if found is not None:
            nodes.append(found[0])
            shape = found[1]
    return nodes or [arch.Identity()], shape


@st.composite
def networks(draw: Any) -> Network:
    picture, vector = (
        st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(1, 6)),
        st.tuples(st.integers(1, 20)),
    )
    return draw(network(draw(st.one_of(picture, picture, vector))))


@st.composite
def sequence_networks(draw: Any) -> Network:
    """Draw a network of sequences, or of whole numbers that are looked up at its start."""
    if draw(st.booleans()):
        return draw(network((draw(st.integers(1, 20)), draw(st.integers(1, 6)))))
    length, known, features = draw(st.integers(1, 20)), draw(st.integers(1, 9)), draw(st.integers(1, 5))
    looked_up = arch.Embedding(known, features)
    nodes, _ = draw(chain((length, features), 2))
    return Network((length,), Chain(looked_up, *nodes))


@st.composite
def network(draw: Any, shape: Shape) -> Network:
    nodes, _ = draw(chain(shape, 2))
    return Network(shape, Chain(*nodes))


def sample(network: Network, batch: int = 2) -> torch.Tensor:
    """Return random inputs as PyTorch has them: whole numbers where they are looked up."""
    first = network.body.nodes[0]
    if isinstance(first, arch.Embedding):
        return torch.randint(0, first.input_dim, (batch, *network.input))
    return torch.randn(batch, *arch.torch_order(network.input))


LAYERS = [kind for name in all_layers.__all__ if not (kind := getattr(all_layers, name)).is_short]
