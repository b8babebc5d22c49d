"""A drawing as PNG, by resvg: a small wheel without system packages, with the font that hubel brings."""

from __future__ import annotations

from hubel.view.figures.scene import Scene
from hubel.view.writers import font
from hubel.view.writers.svg import to_svg

SCALE = 2.0


def to_png(scene: Scene, theme: str = "light", scale: float = SCALE) -> bytes:
    """Return a drawing as PNG, `scale` pixels for each of its units. A picture has one theme: "auto" is light here.

    The bytes are the same on every machine, but for letters that hubel's font lacks: those are looked for in the fonts
    of this machine, with a `LettersLacking` warning. Raises `ModuleNotFoundError` where resvg-py is not installed.
    """
    try:
        from resvg_py import svg_to_bytes
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "expected resvg-py to write a PNG, and it is not installed; install it with: pip install 'hubel[draw]' "
            "(SVG and HTML need nothing)",
            name="resvg_py",
        ) from None
    lacking = font.tell_lacking(
        "".join(text.words for text in scene.texts),
        "drawn with fonts of this machine where it has them, else as boxes; an SVG is set where it is read",
    )
    return bytes(
        svg_to_bytes(
            svg_string=to_svg(scene, "light" if theme == "auto" else theme),
            zoom=scale,
            font_files=[str(font.REGULAR), str(font.BOLD)],
            style_sheet=f"text{{font-family:{font.FAMILY}!important}}",
            skip_system_fonts=not lacking,
        )
    )
