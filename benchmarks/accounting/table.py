"""What accounting tools say of small models with a known answer, cell by cell.

    python benchmarks/accounting/table.py

Figures are multiply-adds or parameters for the batch given; ✗ marks a wrong one, + one that counts the addition of
biases too, which is a convention. A tool that fails shows its error's name. torch's own FlopCounterMode counts two
FLOPs a multiply-add, so its figure is halved here; it counts no parameters.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import logging
import platform
import sys
import warnings
from collections.abc import Callable

import torch
from cases import CASES, Case
from torch import nn

import hubel.nn

PEERS = {"torchinfo": "1.8.0", "fvcore": "0.1.5.post20221221", "ptflops": "0.7.5", "calflops": "0.3.2"}
Figures = dict[str, int]


def by_hubel(model: nn.Module, input: torch.Tensor) -> Figures:
    report = hubel.nn.inspect(model, example=input)
    return {"macs": report.macs, "parameters": report.parameters}


def by_torchinfo(model: nn.Module, input: torch.Tensor) -> Figures:
    from torchinfo import summary

    found = summary(model, input_data=input, verbose=0)
    return {"macs": found.total_mult_adds, "parameters": found.total_params}


def by_fvcore(model: nn.Module, input: torch.Tensor) -> Figures:
    from fvcore.nn import FlopCountAnalysis, parameter_count

    return {"macs": int(FlopCountAnalysis(model, input).total()), "parameters": parameter_count(model)[""]}


def by_ptflops(model: nn.Module, input: torch.Tensor) -> Figures:
    from ptflops import get_model_complexity_info

    macs, parameters = get_model_complexity_info(
        model, tuple(input.shape[1:]), as_strings=False, print_per_layer_stat=False, input_constructor=lambda _: input
    )
    return {"macs": int(macs), "parameters": int(parameters)}


def by_calflops(model: nn.Module, input: torch.Tensor) -> Figures:
    from calflops import calculate_flops

    _, macs, parameters = calculate_flops(
        model, args=[input], output_as_string=False, print_results=False, print_detailed=False
    )
    return {"macs": int(macs), "parameters": int(parameters)}


def by_torch(model: nn.Module, input: torch.Tensor) -> Figures:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        model(input)
    return {"macs": counter.get_total_flops() // 2}


TOOLS: dict[str, Callable[[nn.Module, torch.Tensor], Figures]] = {
    "hubel": by_hubel,
    "torchinfo": by_torchinfo,
    "fvcore": by_fvcore,
    "ptflops": by_ptflops,
    "calflops": by_calflops,
    "torch": by_torch,
}


def cell(case: Case, tool: str) -> str:
    """Ask a tool about a fresh model, its own words kept quiet."""
    quiet = io.StringIO()
    try:
        with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
            found = TOOLS[tool](case.build(), torch.zeros(case.input))
    except Exception as error:
        return f"{type(error).__name__} ✗"
    if case.figure not in found:
        return "—  "
    said = found[case.figure]
    mark = {case.right + case.biases: " +", case.right: "  "}
    return f"{said:,}" + mark.get(said, " ✗")


def missing() -> list[str]:
    """Return the peers that this interpreter lacks."""
    known = {distribution.metadata["Name"].lower() for distribution in importlib.metadata.distributions()}
    return [f"{name}=={version}" for name, version in PEERS.items() if name not in known]


def main() -> None:
    """Print the table."""
    if absent := missing():
        raise SystemExit(f"this benchmark compares hubel with {' '.join(absent)}: pip install -e '.[peers]'")
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("hubel", "torch", *PEERS))
    print(f"Python {platform.python_version()}, {versions}\n")
    lines = [["", "figure", "right", *(f"{tool}  " for tool in TOOLS)]]
    lines += [[case.name, case.figure, f"{case.right:,}", *(cell(case, tool) for tool in TOOLS)] for case in CASES]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        aligned = [
            text.ljust(w) if i < 2 else text.rjust(w) for i, (text, w) in enumerate(zip(line, widths, strict=True))
        ]
        print("  ".join(aligned).rstrip())
    wrong = {tool: sum(line[3 + i].endswith("✗") for line in lines[1:]) for i, tool in enumerate(TOOLS)}
    print(f"\nwrong of {len(CASES)}: " + ", ".join(f"{tool} {number}" for tool, number in wrong.items()))
    sys.exit(1 if wrong["hubel"] else 0)


if __name__ == "__main__":
    main()
