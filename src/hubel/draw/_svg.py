"""A scene as SVG: words stay words, and the reader's light or dark setting is followed."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from html import escape
from math import hypot
from zlib import crc32

from hubel.draw._colours import plot_sheet, style_sheet
from hubel.draw._scene import Circle, Group, Line, Mark, Picture, Point, Polygon, Rectangle, Scene, Text

QUIET = ("subtitle", "figure")
HEAD = 5.5
PLOT = "plot"  # the style of scenes that use the roles of plots


def to_svg(scene: Scene, theme: str = "auto") -> str:
    """Write a drawing as one SVG file. The same scene gives the same bytes."""
    return _document(scene, theme, 'role="img"', lambda group: "")


def to_linked_svg(scene: Scene, theme: str, places: dict[str, int]) -> str:
    """Write a drawing for a page where a layer can be chosen; `places` are the numbers of its rows in the table."""

    def link(group: Group) -> str:
        rows = " ".join(str(places[path]) for path in group.paths if path in places)
        return f' tabindex="0" role="button" data-rows="{rows}"' if rows else ""

    return _document(scene, theme, 'role="group"', link)


def _document(scene: Scene, theme: str, role: str, link: Callable[[Group], str]) -> str:
    body = "\n".join(_mark(mark, link) for mark in scene.marks)
    own = f"h{crc32(body.encode()):08x}"
    width, height = _number(scene.width), _number(scene.height)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'class="hubel-{theme}" {role} aria-labelledby="{own}t {own}d">\n'
        f'<title id="{own}t">{_plain(scene.title)}</title>\n<desc id="{own}d">{_plain(scene.description)}</desc>\n'
        f"<style>{style_sheet(theme)}{plot_sheet(theme) if scene.style == PLOT else ''}</style>\n"
        f'<rect class="page" width="{width}" height="{height}"/>\n{body}\n</svg>\n'
    )


def _mark(mark: Mark, link: Callable[[Group], str]) -> str:
    match mark:
        case Group():
            inner = "".join(_mark(part, link) for part in mark.marks)
            return f'<g class="layer"{link(mark)}><title>{_plain(mark.title)}</title>{inner}</g>'
        case Polygon():
            return f'<path class="{_class(mark)}" d="{_path(mark.points)}z"/>'
        case Rectangle():
            size = f'width="{_number(mark.width)}" height="{_number(mark.height)}"'
            radius = f' rx="{_number(mark.radius)}"' if mark.radius else ""
            return f'<rect class="{_class(mark)}" x="{_number(mark.x)}" y="{_number(mark.y)}" {size}{radius}/>'
        case Line():
            return _line(mark)
        case Picture():
            return _picture(mark)
        case Circle():
            return _circle(mark)
        case Text():
            return _words(mark)


def _class(mark: Polygon | Rectangle) -> str:
    return f"box {mark.role}" + ("" if mark.tone == "front" else f" {mark.tone}")


def _line(line: Line) -> str:
    points, head = line.points, ""
    if line.arrow:
        (x0, y0), (x1, y1) = points[-2:]
        length = hypot(x1 - x0, y1 - y0) or 1.0
        along, across = (x1 - x0) / length, (y1 - y0) / length
        back = (x1 - HEAD * along, y1 - HEAD * across)
        wing = HEAD * 0.45
        sides = [(back[0] - wing * across, back[1] + wing * along), (back[0] + wing * across, back[1] - wing * along)]
        head = f'<polygon class="head" points="{" ".join(_point(p) for p in ((x1, y1), *sides))}"/>'
        points = (*points[:-1], back)
    return f'<path class="{line.role}" d="{_path(points)}"/>{head}'


def _picture(picture: Picture) -> str:
    place = f'x="{_number(picture.x)}" y="{_number(picture.y)}"'
    size = f'width="{_number(picture.width)}" height="{_number(picture.height)}"'
    title = f"<title>{_plain(picture.words)}</title>" if picture.words else ""
    # Chromium knows the one word for unsmoothed pixels, older viewers and resvg the other
    return (
        f'<image {place} {size} preserveAspectRatio="none" image-rendering="optimizeSpeed" '
        f'style="image-rendering:pixelated" href="data:image/png;base64,{b64encode(picture.png).decode()}">'
        f"{title}</image>"
    )


def _circle(circle: Circle) -> str:
    x, y, radius = _number(circle.x), _number(circle.y), _number(circle.radius)
    arm = circle.radius * (0.55 if circle.sign == "plus" else 0.4)
    left, up, both = _number(circle.x - arm), _number(circle.y - arm), _number(2 * arm)
    across = f"M{left} {y}h{both}M{x} {up}v{both}"
    if circle.sign == "times":
        across = f"M{left} {up}l{both} {both}M{left} {_number(circle.y + arm)}l{both} {_number(-2 * arm)}"
    return f'<circle class="box join" cx="{x}" cy="{y}" r="{radius}"/><path class="flow" d="{across}"/>'


def _words(text: Text) -> str:
    anchor = "" if text.anchor == "start" else f' text-anchor="{text.anchor}"'
    role = f"{text.role} quiet" if text.role in QUIET else text.role
    place = f'x="{_number(text.x)}" y="{_number(text.y)}"'
    return f'<text class="{escape(role)}" {place}{anchor}>{_plain(text.words)}</text>'


def _plain(words: str) -> str:
    """Escape words for XML, which has no place for control characters and the like."""
    return escape("".join(letter if letter.isprintable() else "\ufffd" for letter in words), quote=False)


def _path(points: tuple[Point, ...]) -> str:
    return "M" + "L".join(_point(point) for point in points)


def _point(point: Point) -> str:
    return f"{_number(point[0])} {_number(point[1])}"


def _number(value: float) -> str:
    """Write a coordinate, a tenth of a pixel fine."""
    return f"{round(value, 1) + 0.0:.1f}".removesuffix(".0")
