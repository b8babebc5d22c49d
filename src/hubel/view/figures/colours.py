"""The colours of each kind of layer, by day and by night, as style sheets."""

from __future__ import annotations

from hubel.view.figures.scene import BOLD, SIZES

THEMES = ("auto", "light", "dark")

# role: (face, edge); the faces of a box that catch more or less light are mixed from these
_LIGHT = {
    "input": ("#e9eaed", "#7d838c"),
    "convolution": ("#cfe0f5", "#3f6ea8"),
    "pooling": ("#f8dac8", "#b5652f"),
    "dense": ("#d6ebd2", "#4a8246"),
    "normalization": ("#c6bce6", "#6a58a6"),
    "activation": ("#f1c75b", "#a87b12"),
    "regularization": ("#c3c7cd", "#7d838c"),
    "reshaping": ("#ebe5d6", "#857a5f"),
    "recurrent": ("#e3d8f0", "#6b4a9c"),
    "embedding": ("#d5ebe9", "#2d7f79"),
    "other": ("#ebe5d6", "#857a5f"),
    "join": ("#ffffff", "#4a4f57"),
}
_DARK = {
    "input": ("#3a3e45", "#a4abb5"),
    "convolution": ("#24405f", "#83b4ee"),
    "pooling": ("#5b3420", "#ec9f6e"),
    "dense": ("#254a28", "#86cb80"),
    "normalization": ("#4b4079", "#b9aaf0"),
    "activation": ("#8a6a16", "#f3cc66"),
    "regularization": ("#565b64", "#a4abb5"),
    "reshaping": ("#48422f", "#c4b78f"),
    "recurrent": ("#3d3052", "#b79ae0"),
    "embedding": ("#1f4643", "#7cc7c0"),
    "other": ("#48422f", "#c4b78f"),
    "join": ("#1b1e23", "#c6cbd2"),
}
# page, words, quiet words, lines, frame's face, frame's edge, frame's head, window
_DAY = ("#ffffff", "#1d2127", "#454b54", "#565d67", "#f7f8fa", "#c9ced6", "#eaedf1", "#c4302b")
_NIGHT = ("#16181c", "#e8eaed", "#b4bac3", "#9aa1ac", "#1d2025", "#444b55", "#2a2e35", "#ff8078")


# ten colours that the colour-blind tell apart too: the eight of Okabe and Ito (2008), brown and violet
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c564b", "#9467bd", "#7a8b00", "#6b7280")


def style_sheet(theme: str) -> str:
    """Return the rules for a theme; "auto" is light, and dark where the reader's system is.

    Rules hold within `.hubel-<theme>` alone, so that drawings of two themes can stand on one page.
    """
    scope = f".hubel-{theme}"
    light, dark = _rules(scope, _LIGHT, _DAY), _rules(scope, _DARK, _NIGHT)
    chosen = {"light": light, "dark": dark, "auto": f"{light}@media (prefers-color-scheme:dark){{{dark}}}"}
    return _shared(scope) + chosen[theme]


def _shared(scope: str) -> str:
    sizes = "".join(
        f"{scope} .{role}{{font-size:{size:g}px{';font-weight:bold' if role in BOLD else ''}}}"
        for role, size in SIZES.items()
    )
    return (
        f"{scope} text{{font-family:Helvetica,Arial,'Liberation Sans',sans-serif}}{sizes}"
        f"{scope} path{{fill:none}}{scope} .box{{stroke-width:1;stroke-linejoin:round}}"
        f"{scope} .flow{{stroke-width:1.2}}{scope} .fan{{stroke-width:.8;stroke-opacity:.6}}"
        f"{scope} .reads{{stroke-width:.8;stroke-dasharray:3 2}}"
        f"{scope} .window{{stroke-width:1.2}}{scope} .seam{{stroke-width:.5}}"
    )


def _rules(scope: str, roles: dict[str, tuple[str, str]], others: tuple[str, ...]) -> str:
    page, words, quiet, lines, frame, edge, head, window = others
    found = [
        f"{scope} .page{{fill:{page}}}{scope} text{{fill:{words}}}{scope} .quiet{{fill:{quiet}}}",
        f"{scope} .edge{{stroke:{page};stroke-width:3;stroke-linejoin:round;paint-order:stroke}}",
        f"{scope} .flow,{scope} .fan{{stroke:{lines}}}{scope} .head{{fill:{lines}}}",
        f"{scope} .reads{{stroke:{window}}}{scope} .window{{stroke:{window};fill:{window};fill-opacity:.22}}",
        f"{scope} .frame{{fill:{frame};stroke:{edge}}}{scope} .band{{fill:{head};stroke:{edge}}}",
    ]
    for role, (face, line) in roles.items():
        found.append(f"{scope} .{role}{{fill:{face};stroke:{line}}}")
        found.append(f"{scope} .{role}.top{{fill:{mix(face, page, 0.45)}}}")
        found.append(f"{scope} .{role}.side{{fill:{mix(face, line, 0.25)}}}")
        found.append(f"{scope} .{role}-seam{{stroke:{mix(face, line, 0.6)}}}")
    return "".join(found)


def plot_sheet(theme: str) -> str:
    """Return the rules for plots: `series-0` … (filled), `line-0` … (stroked), `axis`, `grid`, `outline`."""
    scope = f".hubel-{theme}"
    day, night = _plot_rules(scope, _DAY, 0.0), _plot_rules(scope, _NIGHT, 0.25)
    return {"light": day, "dark": night, "auto": f"{day}@media (prefers-color-scheme:dark){{{night}}}"}[theme]


def _plot_rules(scope: str, colours: tuple[str, ...], lighter: float) -> str:
    page, lines, edge, window = colours[0], colours[3], colours[5], colours[7]
    found = [
        f"{scope} .axis{{stroke:{lines}}}{scope} .grid{{stroke:{edge};stroke-width:.6}}",
        f"{scope} .outline{{stroke:{window};stroke-width:1.6;fill:none}}",
        f"{scope} .bar{{fill:{mix(SERIES[0], page, 0.35)};stroke:none}}",
    ]
    for number, colour in enumerate(mix(plain, "#ffffff", lighter) for plain in SERIES):
        found.append(f"{scope} .series-{number}{{fill:{colour};stroke:none}}")
        found.append(f"{scope} .line-{number}{{stroke:{colour};stroke-width:1.8;stroke-linejoin:round}}")
    return "".join(found)


def mix(one: str, other: str, share: float) -> str:
    """Mix two colours, `share` of the second."""
    pairs = [(int(one[place : place + 2], 16), int(other[place : place + 2], 16)) for place in (1, 3, 5)]
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)
