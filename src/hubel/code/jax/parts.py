"""Modules and functions that Flax lacks, as short as they can be: a program has those that it uses."""

CLASSES = ("Scale", "PReLU", "GlobalResponseNorm", "RadialBasis", "LocallyConnected", "Recurrent", "Auxiliary")
PARTS = {
    "flatten": """
def flatten(x: jax.Array) -> jax.Array:
    return x.reshape(x.shape[0], -1)
""",
    "flatten_channels_first": '''
def flatten_channels_first(x: jax.Array) -> jax.Array:
    """Writes channel after channel, as PyTorch does."""
    return jnp.moveaxis(x, -1, 1).reshape(x.shape[0], -1)
''',
    "reshape_channels_first": '''
def reshape_channels_first(x: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Reads and writes channel after channel, as PyTorch does."""
    x = jnp.moveaxis(x, -1, 1)
    return jnp.moveaxis(x.reshape(x.shape[0], shape[-1], *shape[:-1]), 1, -1)
''',
    "crop": '''
def crop(x: jax.Array, sides: tuple[tuple[int, int], ...]) -> jax.Array:
    """Cuts rows (top, bottom) and columns (left, right) off."""
    for axis, (before, after) in enumerate(sides, 1):
        x = jax.lax.slice_in_dim(x, before, x.shape[axis] - after, axis=axis)
    return x
''',
    "upsample": """
def upsample(x: jax.Array, size: tuple[int, ...], method: str) -> jax.Array:
    shape = [length * factor for length, factor in zip(x.shape, (1, *size, 1), strict=True)]
    return jax.image.resize(x, shape, method)
""",
    "resize": """
def resize(x: jax.Array, size: tuple[int, ...]) -> jax.Array:
    return jax.image.resize(x, (x.shape[0], *size, x.shape[-1]), "bilinear", antialias=False)
""",
    "clip": """
def clip(x: jax.Array, x_min: float = -jnp.inf, x_max: float = jnp.inf) -> jax.Array:
    return jnp.clip(x, x_min, x_max)
""",
    "rescale": """
def rescale(x: jax.Array, scale: float = 1.0, offset: float = 0.0) -> jax.Array:
    return x * scale + offset
""",
    "pixel_shuffle": '''
def pixel_shuffle(x: jax.Array, factor: int) -> jax.Array:
    """Makes blocks of places of channels, as PyTorch orders them."""
    number, height, width, channels = x.shape
    x = x.reshape(number, height, width, channels // factor**2, factor, factor)
    return x.transpose(0, 1, 4, 2, 5, 3).reshape(number, height * factor, width * factor, -1)
''',
    "pixel_unshuffle": '''
def pixel_unshuffle(x: jax.Array, factor: int) -> jax.Array:
    """Makes channels of blocks of places, as PyTorch orders them."""
    number, height, width, channels = x.shape
    x = x.reshape(number, height // factor, factor, width // factor, factor, channels)
    return x.transpose(0, 1, 3, 5, 2, 4).reshape(number, height // factor, width // factor, -1)
''',
    "channel_shuffle": '''
def channel_shuffle(x: jax.Array, groups: int) -> jax.Array:
    """Deals the channels out anew among the groups."""
    return x.reshape(*x.shape[:-1], groups, -1).swapaxes(-1, -2).reshape(x.shape)
''',
    "select_channels": """
def select_channels(x: jax.Array, channels: list[int]) -> jax.Array:
    return x[..., jnp.array(channels)]
""",
    "adaptive_average_pool": '''
def adaptive_average_pool(x: jax.Array, output_size: tuple[int, ...]) -> jax.Array:
    """Averages bins of rows, then of columns, as PyTorch lays them."""
    for axis, bins in enumerate(output_size, 1):
        length = x.shape[axis]
        edges = [(i * length // bins, -(-(i + 1) * length // bins)) for i in range(bins)]
        means = [jax.lax.slice_in_dim(x, *edge, axis=axis).mean(axis) for edge in edges]
        x = jnp.stack(means, axis)
    return x
''',
    "adaptive_max_pool": '''
def adaptive_max_pool(x: jax.Array, output_size: tuple[int, ...]) -> jax.Array:
    """Takes the largest of bins of rows, then of columns, as PyTorch lays them."""
    for axis, bins in enumerate(output_size, 1):
        length = x.shape[axis]
        edges = [(i * length // bins, -(-(i + 1) * length // bins)) for i in range(bins)]
        largest = [jax.lax.slice_in_dim(x, *edge, axis=axis).max(axis) for edge in edges]
        x = jnp.stack(largest, axis)
    return x
''',
    "local_response_norm": '''
def local_response_norm(x: jax.Array, size: int, alpha: float, beta: float, k: float) -> jax.Array:
    """Divides by a sum over neighbouring channels (Krizhevsky et al. 2012)."""
    around = ((0, 0), (0, 0), (0, 0), (size // 2, (size - 1) // 2))
    squares = jnp.pad(x * x, around)
    total = sum(squares[..., i : i + x.shape[3]] for i in range(size))
    return x / (k + alpha / size * total) ** beta
''',
    "Scale": '''
class Scale(nnx.Module):
    """One learned factor, and one shift, a channel; or one of the two."""

    def __init__(
        self, channels: int, bias: bool = True, weight: bool = True, *, rngs: nnx.Rngs
    ) -> None:
        self.weight = nnx.Param(jnp.ones(channels)) if weight else None
        self.bias = nnx.Param(jnp.zeros(channels)) if bias else None

    def __call__(self, x: jax.Array) -> jax.Array:
        x = x if self.weight is None else x * self.weight[...]
        return x if self.bias is None else x + self.bias[...]
''',
    "PReLU": '''
class PReLU(nnx.Module):
    """A learned slope below zero: one a channel, or one for all."""

    def __init__(self, slopes: int, *, rngs: nnx.Rngs) -> None:
        self.weight = nnx.Param(jnp.full(slopes, 0.25))

    def __call__(self, x: jax.Array) -> jax.Array:
        return jnp.where(x < 0, x * self.weight[...], x)
''',
    "GlobalResponseNorm": '''
class GlobalResponseNorm(nnx.Module):
    """Weighs each channel by its norm over all places, divided by the mean of all channels' norms."""

    def __init__(self, channels: int, epsilon: float = 1e-6, *, rngs: nnx.Rngs) -> None:
        self.epsilon = epsilon
        self.weight, self.bias = nnx.Param(jnp.zeros(channels)), nnx.Param(jnp.zeros(channels))

    def __call__(self, x: jax.Array) -> jax.Array:
        norms = jnp.sqrt(jnp.square(x).sum(range(1, x.ndim - 1), keepdims=True))
        share = norms / (norms.mean(-1, keepdims=True) + self.epsilon)
        return x * (1 + self.weight[...] * share) + self.bias[...]
''',
    "RadialBasis": '''
class RadialBasis(nnx.Module):
    """Minus half the squared distance to each of the fixed codes."""

    def __init__(self, in_features: int, out_features: int, *, rngs: nnx.Rngs) -> None:
        codes = jax.random.rademacher(rngs.params(), (out_features, in_features), jnp.float32)
        self.weight = nnx.Param(codes)

    def __call__(self, x: jax.Array) -> jax.Array:
        codes = jax.lax.stop_gradient(self.weight[...])
        return -jnp.square(x[:, None] - codes).sum(2) / 2
''',
    "LocallyConnected": '''
class LocallyConnected(nnx.Module):
    """A convolution with weights of its own at each place."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        output_size: tuple[int, int],
        kernel_size: tuple[int, int],
        strides: int | tuple[int, int] = 1,
        padding: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0)),
        use_bias: bool = True,
        *,
        rngs: nnx.Rngs,
    ) -> None:
        self.kernel_size, self.padding = kernel_size, padding
        self.strides = strides if isinstance(strides, tuple) else (strides, strides)
        taps = in_features * kernel_size[0] * kernel_size[1]
        start = nnx.initializers.lecun_normal()
        self.kernel = nnx.Param(start(rngs.params(), (*output_size, taps, out_features)))
        self.bias = nnx.Param(jnp.zeros((*output_size, out_features))) if use_bias else None

    def __call__(self, x: jax.Array) -> jax.Array:
        windows = jax.lax.conv_general_dilated_patches(
            x,
            self.kernel_size,
            self.strides,
            self.padding,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        x = jnp.einsum("nhwt,hwto->nhwo", windows, self.kernel[...])
        return x if self.bias is None else x + self.bias[...]
''',
    "Recurrent": '''
class Recurrent(nnx.Module):
    """Carries a state along the steps, as PyTorch does: gives the last one, or all of them."""

    def __init__(
        self,
        in_features: int,
        units: int,
        cell: str,
        activation: str = "tanh",
        use_bias: bool = True,
        sequences: bool = False,
        backwards: bool = False,
        *,
        rngs: nnx.Rngs,
    ) -> None:
        self.units, self.cell, self.activation = units, cell, getattr(nnx, activation)
        self.sequences, self.backwards = sequences, backwards
        many = {"simple": 1, "lstm": 4, "gru": 3}[cell] * units
        self.weigh = nnx.Linear(in_features, many, use_bias=use_bias, rngs=rngs)
        self.hold = nnx.Linear(units, many, use_bias=use_bias and cell == "gru", rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        given = self.weigh(x[:, ::-1] if self.backwards else x).swapaxes(0, 1)
        start = jnp.zeros((x.shape[0], self.units))
        (last, _), states = jax.lax.scan(self.step, (start, start), given)
        return states.swapaxes(0, 1) if self.sequences else last

    def step(
        self, carried: tuple[jax.Array, jax.Array], given: jax.Array
    ) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
        state, memory = carried
        held = self.hold(state)
        if self.cell == "lstm":
            entry, forget, new, output = jnp.split(given + held, 4, axis=-1)
            memory = nnx.sigmoid(forget) * memory + nnx.sigmoid(entry) * nnx.tanh(new)
            state = nnx.sigmoid(output) * nnx.tanh(memory)
        elif self.cell == "gru":
            (reset, update, new), (more, other, own) = (jnp.split(x, 3, axis=-1) for x in (given, held))
            new = nnx.tanh(new + nnx.sigmoid(reset + more) * own)
            state = new + nnx.sigmoid(update + other) * (state - new)
        else:
            state = self.activation(given + held)
        return (state, memory), state
''',
    "Auxiliary": '''
class Auxiliary(nnx.Sequential):
    """A side exit: in training it sows its output, for the loss; its input goes on unchanged."""

    deterministic = False

    def __call__(self, x: jax.Array) -> jax.Array:
        if not self.deterministic:
            self.sow(nnx.Intermediate, "output", super().__call__(x))
        return x
''',
}
