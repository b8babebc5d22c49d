"""What an expert would point at in a network, each with figures that the arithmetic gives, and nothing that is not so.

Where a change is proposed, it is made: the network is edited and analysed anew, and those figures are told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise

from hubel import zoo
from hubel.advise._remarks import Advice, Remarks
from hubel.arch import (
    Activation,
    Auxiliary,
    BatchNormalization,
    Chain,
    Concat,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    Layer,
    Network,
    Node,
    Product,
    Report,
    Row,
    Sum,
    Weighted,
    Windowed,
    analyse,
    both,
    edit,
    named_children,
    positions,
    replace_part,
    shape_text,
)
from hubel.base.names import listing

HALF = 0.5
LEAST_GAIN = 1.5  # how many times cheaper a change must be to be worth a word
WIDE = 256


def advise(network: zoo.Given) -> Remarks:
    """Return what an expert would point at, the costliest first within each rule; nothing for a sound network."""
    report = zoo.analyse(network)
    found = Remarks(advice for rule in _RULES for advice in rule(report))
    found.network = report.network
    return found


def _heavy_dense(report: Report) -> Iterator[Advice]:
    """Find a dense layer on a flattened picture that holds half of all parameters or more."""
    flattened: Row | None = None
    for row in report.rows:
        if isinstance(row.node, Flatten) and len(row.input_shape) == 3 and positions(row.input_shape) > 1:
            flattened = row
        elif isinstance(row.node, Dense) and flattened is not None and not row.auxiliary:
            share = row.cost.parameters / report.parameters
            if share >= HALF and report.macs > row.cost.macs:
                pooled = replace_part(report.network, flattened.path, GlobalAveragePooling2D())
                after = analyse(pooled).parameters
                yield Advice(
                    "heavy dense layer",
                    (row.path,),
                    f"{row.path} holds {share:.1%} of parameters, {row.cost.parameters:,} of {report.parameters:,}: "
                    f"it reads all {shape_text(flattened.input_shape)} numbers",
                    f"a global average pool instead of {flattened.path} leaves {after:,} parameters, "
                    f"{report.parameters / after:.3g} times fewer",
                    {"share": share, "parameters": report.parameters, "parameters_after": after},
                    pooled,
                )
            flattened = None
        elif not isinstance(row.node, Dropout):
            flattened = None


def _bottlenecks(report: Report) -> Iterator[Advice]:
    """Find convolutions that a 1×1 in front (GoogLeNet), or one on each side (ResNet), would make cheaper."""
    large: list[tuple[Row, Node]] = []
    wide: list[tuple[Row, Node]] = []
    squeezed_already = _after_one_by_one(report)
    for row in _convolutions(report):
        conv, channels = row.node, row.input_shape[2]
        assert isinstance(conv, Conv2D)
        kernel = both(conv.kernel_size)
        if row.path in squeezed_already:
            continue
        if min(kernel) >= 5 and channels >= 16 and conv.filters // 2 <= channels // 2:
            narrow = max(1, conv.filters // 2)
            large.append((row, Chain(Conv2D(narrow, 1, activation="relu"), replace(conv, name=None))))
        elif kernel == (3, 3) and channels == conv.filters >= WIDE and both(conv.strides) == (1, 1):
            narrow = channels // 4
            squeezed = replace(conv, filters=narrow, activation="relu", name=None)
            parts = (Conv2D(narrow, 1, activation="relu"), squeezed, Conv2D(channels, 1, activation=conv.activation))
            wide.append((row, Chain(*parts)))
    yield from _cheaper(report, large, "bottleneck", "a 1×1 convolution to {narrow} channels in front")
    yield from _cheaper(report, wide, "bottleneck", "1×1 convolutions to {narrow} channels and back around it")


def _stacks(report: Report) -> Iterator[Advice]:
    """Find 5×5 and 7×7 convolutions that a stack of 3×3 would replace: the same field for fewer weights (VGG)."""
    found: list[tuple[Row, Node]] = []
    for row in _convolutions(report):
        conv = row.node
        assert isinstance(conv, Conv2D)
        kernel = both(conv.kernel_size)
        if kernel[0] != kernel[1] or kernel[0] < 5 or kernel[0] % 2 == 0:
            continue
        if both(conv.strides) != (1, 1) or both(conv.dilation_rate) != (1, 1):
            continue
        times, half = kernel[0] // 2, kernel[0] // 2
        around = ((half, half), (half, half))
        if conv.padding not in ("same", "valid", around):
            continue
        padding = conv.padding if isinstance(conv.padding, str) else 1
        small = replace(conv, kernel_size=3, padding=padding, name=None)
        inner = replace(small, activation=conv.activation or "relu")
        found.append((row, Chain(*[inner] * (times - 1), small)))
    yield from _cheaper(report, found, "stack of 3×3", "{times} convolutions 3×3, which see as much")


def _cheaper(report: Report, found: list[tuple[Row, Node]], rule: str, words: str) -> Iterator[Advice]:
    """Make each change by itself, and tell the one that saves most, with the others' names."""
    gains = []
    for row, part in found:
        after = analyse(Network(row.input_shape, Chain(part)))
        if after.output_shape == row.output_shape and row.cost.macs >= LEAST_GAIN * after.macs:
            gains.append((row.cost.macs - after.macs, row, part, after))
    if not gains:
        return
    gains.sort(key=lambda gain: -gain[0])
    _, row, part, after = gains[0]
    assert isinstance(part, Chain)
    assert isinstance(row.node, Conv2D)
    first = part.nodes[0]
    change = words.format(narrow=first.filters if isinstance(first, Conv2D) else "", times=len(part.nodes))
    size = shape_text(both(row.node.kernel_size))
    others = f" (and {len(gains) - 1} more)" if len(gains) > 1 else ""
    changed = replace_part(report.network, row.path, part)
    yield Advice(
        rule,
        tuple(gain[1].path for gain in gains),
        f"{row.path}{others}: {size} from {row.input_shape[2]} to {row.node.filters} channels, {row.cost.macs:,} MACs, "
        f"{row.cost.macs / report.macs:.0%} of the network's",
        f"{change}: {after.macs:,} MACs, {row.cost.macs / after.macs:.3g} times cheaper",
        {
            "macs": row.cost.macs,
            "macs_after": after.macs,
            "ratio": row.cost.macs / after.macs,
            "network_macs": report.macs,
            "network_macs_after": analyse(changed).macs,
        },
        changed,
    )


def _field(report: Report) -> Iterator[Advice]:
    """Compare what the last map's places see with the picture."""
    if len(report.network.input) != 3:
        return
    maps = [row for row in report.rows if len(row.output_shape) == 3 and positions(row.output_shape) > 1]
    maps = [row for row in maps if not row.auxiliary and row.cost.macs]
    if len(maps) < 2:
        return
    row = maps[-1]
    seen, (height, width) = row.field.size, report.network.input[:2]
    figures = {"field": max(seen), "height": height, "width": width}
    if seen[0] > height and seen[1] > width:
        yield Advice(
            "large receptive field",
            (row.path,),
            f"a place of {row.path} sees {shape_text(seen)}, more than the picture's {height}×{width}: "
            f"{1 - height * width / (seen[0] * seen[1]):.0%} or more of that is padding",
            "larger pictures would use it; for pictures of this size fewer strides or layers would do",
            figures,
        )
    elif 2 * seen[0] < height and 2 * seen[1] < width:
        yield Advice(
            "small receptive field",
            (row.path,),
            f"a place of {row.path} sees {shape_text(seen)} of the picture's {height}×{width}: nothing larger is "
            "recognised as a whole before the places are put together",
            "strides, pooling, dilation or more layers enlarge it",
            figures,
        )


def _useless_biases(report: Report) -> Iterator[Advice]:
    """Find biases that the batch normalisation right after takes away again."""
    rows = {row.path: row for row in report.rows}
    useless = []
    for nodes, scope in _chains(report.network.body.nodes, ""):
        for (name, node), (_, after) in pairwise(named_children(nodes)):
            undone = isinstance(after, BatchNormalization) and isinstance(node, Weighted) and not node.activation
            if undone and _has_bias_per_channel(rows[scope + name]):
                useless.append(scope + name)
    if useless:
        changed = edit(report.network, {f"{path}.use_bias": False for path in useless})
        saved = report.parameters - analyse(changed).parameters
        layers = f"{len(useless)} layers have" if len(useless) > 1 else f"{useless[0]} has"
        yield Advice(
            "useless bias",
            tuple(useless),
            f"{layers} a bias that has no effect: the batch normalisation after it subtracts each channel's mean",
            f"use_bias=False saves {saved:,} parameters and changes nothing else",
            {"layers": len(useless), "parameters": report.parameters, "parameters_after": report.parameters - saved},
            changed,
        )


def _has_bias_per_channel(row: Row) -> bool:
    kinds = (Conv2D, DepthwiseConv2D, Conv2DTranspose, Dense)
    return isinstance(row.node, kinds) and row.cost.bias_operations > 0


def _odd_channels(report: Report) -> Iterator[Advice]:
    """Find widths that are no multiple of 8, which matrix units compute in blocks of."""
    weighted = [row for row in report.rows if row.cost.macs and not row.auxiliary]
    odd = [row for row in weighted[:-1] if isinstance(row.node, (Conv2D, Dense)) and row.output_shape[-1] % 8]
    if not odd:
        return
    widths = sorted({row.output_shape[-1] for row in odd})
    listed = listing(widths, 8)
    first = odd[0].output_shape[-1]
    yield Advice(
        "channels off multiples of 8",
        tuple(row.path for row in odd),
        f"{len(odd)} of {len(weighted) - 1} hidden layers have widths that 8 does not divide: {listed}",
        f"matrix units of GPUs compute 16-bit numbers in blocks of 8: {first} channels cost as much as "
        f"{-(-first // 8) * 8}",
        {"layers": len(odd), "hidden_layers": len(weighted) - 1},
    )


def _dropped(report: Report) -> Iterator[Advice]:
    """Find windows that leave rows or columns of their input uncovered."""
    for row in report.rows:
        node = row.node
        if not isinstance(node, Windowed):
            continue
        windows = node.windows(row.input_shape)
        dropped = {f"{window.word}s": window.dropped for window in windows.axes}
        error = node.strict_error(row.input_shape) if any(dropped.values()) else None
        if error is None:
            continue
        what = " and ".join(f"{n} {words[: None if n > 1 else -1]}" for words, n in dropped.items() if n)
        yield Advice(
            "dropped rows or columns",
            (row.path,),
            f"{row.path} never looks at the last {what} of its {shape_text(row.input_shape)} input",
            "what covers all: " + "; ".join(map(str, error.fits)) if error.fits else "another size, stride or padding",
            dropped,
        )


def _inner_softmax(report: Report) -> Iterator[Advice]:
    """Find a softmax that is not the end of the network or of a side exit."""
    last = report.rows[-1].path
    ends = {*_exit_ends(report.network.body.nodes, ""), last}
    for row in report.rows:
        node = row.node
        function = node.function if isinstance(node, Activation) else getattr(node, "activation", None)
        if function == "softmax" and row.path not in ends:
            yield Advice(
                "softmax inside",
                (row.path,),
                f"{row.path} is a softmax with layers after it: {row.output_shape[-1]} numbers forced to add up to 1",
                "relu there, and softmax at the end alone",
                {"channels": row.output_shape[-1]},
            )


def _idle_layers(report: Report) -> Iterator[Advice]:
    """Find two dense layers with nothing between them that bends: their product is one layer."""
    for nodes, scope in _chains(report.network.body.nodes, ""):
        for (name, node), (next_name, after) in pairwise(named_children(nodes)):
            if not (isinstance(node, Dense) and isinstance(after, Dense)) or node.activation:
                continue
            rows = report.find(scope + name), report.find(scope + next_name)
            (inputs,), (units, outputs) = rows[0][0].input_shape[-1:], (node.units, after.units)
            if units < min(inputs, outputs):
                continue  # a narrow middle is a saving, not a mistake
            both_cost = rows[0][0].cost.parameters + rows[1][0].cost.parameters
            one = (inputs + 1) * outputs
            if one < both_cost:
                yield Advice(
                    "no activation between",
                    (scope + name, scope + next_name),
                    f"{scope + name} and {scope + next_name} have no activation between them: together they can do no "
                    f"more than one dense layer, at {both_cost:,} parameters instead of {one:,}",
                    f"an activation in {scope + name}",
                    {"parameters": both_cost, "parameters_of_one": one},
                )


def _after_one_by_one(report: Report) -> set[str]:
    """Return the layers whose last weights before, in the same run of nodes, are a 1×1 convolution."""
    found = set()
    for nodes, scope in _chains(report.network.body.nodes, ""):
        after = False
        for name, node in named_children(nodes):
            if after and isinstance(node, Conv2D):
                found.add(scope + name)
            if not isinstance(node, Layer) or isinstance(node, Weighted):
                after = isinstance(node, Conv2D) and both(node.kernel_size) == (1, 1)
    return found


def _convolutions(report: Report) -> list[Row]:
    """Return the ungrouped convolutions of the network itself, side exits apart."""
    rows = [row for row in report.rows if isinstance(row.node, Conv2D) and not row.auxiliary]
    return [row for row in rows if isinstance(row.node, Conv2D) and row.node.groups == 1]


def _chains(nodes: tuple[Node, ...], scope: str) -> Iterator[tuple[tuple[Node, ...], str]]:
    """Give every run of nodes that follow each other, with what stands before their names."""
    yield nodes, scope
    for name, node in named_children(nodes):
        path = f"{scope}{name}."
        if isinstance(node, (Chain, Auxiliary)):
            yield from _chains(node.nodes, path)
        elif isinstance(node, (Sum, Concat, Product)):
            for inner, branch in named_children(node.branches):
                if isinstance(branch, Chain):
                    yield from _chains(branch.nodes, f"{path}{inner}.")


def _exit_ends(nodes: tuple[Node, ...], scope: str) -> Iterator[str]:
    for inside, prefix in _chains(nodes, scope):
        for name, node in named_children(inside):
            if isinstance(node, Auxiliary):
                *_, (last, end) = named_children(node.nodes)
                if isinstance(end, Layer):
                    yield f"{prefix}{name}.{last}"


_RULES: tuple[Callable[[Report], Iterator[Advice]], ...] = (
    _heavy_dense,
    _bottlenecks,
    _stacks,
    _field,
    _useless_biases,
    _odd_channels,
    _dropped,
    _inner_softmax,
    _idle_layers,
)
