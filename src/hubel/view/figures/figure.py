"""A figure: what is drawn, and the files of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hubel.base.errors import SettingError
from hubel.base.files import write_atomically
from hubel.view.figures.colours import THEMES
from hubel.view.figures.scene import Scene
from hubel.view.writers.linked import web_file
from hubel.view.writers.markup import h, text_of
from hubel.view.writers.page import page
from hubel.view.writers.png import to_png
from hubel.view.writers.svg import drawing, scrolled, to_svg

FORMATS = (".svg", ".html", ".png", ".pdf")


class Figure:
    """Something drawn. It shows itself in a notebook, and `save` writes SVG, HTML, PNG or PDF.

    A theme is "light", "dark", or "auto": whichever the reader's system is set to; a picture of pixels is light then.
    Where none is given, it is the figure's own `theme`.
    """

    theme: str = "auto"

    @property
    def scene(self) -> Scene:
        """The figure as shapes and words with coordinates."""
        raise NotImplementedError

    def svg(self, theme: str | None = None) -> str:
        """Return the figure as SVG."""
        return to_svg(self.scene, theme or self.theme)

    def png(self, theme: str | None = None) -> bytes:
        """Return the figure as PNG, two pixels for each unit. Needs resvg-py (`hubel[draw]`)."""
        return to_png(self.scene, theme or self.theme)

    def pdf(self, theme: str | None = None) -> bytes:
        """Return the figure as a PDF of one page, with shapes and words. Needs reportlab (`hubel[draw]`)."""
        from hubel.view.writers.pdf import to_pdf

        return to_pdf(self.scene, theme or self.theme)

    def html(self, theme: str | None = None) -> str:
        """Return a page that needs nothing from elsewhere."""
        theme, title = theme or self.theme, self.scene.title
        head = h("h1", title, class_="hidden")  # for screen readers: the drawing shows its own
        around = h("div", scrolled(self.scene, theme), class_="figure", tabindex=0, role="group", aria_label=title)
        return page(title, h("main", head, around), style=web_file("view", "finding.css"), theme=theme)

    def written(self, ending: str, theme: str | None = None) -> str | bytes:
        """What a file of this ending holds. Raises SettingError for another ending or theme."""
        if (theme or self.theme) not in THEMES:
            raise SettingError(f"expected theme as one of {', '.join(THEMES)}, received {theme!r}")
        writers: dict[str, Callable[[str | None], str | bytes]] = {
            ".svg": self.svg,
            ".html": self.html,
            ".png": self.png,
            ".pdf": self.pdf,
        }
        if ending.lower() not in writers:
            raise SettingError(f"expected a file that ends with {', '.join(FORMATS)}, received {ending!r}")
        return writers[ending.lower()](theme)

    def save(self, path: str | Path, theme: str | None = None) -> Path:
        """Write a file, whole or not at all; its ending says which. Raises SettingError for another."""
        target = Path(path)
        write_atomically(target, self.written(target.suffix or target.name, theme))
        return target

    def _repr_svg_(self) -> str:
        return self.svg()

    def _repr_html_(self) -> str:
        return text_of(h("div", drawing(self.scene, self.theme), style="overflow-x:auto"))
