"""What people's models write in their own words, and what it is in the tree. `network_of` compares the outputs."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from hubel.arch import parse
from hubel.nn import inspect, network_of, translate


class Own(nn.Module):
    """A model of one function, which may have modules."""

    def __init__(self, function: Any, *parts: nn.Module) -> None:
        super().__init__()
        self.function, self.parts = function, nn.ModuleList(parts)

    def forward(self, x: Tensor) -> Any:
        return self.function(x, *self.parts)


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda x: functional.log_softmax(x, 1), "log_softmax"),
        (lambda x: functional.log_softmax(x.flatten(1), dim=-1), "flatten, log_softmax"),
        (lambda x: functional.pad(x, (1, 1, 2, 0), mode="reflect"), "reflectpad 2/0x1/1"),
        (lambda x: functional.pad(x, (1, 0, 0, 2), "replicate"), "edgepad 0/2x1/0"),
        (lambda x: functional.pad(x, (1, 2, 3, 0), "circular"), "wrappad 3/0x1/2"),
        (lambda x: functional.pad(x, (-1, -1, 0, -2)), "crop 0/2x1/1"),
        (lambda x: x[:, :, 1:-1, 1:-1], "crop 1"),
        (lambda x: x[:, :2], "select 0 1"),
        (lambda x: x[:, ::2], "select 0 2"),
        (lambda x: x[:, [2, 0, 1]], "select 2 0 1"),
        (lambda x: x[..., (-1, 0), :, :], "select 3 0"),
        (lambda x: x[:, range(2)], "select 0 1"),
        (lambda x: x.flatten(1)[:, [5, 5, 1]], "flatten, select 5 5 1"),
        (lambda x: x / 255, f"rescale {1 / 255}"),
        (lambda x: (x - 0.5) * 2 + 1, "rescale 1.0 offset=-0.5, rescale 2.0, rescale 1.0 offset=1.0"),
        (lambda x: 1 - x, "rescale -1.0 offset=1.0"),
        (lambda x: -x, "rescale -1.0"),
        (lambda x: x.mul(0.1).add_(x), "sum(rescale 0.1 | identity)"),
        (lambda x: x - x.sigmoid(), "sum(identity | sigmoid, rescale -1.0)"),
        (lambda x: x.amax((2, 3)), "globalmaxpool"),
        (lambda x: x.amax((2, 3), keepdim=True).squeeze(-1).squeeze(-1), "globalmaxpool keepdims=true, flatten"),
        (lambda x: x.flatten(2).mean(-1), "globalavgpool"),
        (lambda x: functional.adaptive_avg_pool2d(x, 1)[:, :, 0, 0], "globalavgpool keepdims=true, flatten"),
        (lambda x: x.clamp(0, 6), "relu6"),
        (lambda x: functional.hardtanh(x, 0.0, 6.0), "relu6"),
        (lambda x: x.clamp(min=0), "relu"),
        (lambda x: x * functional.relu6(x + 3) / 6, "product(identity | rescale 1.0 offset=3.0, relu6), "
         f"rescale {1 / 6}"),
        (lambda x: functional.pixel_shuffle(x, 2), "pixelshuffle 2"),
        (functional.instance_norm, "instancenorm center=false scale=false"),
        (lambda x: functional.instance_norm(x, eps=0.01), "instancenorm epsilon=0.01 center=false scale=false"),
        (lambda x: functional.elu(x, 0.3), "elu 0.3"),
        (lambda x: functional.elu(x), "elu"),
        (lambda x: functional.celu(x, 0.3), "celu 0.3"),
        (
            lambda x: functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True),
            "upsample 2 interpolation=bilinear aligned=true",
        ),
        (lambda x: functional.interpolate(x, size=(9, 5)), "resize 9x5 interpolation=nearest"),
        (lambda x: functional.interpolate(x, size=(4, 12), mode="bilinear"), "resize 4x12"),
        (lambda x: functional.interpolate(x, scale_factor=0.5, mode="bilinear", align_corners=True),
         "resize 3 aligned=true"),
        (lambda x: functional.gelu(x, approximate="tanh"), "gelu_tanh"),
        (lambda x: functional.softplus(x, 2.0), "rescale 2.0, softplus, rescale 0.5"),
        (functional.logsigmoid, "rescale -1.0, softplus, rescale -1.0"),
        (lambda x: x.clamp(-1e8, 1e8), "clip x_min=-100000000.0 x_max=100000000.0"),
        (lambda x: x**2, "product(identity | identity)"),
        (lambda x: x.square(), "product(identity | identity)"),
        (lambda x: x[:, :, 2, 3], "crop 2/3x3/2, flatten"),
        (lambda x: x.flatten(2).max(-1)[0], "globalmaxpool"),
        (lambda x: functional.relu_(x) + x, "relu, sum(identity | identity)"),
    ],
)  # fmt: skip
def test_functions(function: Any, text: str) -> None:
    assert str(network_of(Own(function), (6, 6, 4))) == f"6x6x4: {text}"


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (nn.PReLU(4), "prelu"),
        (nn.PReLU(), "prelu shared=true"),
        (nn.ELU(0.3), "elu 0.3"),
        (nn.CELU(0.3), "celu 0.3"),
        (nn.Hardtanh(0, 6), "relu6"),
        (nn.LogSoftmax(1), "log_softmax"),
        (nn.InstanceNorm2d(4), "instancenorm center=false scale=false"),
        (nn.InstanceNorm2d(4, affine=True), "instancenorm"),
        (nn.ReflectionPad2d(2), "reflectpad 2"),
        (nn.ReplicationPad2d((1, 0, 2, 0)), "edgepad 2/0x1/0"),
        (nn.CircularPad2d((1, 0, 2, 3)), "wrappad 2/3x1/0"),
        (nn.PixelShuffle(2), "pixelshuffle 2"),
        (nn.PixelUnshuffle(2), "pixelunshuffle 2"),
        (nn.Dropout2d(0.3), "spatialdropout 0.3"),
        (nn.GELU("tanh"), "gelu_tanh"),
        (nn.Softplus(2.0), "rescale 2.0, softplus, rescale 0.5"),
        (nn.Sequential(nn.Flatten(), nn.Unflatten(1, (4, 9, -1))), "flatten, reshape 9x4x4"),
        (nn.MaxPool2d((2, 2), dilation=(1, 1)), "maxpool 2"),
        (nn.UpsamplingBilinear2d(scale_factor=2), "upsample 2 interpolation=bilinear aligned=true"),
    ],
)
def test_modules(part: nn.Module, text: str) -> None:
    assert str(network_of(nn.Sequential(part), (6, 6, 4))) == f"6x6x4: {text}"


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (nn.AdaptiveAvgPool1d(1), "globalavgpool1d keepdims=true"),
        (nn.AdaptiveMaxPool1d(1), "globalmaxpool1d keepdims=true"),
        (nn.AdaptiveAvgPool1d(5), "reshape 12x1x4, adaptiveavgpool 5x1, reshape 5x4"),
        (nn.AdaptiveMaxPool1d(3), "reshape 12x1x4, adaptivemaxpool 3x1, reshape 3x4"),
        (nn.ConvTranspose1d(4, 6, 5, 3, 1, 1, groups=2, dilation=2, bias=False),
         "reshape 12x1x4, deconv 6 5x1/3x1 nobias pad=1x0 output_padding=1x0 dilation=2x1 groups=2, reshape 41x6"),
        (Own(lambda x, given: functional.conv_transpose1d(x, given.weight, given.bias, 2),
             nn.ConvTranspose1d(4, 6, 3)), "reshape 12x1x4, deconv 6 3x1/2x1, reshape 25x6"),
        (nn.InstanceNorm1d(4, affine=True), "instancenorm"),
        (nn.Dropout1d(0.3).eval(), "spatialdropout1d 0.3"),
        (nn.Upsample(scale_factor=2), "reshape 12x1x4, upsample 2x1, reshape 24x4"),
        (Own(lambda x: functional.interpolate(x, size=9, mode="linear")), "reshape 12x1x4, resize 9x1, reshape 9x4"),
        (Own(lambda x: x[:, :, -1]), "reshape 12x1x4, crop 11/0x0/0, reshape 1x4, flatten"),
        (Own(lambda x: x.transpose(1, 2)[:, 0]), "reshape 12x1x4, crop 0/11x0/0, reshape 1x4, flatten"),
        (Own(lambda x: x.max(dim=2)[0]), "globalmaxpool1d"),
        (nn.MaxPool1d(3, 2, 1, ceil_mode=True), "maxpool1d 3/2 pad=1 ceil_mode=true"),
        (nn.AvgPool1d(3, 2, 1), "avgpool1d 3/2 pad=1 count_padding=true"),
        (nn.AvgPool1d(3, 2, 1, count_include_pad=False), "avgpool1d 3/2 pad=1"),
        (nn.AvgPool1d(2, count_include_pad=False), "avgpool1d 2 count_padding=true"),
        (Own(lambda x: x.mean(-1)), "globalavgpool1d"),
        (Own(lambda x: x.transpose(1, 2).relu().amax(dim=1)), "relu, globalmaxpool1d"),
        (Own(lambda x: functional.max_pool1d(x, 2)), "maxpool1d 2"),
        (Own(lambda x: functional.adaptive_avg_pool1d(x, 1).flatten(1)), "globalavgpool1d keepdims=true, flatten"),
        (Own(lambda x, given: functional.conv1d(x, given.weight, given.bias, 2), nn.Conv1d(4, 6, 3)), "conv1d 6 3/2"),
        (Own(lambda x, given: given(functional.pad(x, (4, 0))), nn.Conv1d(4, 6, 3, dilation=2)),
         "conv1d 6 3 pad=4/0 dilation=2"),
        (nn.Sequential(nn.ConstantPad1d((1, 2), 0.0), nn.Conv1d(4, 6, 3)), "conv1d 6 3 pad=1/2"),
        (nn.Sequential(nn.ZeroPad1d((1, 0)), nn.Conv1d(4, 6, 3, padding=1)),
         "reshape 12x1x4, zeropad 1/0x0/0, reshape 13x4, conv1d 6 3 pad=1"),
        (nn.ReplicationPad1d((1, 2)), "reshape 12x1x4, edgepad 1/2x0/0, reshape 15x4"),
        (Own(lambda x: functional.pad(x, (2, 0), mode="reflect")), "reshape 12x1x4, reflectpad 2/0x0/0, reshape 14x4"),
        (Own(lambda x: x[:, :, :-2]), "reshape 12x1x4, crop 0/2x0/0, reshape 10x4"),
        (
            Own(lambda x: x[:, :, 1::3]),
            "reshape 12x1x4, crop 1/1x0/0, reshape 10x4, reshape 10x1x4, maxpool 1/3x1, reshape 4x4",
        ),
        (Own(lambda x: x[:, :2]), "select 0 1"),
    ],
)  # fmt: skip
def test_sequences(model: nn.Module, text: str) -> None:
    network = network_of(model, (12, 4))
    assert network == parse(f"12x4: {text}")
    x = torch.randn(2, 4, 12)
    torch.testing.assert_close(translate(model, (12, 4))(x), model(x))


@pytest.mark.parametrize("shape", [torch.empty(2, 3, 8, 8), torch.empty(1, 3, 8, 8).numpy()])
def test_pictures_are_no_shape_and_are_not_written_out(shape: Any) -> None:
    for read in (network_of, translate, inspect):
        with pytest.raises(ValueError, match=r"received an array of [12]×3×8×8"):
            read(nn.Conv2d(3, 4, 3), shape)


def attended(x: Tensor, conv: nn.Module) -> Tensor:
    """Efficient channel attention: a convolution along the channels."""
    means = conv(x.mean((2, 3)).view(x.shape[0], 1, -1))
    return x * means.sigmoid().view(x.shape[0], -1, 1, 1).expand_as(x)


def attended_otherwise(x: Tensor, conv: nn.Module) -> Tensor:
    means = functional.adaptive_avg_pool2d(x, 1)
    means = conv(means.squeeze(-1).transpose(-1, -2)).transpose(-1, -2).unsqueeze(-1)
    return x * means.sigmoid().expand_as(x)


def halved(x: Tensor, dense: nn.Module) -> Tensor:
    """Gates of channels that lie last."""
    first, second = dense(x.permute(0, 2, 3, 1)).split((4, 4), -1)
    return (first * second.sigmoid()).permute(0, 3, 1, 2)


@pytest.mark.parametrize(
    ("function", "part", "text"),
    [
        (attended, nn.Conv1d(1, 1, 3, padding=1, bias=False),
         "product(identity | globalavgpool, reshape 4x1, conv1d 1 3 nobias pad=1, sigmoid, reshape 1x1x4)"),
        (attended_otherwise, nn.Conv1d(1, 1, 3, padding=1, bias=False),
         "product(identity | globalavgpool keepdims=true, reshape 4x1, conv1d 1 3 nobias pad=1, reshape 1x1x4, "
         "sigmoid)"),
        (halved, nn.Linear(4, 8), "dense 8, product(select 0 1 2 3 | select 4 5 6 7, sigmoid)"),
    ],
)  # fmt: skip
def test_gates(function: Any, part: nn.Module, text: str) -> None:
    model = Own(function, part)
    network = network_of(model, (6, 6, 4))
    assert network == parse(f"6x6x4: {text}")
    x = torch.randn(2, 4, 6, 6)
    torch.testing.assert_close(translate(model, (6, 6, 4))(x), model(x))


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda x: x.clamp(0.5, 0.5), "clamp"),
        (lambda x: 1 / x, "no layer for (reciprocal|rtruediv|rdiv|div)"),
        (lambda x: x.std(1), "std"),
        (lambda x: torch.add(x, x, alpha=0.5), "add: a tree adds branches as they are, without alpha"),
        (lambda x: x**3, "of powers a tree has squares alone"),
        (lambda x: functional.pad(x, (1, 1, 1, 1), value=1.0), "no layer for pad"),
        (lambda x: functional.relu_(x[:, :2]) + x[:, 2:], "writes into a tensor that is used elsewhere as it was"),
        (lambda x: functional.dropout2d(x), "always on"),
    ],
)
def test_what_has_no_layer_is_named(function: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        network_of(Own(function), (6, 6, 4))


class Prepared(nn.Module):
    """Numbers of its own that nobody learns, and one that is learned."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function, self.plain = function, torch.tensor([0.4, 0.5, 0.6])
        self.register_buffer("mean", torch.tensor([0.5, 0.4, 0.3]).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor([0.2, 0.3, 0.4]).view(3, 1, 1))
        self.register_buffer("gain", torch.tensor(2.0))
        self.learned = nn.Parameter(torch.rand(1, 3, 1, 1))

    def forward(self, x: Tensor) -> Any:
        return self.function(self, x) * self.learned


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda own, x: (x - own.mean) / own.deviation, "standardise"),
        (lambda own, x: x.clone().sub_(own.plain[:, None, None]).mul_(own.deviation), "standardise"),
        (lambda own, x: x / own.deviation + own.mean, "2 * standardise"),
        (lambda own, x: x - torch.tensor([1.0, 2.0, 3.0], device=x.device).view(3, 1, 1), "standardise"),
        (lambda own, x: 1 - x * own.gain, "rescale 2.0, rescale -1.0 offset=1.0"),
        (
            lambda own, x: (lambda y: y + (y / own.deviation))(x - own.mean),
            "sum(standardise | standardise)",
        ),
    ],
)
def test_numbers_that_nobody_learns(function: Any, text: str) -> None:
    model = Prepared(function)
    module = translate(model, (6, 6, 3))
    assert str(module.network) == f"6x6x3: {text}, scale nobias"
    x = torch.randn(2, 3, 6, 6)
    torch.testing.assert_close(module(x), model(x))


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda own, x: own.mean - x, "sub.*: its bias is the model's buffer mean"),
        (
            lambda own, x: x + own.learned.expand(1, 3, 6, 6),
            "add.*: a tree adds one learned number for each channel, not",
        ),
        (lambda own, x: x / (own.deviation - own.deviation), "div.*: a tensor worked out when it runs"),
        (lambda own, x: x / -own.gain * own.mean.neg(), "a tensor worked out when it runs"),
    ],
)
def test_numbers_that_have_no_place_are_named(function: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        network_of(Prepared(function), (6, 6, 3))


class ByName(nn.Module):
    """Everything is given by its name, the picture too."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.avg_pool2d(input=x, kernel_size=(2, 2), stride=(2, 2))
        x = functional.conv2d(input=x, weight=self.layer.weight, bias=self.layer.bias)
        x = functional.relu(input=x)
        x = torch.add(input=x, other=functional.leaky_relu(input=x, negative_slope=0.2))
        return torch.flatten(input=x, start_dim=1)


def test_what_is_given_by_its_name_is_read_as_what_is_given_by_its_place() -> None:
    wanted = "8x8x3: avgpool 2 count_padding=true, conv 4 3x3, relu, sum(identity | leaky 0.2), flatten"
    assert str(network_of(ByName(), (8, 8, 3))) == str(parse(wanted))


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda x: functional.interpolate(x, size=(16, 24)), "upsample 2x3"),
        (lambda x: functional.interpolate(x, size=16, mode="bilinear"), "upsample 2 interpolation=bilinear"),
        (lambda x: x[:, :, ::2, ::2], "maxpool 1/2"),
        (lambda x: x[..., 1::2, ::3], "crop 1/0x0/1, maxpool 1/2x3"),
        (lambda x: x[:, :, 2:9:3, -4::2], "crop 2/2x4/1, maxpool 1/3x2"),
        (lambda x: x[..., ::3], "maxpool 1/1x3"),
        (lambda x: x.narrow(1, 1, 2), "select 1 2"),
        (lambda x: x.narrow(dim=-1, start=1, length=6), "crop 0x1"),
        (lambda x: functional.pad(x, (0, 0, 0, 0, 2, 1)), "padchannels 2 1"),
        (lambda x: functional.pad(x, (-1, 2, 1, -3)), "crop 0/3x1/0, zeropad 1/0x0/2"),
        (lambda x: nn.ConstantPad2d(1, 0.0)(x), "zeropad 1"),
        (lambda x: nn.Softmax2d()(x), "softmax"),
    ],
)
def test_more_functions(function: Any, text: str) -> None:
    assert str(network_of(Own(function), (8, 8, 4))) == f"8x8x4: {text}"


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_a_convolution_that_continues_the_picture_is_two_layers(mode: str) -> None:
    model = nn.Sequential(nn.Conv2d(4, 6, (3, 5), 2, (1, 2), padding_mode=mode), nn.SyncBatchNorm(6)).eval()
    module, pictures = translate(model, (8, 9, 4)), torch.randn(2, 4, 8, 9)
    word = {"reflect": "reflectpad", "replicate": "edgepad", "circular": "wrappad"}[mode]
    assert str(module.network) == f"8x9x4: {word} 1x2, conv 6 3x5/2, norm"
    torch.testing.assert_close(module(pictures), model(pictures))
