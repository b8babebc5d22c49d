"""A step as a GPU has it: recorded once and replayed, and nowhere waiting. A tracer stands in for a CUDA graph."""

import warnings

import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx

from hubel.arch import parse
from hubel.base.errors import SettingError
from hubel.data import Augmentation, Batches, Preprocessing, Splits
from hubel.tasks import task_of
from hubel.train import train
from hubel.train.loop.machine import recorded
from hubel.train.loop.machine.same_bits import same_bits
from hubel.train.loop.ways.supervised import Supervised
from tests.train.quadrants import NETWORK, PLAIN, RECIPE, quadrants

DATA = quadrants(64, 0)
CHANGES = "shift 1, flip, crop 0.5, rotate 10, colour 0.2, operations 2, cutout 2, mixup 0.2"
RECIPES = {
    "adam": RECIPE.replace(ema=0.99, clip_norm=1.0),
    "adamw in parts": RECIPE.replace(optimizer="adamw", weight_decay=0.1, micro_batch=7),
    "sgd": RECIPE.replace(optimizer="sgd", weight_decay=0.01),
    "muon": RECIPE.replace(optimizer="muon", ema=0.9, weight_decay=0.01),
}


def traced(function):
    """As a CUDA graph: the operations of one call, on the tensors that it met, with all else as it was at that time."""
    graph, first = None, []

    def once():
        first.append(function())
        return first[0]

    def replay():
        nonlocal graph
        if graph is None:  # unlike a CUDA graph, it is executed while it is traced
            graph = make_fx(once)()
            return first[0]
        with torch.no_grad():
            return graph()

    return replay


def steps(recipe, network, changes="none", device="cpu"):
    """A step and a few epochs of batches."""
    preprocessing = Preprocessing.for_dataset(DATA)
    torch.manual_seed(0)
    how = Supervised(parse(network), recipe, task_of(DATA), preprocessing, DATA)
    feed = Batches(DATA, 16, 0, Augmentation.parse(changes), device=device)
    return how, [batch for epoch in range(2) for batch in feed.epoch(epoch)]


@pytest.fixture(scope="module")
def fused():
    """PyTorch's fused optimizers on the meta device, which it has with a rate as a number alone."""
    library = torch.library.Library("aten", "IMPL")
    for name in ("adam", "adamw", "sgd"):
        library.impl(f"_fused_{name}_.tensor_lr", lambda *given, **named: None, "Meta")
    yield
    library._destroy()


def weights(how):
    return {name: value for module in how.modules.values() for name, value in module.state_dict().items()}


@pytest.mark.parametrize("name", RECIPES)
def test_a_replayed_step_does_what_the_step_does(name, monkeypatch):
    found = []
    for record in (lambda function: function, traced):
        monkeypatch.setitem(recorded.RECORDERS, "cpu", record)
        how, batches = steps(RECIPES[name].replace(compile="graph"), NETWORK, "shift 1, mixup 0.2")
        figures = []
        for number, batch in enumerate(batches):
            torch.manual_seed(number)  # for dropout
            figures.append(how(batch, 0.01 * (number + 1), number))
        found.append((torch.stack(figures), weights(how)))
    (own, mine), (others, theirs) = found
    assert len(batches) > recorded.WARM + 2
    assert torch.equal(own, others)
    assert all(torch.equal(mine[each], theirs[each]) for each in mine)


@pytest.mark.parametrize("name", RECIPES)
def test_nothing_in_a_step_waits_for_the_device(name, monkeypatch, fused):
    """On the meta device, where there are no numbers to be fetched: whatever reads one raises."""
    monkeypatch.setitem(recorded.RECORDERS, "meta", lambda function: function)
    recipe = RECIPES[name].replace(device="meta", compile="graph", clip_norm=0.0)
    how, batches = steps(recipe, NETWORK, CHANGES, "meta")
    for number, batch in enumerate(batches):
        assert how(batch, 0.01, number).shape == (2,)


def test_counting_waits_for_the_device_at_the_end_alone():
    how, _ = steps(RECIPE.replace(device="meta"), NETWORK, device="meta")
    images, targets = (each.to("meta") for each in DATA.tensors())
    counts = task_of(DATA).counts()
    with torch.inference_mode():
        counts.add(how.model.logits(how.preprocessing.normalise(images)), targets)
    with pytest.raises(NotImplementedError, match="no data"):
        counts.tensors()


def test_a_processor_records_nothing(tmp_path):
    with pytest.raises(SettingError, match="compile none or inductor on cpu, received 'graph'"):
        train(parse(PLAIN), Splits(DATA), RECIPE.replace(compile="graph"), tmp_path / "run")
    assert not (tmp_path / "run" / "run.toml").exists()
    run = train(parse(PLAIN), Splits(DATA), RECIPE.replace(epochs=1), tmp_path / "other")
    assert run.recipe.compile == "none"


def test_which_operations_give_other_bits_is_told_once(monkeypatch):
    heard = []
    with same_bits("cuda", True, heard.append):
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.backends.cudnn.deterministic
        for _ in range(2):
            warnings.warn(
                "grid_sampler_2d_backward_cuda does not have a deterministic implementation, but you set …",
                stacklevel=1,
            )
    assert heard == [
        "grid_sampler_2d_backward_cuda: no kernel on cuda that gives the same bits each time; equal runs may differ"
    ]
    assert not torch.are_deterministic_algorithms_enabled()
    assert not torch.backends.cudnn.deterministic
    for device, wanted in (("cpu", True), ("cuda", False)):
        with same_bits(device, wanted, heard.append):
            assert not torch.are_deterministic_algorithms_enabled()
