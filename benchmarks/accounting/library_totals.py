"""Whether `inspect` gives PyTorch's totals of other libraries' models: parameters, multiply-adds of both passes, the
output's shape.

    python benchmarks/accounting/library_totals.py torchvision            all of them
    python benchmarks/accounting/library_totals.py timm --each 1          one model of a family
    python benchmarks/accounting/library_totals.py timm --answers FILE    goes on where FILE ends

Models are made and run on PyTorch's meta device, without numbers: once by `inspect`, once by hand under PyTorch's own
counter (`torch.utils.flop_counter`), in evaluation mode; of a grouped convolution's gradients it is told that each
channel meets its own group's filters alone. A model that does not run so by hand is told apart from one
that `inspect` refuses.
"""

from __future__ import annotations

import argparse
import importlib
import inspect as python
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import torch
from library_trees import LIBRARIES, Answers, define_detectors, shape_of, spread
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from hubel.nn import inspect
from hubel.nn.inspection.tensors import returned, tensors_in

Maker = Callable[[], nn.Module]
STEPS = 32  # of a text


def every_timm() -> Iterator[tuple[str, str, Maker]]:
    """Yield all of timm's models, transformers too."""
    timm = importlib.import_module("timm")
    homes = importlib.import_module("timm.models._registry")._model_to_module
    for name in timm.list_models():
        yield homes[name], name, lambda name=name: timm.create_model(name)


def every_torchvision() -> Iterator[tuple[str, str, Maker]]:
    """Yield all of torchvision's models, of videos, masks and boxes too."""
    models = importlib.import_module("torchvision.models")
    for name in models.list_models():
        family = models.get_model_builder(name).__module__.rpartition(".")[2]
        more = {"weights_backbone": None} if "backbone" in str(python.signature(models.get_model_builder(name))) else {}
        yield family, name, lambda name=name, more=more: models.get_model(name, weights=None, **more)


def every_transformer() -> Iterator[tuple[str, str, Maker]]:
    """Yield the model of each configuration of transformers, as it is by default."""
    auto = importlib.import_module("transformers.models.auto.configuration_auto")
    made = importlib.import_module("transformers").AutoModel
    known = importlib.import_module("transformers.models.auto.modeling_auto").MODEL_MAPPING_NAMES
    for name in known:
        if name in auto.CONFIG_MAPPING_NAMES:
            yield name, name, lambda name=name: made.from_config(auto.CONFIG_MAPPING[name]())


ALL: dict[str, Callable[[], Iterator[tuple[str, str, Maker]]]] = {
    "timm": every_timm,
    "torchvision": every_torchvision,
    "pytorchcv": LIBRARIES["pytorchcv"],
    "transformers": every_transformer,
}


def example_of(library: str, family: str, name: str, model: nn.Module) -> Any:
    """Return what a model is given, without numbers."""
    if library == "transformers":
        return words_or_pictures(model)
    height, width, channels = shape_of(library, name, model)
    if library == "torchvision" and family in ("resnet", "mvit", "swin_transformer", "s3d") and is_video(name):
        return torch.empty(1, 3, 16, 224, 224, device="meta")
    if name.startswith("raft"):
        return tuple(torch.empty(1, 3, 224, 224, device="meta") for _ in range(2))
    if "rcnn" in name or "retinanet" in name or "fcos" in name or name.startswith("ssd"):
        return ([torch.empty(3, 320, 320, device="meta")],)
    return torch.empty(1, channels, height, width, device="meta")


def is_video(name: str) -> bool:
    """Whether a model of torchvision takes several pictures."""
    return name.startswith(("mc3", "r2plus1d", "r3d", "mvit", "s3d", "swin3d"))


def words_or_pictures(model: Any) -> dict[str, Tensor]:
    """Return what a model of transformers calls its main input."""
    config, name = model.config, model.main_input_name
    if name == "pixel_values":
        own = getattr(config, "vision_config", config)
        size = getattr(own, "image_size", 224)
        height, width = size if isinstance(size, (tuple, list)) else (size, size)
        return {name: torch.empty(1, getattr(own, "num_channels", 3), height, width, device="meta")}
    if name == "input_ids":
        tokens = torch.zeros(1, STEPS, dtype=torch.int64, device="meta")
        both = {"decoder_input_ids": tokens} if getattr(config, "is_encoder_decoder", False) else {}
        return {name: tokens, **both}
    if name == "input_values":
        return {name: torch.empty(1, 16_000, device="meta")}
    raise LookupError(f"a model that takes {name}")


def of_gradients(gradient: Any, given: Any, weight: Any, *settings: Any, **_: Any) -> int:
    """Return the operations of a convolution's gradients, from shapes and PyTorch's own settings."""
    transposed, wanted = settings[4], settings[7]
    return 2 * prod(given if transposed else gradient) * prod(weight[1:]) * (bool(wanted[0]) + bool(wanted[1]))


def counted(model: nn.Module, example: Any) -> tuple[int, int, tuple[int, ...] | None]:
    """Return the multiply-adds by PyTorch's own counter, forward and backward, and the shape of the first output."""
    with FlopCounterMode(display=False) as forward:
        if isinstance(example, dict):
            output = model(**example)
        else:
            output = model(*(example if isinstance(example, tuple) else (example,)))
    found = [each for each in returned(output) if each.requires_grad]
    own = {torch.ops.aten.convolution_backward: of_gradients}
    with FlopCounterMode(display=False, custom_mapping=own) as backward:
        if found:
            torch.autograd.backward(found, [torch.ones_like(each) for each in found])
    shapes = [tuple(each.shape) for each in tensors_in(output)]
    macs = (counter.get_total_flops() // 2 for counter in (forward, backward))
    return (*macs, shapes[0] if shapes else None)  # type: ignore[return-value]


def made(maker: Maker) -> nn.Module:
    """Make a model on PyTorch's meta device, or bring it there where it wants numbers while it is made."""
    try:
        with torch.device("meta"):
            return maker().eval()
    except NotImplementedError:
        return maker().eval().to("meta")


def compare(library: str, family: str, name: str, maker: Maker) -> str:
    """Say how `inspect` and PyTorch differ about a model; "" where they do not."""
    try:
        model = made(maker)
        example = example_of(library, family, name, model)
    except Exception as error:
        return f"cannot be made: {type(error).__name__}: {str(error)[:80]}"
    state = {path: id(tensor) for path, tensor in model.state_dict(keep_vars=True).items()}
    try:
        report = inspect(model, example=example)
    except Exception as error:
        return f"refused: {type(error).__name__}: {error}"
    if report.stopped:
        return f"stopped: {report.stopped}"
    if state != {path: id(tensor) for path, tensor in model.state_dict(keep_vars=True).items()}:
        return "wrong: the model is another afterwards"
    try:
        macs, backward, shape = counted(model, example)
    except Exception as error:
        return f"only inspect runs it: {type(error).__name__}: {str(error)[:80]}"
    parameters = sum(each.numel() for each in model.parameters())
    told = [
        f"{what} {ours} by inspect, {theirs} by PyTorch"
        for what, ours, theirs in (
            ("parameters", report.parameters, parameters),
            ("MACs", report.macs, macs),
            ("MACs backward", report.backward_macs, backward),
            ("output", report.output_shape, shape),
        )
        if ours != theirs
    ]
    noted = f" [{'; '.join([*report.notes, *(n for row in report.rows for n in row.notes)])[:200]}]"
    return f"differ: {', '.join(told)}{noted}" if told else ""


def main() -> None:
    """Compare, and print what differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", choices=ALL)
    parser.add_argument("--each", type=int, help="at most so many models of a family")
    parser.add_argument("--only", default="", help="models whose family/name has this in it")
    parser.add_argument("--answers", help="keep each model's answer in this file, and pass over those that are there")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    held = define_detectors()
    answers = Answers(arguments.answers)
    kinds: Counter[str] = Counter()
    listed: dict[str, list[str]] = defaultdict(list)
    for family, name, maker in spread(ALL[arguments.library](), arguments.each, arguments.only):
        told = answers.of(family, name, lambda f=family, n=name, m=maker: compare(arguments.library, f, n, m))
        kind = told.partition(":")[0] or "equal"
        kinds[kind] += 1
        if told:
            listed[kind].append(f"{family}/{name}: {told}")
    for kind, lines in listed.items():
        print(f"\n{kind}: {len(lines)}")
        for line in lines:
            print(f"  {line[:300]}")
    print(", ".join(f"{kind}: {number}" for kind, number in kinds.most_common()), "of", kinds.total())
    del held


if __name__ == "__main__":
    main()
