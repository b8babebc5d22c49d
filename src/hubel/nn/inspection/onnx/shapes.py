"""Every shape of an ONNX graph that can be known: inferred, and worked out where the graph computes it by itself."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

from hubel.base.errors import NetworkError
from hubel.nn.inspection.onnx.flow import PASSING
from hubel.nn.inspection.onnx.fused import written_out
from hubel.nn.inspection.onnx.learned import FLOATING
from hubel.nn.inspection.onnx.parts import KINDS, Around, Part
from hubel.nn.inspection.onnx.rules import as_inference_takes_them, forget_behind, otherwise, tell
from hubel.nn.inspection.onnx.writing import WORKED_OUT
from hubel.nn.inspection.report import TensorShape

MOST_VALUES = 4096  # numbers of a tensor that is worked out: shapes and indices are small
MOST_PASSES = 100
INT64 = 7  # as ONNX numbers its types
WEIGHTS = (*FLOATING, 2, 3, *range(17, 25))  # floats, and whole numbers and floats of 8 bits and fewer


def inferred(onnx: Any, model: Any) -> tuple[Any, dict[str, TensorShape], Counter[str], dict[str, Part], int]:
    """Infer shapes, with the numbers of what the graph works out of shapes themselves, until nothing new is known; and
    write out the operators of ONNX Runtime's own. Return the graph, the shapes, what was written out, what its
    operators run inside, by what they give, and how many Ifs stand as the branch that is taken.
    """
    values, written, parts, gone = dict[str, Any](), Counter[str](), dict[str, Part](), list[Any]()
    graph, found, told, decided = model.graph, dict[str, TensorShape](), dict[str, TensorShape](), 0
    for node in graph.node:
        _as_inferred(onnx, node)
    for _ in range(MOST_PASSES):
        graph = _once(onnx, model, told)
        found = shapes_of(graph)
        if (other := otherwise(graph, found, told)) is not None:
            node, shape = other
            told[node.output[0]] = shape
            forget_behind(model, node.output[0], shape)
            kinds = {each.name: each.type.tensor_type.elem_type for each in (*graph.input, *graph.value_info)}
            for name, kind in zip(node.output, (kinds.get(node.input[0], 1), INT64), strict=False):
                tell(onnx, model, name, kind, shape)
            continue
        if now := written_out(model, found):
            written += now
            continue
        left = [node.output[0] for node in graph.node if node.output and node.output[0] not in found]
        if not left and not any(node.op_type in ("Shape", *KINDS) for node in graph.node):
            break
        fresh = list(_worked_out(onnx, model, found, values))
        decided += (taken := _branches_taken(model, values))
        if not taken and not fresh and not _looked_into(onnx, model, graph, values, parts):
            break
        model.ir_version = max(model.ir_version, 4)  # before, stored tensors had to be inputs too
        model.graph.initializer.extend(fresh)
        names = {tensor.name for tensor in fresh}
        gone += [node for node in model.graph.node if names.intersection(node.output)]
        left = [node for node in model.graph.node if not names.intersection(node.output)]
        del model.graph.node[:]
        model.graph.node.extend(left)
    _put_back(graph, gone)
    return graph, found, written, parts, decided


def _put_back(graph: Any, gone: list[Any]) -> None:
    """Put nodes that were worked out back where what they give comes of stored weights, which the file has whole; mark
    what the others give as not stored.
    """
    made = {node.output[0] for node in gone if node.op_type != "Constant"}
    stored = [tensor for tensor in graph.initializer if tensor.name not in made]
    held = {tensor.name for tensor in stored if tensor.data_type in WEIGHTS and prod(tensor.dims) > 1}
    alone = {tensor.name for tensor in stored if tensor.data_type in WEIGHTS} - held
    back, floating = list[Any](), {tensor.name for tensor in graph.initializer if tensor.data_type in FLOATING}
    for node in gone:
        filled = node.op_type == "ConstantOfShape" and node.output[0] in floating
        if node.op_type != "Constant" and (filled or not held.isdisjoint(node.input)):
            held.update(node.output)
            back.append(node)
        elif node.op_type in PASSING and node.input[0] in alone:
            alone.update(node.output)
            back.append(node)
    again = {node.output[0] for node in back}
    for tensor in graph.initializer:
        if tensor.name in made - again:
            tensor.doc_string = WORKED_OUT
    stored = [tensor for tensor in graph.initializer if tensor.name not in again]
    nodes = [*back, *graph.node]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(stored)
    graph.node.extend(nodes)


def _once(onnx: Any, model: Any, told: Mapping[str, TensorShape]) -> Any:
    """Return a model's graph with the shapes that inference finds, and those that are told."""
    with as_inference_takes_them(model, told) as nodes:
        try:
            graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
        except Exception as error:
            raise NetworkError(f"the file's shapes do not fit together: {str(error).splitlines()[0]}") from None
    own = {node.output[0]: node for node in nodes}
    for node in graph.node:
        if node.output and node.output[0] in own:
            node.CopyFrom(own[node.output[0]])
    return graph


def _looked_into(onnx: Any, model: Any, graph: Any, values: dict[str, Any], parts: dict[str, Part]) -> bool:
    """Look into each If, Loop and Scan, and note the shapes of what they give; say whether there was a new one."""
    found, new = shapes_of(graph), False
    kinds = {each.name: each.type.tensor_type.elem_type for each in (*graph.value_info, *graph.output)}
    whole = type(model)()
    whole.CopyFrom(model)
    whole.graph.CopyFrom(graph)
    around = Around(onnx, whole, found, values, inferred)
    for node in graph.node:
        plain = node.op_type in KINDS and node.domain in ("", "ai.onnx")
        known = node.op_type == "If" and all(name in found for name in node.output if name)
        if not plain or known or node.output[0] in parts:
            continue
        part, made = around.part_of(node)
        if part is not None:
            parts[node.output[0]] = part
        for name, shape in zip(node.output, made, strict=True):
            if name and shape is not None and name not in found:
                new = True
                tell(onnx, model, name, kinds.get(name, 1), shape)
    return new


def _as_inferred(onnx: Any, node: Any) -> None:
    """Write a node's settings as onnx's inference takes them."""
    if node.op_type == "STFT" and not any(each.name == "onesided" for each in node.attribute):
        node.attribute.append(onnx.helper.make_attribute("onesided", 1))  # the default, which it passes over
    for each in node.attribute if node.op_type == "Transpose" else ():
        each.ints[:] = [axis % len(each.ints) for axis in each.ints]  # the older exporter's are counted from the end


def _worked_out(onnx: Any, model: Any, shapes: dict[str, TensorShape], values: dict[str, Any]) -> Iterator[Any]:
    """Yield as stored tensors what small nodes give whose inputs are all known: shapes, parts of them, arithmetic."""
    numpy = importlib.import_module("numpy")
    for tensor in model.graph.initializer:
        if tensor.name not in values and prod(tensor.dims) <= MOST_VALUES and tensor.data_location == 0:
            values[tensor.name] = onnx.numpy_helper.to_array(tensor)
    for node in model.graph.node:
        if node.domain not in ("", "ai.onnx") or len(node.output) != 1 or node.op_type in KINDS:
            continue
        if node.op_type == "Shape" and node.input[0] in shapes:
            sizes = shapes[node.input[0]]
            settings = {attribute.name: attribute.i for attribute in node.attribute}
            made = numpy.array(sizes[settings.get("start", 0) : settings.get("end", len(sizes))], dtype=numpy.int64)
        elif all(name in values or not name for name in node.input):
            given = {name: values[name] for name in node.input if name}
            if may_be_large(node.op_type, list(given.values())):
                continue
            try:
                stored = [onnx.numpy_helper.from_array(numpy.asarray(value), name) for name, value in given.items()]
                output = onnx.helper.make_tensor_value_info(node.output[0], 0, None)
                graph = onnx.helper.make_graph([node], "one", [], [output], stored)
                alone = onnx.helper.make_model(graph, opset_imports=model.opset_import)
                (made,) = importlib.import_module("onnx.reference").ReferenceEvaluator(alone).run(None, {})
            except Exception:  # whatever it cannot evaluate stays unknown, and is said so where it matters
                continue
        else:
            continue
        if numpy.size(made) <= MOST_VALUES:
            values[node.output[0]] = made
            yield onnx.numpy_helper.from_array(numpy.asarray(made), node.output[0])


GROWING = ("ConstantOfShape", "Expand", "Tile", "Pad", "OneHot", "Resize", "Upsample", "Col2Im", "EyeLike", "Scatter")


def may_be_large(kind: str, given: list[Any]) -> bool:
    """Whether an operator may make many numbers of these few: as many as one of them says."""
    if kind == "Range":
        start, limit, step = (float(each.reshape(-1)[0]) for each in given)
        return step == 0 or abs(limit - start) > MOST_VALUES * abs(step)
    if kind not in GROWING:
        return False
    told = (abs(int(number)) for each in given if each.dtype.kind in "iu" for number in each.flat)
    return prod(max(1, number) for number in told) * max(int(each.size) for each in given) > MOST_VALUES


def _branches_taken(model: Any, values: Mapping[str, Any]) -> int:
    """Put the branch that is taken in place of each If whose condition is known; return how many there were."""
    nodes, taken = [], 0
    used = {name for node in model.graph.node for name in node.output}
    used |= {each.name for each in (*model.graph.input, *model.graph.initializer)}
    for node in model.graph.node:
        condition = values.get(node.input[0]) if node.op_type == "If" and node.input else None
        if condition is None:
            nodes.append(node)
            continue
        name, taken = "then_branch" if condition.all() else "else_branch", taken + 1
        branch = next(each.g for each in node.attribute if each.name == name)
        own = {given for inner in branch.node for given in inner.output} | {each.name for each in branch.initializer}
        _rename(branch, {given: f"{given} of {node.output[0]}" for given in own & used if given})
        used |= own
        model.graph.initializer.extend(branch.initializer)
        nodes += branch.node
        for given, gives in zip(branch.output, node.output, strict=True):
            nodes.append(type(node)(op_type="Identity", input=[given.name], output=[gives]))
    if taken:
        del model.graph.node[:]
        model.graph.node.extend(nodes)
    return taken


def _rename(graph: Any, names: Mapping[str, str]) -> None:
    """Call tensors otherwise: two branches may both have one of a name, and come to lie side by side."""
    for each in (*graph.initializer, *graph.output):
        each.name = names.get(each.name, each.name)
    for node in graph.node:
        for given in (node.input, node.output):
            given[:] = [names.get(name, name) for name in given]
        for setting in node.attribute:
            for inner in (setting.g, *setting.graphs):
                _rename(inner, names)


def shapes_of(graph: Any) -> dict[str, TensorShape]:
    """Return every shape that is known, by the tensor's name."""
    found = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        kind = value.type.tensor_type
        if kind.HasField("shape") and all(dimension.HasField("dim_value") for dimension in kind.shape.dim):
            found.setdefault(value.name, tuple(dimension.dim_value for dimension in kind.shape.dim))
    return found
