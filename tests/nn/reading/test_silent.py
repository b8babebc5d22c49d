"""What cannot be seen in parameters and multiply-adds: the tree computes what the model does, or it is refused."""

from __future__ import annotations

import types
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from hubel.arch import parse
from hubel.nn import build, network_of, translate
from hubel.nn.reading.equal import rounds_more


class Runs(nn.Module):
    """A model `m` whose forward of `x` is the given statements; it has the parts that they name."""

    def __init__(self, statements: str) -> None:
        super().__init__()
        parts = {
            "conv": nn.Conv2d(4, 4, 3, padding=1),
            "up": nn.ConvTranspose2d(4, 4, 3, stride=2),
            "act": nn.ReLU(inplace=True),
            "drop": nn.Dropout(0.3, inplace=True),
        }
        for name, part in parts.items():
            if f"m.{name}" in statements:
                self.add_module(name, part)
        body = "\n".join(f"    {statement.strip()}" for statement in statements.split(";"))
        space: dict[str, Any] = {"F": functional, "torch": torch, "nn": nn}
        exec(f"def forward(m, x):\n{body}", space)
        self.function = space["forward"]

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.function(self, x)
        return result


RIGHT = [
    "y = m.conv(x); z = F.relu_(y); return y + z",  # y is what relu wrote into it
    "y = m.conv(x); z = F.relu(y, inplace=True); return y + z",
    "y = m.conv(x); z = F.relu(y, True); return y + torch.tanh(z)",
    "y = m.conv(x); z = torch.relu_(y); return y + torch.tanh(z)",
    "y = m.conv(x); z = y.relu_(); return y + torch.tanh(z)",
    "y = m.conv(x); z = y.tanh_(); return y + torch.tanh(z)",
    "y = m.conv(x); z = y.sigmoid_(); return y + torch.tanh(z)",
    "y = m.conv(x); z = m.act(y); return y + torch.tanh(z)",
    "y = m.conv(x); z = nn.SiLU(inplace=True)(y); return y + torch.tanh(z)",
    "y = m.conv(x); z = nn.Hardswish(inplace=True)(y); return y + torch.tanh(z)",
    "y = m.conv(x); z = F.leaky_relu_(y, 0.3); return y + torch.tanh(z)",
    "y = m.conv(x); z = F.mish(y, inplace=True); return y + torch.tanh(z)",
    "y = m.conv(x); z = F.relu6(y, inplace=True); return y + torch.tanh(z)",
    "y = m.conv(x); s = y; y += x; return s + torch.tanh(y)",
    "y = m.conv(x); s = y; y *= torch.sigmoid(x); return s + torch.tanh(y)",
    "y = m.conv(x); s = y.contiguous(); m.act(y); return s + torch.tanh(y)",
    "y = m.conv(x); m.act(y); return y + x",  # what it returns is thrown away
    "y = m.conv(x); s = y.clone(); m.act(y); return x + torch.tanh(y)",
    "return m.conv(x) if isinstance(x, torch.Tensor) else x",
    "return m.conv(x) if x.shape[1] == 4 else x",
    "assert x.dim() == 4; return m.conv(x)",
    "return nn.ReLU()(m.conv(x))",
    "return F.dropout(m.conv(x), 0.3, m.training)",
    "return F.dropout2d(m.conv(x), 0.3, m.training)",
    "return torch.cat((m.conv(x)[:, 1:3], x[:, :2]), 1)",
    "return m.conv(x[..., 1:, :4])",
    "a, b = m.conv(x).chunk(2, 1); return torch.cat((b, a), 1)",
    "a, b = torch.split(m.conv(x), [1, 3], dim=1); return torch.cat((b, torch.tanh(a)), 1)",
    "y = m.conv(x); return y * y.mean((2, 3), keepdim=True).expand_as(y)",
    "y = m.conv(x); return y * y.amax((2, 3), keepdim=True).sigmoid()",
    "y = m.conv(x).mean((2, 3)); return x * y[:, :, None, None]",
    "return sum([m.conv(x), x])",
    "return m.conv(x) * __import__('numpy').float32(2)",
    "return torch.cat([m.conv(part) for part in x.split(64)]) if len(x) > 64 else m.conv(x)",
    "y = m.conv(x); a = torch.empty_like(y).resize_(0); return torch.tanh(y)",
]
REFUSED = [
    ("return F.dropout(m.conv(x))", "dropout.*always on"),
    ("return F.dropout(m.conv(x), 0.1, training=True)", "dropout.*always on"),
    ("return F.max_pool2d(m.conv(x).mean((2, 3), keepdim=True).expand(-1, -1, 6, 6), 1)", "repeated over a picture"),
    ("return F.relu(m.conv(x).mean((2, 3), keepdim=True).expand_as(x))", "repeated over a picture"),
    ("return m.up(m.conv(x)[:, :, :3, :3], output_size=(7, 7))[:, :, :6, :6]", "called with more than its input"),
    ("y = m.conv(x); s = y.flatten(1); m.act(y); return y + s.view(-1, 4, 6, 6)", "used elsewhere as it was"),
    ("y = m.conv(x); s = y.flatten(1); m.drop(y); return s", "drop: writes into a tensor that is used elsewhere"),
    ("y = m.conv(x); F.dropout(y[:, :2], 0.3, m.training, True); return y", "writes into a tensor that is used"),
    ("y = m.conv(x); F.alpha_dropout(y, 0.3, m.training, True); return y", "no layer for alpha_dropout"),
    ("y = m.conv(x); y.data = F.dropout(y, 0.3, m.training); return y", "set: the tree has no layer for set"),
    ("y = m.conv(x); s = nn.Identity()(y); y.add_(x); return s + y", "add: writes into a tensor that"),
    ("y = m.conv(x); y[:, 0] = 0; return y", "no layer for setitem"),
    ("y = m.conv(x); y[:, :2].relu_(); return y", "writes into a tensor that is used elsewhere"),
    ("y = m.conv(x); torch.relu(x).add_(1); return y.pow_(3)", "pow"),
    ("return torch.add(m.conv(x), x, alpha=2)", "adds branches as they are, without alpha"),
    ("return m.conv(x) * len(x)", "other numbers than its tree"),
    ("return m.conv(x) if len(x) < 9 else m.conv(x) * 2", "other numbers than its tree"),
    ("return m.conv(x) if __import__('random').random() < 0.5 else x.tanh()", "draws random|never ran|other numbers"),
    ("y = m.conv(x); return y if torch.rand(()) < 0.5 else y.tanh()", "draws random numbers in evaluation mode"),
    ("return m.conv(x).to(torch.float16).float()", "rounds to float16"),
    ("return nn.Conv2d(4, 4, 1)(m.conv(x))", "Conv2d: is no registered part of the model"),
    ("return nn.Dropout()(m.conv(x))", "Dropout: is no registered part .* never ends its training"),
    ("return F.conv2d(m.conv(x), torch.ones(4, 4, 1, 1))", "worked out|is no parameter of the model"),
    ("return torch.vmap(lambda one: m.conv(one[None])[0])(x)", "nothing that is seen to come of its input"),
    ("return m.conv(x) if len(x) == 2 else torch.relu(m.conv(x))", "other numbers than its tree"),
    ("return m.conv(x) + x.data.numpy().sum() * 0 + x", "numbers|add"),
    ("return m.conv(x) if x.sum() > 0 else x", "decides on the numbers"),
]  # fmt: skip


def assert_same(model: nn.Module, shape: tuple[int, ...] = (6, 6, 4)) -> None:
    module, image = translate(model, shape), torch.randn(2, shape[2], *shape[:2])
    with torch.no_grad():
        torch.testing.assert_close(module(image), model(image), rtol=1e-4, atol=1e-5)
    assert parse(str(module.network)) == module.network


@pytest.mark.parametrize("statements", RIGHT)
def test_is_the_same_network(statements: str) -> None:
    assert_same(Runs(statements).eval())


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "statements",
    [
        "F.dropout(y, 0.3, m.training, True); return y",
        "F.dropout(y, 0.3, m.training, inplace=True); return y",
        "torch.dropout_(y, 0.3, m.training); return y",
        "m.drop(y); return y",
        "m.drop(input=y); return y",
        "z = y.view(y.shape); m.drop(z); return y",
    ],
)
def test_what_dropout_writes_in_training_alone_is_in_the_tree(statements: str) -> None:
    assert str(network_of(Runs(f"y = m.conv(x); {statements}"), (6, 6, 4))).endswith(", dropout 0.3")
    shortcut = Runs(f"y = m.conv(x); s = y; {statements.replace('return y', 'return y.tanh() + s')}")
    assert str(network_of(shortcut, (6, 6, 4))).endswith(", dropout 0.3, sum(tanh | identity)")


@pytest.mark.parametrize(("statements", "said"), REFUSED)
def test_is_refused(statements: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        network_of(Runs(statements), (6, 6, 4))


def test_what_fails_inside_and_is_caught_is_left_out() -> None:
    class Tries(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pool, self.conv = nn.MaxPool2d(9), nn.Conv2d(4, 4, 1)

        def forward(self, x: Tensor) -> Tensor:
            try:
                x = self.pool(x)
            except RuntimeError:
                x = x.tanh()
            return self.conv(x)  # type: ignore[no-any-return]

    assert_same(Tries().eval())


def test_statistics_that_two_layers_share_are_seen() -> None:
    model = nn.Sequential(nn.BatchNorm2d(4), nn.ReLU(), nn.BatchNorm2d(4))
    model[2].running_mean = model[0].running_mean
    with pytest.raises(ValueError, match=r"^2: its running_mean shares its numbers with 0: its running_mean"):
        network_of(model, (6, 6, 4))


def hooked(before: bool) -> nn.Module:
    model = nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU())
    if before:
        model[0].register_forward_pre_hook(lambda part, given: (given[0].tanh(),))
    else:
        model[0].register_forward_hook(lambda part, given, output: output.tanh())
    return model


def patched(whole: bool) -> nn.Module:
    model = nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU())
    part = model if whole else model[0]
    first = part.forward
    part.forward = types.MethodType(lambda self, x: first(x).tanh(), part)  # type: ignore[method-assign]
    return model


def test_hooks_and_forwards_in_anothers_place() -> None:
    assert_same(hooked(before=False).eval())
    assert_same(patched(whole=True).eval())
    assert_same(patched(whole=False).eval())
    with pytest.raises(ValueError, match="0: is given nothing of the model's input, or by a hook"):
        network_of(hooked(before=True), (6, 6, 4))


class Optional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor, mask: Tensor | None = None, *, scale: float | None = None) -> Tensor:
        x = self.conv(x) if mask is None else self.conv(x) * mask
        return x if scale is None else x.tanh()


class Sampled(nn.Module):
    """Drops whole branches while it trains, and nothing afterwards."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.bernoulli(torch.full((len(x), 1, 1, 1), 0.5)) if self.training else x


def test_optional_arguments_are_left_out() -> None:
    assert_same(Optional())


def test_what_acts_in_training_alone_is_said() -> None:
    model = nn.Sequential(nn.Conv2d(4, 4, 1), Sampled())
    with pytest.warns(UserWarning, match="^1: gives what it is given in evaluation mode; whatever it does in training"):
        network = network_of(model, (6, 6, 4))
    assert str(network) == "6x6x4: conv 4 1x1"
    assert model.training
    assert model[1].training


@pytest.mark.filterwarnings("error")
def test_nothing_is_said_of_what_is_read() -> None:
    network_of(nn.Sequential(nn.Identity(), nn.Dropout(), nn.Conv2d(4, 4, 1)).eval(), (6, 6, 4))


class Meddles(nn.Module):
    """Counts its calls, keeps what it saw, and draws random numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.seen, self.calls = nn.Conv2d(4, 4, 1), list[Tensor](), 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.seen.append(x)
        torch.rand(3)
        return self.conv(x)


def test_comparing_leaves_the_model_and_the_random_state_as_they_were() -> None:
    torch.manual_seed(5)
    model = Meddles()
    state, weight = torch.get_rng_state(), model.conv.weight
    before = weight.detach().clone()
    with pytest.warns(UserWarning, match="^draws random numbers in evaluation mode; its tree is what it does, and 8"):
        translate(model, (6, 6, 4))
    assert (model.calls, model.seen, model.training) == (0, [], True)
    assert model.conv.weight is weight
    assert torch.equal(weight, before)
    assert torch.equal(torch.get_rng_state(), state)


def test_zeros_hide_nothing() -> None:
    """A branch that starts at zero, as many do, counts as it will once it is trained."""

    class Starts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(4, 4, 1)
            nn.init.zeros_(self.conv.weight)
            nn.init.zeros_(self.conv.bias)  # type: ignore[arg-type]

        def forward(self, x: Tensor) -> Tensor:
            return x + self.conv(x if len(x) == 2 else x.tanh())

    with pytest.raises(ValueError, match="conv: gives other numbers than its layer in the tree"):
        network_of(Starts(), (6, 6, 4))


def test_without_numbers_too() -> None:
    with torch.device("meta"):
        model = nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4), Sampled())
    with pytest.warns(UserWarning, match="whatever it does in training"):
        assert str(network_of(model, (6, 6, 4))) == "6x6x4: conv 4 1x1, norm"


def test_the_weights_go_where_they_were() -> None:
    class Normalised(nn.Module):
        """Functions of weights, one of them a view."""

        def __init__(self) -> None:
            super().__init__()
            self.norm, self.gamma = nn.BatchNorm2d(4), nn.Parameter(torch.randn(4))

        def forward(self, x: Tensor) -> Tensor:
            n = self.norm
            x = functional.batch_norm(x, n.running_mean, n.running_var, n.weight, n.bias, n.training, 0.1, n.eps)
            return functional.group_norm(x, 2, self.gamma, n.bias) * self.gamma.view(1, -1, 1, 1)

    model = Normalised().eval()
    with pytest.warns(
        UserWarning, match=r"^group_norm: its bias, mul: its weight: of a layer that runs again.* 8 param"
    ):
        module = translate(model, (6, 6, 4))
    pictures = torch.randn(3, 4, 6, 6)
    torch.testing.assert_close(module(pictures), model(pictures))
    model = nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)).eval()
    model[1].running_mean.copy_(torch.randn(4))  # type: ignore[union-attr,operator]
    module = translate(model, (6, 6, 4))
    assert torch.equal(module.state_dict()["norm1.running_mean"], model.state_dict()["1.running_mean"])
    assert build(module.network).state_dict().keys() == module.state_dict().keys()


def test_a_tree_that_rounds_far_more_than_its_model_is_told() -> None:
    right = torch.linspace(-2, 2, 101, dtype=torch.float64)
    short = right.float()
    around = (short + 1e6) - 1e6
    assert rounds_more([(around, short)], [(right, right)])
    assert not rounds_more([(around, around)], [(right, right)])  # the model rounds as much
    assert not rounds_more([(short * (1 + 1e-6), short)], [(right, right)])
