"""Every table over the operations does what PyTorch does, on one set of networks.

A table is a row here: a function that is given a network and fails where the two differ. What a table cannot say it
refuses in words, and how many it may refuse stands beside it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from hubel.arch import Layer, Network, analyse, ops
from hubel.base.errors import HubelError
from hubel.code import source
from hubel.export import onnx_model
from hubel.look import record
from hubel.look.unit.trace import Tracer
from hubel.nn import build, network_of_onnx
from hubel.plan import DEVICES, layer_times
from tests.code.test_others import in_one_order, keras  # noqa: F401 (a fixture)
from tests.code.test_others import outputs as peers_outputs
from tests.code.test_pytorch import outputs as program_outputs
from tests.conformance.networks import all_networks
from tests.export import test_onnx as export
from tests.look.unit.test_unit import add_up, given_input, model_of
from tests.nn.test_kept import followed, one_image, plain
from tests.report.pages import page
from tests.report.test_engine import COMPARED, RUN, case
from tests.trees import LAYERS


@pytest.fixture(autouse=True)
def _plain_kernels() -> Iterator[None]:
    """Take PyTorch's plain kernels: oneDNN compiles one for every new shape, which is slow for tiny networks."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch._C._set_mkldnn_enabled(False)
    yield
    torch._C._set_mkldnn_enabled(True)
    torch.set_num_threads(threads)


def lowered(network: Network, folder: Path) -> None:
    """Shapes are the layer's, and arrays have the names of PyTorch's."""
    with torch.device("meta"):
        state = build(network).state_dict()
    for row in analyse(network).rows:
        if isinstance(row.node, Layer):
            operation = row.node.lower(row.input_shape)
            assert not isinstance(operation, ops.Opaque)
            assert (operation.input, operation.output) == (row.input_shape, row.output_shape)
            own = {name.removeprefix(f"{row.path}.") for name in state if name.startswith(f"{row.path}.")}
            assert set(operation.weights.values()) == own - {"num_batches_tracked"}


def followed_by_hand(network: Network, folder: Path) -> None:
    """Numbers that are followed one by one add up."""
    model, image = model_of(network, 0), given_input(network, 0)
    try:
        found = record(model, image.input)
    except ValueError as error:
        if "Expected more than 1 value per channel" in str(error):  # PyTorch normalises no group of one number
            return
        raise
    add_up(Tracer(model, image, found), 0)


def in_pytorch(network: Network, folder: Path) -> None:
    """The program for PyTorch computes the same."""
    expected, found = program_outputs(network)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5, equal_nan=True)


def in_keras_words(network: Network, folder: Path) -> None:
    """The program for Keras compiles."""
    compile(source(network, "keras"), "program", "exec")


def in_flax_words(network: Network, folder: Path) -> None:
    """The program for Flax compiles."""
    compile(source(network, "jax"), "program", "exec")


def in_onnx(network: Network, folder: Path) -> None:
    """The ONNX file computes the same in ONNX Runtime."""
    export.check(network)


def back_from_onnx(network: Network, folder: Path) -> None:
    """The ONNX file is read back as a network of the same shapes and multiply-adds."""
    module = export.lived_in(network)
    onnx.save(onnx_model(export.source(network, module), "tensor"), folder / "network.onnx")
    found, wanted = analyse(network_of_onnx(folder / "network.onnx", network.input)), analyse(network)
    macs = sum(row.cost.macs for row in wanted.rows if not row.auxiliary)  # side exits are not in the file
    assert (found.macs, found.output_shape) == (macs, wanted.output_shape)


def kept_for_backward(network: Network, folder: Path) -> None:
    """The bytes that training holds are those that autograd saves."""
    if plain(network):
        assert analyse(followed(network)).kept_bytes == one_image(followed(network))


def planned(network: Network, folder: Path) -> None:
    """Every layer has a time on every device."""
    report = analyse(network)
    for device in DEVICES.values():
        assert all(isfinite(one.seconds) and one.seconds >= 0 for one in layer_times(report, 2, device))


Check = Callable[[Network, Path], None]
# the share of the networks that a table may refuse in words
TABLES: dict[Check, float] = {
    lowered: 0,
    followed_by_hand: 0,
    in_pytorch: 0,
    in_keras_words: 0.2,
    in_flax_words: 0.2,
    in_onnx: 0,
    back_from_onnx: 0.4,
    kept_for_backward: 0,
    planned: 0,
}


def tried(table: Check, network: Network, folder: Path) -> str:
    """Try a table on a network; return the words in which it refuses it."""
    try:
        table(network, folder)
    except HubelError as error:
        return str(error)
    except Exception as error:
        raise AssertionError(f"{table.__name__}, of {network}: {error}") from error
    return ""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_a_table(table: Check, tmp_path: Path) -> None:
    refused = Counter(filter(None, (tried(table, network, tmp_path) for network in all_networks())))
    assert refused.total() <= TABLES[table] * len(all_networks()), refused.most_common(5)


def test_the_page_computes_what_pytorch_does(browser_page: Any, tmp_path: Path) -> None:
    cases = [case(network, seed) for seed, network in enumerate(all_networks())]
    browser_page.goto(page(tmp_path / "networks.html", RUN + COMPARED, cases))
    browser_page.wait_for_function("window.ready")
    results = browser_page.evaluate("window.results")
    assert len(results) == len(cases)
    wrong = [result for result in results if result["missing"] or not result["worst"] < 1e-4]
    assert not wrong, f"{len(wrong)} of {len(results)}: {wrong[:5]}"


@pytest.mark.peers
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("framework", ["keras", "jax"])
def test_a_peer_computes_what_pytorch_does(framework: str, keras: Any) -> None:  # noqa: F811
    some = [network for network in all_networks() if in_one_order(network)][::4]
    written = 0
    for network in some:
        try:
            expected, found = peers_outputs(network, framework)
        except ValueError as error:
            assert "the PyTorch program has it" in str(error)  # noqa: PT017 (most are written, some refused)
            continue
        written += 1
        most = max(1, np.abs(expected).max())
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * most, err_msg=str(network))
    assert written > len(some) / 2


def test_every_layer_and_every_operation_is_among_the_networks() -> None:
    rows = [row for network in all_networks() for row in analyse(network).rows]
    assert {row.type for row in rows} >= {kind.__name__ for kind in LAYERS}
    known = {
        kind for kind in vars(ops.operations).values() if isinstance(kind, type) and issubclass(kind, ops.Operation)
    }
    inside = {type(part) for row in rows if row.operation is not None for part in row.operation.inside()}
    assert known - inside <= {ops.Operation, ops.Opaque}
