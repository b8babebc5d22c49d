"""What stands at the top of a program, and of its network."""

from __future__ import annotations

from hubel.arch import Report, shape_text
from hubel.base.numbers import an
from hubel.base.words import printable
from hubel.code._text import quoted

_LONGEST = 60  # letters of a network's name


def header(report: Report, order: str) -> str:
    """Return the module's docstring: the network's name and figures, and how shapes are written."""
    ordered = {"image": f"height × width × channels ({order})", "sequence": "steps × features"}
    shapes = ordered.get(report.example, "features")
    name = quoted(printable(report.network.name, longest=_LONGEST)) or "A network"
    return (
        f'"""{name}: {report.parameters:,} parameters, {report.macs:,} multiply-adds {an(report.example)}.\n\n'
        f"Shapes in comments are {shapes}.\n"
        '"""\n\n'
    )


def about(report: Report) -> str:
    """Return what goes in and out."""
    return f"Takes {shape_text(report.network.input)} and gives {shape_text(report.output_shape)}."
