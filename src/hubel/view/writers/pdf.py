"""A scene as PDF: shapes are shapes and words are words, set in hubel's font, for papers and slides."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Any

from hubel.view.figures.colours import plot_sheet, style_sheet
from hubel.view.figures.scene import Circle, Group, Line, Mark, Picture, Point, Polygon, Rectangle, Scene, Text
from hubel.view.writers import font
from hubel.view.writers.svg import PLOT, QUIET, arrow, sign

POINTS = 0.75  # of PDF for each of a scene's pixels, as CSS has it
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")


def to_pdf(scene: Scene, theme: str = "light") -> bytes:
    """Return a drawing as a PDF of one page. A page has one theme: "auto" is light here. Equal scenes give equal bytes.

    Raises `ModuleNotFoundError` where reportlab is not installed; warns with `LettersLacking` of letters that hubel's
    font has no shape for.
    """
    try:
        from reportlab.pdfbase import pdfmetrics
        from reportlab.pdfbase.ttfonts import TTFont
        from reportlab.pdfgen.canvas import Canvas
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "expected reportlab to write a PDF, and it is not installed; install it with: pip install 'hubel[draw]' "
            "(SVG and HTML need nothing)",
            name="reportlab",
        ) from None
    font.tell_lacking(
        "".join(text.words for text in scene.texts), "a PDF has boxes for them; an SVG is set where it is read"
    )
    for name, file in ((font.FAMILY, font.REGULAR), (f"{font.FAMILY}-Bold", font.BOLD)):
        pdfmetrics.registerFont(TTFont(name, str(file)))
    theme = "light" if theme == "auto" else theme
    buffer = BytesIO()
    unit = POINTS * scene.scale
    canvas = Canvas(buffer, (unit * scene.width, unit * scene.height), invariant=1, pageCompression=1)
    canvas.setTitle(scene.title)
    canvas.setSubject(scene.description)
    canvas.setCreator("hubel")
    canvas.scale(unit, unit)
    pen = _Pen(canvas, scene.height, theme, scene.style == PLOT)
    pen.rectangle(Rectangle(0, 0, scene.width, scene.height, "page"), "page")
    for mark in scene.marks:
        pen.draw(mark)
    canvas.save()
    return buffer.getvalue()


@cache
def _rules(theme: str, plot: bool) -> tuple[tuple[str, frozenset[str], dict[str, str]], ...]:
    """The style sheet that the SVG has, as kind of element ("" for any), classes and declarations."""
    found = []
    sheet = style_sheet(theme) + (plot_sheet(theme) if plot else "")
    for selectors, body in _RULE.findall(sheet):
        declarations = dict(part.split(":", 1) for part in body.split(";") if part)
        for selector in selectors.split(","):
            kind, *classes = selector.split()[-1].split(".")
            found.append((kind, frozenset(classes), declarations))
    return tuple(sorted(found, key=lambda rule: (len(rule[1]), rule[0] != "")))


@dataclass
class _Pen:
    """Draws marks on a canvas, whose y runs upwards."""

    canvas: Any
    height: float
    theme: str
    plot: bool

    def draw(self, mark: Mark) -> None:
        match mark:
            case Group():
                for part in mark.marks:
                    self.draw(part)
            case Polygon():
                self.path(mark.points, f"box {mark.role}" + ("" if mark.tone == "front" else f" {mark.tone}"), True)
            case Rectangle():
                self.rectangle(mark, f"box {mark.role}" + ("" if mark.tone == "front" else f" {mark.tone}"))
            case Line():
                points, head = arrow(mark)
                self.path(points, mark.role, False)
                if head:
                    self.path(head, "head", True, "polygon")
            case Circle():
                fill, stroke = self.look("circle", "box join")
                self.canvas.circle(mark.x, self.height - mark.y, mark.radius, stroke=stroke, fill=fill)
                for line in sign(mark):
                    self.path(line, "flow", False)
            case Picture():
                self.picture(mark)
            case Text():
                self.text(mark)

    def look(self, kind: str, classes: str) -> tuple[int, int]:
        """Set pen and colours; return whether there is a fill and a stroke."""
        style = self.style(kind, classes)
        fill, stroke = style.get("fill", "#000000"), style.get("stroke", "none")
        if fill != "none":
            self.canvas.setFillColor(fill, alpha=float(style.get("fill-opacity", 1)))
        if stroke != "none":
            self.canvas.setStrokeColor(stroke, alpha=float(style.get("stroke-opacity", 1)))
            self.canvas.setLineWidth(float(style.get("stroke-width", 1)))
            self.canvas.setLineJoin(1 if style.get("stroke-linejoin") == "round" else 0)
            self.canvas.setDash([float(part) for part in style.get("stroke-dasharray", "").split()])
        return int(fill != "none"), int(stroke != "none")

    def style(self, kind: str, classes: str) -> dict[str, str]:
        own, found = set(classes.split()), dict[str, str]()
        for wanted, named, declarations in _rules(self.theme, self.plot):
            if wanted in ("", kind) and named <= own:
                found.update(declarations)
        return found

    def path(self, points: tuple[Point, ...], classes: str, closed: bool, kind: str = "path") -> None:
        fill, stroke = self.look(kind, classes)
        path = self.canvas.beginPath()
        path.moveTo(points[0][0], self.height - points[0][1])
        for x, y in points[1:]:
            path.lineTo(x, self.height - y)
        if closed:
            path.close()
        self.canvas.drawPath(path, stroke=stroke, fill=fill)

    def rectangle(self, box: Rectangle, classes: str) -> None:
        fill, stroke = self.look("rect", classes)
        place = (box.x, self.height - box.y - box.height, box.width, box.height)
        if box.radius:
            self.canvas.roundRect(*place, min(box.radius, box.width / 2, box.height / 2), stroke=stroke, fill=fill)
        else:
            self.canvas.rect(*place, stroke=stroke, fill=fill)

    def picture(self, picture: Picture) -> None:
        from reportlab.lib.utils import ImageReader

        place = (picture.x, self.height - picture.y - picture.height, picture.width, picture.height)
        self.canvas.drawImage(ImageReader(BytesIO(picture.png)), *place, mask="auto")

    def text(self, text: Text) -> None:
        classes = f"{text.role} quiet" if text.role in QUIET else text.role
        style = self.style("text", classes)
        bold = "-Bold" if style.get("font-weight") == "bold" else ""
        self.look("text", classes)
        write = {"start": "drawString", "middle": "drawCentredString", "end": "drawRightString"}[text.anchor]
        self.canvas.setFont(f"{font.FAMILY}{bold}", text.size)
        for mode in (1, 0) if "stroke" in style else (0,):  # the line around letters lies below them
            getattr(self.canvas, write)(text.x, self.height - text.y, text.words, mode=mode)
