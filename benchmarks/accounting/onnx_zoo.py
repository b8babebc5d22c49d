"""Whether each network of the zoo comes back from ONNX files: of PyTorch's two exporters, and of hubel's own.

    python benchmarks/accounting/onnx_zoo.py old own         by tracing, and hubel's own (new needs onnxscript)
    python benchmarks/accounting/onnx_zoo.py new resnet18    one network alone

A network came back if its tree is the same: layer for layer it computes the same, each sees as much of the input, and
parameters and multiply-adds are as many in all. Exporters fold normalisation into the convolution before it, and leave
dropout out; then the tree is compared with the network without them.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
import warnings
from collections import Counter
from itertools import pairwise
from pathlib import Path

import onnx
import torch
from torch import nn

import hubel.arch as arch
from hubel import zoo
from hubel.arch import Network, analyse, torch_order
from hubel.data import Preprocessing
from hubel.export import Source, onnx_model
from hubel.nn import build, network_of_onnx

WAYS = ("old", "new", "own")


def written(way: str, network: Network, module: nn.Module, path: Path) -> None:
    """Write a network's file in one of the ways."""
    input = torch.zeros(1, *torch_order(network.input))
    if way == "own":
        arrays = {name: tensor.detach().numpy() for name, tensor in module.state_dict().items()}
        source = Source(network, arrays, Preprocessing(1, 1, 1, (0.0,), (1.0,)), "classification", ())
        onnx.save(onnx_model(source, "tensor"), path)
    elif way == "old":
        torch.onnx.export(module, (input,), str(path), dynamo=False)
    else:
        torch.onnx.export(module, (input,), str(path), dynamo=True, verbose=False)


def expected(network: Network) -> tuple[set[int], int]:
    """Return the parameters that a network has, as it is and with folded normalisation and scales, and its
    multiply-adds.
    """
    report = analyse(network)
    folded = report.parameters
    rows = report.rows
    for before, row in pairwise(rows):
        if row.type in ("BatchNormalization", "Scale") and before.cost.macs:
            channels = row.output_shape[-1]
            folded -= row.cost.parameters - (0 if getattr(before.node, "use_bias", True) else channels)
    return {report.parameters, folded}, report.macs


# What computes nothing, or is folded into what stands before.
PASSED_OVER = ("Pass", "View", "Normalise", "Affine")
# Names, and shapes: a pool of the whole gives a vector, or a picture of one place and a flatten.
LEFT_OUT = ("weight", "bias", "input", "output")


def layers(network: Network) -> Counter[str]:
    """Count what a network's layers compute, and what each sees of the input. Built modules end before a softmax."""
    found = Counter[str]()
    rows = analyse(network).rows
    for row in rows:
        done = [] if row.operation is None else [row.operation]
        if activation := getattr(row.node, "activation", None):
            done.append(arch.Activation(str(activation)).lower(row.output_shape))
        for made in done:
            dense = made.kind == "DenseSum" and len(made.input) > 1  # which is written as a window of one place
            operation = arch.Conv2D(made.output[-1], 1).lower(made.input) if dense else made
            left = (*LEFT_OUT, "windows") if operation.kind == "Span" else LEFT_OUT  # a pool's stretches say all
            data = {name: value for name, value in operation.data().items() if name not in left}
            last = row is rows[-1] and data.get("function") == "softmax"
            if operation.kind not in PASSED_OVER and not last:
                found[f"{data} {row.field}"] += 1
    return found


def main() -> None:
    """Write and read the files, and print what came back."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ways", nargs="+", help=f"{', '.join(WAYS)}, and names of networks")
    ways = [way for way in parser.parse_args().ways if way in WAYS]
    names = [name for name in parser.parse_args().ways if name not in WAYS]
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    back = dict.fromkeys(ways, 0)
    for name in names or zoo.names():
        network = zoo.get(name)
        torch.manual_seed(0)
        module = build(network).eval()
        for tensor in module.state_dict().values():  # equal numbers would be stored once
            if tensor.is_floating_point() and tensor.dim() == 1:
                tensor.uniform_(0.5, 1.5)
        for way in ways:
            start = time.perf_counter()
            with tempfile.TemporaryDirectory() as folder, torch.no_grad():
                path = Path(folder) / f"{name}.onnx"
                try:
                    written(way, network, module, path)
                    tree = network_of_onnx(path, network.input)
                    found = analyse(tree)
                except Exception as error:
                    print(f"{name:20} {way}  {type(error).__name__}: {str(error)[:150]}", flush=True)
                    continue
            parameters, macs = expected(network)
            ours, theirs = layers(network), layers(tree)
            same = found.parameters in parameters and found.macs == macs and ours == theirs
            back[way] += same
            said = "came back" if same else f"is another: {found.parameters - max(parameters):+,} parameters"
            print(f"{name:20} {way}  {said} ({time.perf_counter() - start:.1f} s)", flush=True)
    print(", ".join(f"{way}: {count} of {len(names or zoo.names())}" for way, count in back.items()))


if __name__ == "__main__":
    main()
