"""Layers and functions that Keras lacks, as short as they can be: a program has those that it uses."""

LAYERS = ("Scale", "RadialBasis", "LocallyConnected2D")
PARTS = {
    "Scale": '''
class Scale(layers.Layer):
    """One learned factor, and one shift, a channel; or one of the two."""

    def __init__(self, use_bias=True, use_weight=True, **settings):
        super().__init__(**settings)
        self.use_bias, self.use_weight = use_bias, use_weight

    def build(self, shape):
        if self.use_weight:
            self.weight = self.add_weight(shape=shape[-1:], initializer="ones")
        if self.use_bias:
            self.bias = self.add_weight(shape=shape[-1:], initializer="zeros")

    def call(self, x):
        x = x * self.weight if self.use_weight else x
        return x + self.bias if self.use_bias else x
''',
    "GlobalResponseNormalization": '''
class GlobalResponseNormalization(layers.Layer):
    """Weighs each channel by its norm over all places, divided by the mean of all channels' norms."""

    def __init__(self, epsilon=1e-6, **settings):
        super().__init__(**settings)
        self.epsilon = epsilon

    def build(self, shape):
        self.weight = self.add_weight(shape=shape[-1:], initializer="zeros")
        self.bias = self.add_weight(shape=shape[-1:], initializer="zeros")

    def call(self, x):
        norms = ops.sqrt(ops.sum(ops.square(x), axis=tuple(range(1, len(x.shape) - 1)), keepdims=True))
        share = norms / (ops.mean(norms, axis=-1, keepdims=True) + self.epsilon)
        return x * (1 + self.weight * share) + self.bias
''',
    "RadialBasis": '''
class RadialBasis(layers.Layer):
    """Minus half the squared distance to each of the fixed codes of -1 and 1."""

    def __init__(self, units, **settings):
        super().__init__(**settings)
        self.units = units

    def build(self, shape):
        def codes(shape, dtype=None):
            return ops.sign(keras.random.uniform(shape, -1, 1, dtype))

        self.codes = self.add_weight(
            shape=(self.units, shape[-1]), initializer=codes, trainable=False
        )

    def call(self, x):
        return -ops.sum(ops.square(ops.expand_dims(x, 1) - self.codes), axis=2) / 2
''',
    "LocallyConnected2D": '''
class LocallyConnected2D(layers.Layer):
    """A convolution with weights of its own at each place."""

    def __init__(
        self, filters, kernel_size, strides=1, padding=((0, 0), (0, 0)), use_bias=True, **settings
    ):
        super().__init__(**settings)
        self.filters, self.use_bias = filters, use_bias
        self.kernel_size = kernel_size if isinstance(kernel_size, tuple) else (kernel_size,) * 2
        self.strides = strides if isinstance(strides, tuple) else (strides,) * 2
        self.pad = layers.ZeroPadding2D(padding)

    def build(self, shape):
        rows, columns = self.kernel_size
        _, height, width, channels = self.pad.compute_output_shape(shape)
        self.rows = range(0, height - rows + 1, self.strides[0])
        self.columns = range(0, width - columns + 1, self.strides[1])
        places, taps = (len(self.rows), len(self.columns)), rows * columns * channels
        self.kernel = self.add_weight(shape=(*places, taps, self.filters))
        if self.use_bias:
            self.bias = self.add_weight(shape=(*places, self.filters), initializer="zeros")

    def call(self, x):
        x = self.pad(x)
        rows, columns = self.kernel_size
        down, right = self.rows[-1] + 1, self.columns[-1] + 1
        windows = [
            x[:, i : i + down : self.strides[0], j : j + right : self.strides[1]]
            for i in range(rows)
            for j in range(columns)
        ]
        x = ops.einsum("nhwt,hwto->nhwo", ops.concatenate(windows, axis=-1), self.kernel)
        return x + self.bias if self.use_bias else x
''',
    "pixel_shuffle": '''
def pixel_shuffle(x: keras.KerasTensor, factor: int) -> keras.KerasTensor:
    """Makes blocks of places of channels, as PyTorch orders them."""
    _, height, width, channels = x.shape
    x = layers.Reshape((height, width, channels // factor**2, factor, factor))(x)
    x = layers.Permute((1, 4, 2, 5, 3))(x)
    return layers.Reshape((height * factor, width * factor, channels // factor**2))(x)
''',
    "pixel_unshuffle": '''
def pixel_unshuffle(x: keras.KerasTensor, factor: int) -> keras.KerasTensor:
    """Makes channels of blocks of places, as PyTorch orders them."""
    _, height, width, channels = x.shape
    x = layers.Reshape((height // factor, factor, width // factor, factor, channels))(x)
    x = layers.Permute((1, 3, 5, 2, 4))(x)
    return layers.Reshape((height // factor, width // factor, channels * factor**2))(x)
''',
    "channel_shuffle": '''
def channel_shuffle(x: keras.KerasTensor, groups: int) -> keras.KerasTensor:
    """Deals the channels out anew among the groups."""
    _, height, width, channels = x.shape
    x = layers.Reshape((height, width, groups, channels // groups))(x)
    x = layers.Permute((1, 2, 4, 3))(x)
    return layers.Reshape((height, width, channels))(x)
''',
    "padded_average_pooling": '''
def padded_average_pooling(
    x: keras.KerasTensor,
    pool_size: tuple[int, ...],
    strides: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
) -> keras.KerasTensor:
    """Averages windows over a padded picture; the padding does not count."""
    around = ((0, 0), *padding, (0, 0))
    inside = ops.average_pool(ops.pad(ops.ones_like(x), around), pool_size, strides)
    return ops.average_pool(ops.pad(x, around), pool_size, strides) / inside
''',
    "local_response_normalization": '''
def local_response_normalization(
    x: keras.KerasTensor, size: int, alpha: float, beta: float, k: float
) -> keras.KerasTensor:
    """Divides by a sum over neighbouring channels (Krizhevsky et al. 2012)."""
    around = ((0, 0), (0, 0), (0, 0), (size // 2, (size - 1) // 2))
    squares = ops.pad(ops.square(x), around)
    total = squares[..., : x.shape[-1]]
    for i in range(1, size):
        total = total + squares[..., i : i + x.shape[-1]]
    return x / ops.power(k + alpha / size * total, beta)
''',
}
