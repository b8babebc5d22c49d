"""How many of other libraries' convolutional models become trees, family by family, and what stops the rest.

Run it where timm, torchvision and pytorchcv are installed (`pip install --no-deps timm torchvision pytorchcv`):

    python benchmarks/accounting/library_trees.py timm                   reads structures, weights without numbers
    python benchmarks/accounting/library_trees.py timm --equal --each 1  compares outputs too, on one model of a family
    python benchmarks/accounting/library_trees.py timm --answers FILE    goes on where FILE ends

A model counts once it is read; with `--equal`, once its tree gives equal outputs on random inputs and weights.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import re
import sys
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hubel.arch import Network, analyse
from hubel.nn import evaluation_mode, network_of
from hubel.nn.reading.folding import folded
from hubel.nn.reading.steps import steps_of
from hubel.nn.reading.torch import STATISTICS
from hubel.nn.reading.worked import Worked, sources

# timm's modules whose models are convolutional, without attention over places
TIMM = re.compile(
    r"efficientnet|resnet|byobnet|nfnet|regnet|mobilenetv3|convnext|cspnet|resnetv2|"
    r"dla|hrnet|vovnet|ghostnet|hgnet|rexnet|senet|res2net|repghost|"
    r"repvit|resnest|vgg|dpn|starnet|densenet|fasternet|hardcorenas|cspnext|"
    r"selecsls|sknet|xception_aligned|inception_next|rdnet|tresnet|convmixer|lcnetv2|inception_resnet_v2|"
    r"inception_v3|inception_v4|xception|nasnet|pnasnet|mambaout|focalnet"
)
# what pytorchcv calls models of other kinds: of sets of another size of picture, of sounds, of poses, of transformers
OTHERS = re.compile(
    r"vit|segformer|pose|quartznet|jasper|coco|voc|ade20k|cityscapes|cub|pfp|centernet|lff|lwopen|ibppose"
)
# where a model is made, and read, with numbers
NUMBERS = re.compile(r"cannot be made|is a buffer|worked out when it runs|model's buffer")
# operators for detectors, which a torchvision built for another PyTorch cannot load; no model here uses them
DETECTORS = ("nms", "qnms")


def timm_models() -> Iterator[tuple[str, str, Callable[[], nn.Module]]]:
    """Yield family, name and maker of each convolutional model."""
    timm = importlib.import_module("timm")
    homes = importlib.import_module("timm.models._registry")._model_to_module
    for name in timm.list_models():
        if TIMM.fullmatch(homes[name]):
            yield homes[name], name, lambda name=name: timm.create_model(name)


def torchvision_models() -> Iterator[tuple[str, str, Callable[[], nn.Module]]]:
    """Yield the classifiers that are no transformers."""
    models = importlib.import_module("torchvision.models")
    for name in models.list_models(module=models):
        if not name.startswith(("vit", "swin", "maxvit")):
            family = models.get_model_builder(name).__module__.rpartition(".")[2]
            yield family, name, lambda name=name: models.get_model(name, weights=None)


def pytorchcv_models() -> Iterator[tuple[str, str, Callable[[], nn.Module]]]:
    """Yield the classifiers of ImageNet, CIFAR and SVHN."""
    found = importlib.import_module("pytorchcv.model_provider")._models
    for name, maker in found.items():
        if not OTHERS.search(name):
            yield maker.__module__.rpartition(".")[2], name, maker


LIBRARIES = {"timm": timm_models, "torchvision": torchvision_models, "pytorchcv": pytorchcv_models}


class Answers:
    """What was found of each model, kept in a file as soon as it is known, where one is named: a JSON text a line."""

    def __init__(self, path: str | None) -> None:
        self.path = path
        lines = Path(path).read_text().splitlines() if path and Path(path).exists() else []
        self.known = {(family, name): told for family, name, told in map(json.loads, lines)}

    def of(self, family: str, name: str, find: Callable[[], str]) -> str:
        """Return what is known of a model, or find it."""
        if (family, name) not in self.known:
            told = self.known[family, name] = find()
            if self.path:
                with open(self.path, "a") as file:
                    file.write(json.dumps([family, name, told]) + "\n")
        return self.known[family, name]


def define_detectors() -> torch.library.Library:
    """Define the operators of detectors; they last as long as what is returned."""
    library = torch.library.Library("torchvision", "FRAGMENT")
    for operator in DETECTORS:
        with contextlib.suppress(RuntimeError):  # where torchvision has them
            library.define(f"{operator}(Tensor boxes, Tensor scores, float threshold) -> Tensor")
    return library


def spread(
    models: Iterable[tuple[str, str, Callable[[], nn.Module]]], each: int | None, only: str
) -> Iterator[tuple[str, str, Callable[[], nn.Module]]]:
    """Yield at most `each` models of a family, evenly spread, of those whose name has `only` in it."""
    families = defaultdict(list)
    for family, name, maker in models:
        if re.search(only, f"{family}/{name}"):
            families[family].append((family, name, maker))
    for found in families.values():
        step = 1 if each is None else max(1, -(-len(found) // each))
        yield from found[::step]


def shape_of(library: str, name: str, model: nn.Module) -> tuple[int, int, int]:
    """Return the input's shape that a model is made for."""
    if library == "timm":
        channels, height, width = model.default_cfg.get("input_size", (3, 224, 224))
        return height, width, channels
    if library == "pytorchcv":
        return (*getattr(model, "in_size", (224, 224)), 3)
    return (299, 299, 3) if "inception" in name else (224, 224, 3)


def stopped(error: BaseException) -> str:
    """Return what stops a model, without the path of the place: the same for all that it stops."""
    said = str(error).split("\n")[0]
    return re.sub(r"\d[\d,]*", "#", said.split(": ", 1)[-1])[:110]


def check_parameters(model: nn.Module, weights: Iterable[Mapping[str, Any]], parameters: int) -> None:
    """Refuse, as `network_of` does, what the tree would learn and the model does not."""
    learned, spare, met = {id(parameter) for parameter in model.parameters()}, 0, set[int]()
    for tensors in weights:
        for name, weight in tensors.items():
            for source in sources(weight) if name not in STATISTICS else ():
                spare -= source.numel() * (id(source) in met)  # a layer that runs again, which the tree has twice
                met.add(id(source))
            if name not in STATISTICS and not {*map(id, sources(weight))} <= learned:
                raise ValueError(f"its {name} is a buffer; a tree's layers learn all their weights")
            if isinstance(weight, Worked):
                spare += sum(source.numel() for source in weight.sources) - weight.size
    if parameters + spare != sum(parameter.numel() for parameter in model.parameters()):
        raise ValueError(f"the model as a tree would have {parameters:,} parameters, it has others")


def read(library: str, name: str, maker: Callable[[], nn.Module], equal: bool) -> str:
    """Read a model, without numbers where that suffices; return the error that stops it, or nothing."""
    why = "" if equal else read_on("meta", library, name, maker, equal)
    # fixed kernels are told by their numbers
    return read_on("cpu", library, name, maker, equal) if equal or NUMBERS.search(why) else why


def read_on(device: str, library: str, name: str, maker: Callable[[], nn.Module], equal: bool) -> str:
    """Read a model that is made on a device."""
    try:
        with torch.device(device):
            model = maker()
    except Exception as error:
        return f"cannot be made: {type(error).__name__}: {str(error)[:80]}"
    try:
        shape = shape_of(library, name, model)
        if equal:
            network_of(model, shape)
        else:
            with evaluation_mode(model):
                steps, _ = steps_of(model, shape)
            body, weights = folded(steps)
            tree = analyse(Network(shape, body))
            own = [weights[id(row.node)] for row in tree.rows if id(row.node) in weights]
            check_parameters(model, own, tree.parameters)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def main() -> None:
    """Read the models and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", choices=LIBRARIES)
    parser.add_argument("--each", type=int, help="at most so many models of a family")
    parser.add_argument("--only", default="", help="models whose family/name has this in it")
    parser.add_argument("--equal", action="store_true", help="compare outputs too")
    parser.add_argument("--answers", help="keep each model's answer in this file, and pass over those that are there")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    held, kept = define_detectors(), Answers(arguments.answers)
    answers: dict[str, dict[str, str]] = defaultdict(dict)
    start = time.perf_counter()
    library = arguments.library
    for family, name, maker in spread(LIBRARIES[library](), arguments.each, arguments.only):
        told = kept.of(family, name, lambda n=name, m=maker: read(library, n, m, arguments.equal))
        answers[family][name] = told
        if arguments.only:
            print(name, told or "a tree", file=sys.stderr)
    stops: Counter[str] = Counter()
    examples: dict[str, Any] = {}
    for family, found in sorted(answers.items()):
        trees = sum(not why for why in found.values())
        first = next((f"{name}: {why}" for name, why in found.items() if why), "")
        print(f"| {family} | {trees} of {len(found)} | {first[:150]} |")
        for name, why in found.items():
            if why:
                stops[stopped(Exception(why))] += 1
                examples.setdefault(stopped(Exception(why)), name)
    total = sum(map(len, answers.values()))
    trees = total - sum(stops.values())
    print(f"{trees} of {total} models became trees ({trees / max(total, 1):.0%}), {time.perf_counter() - start:.0f} s")
    for why, times in stops.most_common(40):
        print(f"{times:4d}  {why}   [{examples[why]}]")
    del held


if __name__ == "__main__":
    main()
