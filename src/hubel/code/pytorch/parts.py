"""Modules that PyTorch lacks, as short as they can be: a program has those that it uses."""


def _recurrent(name: str, base: str, one_bias: bool) -> str:
    """Write a class that runs along steps with the channels first; with one bias a gate where a second adds nothing."""
    zero = """
        if self.bias:  # one bias a gate, as in Keras: the second stays zero
            del self.bias_hh_l0
            zero = torch.zeros_like(self.bias_ih_l0.detach())
            self.register_buffer("bias_hh_l0", zero, persistent=False)
            self._init_flat_weights()"""
    last = "last[0][0]" if name == "LSTM" else "last[0]"
    return f'''
class {name}({base}):
    """Runs along the steps, the channels first: gives the last state, or all of them."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        sequences: bool = False,
        backwards: bool = False,
        **settings: Any,
    ) -> None:
        super().__init__(input_size, hidden_size, batch_first=True, **settings)
        self.sequences, self.backwards = sequences, backwards{zero if one_bias else ""}

    def forward(self, x: Tensor) -> Tensor:
        x = x.transpose(1, 2)
        states, last = super().forward(x.flip(1) if self.backwards else x)
        return states.transpose(1, 2) if self.sequences else {last}
'''


PARTS = {
    "ChannelLayerNorm": '''
class ChannelLayerNorm(nn.LayerNorm):
    """Normalises the channels of each place."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)
''',
    "Scale": '''
class Scale(nn.Module):
    """One learned factor, and one shift, a channel; or one of the two."""

    def __init__(self, channels: int, bias: bool = True, weight: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels)) if weight else None
        self.bias = nn.Parameter(torch.zeros(channels)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        shape = (-1,) + (1,) * (x.dim() - 2)
        x = x if self.weight is None else x * self.weight.view(shape)
        return x if self.bias is None else x + self.bias.view(shape)
''',
    "GlobalResponseNorm": '''
class GlobalResponseNorm(nn.Module):
    """Weighs each channel by its norm over all places, divided by the mean of all channels' norms."""

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps
        self.weight, self.bias = nn.Parameter(torch.zeros(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        shape = (-1,) + (1,) * (x.dim() - 2)
        norms = torch.linalg.vector_norm(x, dim=tuple(range(2, x.dim())), keepdim=True)
        share = norms / (norms.mean(1, keepdim=True) + self.eps)
        return x * (1 + self.weight.view(shape) * share) + self.bias.view(shape)
''',
    "Clip": '''
class Clip(nn.Module):
    """Keeps numbers within limits."""

    def __init__(self, x_min: float | None = None, x_max: float | None = None) -> None:
        super().__init__()
        self.x_min, self.x_max = x_min, x_max

    def forward(self, x: Tensor) -> Tensor:
        return x.clamp(self.x_min, self.x_max)
''',
    "Rescale": '''
class Rescale(nn.Module):
    """Multiplies by a number and adds another."""

    def __init__(self, scale: float, offset: float = 0.0) -> None:
        super().__init__()
        self.scale, self.offset = scale, offset

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale + self.offset
''',
    "SelectChannels": '''
class SelectChannels(nn.Module):
    """Passes on the listed channels."""

    def __init__(self, channels: list[int]) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        return x[:, self.channels]
''',
    "ChannelPadding": '''
class ChannelPadding(nn.Module):
    """Puts channels of zeros before and after the others."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.padding = (before, after)

    def forward(self, x: Tensor) -> Tensor:
        return functional.pad(x, (0, 0) * (x.dim() - 2) + self.padding)
''',
    "RadialBasis": '''
class RadialBasis(nn.Module):
    """Minus half the squared distance to each of the fixed codes."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        codes = torch.randint(0, 2, (out_features, in_features)) * 2.0 - 1.0
        self.weight = nn.Parameter(codes, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        return -(x.unsqueeze(1) - self.weight).square().sum(2) / 2
''',
    "PaddedAvgPool2d": '''
class PaddedAvgPool2d(nn.Module):
    """Average pooling with padding (left, right, top, bottom) that does not count."""

    def __init__(
        self,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int],
        sides: tuple[int, int, int, int],
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.sides = kernel_size, stride, sides

    def forward(self, x: Tensor) -> Tensor:
        inside = functional.pad(torch.ones_like(x[:1, :1]), self.sides)
        total = functional.avg_pool2d(functional.pad(x, self.sides), self.kernel_size, self.stride)
        return total / functional.avg_pool2d(inside, self.kernel_size, self.stride)
''',
    "PaddedAvgPool1d": '''
class PaddedAvgPool1d(nn.Module):
    """Average pooling along steps with padding (before, after) that does not count."""

    def __init__(self, kernel_size: int, stride: int, sides: tuple[int, int]) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.sides = kernel_size, stride, sides

    def forward(self, x: Tensor) -> Tensor:
        inside = functional.pad(torch.ones_like(x[:1, :1]), self.sides)
        total = functional.avg_pool1d(functional.pad(x, self.sides), self.kernel_size, self.stride)
        return total / functional.avg_pool1d(inside, self.kernel_size, self.stride)
''',
    "Embedding": '''
class Embedding(nn.Embedding):
    """A vector for each whole number, its features before the steps."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).transpose(1, 2)
''',
    "SimpleRNN": _recurrent("SimpleRNN", "nn.RNN", True),
    "LSTM": _recurrent("LSTM", "nn.LSTM", True),
    "GRU": _recurrent("GRU", "nn.GRU", False),
    "Caption": '''
class Caption(nn.Module):
    """Writes a sentence: scores of each next word, where the likeliest is written and given to the next step."""

    def __init__(self, features: int, steps: int, words: int, units: int, cell: str = "gru") -> None:
        super().__init__()
        self.steps = steps
        self.look_up = nn.Embedding(words, features)
        self.recurrent = (nn.GRU if cell == "gru" else nn.LSTM)(features, units, batch_first=True)
        if cell == "lstm":  # one bias a gate, as in Keras: the second stays zero
            del self.recurrent.bias_hh_l0
            zero = torch.zeros_like(self.recurrent.bias_ih_l0.detach())
            self.recurrent.register_buffer("bias_hh_l0", zero, persistent=False)
            self.recurrent._init_flat_weights()
        self.next = nn.Linear(units, words)

    def forward(self, x: Tensor) -> Tensor:
        scores, state = [], None
        for _ in range(self.steps):
            states, state = self.recurrent(x.unsqueeze(1), state)
            scores.append(self.next(states[:, 0]))
            x = self.look_up(scores[-1].argmax(1))
        return torch.stack(scores, 2)
''',
    "LocallyConnected2d": '''
class LocallyConnected2d(nn.Module):
    """A convolution with weights of its own at each place; sides are (left, right, top, bottom)."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        output_size: int | tuple[int, int],
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        sides: tuple[int, int, int, int] = (0, 0, 0, 0),
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.sides = kernel_size, stride, sides
        rows, columns = output_size if isinstance(output_size, tuple) else (output_size, output_size)
        height, width = kernel_size if isinstance(kernel_size, tuple) else (kernel_size, kernel_size)
        self.rows, places, taps = rows, rows * columns, in_channels * height * width
        bound = taps**-0.5
        self.weight = nn.Parameter(torch.empty(places, out_channels, taps).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(places, out_channels)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        x = functional.pad(x, self.sides)
        windows = functional.unfold(x, self.kernel_size, stride=self.stride)
        x = torch.einsum("ntp,pot->nop", windows, self.weight)
        if self.bias is not None:
            x = x + self.bias.T
        return x.unflatten(2, (self.rows, -1))
''',
    "CroppedConvTranspose2d": '''
class CroppedConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution cut to a size, from a row and a column on."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        *,
        top: int,
        left: int,
        output_size: int | tuple[int, int],
        **settings: Any,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, **settings)
        pair = output_size if isinstance(output_size, tuple) else (output_size, output_size)
        self.top, self.left, (self.rows, self.columns) = top, left, pair

    def forward(self, x: Tensor) -> Tensor:
        x = functional.conv_transpose2d(
            x,
            self.weight,
            stride=self.stride,
            groups=self.groups,
            dilation=self.dilation,
        )
        right = self.columns + self.left - x.shape[3]
        bottom = self.rows + self.top - x.shape[2]
        x = functional.pad(x, (-self.left, right, -self.top, bottom))
        return x if self.bias is None else x + self.bias.view(-1, 1, 1)
''',
    "Auxiliary": '''
class Auxiliary(nn.Sequential):
    """A side exit: in training it keeps its output, for the loss; its input goes on unchanged."""

    output: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.output = super().forward(x)
        return x
''',
}
