"""What is drawn of an ONNX file: its inputs, the operations that depend on them, its outputs, and who reads whom."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import zip_longest
from typing import Any

from hubel.nn.inspection.report import Stop, TensorShape

# What gives the same numbers under another shape is drawn with what made them.
PASSING = {"Identity", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Dropout"}


class Flow:
    """Takes in a file's operations, one after another."""

    def __init__(self, shapes: Mapping[str, TensorShape]) -> None:
        self.shapes = shapes
        self.found: list[Stop] = []
        self.made: dict[str, int] = {}  # by which of them, each tensor

    def give(self, names: Iterable[str]) -> None:
        """Note what the file is given."""
        for name in names:
            self._add(name, "input", self.shapes.get(name), 0, [], [name])

    def take(self, node: Any, path: str, names: Iterable[str], macs: int) -> None:
        """Note an operation, which takes what has these names."""
        reads = list(dict.fromkeys(self.made[name] for name in names if name in self.made))
        if node.op_type in PASSING and len(reads) == 1:
            self.made.update(dict.fromkeys(node.output, reads[0]))
        else:
            shape = self.shapes.get(node.output[0])
            self._add(module_path(path, node.op_type), node.op_type, shape, macs, reads, node.output)

    def end(self, names: Iterable[str]) -> None:
        """Note what the file gives."""
        for name in names:
            if name in self.made:
                self._add(name, "output", self.shapes.get(name), 0, [self.made[name]], [])

    def stops(self) -> tuple[Stop, ...]:
        """All of it, without the inputs that nothing takes."""
        read = {place for stop in self.found for place in stop.reads}
        kept = [place for place, stop in enumerate(self.found) if stop.type != "input" or place in read]
        number = {place: new for new, place in enumerate(kept)}
        return tuple(
            replace(self.found[place], reads=tuple(number[read] for read in self.found[place].reads)) for place in kept
        )

    def _add(
        self, name: str, kind: str, shape: TensorShape | None, macs: int, reads: list[int], outputs: Iterable[str]
    ) -> None:
        self.made.update(dict.fromkeys(outputs, len(self.found)))
        self.found.append(Stop(name, kind, shape, macs, tuple(reads)))


def module_path(name: str, kind: str) -> str:
    """Return the path of the module that a node was written for, where its name is one of scopes: of
    `/layer1/layer1.0/conv1/Conv` it is `layer1.0.conv1`; of other names the name itself.
    """
    scopes = [part for part in name.split("/") if part]
    scopes = scopes[:-1] if len(scopes) > 1 and re.fullmatch(rf"{kind}(_\d+)?", scopes[-1]) else scopes
    kept = [part for part, after in zip_longest(scopes, scopes[1:]) if not (after or "").startswith(f"{part}.")]
    return ".".join(kept)
