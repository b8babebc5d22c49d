"""What stands at the top of a program, and of its network."""

from __future__ import annotations

from hubel.arch import Report, shape_text


def header(report: Report, order: str) -> str:
    """Return the module's docstring: the network's name and figures, and how shapes are written."""
    name = report.network.name or "A network"
    return (
        f'"""{name}: {report.parameters:,} parameters, {report.macs:,} multiply-adds an image.\n\n'
        f"Shapes in comments are height × width × channels ({order}).\n"
        '"""\n\n'
    )


def about(report: Report) -> str:
    """Return what goes in and out."""
    return f"Takes {shape_text(report.network.input)} and gives {shape_text(report.output_shape)}."
