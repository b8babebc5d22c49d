"""The modules that PyTorch lacks. All take N×C×H×W (or N×features), in any memory layout."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from hubel.arch import torch_order
from hubel.base.errors import NetworkError, SettingError

ModuleT = TypeVar("ModuleT", bound=nn.Module)
Pair = tuple[int, int]
Sides = tuple[int, int, int, int]


class PaddedConv2d(nn.Conv2d):
    """A convolution whose padding differs from side to side: `sides` is (left, right, top, bottom)."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Pair, sides: Sides, **settings: object
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, **settings)  # type: ignore[arg-type]
        self.sides = sides

    def forward(self, input: Tensor) -> Tensor:
        """Pad with noughts, then convolve."""
        return super().forward(functional.pad(input, self.sides))


class PaddedConv1d(nn.Conv1d):
    """A convolution along steps whose padding differs from end to end: `sides` is (before, after)."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, sides: tuple[int, int], **settings: object
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, **settings)  # type: ignore[arg-type]
        self.sides = sides

    def forward(self, input: Tensor) -> Tensor:
        """Pad with noughts, then convolve."""
        return super().forward(functional.pad(input, self.sides))


class CroppedConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution cut to `output_size` from (top, left); rows that it lacks hold the bias alone."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        *,
        top: int,
        left: int,
        output_size: Pair,
        **settings: object,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, **settings)  # type: ignore[arg-type]
        self.top, self.left, self.output_size = top, left, output_size

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Convolve, then cut or fill to size; the bias comes last, so that filled rows have it too."""
        whole = functional.conv_transpose2d(
            input,
            self.weight,
            None,
            self.stride,
            0,
            0,
            self.groups,
            self.dilation,
        )
        bottom = self.output_size[0] + self.top - whole.shape[2]
        right = self.output_size[1] + self.left - whole.shape[3]
        cut = functional.pad(whole, (-self.left, right, -self.top, bottom))
        return cut if self.bias is None else cut + self.bias.view(-1, 1, 1)


class LocallyConnected2d(nn.Module):
    """A convolution with weights of its own at each place.

    `weight` is places × out_channels × (in_channels·kernel height·kernel width), `bias` places × out_channels.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        output_size: Pair,
        kernel_size: Pair,
        stride: Pair,
        sides: Sides,
        bias: bool,
    ) -> None:
        super().__init__()
        self.output_size, self.kernel_size, self.stride, self.sides = output_size, kernel_size, stride, sides
        places, fan_in = output_size[0] * output_size[1], in_channels * kernel_size[0] * kernel_size[1]
        bound = fan_in**-0.5  # as PyTorch starts a convolution
        self.weight = nn.Parameter(torch.empty(places, out_channels, fan_in).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(places, out_channels).uniform_(-bound, bound)) if bias else None

    def forward(self, input: Tensor) -> Tensor:
        """Unfold the windows, and multiply each place's by its own weights."""
        padded = functional.pad(input, self.sides) if any(self.sides) else input
        windows = functional.unfold(padded, self.kernel_size, stride=self.stride)  # N × fan_in × places
        found = torch.bmm(windows.permute(2, 0, 1), self.weight.transpose(1, 2))  # places × N × out
        if self.bias is not None:
            found = found + self.bias.unsqueeze(1)
        return found.permute(1, 2, 0).reshape(input.shape[0], -1, *self.output_size)


class PaddedMaxPool2d(nn.Module):
    """Max pooling whose padding differs from side to side; padded places never win."""

    pool: Callable[..., Tensor] = staticmethod(functional.max_pool2d)

    def __init__(self, kernel_size: Pair, stride: Pair, sides: Sides) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.sides = kernel_size, stride, sides

    def forward(self, input: Tensor) -> Tensor:
        """Pad with minus infinity, then pool."""
        return self.pool(functional.pad(input, self.sides, value=-torch.inf), self.kernel_size, self.stride)


class PaddedMaxPool1d(PaddedMaxPool2d):
    """Max pooling of steps whose padding differs from end to end."""

    pool = staticmethod(functional.max_pool1d)


class PaddedAvgPool2d(nn.Module):
    """Average pooling whose padding differs from side to side; padded places count only with `count_include_pad`."""

    pool: Callable[..., Tensor] = staticmethod(functional.avg_pool2d)

    def __init__(self, kernel_size: Pair, stride: Pair, sides: Sides, count_include_pad: bool) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.sides = kernel_size, stride, sides
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        """Average over padded windows, divided by the share of each that lies in the picture."""
        found = self.pool(functional.pad(input, self.sides), self.kernel_size, self.stride)
        if self.count_include_pad:
            return found
        ones = functional.pad(input.new_ones(1, 1, *input.shape[2:]), self.sides)
        return found / self.pool(ones, self.kernel_size, self.stride)


class PaddedAvgPool1d(PaddedAvgPool2d):
    """Average pooling of steps whose padding differs from end to end."""

    pool = staticmethod(functional.avg_pool1d)


class GlobalAvgPool2d(nn.Module):
    """The mean over height and width: N×C×H×W → N×C, or N×C×1×1 with `keepdims`."""

    def __init__(self, keepdims: bool) -> None:
        super().__init__()
        self.keepdims = keepdims

    def forward(self, input: Tensor) -> Tensor:
        """Average."""
        return input.mean((2, 3), keepdim=self.keepdims)


class GlobalMaxPool2d(GlobalAvgPool2d):
    """The largest number over height and width: N×C×H×W → N×C, or N×C×1×1 with `keepdims`."""

    def forward(self, input: Tensor) -> Tensor:
        """Take the largest; the first of several alone gets the gradient, as in windows."""
        found = functional.adaptive_max_pool2d(input, 1)
        return found if self.keepdims else found.flatten(1)


class GlobalAvgPool1d(GlobalAvgPool2d):
    """The mean over the steps: N×C×T → N×C, or N×C×1 with `keepdims`."""

    def forward(self, input: Tensor) -> Tensor:
        """Average."""
        return input.mean(2, keepdim=self.keepdims)


class GlobalMaxPool1d(GlobalAvgPool2d):
    """The largest number over the steps: N×C×T → N×C, or N×C×1 with `keepdims`."""

    def forward(self, input: Tensor) -> Tensor:
        """Take the largest; the first of several alone gets the gradient, as in windows."""
        found = functional.adaptive_max_pool1d(input, 1)
        return found if self.keepdims else found.flatten(1)


class Embedding(nn.Embedding):
    """A vector for each whole number, the features first: N×T → N×features×T."""

    def forward(self, input: Tensor) -> Tensor:
        """Look up; numbers of any type will do that are whole. Raises `NetworkError` for others."""
        numbers = input if input.dtype in (torch.int32, torch.int64) else input.long()
        if numbers is not input and not torch.equal(numbers.to(input.dtype), input):
            raise NetworkError("expected whole numbers to look up, received numbers between them")
        try:
            return super().forward(numbers).transpose(1, 2)
        except IndexError:
            received = f"{int(numbers.min())} … {int(numbers.max())}"
            known = f"0 to {self.num_embeddings - 1}"
            raise NetworkError(f"expected whole numbers from {known} to look up, received {received}") from None


class _OverSteps:
    """What runs along steps: N×C×T → N×units, the last state, or N×units×T with `sequences`.

    `backwards` starts at the last step. Where one bias a gate says all, there is one: the other stays nought.
    """

    one_bias = True

    def __init__(self: Any, input_size: int, hidden_size: int, sequences: bool, backwards: bool, **more: Any) -> None:
        super().__init__(input_size, hidden_size, batch_first=True, **more)  # type: ignore[call-arg]
        self.sequences, self.backwards = sequences, backwards
        if self.one_bias and self.bias:
            del self.bias_hh_l0
            self._keep_nought()

    def _keep_nought(self: Any) -> None:
        self.register_buffer("bias_hh_l0", torch.zeros_like(self.bias_ih_l0.detach()), persistent=False)
        self._init_flat_weights()

    def forward(self: Any, input: Tensor, hx: Any = None) -> Any:
        """Bring the steps before the channels, run along them, and back."""
        if self.one_bias and self.bias and self.bias_hh_l0.is_meta:  # built without numbers, then given its weights
            self._keep_nought()
        steps = input.transpose(1, 2)
        states, last = super().forward(steps.flip(1) if self.backwards else steps, hx)  # type: ignore[misc]
        if self.sequences:
            return states.transpose(1, 2)
        return (last[0] if isinstance(last, tuple) else last).squeeze(0)


class SimpleRNN(_OverSteps, nn.RNN):  # type: ignore[misc]
    """A state and one product of it."""


class LSTM(_OverSteps, nn.LSTM):  # type: ignore[misc]
    """A state and a cell with four gates."""


class GRU(_OverSteps, nn.GRU):  # type: ignore[misc]
    """A state with two gates, each with both its biases."""

    one_bias = False


class ChannelLayerNorm(nn.LayerNorm):
    """Layer normalisation over the channels of each place."""

    def forward(self, input: Tensor) -> Tensor:
        """Bring the channels to the end, normalise, and back."""
        return super().forward(input.movedim(1, -1)).movedim(-1, 1)


class Rescale(nn.Module):
    """Multiply by a number and add another, which stay as they are."""

    def __init__(self, scale: float = 1.0, offset: float = 0.0) -> None:
        super().__init__()
        self.scale, self.offset = scale, offset

    def forward(self, input: Tensor) -> Tensor:
        """Multiply and add."""
        return input * self.scale + self.offset if self.offset else input * self.scale


class Scale(nn.Module):
    """One learned factor, and shift, for each channel."""

    def __init__(self, channels: int, bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels)) if bias else None

    def forward(self, input: Tensor) -> Tensor:
        """Multiply and add."""
        shape = (-1, *[1] * (input.dim() - 2))
        scaled = input * self.weight.view(shape)
        return scaled if self.bias is None else scaled + self.bias.view(shape)


class Gate(nn.Sequential):
    """Multiply the picture by what a small network makes of it: squeeze and excitation."""

    def __init__(self, modules: dict[str, nn.Module]) -> None:
        super().__init__()
        named(self, modules)

    def forward(self, input: Tensor) -> Tensor:
        """Multiply."""
        return input * run(list(self.children()), input)


class SelectChannels(nn.Module):
    """Pass on the listed channels."""

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.channels = list(channels)

    def forward(self, input: Tensor) -> Tensor:
        """Index."""
        return input[:, self.channels]


class ChannelPadding(nn.Module):
    """Put channels of noughts before and after the others."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.before, self.after = before, after

    def forward(self, input: Tensor) -> Tensor:
        """Pad."""
        return functional.pad(input, (*[0, 0] * (input.dim() - 2), self.before, self.after))


class Reshape(nn.Module):
    """View the same numbers as C×H×W (`shape` is height, width, channels), as C×T (steps, channels), or as a vector."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = torch_order(shape)

    def forward(self, input: Tensor) -> Tensor:
        """View, channel after channel."""
        return input.reshape(input.shape[0], *self.shape)


class RadialBasis(nn.Module):
    """Minus half the squared distance to each of `out_features` fixed codes of ±1, drawn once."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        codes = torch.randint(0, 2, (out_features, in_features)).float() * 2 - 1
        self.weight = nn.Parameter(codes, requires_grad=False)

    def forward(self, input: Tensor) -> Tensor:
        """Write out the square: x·w − ½x·x − ½w·w."""
        own = input.square().sum(1, keepdim=True) + self.weight.square().sum(1)
        return functional.linear(input, self.weight) - own / 2


class Sum(nn.Module):
    """Run branches on the same input and add what they give.

    Each branch is given as named modules to run one after another; all of them are children of this one.
    """

    def __init__(self, branches: Sequence[Mapping[str, nn.Module]]) -> None:
        super().__init__()
        self.branches = [list(branch) for branch in branches]
        for branch in branches:
            named(self, branch)

    def outputs(self, input: Tensor) -> list[Tensor]:
        """Return each branch's output."""
        return [run([self._modules[name] for name in branch], input) for branch in self.branches]  # type: ignore[misc]

    def forward(self, input: Tensor) -> Tensor:
        """Add the branches' outputs, from the first to the last."""
        first, *others = self.outputs(input)
        for output in others:
            first = first + output
        return first


class Concat(Sum):
    """Run branches on the same input and put their channels side by side."""

    def forward(self, input: Tensor) -> Tensor:
        """Concatenate along the channels."""
        return torch.cat(self.outputs(input), 1)


class Product(Sum):
    """Run branches on the same input and multiply what they give, each spread along the axes that it lacks."""

    def forward(self, input: Tensor) -> Tensor:
        """Multiply the branches' outputs, from the first to the last; missing axes are places, after the channels."""
        outputs = self.outputs(input)
        axes = max(output.dim() for output in outputs)
        first, *others = (output.reshape(*output.shape, *[1] * (axes - output.dim())) for output in outputs)
        for output in others:
            first = first * output
        return first


class Auxiliary(nn.Sequential):
    """A side exit: hands its input on, and its own logits to the list that `collect` names, where one is set."""

    def __init__(self, modules: dict[str, nn.Module]) -> None:
        super().__init__()
        named(self, modules)
        self.collect: list[Tensor] | None = None

    def forward(self, input: Tensor) -> Tensor:
        """Pass the input on; run the exit's own modules only where somebody collects."""
        if self.collect is not None:
            self.collect.append(run(before_probabilities(self), input))
        return input


def named(module: ModuleT, children: Mapping[str, nn.Module]) -> ModuleT:
    """Give a module named children, in order; raise `ValueError` for a name that PyTorch uses itself."""
    for name, child in children.items():
        if hasattr(module, name):
            raise SettingError(f"expected a name that PyTorch's modules do not use, received {name!r}: choose another")
        module.add_module(name, child)
    return module


def before_probabilities(modules: nn.Sequential) -> list[nn.Module]:
    """Return a chain's modules without a softmax or sigmoid at the very end."""
    found = list(modules.children())
    return found[:-1] if found and isinstance(found[-1], (nn.Softmax, nn.Sigmoid)) else found


def run(modules: Sequence[Callable[[Tensor], Tensor]], input: Tensor) -> Tensor:
    """Run modules one after another."""
    for module in modules:
        input = module(input)
    return input
