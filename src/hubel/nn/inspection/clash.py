"""Why a model did not run without numbers: where, on which shapes, by which rule, and what would fit."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from torch import nn

from hubel.arch import AveragePooling2D, Conv2D, Fit, Layer, MaxPooling2D, ShapeError, order_note
from hubel.base.errors import NetworkError
from hubel.nn.inspection.report import TensorShape, tensor_text
from hubel.nn.inspection.run import Reached, Watch, watched

LARGEST_PICTURE = 1024


def explained(error: Exception, model: nn.Module, picture: TensorShape | None, batch: int) -> ValueError:
    """Return what `inspect` raises instead of `error`, which a `watched` run of `model` raised.

    `picture` is the input's H×W×C, or T×C, where the input is one picture or sequence: then others are tried out.
    """
    watch: Watch | None = getattr(error, "watch", None)
    if watch is None or not watch.running:
        return NetworkError(f"the module could not be run: {error}")
    without = without_batch(model, watch)
    module = without[0] if without else watch.running[-1]
    place = next(path for path, part in model.named_modules() if part is module)
    name = f"{place} ({type(module).__name__})" if place else type(module).__name__
    inputs = watch.seen[module].inputs
    clash = without[1] if without else _of_layer(module, inputs) or _of_operation(watch)
    if clash is None:
        return NetworkError(f"{name}: {_plain(error)}")
    fits = _fits_of_input(model, module, picture, batch, inputs)
    return ShapeError(
        clash.expected, rule=clash.rule, values=clash.values, fits=(*clash.fits, *fits), place=place or name
    )


# What PyTorch says where numbers are wanted of a tensor that has none.
NUMBERS = r"'Meta' backend|meta tensor|meta device|data-dependent|DataDependent|[Mm]eta|unallocated storage"

# What Python says where a function is given other arguments than it takes.
INDICES = r"scalar types: Long, Int|to be long or int|int32/int64 for index|tensors used as indices must be"
ARGUMENTS = r"missing \d+ required|unexpected keyword argument|takes .*positional arguments?.* (was|were) given"


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says."""
    return str(error).strip().split("\n")[0]


def _plain(error: Exception) -> str:
    """Say in a sentence what a model did that cannot be done without numbers."""
    said = first_line(error)
    if found := re.match(r"(?!aten)(\w+)::([\w.]+): (We could not find the fake|attempted to run this operator)", said):
        quantised = found[1].startswith("quantized")
        return f"runs {found[1]}::{found[2]}, of which nothing says what shapes it gives; " + (
            "inspect the model as it was before it was quantised: it multiplies as much, in other numbers"
            if quantised
            else "torch.library.register_fake says it"
        )
    if found := re.search(r"rule registered for HigherOrderOperator (\w+)", said):  # torch.cond, while_loop …
        return f"{DECIDES}, by torch's operator {found[1]}, and inspect runs on shapes alone; give it one way to go"
    if isinstance(error, TypeError) and re.search(ARGUMENTS, said):
        return f"{said}: give all that forward takes, --input once for each (NAME=SHAPE) or an example with all of them"
    if re.search(NUMBERS, said + type(error).__name__):
        if found := re.search(r"torch\.(\w+)\(\)|aten::_?([a-z_]+)", said):
            said = f"torch.{found[1] or found[2]}"
        short = re.sub(r"(: attempted to run| raises unimplemented| You may| Use Tensor).*", "", said)
        return f"{DECIDES}, and inspect runs on shapes alone: {short}"
    if re.search("sparse", said, re.IGNORECASE):
        return (
            f"asks how a sparse tensor is stored ({said}), and inspect counts such as if they were full; make what it "
            "asks for once, before it runs, or give the matrix full (to_dense)"
        )
    if re.search(INDICES, said):
        watch = getattr(error, "watch", None)
        given = watch.seen[watch.running[-1]].inputs if watch is not None and watch.running else ()
        sizes = [str(size) for size in (given and given[-1][1:]) or (128,)]
        return (
            "looks rows up by whole numbers, and received others: where those are the input, "
            f"--input {'x'.join(sizes)}:int on the command line, "
            f"example=torch.zeros(1, {', '.join(sizes)}, dtype=torch.int64) in Python"
        )
    return f"{type(error).__name__}: {said}"


DECIDES = "decides on the numbers in a tensor (or takes them out of PyTorch)"


def decided(error: ValueError, watch: Watch | None) -> str:
    """Return where a model that had counted something by then decides on numbers; "" for another error."""
    said = str(error)
    counted = watch is not None and any(seen.macs for seen in watch.seen.values())
    return said if counted and DECIDES in said else ""


def _of_layer(module: nn.Module, inputs: tuple[TensorShape, ...]) -> ShapeError | None:
    """Check a layer's rule on the shape that it was given."""
    if not inputs:
        return None
    for kinds, rule in LAYERS:
        if isinstance(module, kinds):
            return rule(module, inputs[0])
    return None


def _linear(module: Any, given: TensorShape) -> ShapeError | None:
    wanted, received = module.in_features, given[-1] if given else 0
    if received == wanted:
        return None
    return ShapeError(
        f"Linear expected {wanted} features last, received {tensor_text(given)}",
        rule="features = in_features",
        values=f"{received} ≠ {wanted}",
        fits=_flattened(wanted, given) or (Fit("in_features", str(received), "as received"),),
    )


def _flattened(wanted: int, given: TensorShape) -> tuple[Fit, ...]:
    """A picture that has not been flattened holds the right number of features."""
    for start in range(1, len(given) - 1):
        features = 1
        for length in given[start:]:
            features *= length
        if features == wanted:
            return (Fit("before it", f"flatten({start})", tensor_text((*given[:start], wanted))),)
    return ()


def without_batch(model: nn.Module, watch: Watch) -> tuple[nn.Module, ShapeError] | None:
    """Find a convolution that takes what the model is given for one example, its batch for channels."""
    given = watch.seen[model].inputs if model in watch.seen else ()
    for part, seen in watch.seen.items():
        if isinstance(part, nn.modules.conv._ConvNd) and seen.inputs and seen.inputs[0] in given:
            axes, shape = len(part.kernel_size), seen.inputs[0]
            if len(shape) == axes + 1:
                told = "which it takes for one example without a batch"
                text = "x".join(map(str, (*shape[1:], 1)))
                fits = (Fit("--input", text, "one channel"),) if part.in_channels == 1 else ()
                return part, ShapeError(f"{_expected(part, shape)}, {told}", rule=f"{axes + 2} dimensions", fits=fits)
    return None


def _expected(module: Any, given: TensorShape) -> str:
    axes = len(module.kernel_size)
    form = "N×C×" + "×".join("DHW"[3 - axes :] if axes > 1 else "L")
    return f"{type(module).__name__} expected {form}, received {tensor_text(given)}"


def _convolution(module: Any, given: TensorShape) -> ShapeError | None:
    axes, kind = len(module.kernel_size), type(module).__name__
    if len(given) not in (axes + 1, axes + 2):
        return ShapeError(_expected(module, given), rule=f"{axes + 2} dimensions")
    channels = given[-axes - 1]
    if channels != module.in_channels:
        return ShapeError(
            f"{kind} expected {module.in_channels} channels, received {channels} in {tensor_text(given)}",
            rule="channels = in_channels",
            values=f"{channels} ≠ {module.in_channels}",
            fits=(Fit("in_channels", str(channels), "as received"),),
        )
    if isinstance(module, nn.Conv2d) and not isinstance(module.padding, str):
        rows, columns = module.padding
        same = Conv2D(
            filters=module.out_channels,
            kernel_size=module.kernel_size,  # type: ignore[arg-type]
            strides=module.stride,  # type: ignore[arg-type]
            padding=((rows, rows), (columns, columns)),
            dilation_rate=module.dilation,  # type: ignore[arg-type]
            groups=module.groups,
        )
        return _of_tree(same, given)
    return None


def _pooling(module: Any, given: TensorShape) -> ShapeError | None:
    if len(given) not in (3, 4):
        kind = type(module).__name__
        return ShapeError(f"{kind} expected N×C×H×W, received {tensor_text(given)}", rule="4 dimensions")
    layer = MaxPooling2D if isinstance(module, nn.MaxPool2d) else AveragePooling2D
    settings = {"pool_size": module.kernel_size, "strides": module.stride, "padding": module.padding}
    return _of_tree(layer(**settings, ceil_mode=module.ceil_mode), given)


def _of_tree(layer: Layer, given: TensorShape) -> ShapeError | None:
    """Ask the tree's own layer, which knows what would fit."""
    channels, height, width = given[-3:]
    try:
        layer.output_shape((height, width, channels))
    except ShapeError as error:
        return error
    return None


def _normalization(module: Any, given: TensorShape) -> ShapeError | None:
    group = isinstance(module, nn.GroupNorm)
    wanted, argument = (module.num_channels, "num_channels") if group else (module.num_features, "num_features")
    received = given[1] if len(given) > 1 else None
    if received == wanted:
        values = 1
        for length in (given[0], *given[2:]):
            values *= length
        if values == 1 and module.training and not group:
            return ShapeError(
                f"{type(module).__name__} in training mode expected more than one value a channel, received "
                f"{tensor_text(given)}",
                fits=(Fit("batch", "2", "two values"), Fit("the module", ".eval()", "stored statistics")),
            )
        return None
    return ShapeError(
        f"{type(module).__name__} expected {wanted} channels, received {tensor_text(given)}",
        rule=f"channels = {argument}",
        values=f"{received} ≠ {wanted}",
        fits=(Fit(argument, str(received), "as received"),) if received else (),
    )


def _layer_normalization(module: Any, given: TensorShape) -> ShapeError | None:
    wanted = tuple(module.normalized_shape)
    received = given[-len(wanted) :]
    if received == wanted:
        return None
    return ShapeError(
        f"LayerNorm expected {tensor_text(wanted)} last, received {tensor_text(given)}",
        rule="last dimensions = normalized_shape",
        values=f"{tensor_text(received)} ≠ {tensor_text(wanted)}",
        fits=(Fit("normalized_shape", tensor_text(received), "as received"),),
    )


def _recurrent(module: Any, given: TensorShape) -> ShapeError | None:
    if given and given[-1] == module.input_size:
        return None
    return ShapeError(
        f"{type(module).__name__} expected {module.input_size} features last, received {tensor_text(given)}",
        rule="features = input_size",
        values=f"{given[-1] if given else 0} ≠ {module.input_size}",
        fits=(Fit("input_size", str(given[-1]), "as received"),) if given else (),
    )


LAYERS: list[tuple[tuple[type[nn.Module], ...], Callable[[Any, TensorShape], ShapeError | None]]] = [
    ((nn.Linear,), _linear),
    ((nn.modules.conv._ConvNd,), _convolution),
    ((nn.MaxPool2d, nn.AvgPool2d), _pooling),
    ((nn.modules.batchnorm._BatchNorm, nn.GroupNorm), _normalization),
    ((nn.LayerNorm,), _layer_normalization),
    ((nn.RNNBase,), _recurrent),
]


def _of_operation(watch: Watch) -> ShapeError | None:
    """Explain an operation that a module called itself."""
    if watch.failed is None:
        return None
    name, shapes = watch.failed
    if name in MATRIX_PRODUCTS and len(shapes) >= 2:
        left, right = shapes[-2:]
        return _matrix_clash(name, left, right)
    if name == "cat" and len(shapes) > 1:
        listed = " and ".join(map(tensor_text, dict.fromkeys(shapes)))
        return ShapeError(
            f"cat expected tensors that differ in one dimension only, received {listed}",
            fits=(Fit("in every branch", "equal padding and strides", "equal heights and widths"),),
        )
    if name == "convolution" and len(shapes) >= 2:
        return ShapeError(
            f"convolution expected a weight that fits its input, received an input of {tensor_text(shapes[0])} and a "
            f"weight of {tensor_text(shapes[1])} (filters×channels×kernel)"
        )
    spreads = name.rstrip("_") in BROADCASTING.split()
    if spreads and len(shapes) == 2 and (clash := _broadcast_clash(*shapes)) is not None:
        axis, one, other = clash
        return ShapeError(
            f"{name.rstrip('_')} expected equal sizes (or 1), received {tensor_text(shapes[0])} and "
            f"{tensor_text(shapes[1])}",
            rule="sizes equal, or 1, in every dimension",
            values=f"{one} ≠ {other} in dimension {axis}",
            fits=_branch_fits(axis, one, other, len(shapes[0])),
        )
    if name in ("view", "_unsafe_view", "reshape") and shapes:
        return ShapeError(
            f"{name.lstrip('_')} expected a shape that holds as many numbers, received {tensor_text(shapes[0])}",
            fits=(Fit("the shape", "-1 in one place", "whatever is left"),),
        )
    return None


# Operations of two tensors whose sizes must be equal, or 1; others that take two have rules of their own.
BROADCASTING = (
    "add sub rsub mul div true_divide floor_divide remainder fmod pow float_power atan2 hypot maximum minimum"
)
BROADCASTING += (
    " fmax fmin eq ne lt le gt ge logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_xor lerp"
)
BROADCASTING += (
    " addcmul addcdiv copysign logaddexp logaddexp2 xlogy masked_fill mse_loss l1_loss smooth_l1_loss huber_loss"
)
MATRIX_PRODUCTS = ("mm", "addmm", "bmm", "baddbmm", "addbmm")


def _matrix_clash(name: str, left: TensorShape, right: TensorShape) -> ShapeError | None:
    if len(left) < 2 or len(right) < 2 or (left[-1] == right[-2] and left[:-2] == right[:-2]):
        return None
    return ShapeError(
        f"a matrix product expected …×n×k and …×k×m, received {tensor_text(left)} and {tensor_text(right)}",
        rule="columns of the left = rows of the right",
        values=f"{left[-1]} ≠ {right[-2]}" if left[-1] != right[-2] else f"{left[:-2]} ≠ {right[:-2]}",
        fits=(
            Fit("the right", tensor_text((*left[:-2], left[-1], right[-1])), tensor_text((*left[:-1], right[-1]))),
            Fit("the left", tensor_text((*left[:-1], right[-2])), tensor_text((*left[:-1], right[-1]))),
        ),
    )


def _broadcast_clash(left: TensorShape, right: TensorShape) -> tuple[int, int, int] | None:
    """Find the last dimension in which two shapes neither agree nor are 1, counted from the end: −1, −2, …."""
    for axis in range(1, min(len(left), len(right)) + 1):
        if left[-axis] != right[-axis] and 1 not in (left[-axis], right[-axis]):
            return -axis, left[-axis], right[-axis]
    return None


def _branch_fits(axis: int, one: int, other: int, dimensions: int) -> tuple[Fit, ...]:
    small, large = sorted((one, other))
    if dimensions == 4 and axis == -3:
        return (Fit("in the narrow branch", f"a 1×1 convolution to {large}", "equal channels"),)
    if dimensions == 4 and large % small == 0:
        return (Fit("in the large branch", f"stride {large // small}", f"{small} rows and columns"),)
    return ()


def _fits_of_input(
    model: nn.Module, module: nn.Module, picture: TensorShape | None, batch: int, inputs: tuple[TensorShape, ...]
) -> tuple[Fit, ...]:
    """Find the picture that the module would have fitted: axes in another order, or another size, tried out."""
    if picture is None or not inputs:
        return ()
    channels = getattr(module, "in_channels", None)
    if len(picture) == 2:
        steps, features = picture
        if channels != steps or inputs[0] != (batch, features, steps):
            return ()
        return (Fit("input_shape", tensor_text((features, steps)), "shapes are steps × features"),)
    height, width, depth = picture
    if isinstance(channels, int) and channels != depth and inputs[0] == (batch, depth, height, width):
        if height == channels:  # somebody wrote channels first
            return (Fit("input_shape", tensor_text((width, depth, height)), "shapes are height × width × channels"),)
        return (Fit("input_shape", tensor_text((height, width, channels)), f"{channels} channels"),)
    if order_note(picture):
        return (Fit("input_shape", tensor_text((width, depth, height)), "shapes are height × width × channels"),)
    if isinstance(module, nn.Linear) and inputs[0][-1] != module.in_features:
        size = _size_that_gives(model, module, depth, batch)
        if size is not None:
            return (Fit("input_shape", tensor_text((size, size, depth)), f"{module.in_features} features"),)
    return ()


def _size_that_gives(model: nn.Module, module: nn.Linear, channels: int, batch: int) -> int | None:
    """Search, by halving, the square picture from which a dense layer gets the features that it wants."""
    low, high = 1, LARGEST_PICTURE
    while low <= high:
        size = (low + high) // 2
        features = _features(model, module, size, channels, batch)
        if features == module.in_features:
            return _nicest(model, module, size, channels, batch)
        if features < module.in_features:
            low = size + 1
        else:
            high = size - 1
    return None


def _nicest(model: nn.Module, module: nn.Linear, size: int, channels: int, batch: int) -> int:
    """Of the sizes that give the same features, return the one that most powers of two divide."""
    around = range(max(1, size - 32), size + 33)
    rounded = sorted(around, key=lambda n: (-(n & -n), abs(n - size)))
    return next(n for n in rounded if n == size or _features(model, module, n, channels, batch) == module.in_features)


def _features(model: nn.Module, module: nn.Linear, size: int, channels: int, batch: int) -> int:
    """Return what the dense layer would be given for a picture of that size; zero where the picture is too small."""
    import torch

    dtype = next((p.dtype for p in model.parameters()), torch.get_default_dtype())
    picture = torch.empty(batch, channels, size, size, dtype=dtype, device="meta")
    try:
        watched(model, (picture,), {}, stop_at=module)
    except Reached as reached:
        return reached.shapes[0][-1] if reached.shapes and reached.shapes[0] else 0
    except Exception:  # whatever a smaller picture meets on its way
        return 0
    return 0
