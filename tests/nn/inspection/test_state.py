"""After `inspect` everything is as it was: the module, its tensors, its hooks, PyTorch, the random state."""

from __future__ import annotations

import io
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any, cast

import numpy
import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules import module as global_hooks

from hubel.nn import inspect


class Meddling(nn.Module):
    """Does in its forward pass whatever a module may do to itself and to the world."""

    def __init__(self, fails: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.frozen = nn.Conv2d(4, 4, 1).requires_grad_(False)
        self.drop = nn.Dropout()
        self.rnn = nn.LSTM(4, 4)
        self.head = nn.Linear(4, 2)
        self.fails = fails
        self.history: list[Tensor] = []
        self.cache: dict[str, Tensor] = {"kept": torch.ones(2)}
        self.plain = torch.zeros(3)
        self.register_buffer("steps", torch.zeros(()))
        self.steps: Tensor

    def forward(self, input: Tensor) -> Tensor:
        self.history.append(input)
        self.cache["new"] = input
        self.seen = input
        self.steps = self.steps + 1
        self.plain.add_(1)
        self.plain[0] = 7
        self.drop.eval()
        self.norm.weight.requires_grad_(False)
        self.register_forward_hook(print)
        torch.manual_seed(5)
        random.seed(5)
        numpy.random.seed(5)
        found = self.drop(self.frozen(self.norm(self.conv(input)))).mean((2, 3))
        found, _ = self.rnn(found)
        if self.fails:
            raise RuntimeError("on purpose")
        self.extra = nn.Linear(2, 2)
        return self.head(found)


def everything(model: nn.Module) -> Any:
    """Describe a module to the last: identities and values of all it holds."""
    described = []
    for path, part in model.named_modules():
        for name, value in part.__dict__.items():
            inside: Any = None
            if isinstance(value, dict):
                inside = [(key, id(item)) for key, item in value.items()]
            elif isinstance(value, (list, tuple)):
                inside = [id(item) for item in value]
            described.append((path, name, id(value), inside))
    tensors = [*model.named_parameters(), *model.named_buffers()]
    values = [(name, t.tolist(), t.requires_grad, id(t.grad), t._version, t.device) for name, t in tensors]
    plain = [part.plain.tolist() for part in model.modules() if isinstance(part, Meddling)]
    return described, values, plain


def of_the_world() -> Any:
    return (
        torch.get_rng_state().tolist(),
        random.getstate(),
        str(numpy.random.get_state()),
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        len(global_hooks._global_forward_hooks),
        len(global_hooks._global_forward_pre_hooks),
        torch._C._len_torch_dispatch_stack(),
    )


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_all_stays_as_it_was(fails: bool, training: bool) -> None:
    model = Meddling(fails).train(training)
    model.conv.weight.grad = torch.ones_like(model.conv.weight)
    calls, told = list[int](), io.StringIO()
    model.conv.register_forward_hook(lambda *_: calls.append(told.write("ran ")))
    model.head.register_full_backward_hook(lambda *_: None)
    before, world = everything(model), of_the_world()
    if fails:
        with pytest.raises(ValueError, match="Meddling: RuntimeError: on purpose"):
            inspect(model, (8, 8, 3))
    else:
        assert inspect(model, (8, 8, 3), batch=2).macs > 0
    assert everything(model) == before
    assert of_the_world() == world
    assert told.getvalue() == "ran "  # its own hooks run, since they may be part of what it does
    assert calls == []  # and what they keep is put back


def test_after_a_clash_of_shapes_too() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(100, 2))
    before, world = everything(model), of_the_world()
    with pytest.raises(ValueError, match="Linear expected 100 features"):
        inspect(model, (9, 9, 3))
    assert everything(model) == before
    assert of_the_world() == world
    with pytest.raises(ValueError, match="expected 3 channels"):
        inspect(model, (9, 9, 1))
    assert everything(model) == before


def test_the_model_trains_as_before() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    image = torch.randn(2, 3, 8, 8)
    with torch.no_grad():
        expected = model.eval()(image)
    model.train()
    inspect(model, (8, 8, 3))
    assert all(part.training for part in model.modules())
    with torch.no_grad():
        torch.testing.assert_close(model.eval()(image), expected, rtol=0, atol=0)
    model(image).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_an_example_is_only_looked_at() -> None:
    class InPlace(nn.Module):
        def forward(self, input: Tensor, more: dict[str, Tensor]) -> Tensor:
            return input.add_(1).relu_() + more["x"].mul_(2)

    image, more = torch.zeros(2, 3), {"x": torch.ones(2, 3)}
    inspect(InPlace(), example=(image, more))
    assert image.sum() == 0
    assert more["x"].sum() == 6
    assert image._version == 0


def test_modules_in_other_threads_go_on() -> None:
    other, stop, wrong = nn.Linear(4, 4), threading.Event(), []

    def work() -> None:
        while not stop.is_set():
            found = other(torch.ones(1, 4))
            if found.is_meta:
                wrong.append(found)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        reports = {inspect(nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 4)), (4,)).macs for _ in range(20)}
    finally:
        stop.set()
        thread.join()
    assert reports == {64}
    assert not wrong


def test_nothing_is_allocated_and_no_compiler_loaded() -> None:
    """A model of 40 GB is inspected in a process of a few hundred megabytes."""
    program = """
import resource, sys, torch
from torch import nn
from hubel.nn import inspect
with torch.device("meta"):
    model = nn.Sequential(nn.Conv2d(3, 100, 3), nn.ReLU(), nn.BatchNorm2d(100), nn.MaxPool2d(1), nn.Flatten(),
                          nn.Linear(100 * 1022 * 1022, 100, bias=False), nn.Softmax(-1))
start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
report = inspect(model, (1024, 1024, 3), batch=64)
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start
print(report.macs == 64 * 1022 * 1022 * 12700, grown < 100_000, {"torch._dynamo", "sympy"} & set(sys.modules))
"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["True", "True", "set()"]


class Reads(nn.Module):
    """Reads a small buffer of its own while it runs."""

    def __init__(self, buffer: Tensor, read: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.conv, self.read = nn.Conv2d(3, 8, 3), read
        self.register_buffer("own", buffer)

    def forward(self, x: Tensor) -> Tensor:
        return self.read(self.conv(x), self.own)


WHOLE, CHOSEN = torch.tensor([2, 3]), torch.tensor([True, False, True, True] * 2)
READ: dict[str, tuple[Tensor, Callable[[Tensor, Tensor], Any]]] = {
    "tolist": (WHOLE, lambda x, own: x[:, : own.tolist()[0]]),
    "item": (WHOLE, lambda x, own: x[:, : own[1].item()]),
    "int": (WHOLE, lambda x, own: x[:, : int(own[0])]),
    "index": (WHOLE, lambda x, own: x[:, :, : own[0], : own[1]]),
    "iterated": (WHOLE, lambda x, own: torch.cat([x[:, :number] for number in own], 1)),
    "largest": (WHOLE, lambda x, own: x[:, : own.max().item()]),
    "numpy": (WHOLE, lambda x, own: x[:, : int(own.cpu().numpy().sum())]),
    "on the device": (WHOLE, lambda x, own: x[:, : own.to(x.device).tolist()[1]]),
    "split": (torch.tensor([3, 5]), lambda x, own: x.split(own.tolist(), 1)[0]),
    "mask": (CHOSEN, lambda x, own: x[:, own]),
    "places": (WHOLE, lambda x, own: x[:, (own > 2).nonzero()[:, 0]]),
    "chosen": (WHOLE, lambda x, own: x[:, own]),
    "decision": (WHOLE, lambda x, own: x[:, :1] if torch.equal(own, own + 1) else x[:, :2]),
    "floating": (torch.tensor([0.5, 0.2]), lambda x, own: x[:, : int((own > 0.3).sum())]),
    "changed": (WHOLE.clone(), lambda x, own: x[:, : int(own.add_(1)[0])]),
}


@pytest.mark.parametrize("name", READ)
def test_a_model_may_read_its_own_small_buffers(name: str) -> None:
    buffer, read = READ[name]
    model, before = Reads(buffer.clone(), read), buffer.clone()
    report = inspect(model, (8, 8, 3))
    assert not report.stopped
    assert torch.equal(cast(Tensor, model.own), before)
    assert report.output_shape == tuple(model(torch.zeros(1, 3, 8, 8)).shape)


def test_what_the_input_makes_of_a_buffer_is_not_known() -> None:
    """Numbers that depend on the picture's are written into the buffer: from there on nothing is decided on them."""
    model = Reads(torch.tensor([2.0, 3.0]), lambda x, own: x[:, : int(own.fill_(x.mean())[0])])
    assert "decides on the numbers" in inspect(model, (8, 8, 3)).stopped
    assert cast(Tensor, model.own).tolist() == [2, 3]
