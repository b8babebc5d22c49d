"""The tree of a network, its layers, its text form and its arithmetic. Standard library only.

>>> from hubel.arch import analyse, parse
>>> report = analyse(parse("32x32x3: conv 8 5x5, maxpool 2, flatten, dense 10"))
>>> report.rows[0].cost.parameters
608
"""

import importlib
from typing import TYPE_CHECKING

from hubel.arch import layers
from hubel.arch._cost import Call, Cost, Formula, Keeps
from hubel.arch._errors import Fit, NotationError, ShapeError
from hubel.arch._joins import join_shape
from hubel.arch._layer import Layer, Weighted, register
from hubel.arch._shape import Pair, Shape, both, checked_shape, order_note, positions, shape_text, size, torch_order
from hubel.arch._tree import (
    Auxiliary,
    Chain,
    Concat,
    Join,
    Network,
    Node,
    Product,
    Sum,
    assert_never,
    children,
    leaves,
    named_children,
    own_layers,
)
from hubel.arch._window import Padding, Window, Windowed, Windows, both_sides, windows_of
from hubel.arch.figures.analyse import analyse
from hubel.arch.figures.expression import Expression, Quantity
from hubel.arch.figures.field import Axis, Field
from hubel.arch.figures.report import Report, Row
from hubel.arch.figures.table import TITLES, ordered, report_data, row_data, short_formula
from hubel.arch.text.notation import parse, parse_node

if TYPE_CHECKING:
    from hubel.arch.figures.memory import Memory, inference_memory, largest_batch, training_memory
    from hubel.arch.layers import *  # noqa: F403
    from hubel.arch.text.edit import edit, replace_part, settings_of
    from hubel.arch.text.end import closing_function, ended
    from hubel.arch.text.source import Source, source_of
    from hubel.arch.text.vocabulary import Word, activations, vocabulary
    from hubel.view.words.notebook import figures_html

__all__ = [
    "TITLES",
    "Auxiliary",
    "Axis",
    "Call",
    "Chain",
    "Concat",
    "Cost",
    "Expression",
    "Field",
    "Fit",
    "Formula",
    "Join",
    "Keeps",
    "Layer",
    "Memory",
    "Network",
    "Node",
    "NotationError",
    "Padding",
    "Pair",
    "Product",
    "Quantity",
    "Report",
    "Row",
    "Shape",
    "ShapeError",
    "Source",
    "Sum",
    "Weighted",
    "Window",
    "Windowed",
    "Windows",
    "Word",
    "activations",
    "analyse",
    "assert_never",
    "both",
    "both_sides",
    "checked_shape",
    "children",
    "closing_function",
    "edit",
    "ended",
    "figures_html",
    "inference_memory",
    "join_shape",
    "largest_batch",
    "leaves",
    "named_children",
    "order_note",
    "ordered",
    "own_layers",
    "parse",
    "parse_node",
    "positions",
    "register",
    "replace_part",
    "report_data",
    "row_data",
    "settings_of",
    "shape_text",
    "short_formula",
    "size",
    "source_of",
    "torch_order",
    "training_memory",
    "vocabulary",
    "windows_of",
]
__all__ += [*layers.__all__, "Advice", "advise"]  # noqa: F405, PLE0604 (found by `__getattr__`)

_LATER = {
    "hubel.advise": ("Advice", "advise"),  # a room of its own by now; both names are found here as well
    "hubel.view.words.notebook": ("figures_html",),
    "hubel.arch.figures.memory": ("Memory", "inference_memory", "largest_batch", "training_memory"),
    "hubel.arch.text.edit": ("edit", "replace_part", "settings_of"),
    "hubel.arch.text.source": ("Source", "source_of"),
    "hubel.arch.text.vocabulary": ("Word", "activations", "vocabulary"),
    "hubel.arch.text.end": ("closing_function", "ended"),
}


def __getattr__(name: str) -> object:
    if name in layers.__all__:
        return getattr(layers, name)
    for home, names in _LATER.items():  # loaded when used: explaining a network needs none of them
        if name in names:
            return getattr(importlib.import_module(home), name)
    raise AttributeError(f"module 'hubel.arch' has no attribute {name!r}")
