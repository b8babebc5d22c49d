"""One accounting tool prints its table of ResNet-152: a whole process, to be timed by `speed.py`.

`python benchmarks/accounting/peers.py torchinfo` does it the way that the tool's own documentation shows;
`python benchmarks/accounting/peers.py torchinfo meta` on meta tensors, which hold no numbers (fvcore and ptflops
fail on them).
"""

from __future__ import annotations

import sys

import torch
from models import resnet152


def torchinfo(model: torch.nn.Module, device: str) -> None:
    from torchinfo import summary

    summary(model, input_size=(1, 3, 224, 224), device=device)


def fvcore(model: torch.nn.Module, _: str) -> None:
    from fvcore.nn import FlopCountAnalysis, flop_count_table

    print(flop_count_table(FlopCountAnalysis(model, torch.zeros(1, 3, 224, 224))))


def ptflops(model: torch.nn.Module, _: str) -> None:
    from ptflops import get_model_complexity_info

    get_model_complexity_info(model, (3, 224, 224), print_per_layer_stat=True)


def main() -> None:
    tool, device = sys.argv[1], (sys.argv[2:] or ["cpu"])[0]
    with torch.device(device):
        model = resnet152()
    {"torchinfo": torchinfo, "fvcore": fvcore, "ptflops": ptflops}[tool](model, device)


if __name__ == "__main__":
    main()
