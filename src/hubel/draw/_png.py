"""A drawing as PNG, by resvg: a small wheel without system packages."""

from __future__ import annotations

from hubel.draw._scene import Scene
from hubel.draw._svg import to_svg

SCALE = 2.0
_PROBE = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20">{}</svg>'
_LETTER = '<text x="2" y="15" font-family="Helvetica,Arial,Liberation Sans,sans-serif">8×</text>'


def to_png(scene: Scene, theme: str = "light", scale: float = SCALE) -> bytes:
    """Return a drawing as PNG, `scale` pixels for each of its units. A picture has one theme: "auto" is light here.

    Raises `ModuleNotFoundError` where resvg-py is not installed, and `RuntimeError` where the machine has no font.
    """
    try:
        from resvg_py import svg_to_bytes
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "expected resvg-py to write a PNG, and it is not installed; install it with: pip install 'hubel[draw]' "
            "(SVG and HTML need nothing)",
            name="resvg_py",
        ) from None
    if bytes(svg_to_bytes(svg_string=_PROBE.format(_LETTER))) == bytes(svg_to_bytes(svg_string=_PROBE.format(""))):
        raise RuntimeError(
            "expected a font on this machine to write a PNG, found none; install one (Debian: fonts-liberation), or "
            "write SVG, which the reader's machine sets"
        )
    return bytes(svg_to_bytes(svg_string=to_svg(scene, "light" if theme == "auto" else theme), zoom=scale))
