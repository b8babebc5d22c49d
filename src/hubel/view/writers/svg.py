"""A scene as SVG: words stay words, and the reader's light or dark setting is followed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import hypot
from zlib import crc32

from hubel.view.figures.colours import plot_sheet, style_sheet
from hubel.view.figures.scene import Circle, Group, Line, Mark, Picture, Point, Polygon, Rectangle, Scene, Text
from hubel.view.writers.markup import Attribute, Element, data_url, h, text_of, with_attributes

QUIET = ("subtitle", "figure")
HEAD = 5.5
PLOT = "plot"  # the style of scenes that use the roles of plots
Link = Callable[[Group], Mapping[str, Attribute] | None]  # None: its marks, and no group


def to_svg(scene: Scene, theme: str = "auto") -> str:
    """Write a drawing as one SVG file. The same scene gives the same bytes."""
    drawn = drawing(scene, theme)
    return text_of(Element("svg", {"xmlns": "http://www.w3.org/2000/svg", **drawn.attributes}, drawn.children)) + "\n"


def drawing(
    scene: Scene,
    theme: str = "auto",
    places: Mapping[str, int] | None = None,
    opens: bool = False,
    ruled: bool = True,
) -> Element:
    """A drawing for a page. With `places`, the numbers of layers' rows in the table, layers can be chosen in it.

    opens: whether the page opens and closes parts. ruled: whether its rules of style are in it; else the page has them.
    """

    def link(group: Group) -> Mapping[str, Attribute] | None:
        if group.part:
            expanded = "false" if group.closed else "true"
            own: dict[str, Attribute] = {
                "tabindex": 0,
                "role": "button",
                "data_part": group.part,
                "aria_expanded": expanded,
            }
            return own if opens else None
        rows = " ".join(str(places[path]) for path in group.paths if path in places) if places else ""
        return {"tabindex": 0, "role": "button", "data_rows": rows} if rows else {}

    body = [each for mark in scene.marks for each in _mark(mark, link)]
    own = f"h{crc32(text_of(body).encode()):08x}"
    width, height = _number(scene.width), _number(scene.height)
    return h(
        "svg",
        h("title", scene.title or scene.description or "drawing", id=f"{own}t"),
        h("desc", scene.description, id=f"{own}d"),
        h("style", style_sheet(theme) + (plot_sheet(theme) if scene.style == PLOT else "")) if ruled else None,
        h("rect", class_="page", width=width, height=height),
        body,
        width=_number(scene.scale * scene.width),
        height=_number(scene.scale * scene.height),
        viewBox=f"0 0 {width} {height}",
        class_=f"hubel-{theme}",
        role="group" if places else "img",
        aria_labelledby=f"{own}t {own}d",
    )


def scrolled(scene: Scene, theme: str = "auto", places: Mapping[str, int] | None = None) -> Element:
    """A drawing that may shrink a little to fit a screen; where it is still too wide, what it stands in scrolls."""
    return with_attributes(drawing(scene, theme, places), style=f"min-width:{0.8 * scene.width:.0f}px")


def _mark(mark: Mark, link: Link) -> list[Element]:
    match mark:
        case Group():
            inner = [each for part in mark.marks for each in _mark(part, link)]
            linked = link(mark)
            return inner if linked is None else [h("g", h("title", mark.title), inner, class_="layer", **linked)]
        case Polygon():
            return [h("path", class_=_class(mark), d=f"{_path(mark.points)}z")]
        case Rectangle():
            return [h("rect", class_=_class(mark), **_box(mark), rx=_number(mark.radius) if mark.radius else None)]
        case Line():
            return _line(mark)
        case Picture():
            return [_picture(mark)]
        case Circle():
            return _circle(mark)
        case Text():
            return [_words(mark)]


def _class(mark: Polygon | Rectangle) -> str:
    return f"box {mark.role}" + ("" if mark.tone == "front" else f" {mark.tone}")


def _box(mark: Rectangle | Picture) -> dict[str, Attribute]:
    return {name: _number(getattr(mark, name)) for name in ("x", "y", "width", "height")}


def _line(line: Line) -> list[Element]:
    points, head = arrow(line)
    drawn = h("path", class_=line.role, d=_path(points))
    return [drawn, h("polygon", class_="head", points=" ".join(map(_point, head)))] if head else [drawn]


def arrow(line: Line) -> tuple[tuple[Point, ...], tuple[Point, ...]]:
    """The points of a line, and those of the head at its end, if it has one."""
    if not line.arrow:
        return line.points, ()
    (x0, y0), (x1, y1) = line.points[-2:]
    length = hypot(x1 - x0, y1 - y0) or 1.0
    along, across = (x1 - x0) / length, (y1 - y0) / length
    back = (x1 - HEAD * along, y1 - HEAD * across)
    wing = HEAD * 0.45
    sides = ((back[0] - wing * across, back[1] + wing * along), (back[0] + wing * across, back[1] - wing * along))
    return (*line.points[:-1], back), ((x1, y1), *sides)


def _picture(picture: Picture) -> Element:
    # Chromium knows the one word for unsmoothed pixels, older viewers and resvg the other
    return h(
        "image",
        h("title", picture.words) if picture.words else None,
        **_box(picture),
        preserveAspectRatio="none",
        image_rendering="optimizeSpeed",
        style="image-rendering:pixelated",
        href=data_url(picture.png),
    )


def _circle(circle: Circle) -> list[Element]:
    x, y, radius = _number(circle.x), _number(circle.y), _number(circle.radius)
    across = "".join(map(_path, sign(circle)))
    return [h("circle", class_="box join", cx=x, cy=y, r=radius), h("path", class_="flow", d=across)]


def sign(circle: Circle) -> tuple[tuple[Point, Point], tuple[Point, Point]]:
    """The two lines of the sign in a circle."""
    x, y = circle.x, circle.y
    if circle.sign == "times":
        arm = circle.radius * 0.4
        return ((x - arm, y - arm), (x + arm, y + arm)), ((x - arm, y + arm), (x + arm, y - arm))
    arm = circle.radius * 0.55
    return ((x - arm, y), (x + arm, y)), ((x, y - arm), (x, y + arm))


def _words(text: Text) -> Element:
    anchor = None if text.anchor == "start" else text.anchor
    role = f"{text.role} quiet" if text.role in QUIET else text.role
    return h("text", text.words, class_=role, x=_number(text.x), y=_number(text.y), text_anchor=anchor)


def _path(points: tuple[Point, ...]) -> str:
    return "M" + "L".join(_point(point) for point in points)


def _point(point: Point) -> str:
    return f"{_number(point[0])} {_number(point[1])}"


def _number(value: float) -> str:
    """Write a coordinate, a tenth of a pixel fine."""
    return f"{round(value, 1) + 0.0:.1f}".removesuffix(".0")
