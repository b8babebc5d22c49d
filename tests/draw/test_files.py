"""What is written: SVG that is well-formed and the same each time, a page that stands by itself, a picture."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest

from hubel import zoo
from hubel.arch import Network, analyse, parse
from hubel.draw import figure, layout
from hubel.view.writers.svg import to_svg

ROOT = Path(__file__).parents[2]
SVG = "{http://www.w3.org/2000/svg}"
VOID = ("meta", "link", "br", "wbr")


@pytest.mark.parametrize("name", zoo.names())
def test_svg_is_well_formed_and_tells_what_it_shows(name):
    root = ET.fromstring(figure(zoo.get(name)).svg())
    title, about = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == f"{title.get('id')} {about.get('id')}"
    assert title.text.startswith(name)
    assert f"{analyse(zoo.get(name)).parameters:,} parameters" in about.text
    assert all(group.find(f"{SVG}title").text for group in root.iter(f"{SVG}g"))
    width, height = float(root.get("width")), float(root.get("height"))
    assert root.get("viewBox") == f"0 0 {width:g} {height:g}"


def test_the_same_network_gives_the_same_bytes_in_another_process():
    program = "from hubel import zoo; from hubel.draw import figure; import sys; f = figure(zoo.get('densenet121'));"
    program += "sys.stdout.buffer.write((f.svg() + f.html()).encode())"
    first, second = (
        subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, env={"PYTHONHASHSEED": seed})
        for seed in ("1", "2")
    )
    assert first.stdout == second.stdout
    assert len(first.stdout) > 50_000


def test_words_are_words():
    words = [text.text for text in ET.fromstring(figure(zoo.get("lenet5")).svg()).iter(f"{SVG}text")]
    assert {"conv1", "5×5 conv, 6", "28", "156 · 118 K"} <= set(words)


def test_auto_follows_the_reader_and_the_others_do_not():
    drawn = layout(zoo.get("lenet5"))
    auto, light, dark = (to_svg(drawn, theme) for theme in ("auto", "light", "dark"))
    assert "prefers-color-scheme:dark" in auto
    assert "prefers-color-scheme" not in light + dark
    assert ".hubel-light .page{fill:#ffffff}" in light
    assert ".hubel-dark .page{fill:#16181c}" in dark


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_can_be_read_on_every_colour(theme):
    """Contrast of at least 4.5 to 1: WCAG 2.2, criterion 1.4.3."""
    sheet = re.search("<style>(.*?)</style>", to_svg(layout(zoo.get("lenet5")), theme))[1]

    def fill(selector: str) -> str:
        return re.search(re.escape(f".hubel-{theme} {selector}{{fill:") + "(#......)", sheet)[1]

    faces = ["page", "input", "convolution", "pooling", "dense", "normalization", "reshaping", "frame", "band", "join"]
    for words in (fill("text"), fill(".quiet")):
        for face in faces:
            light, dark = sorted((luminance(words), luminance(fill(f".{face}"))), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (theme, words, face)


def test_names_cannot_break_out_of_the_markup():
    body = parse("8x8x1: conv 2 3x3").body
    drawn = figure(Network((8, 8, 1), body, "</title><script>alert(1)</script>\x01&"))
    ET.fromstring(drawn.svg())
    assert "<script>alert" not in drawn.svg() + drawn.html()


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.data = ""

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script" and data.startswith("{"):
            self.data = data


def page_of(name: str) -> tuple[str, Page]:
    text, page = figure(zoo.get(name)).html(), Page()
    page.feed(text)
    return text, page


@pytest.mark.parametrize("name", ["lenet5", "resnet18", "unet"])
def test_the_page_stands_by_itself_with_every_formula(name):
    text, page = page_of(name)
    assert page.open == []
    own = re.sub(r"^ *//.*$|'sha256-[^']*'", "", text, flags=re.MULTILINE)  # comments and digests
    assert "//" not in own  # no address of anything elsewhere
    rows = analyse(zoo.get(name)).rows
    data = json.loads(page.data)
    assert len(data["rows"]) == len(rows)
    for row, told in zip(rows, data["rows"], strict=True):
        assert told["title"].startswith(f"{row.path}: ")
        values = [values for _, values, _ in data["formulas"][told["formulas"]]]
        assert sorted(values) == sorted(map(str, row.formulas))
    assert text.count("<tr>") == len(rows) + 1


def test_every_shape_of_a_page_can_be_reached_and_leads_to_its_rows():
    _, page = page_of("resnet18")
    rows = analyse(zoo.get("resnet18")).rows
    shapes = [attributes for tag, attributes in page.tags if tag == "g" and "data-rows" in attributes]
    assert all(shape["tabindex"] == "0" and shape["role"] == "button" for shape in shapes)
    led = {int(place) for shape in shapes for place in shape["data-rows"].split()}
    assert led >= {place for place, row in enumerate(rows) if row.type != "Identity"}


def test_a_page_has_a_drawing_for_narrow_screens():
    text, _ = page_of("resnet18")
    widths = [int(width) for width in re.findall(r'<svg [^>]*?width="(\d+)"', text)]
    assert widths[0] > 900
    assert widths[1] <= 390


def test_a_picture_is_as_large_as_the_drawing_and_not_empty():
    from PIL import Image

    drawn = figure(zoo.get("lenet5"), theme="dark")
    image = Image.open(io.BytesIO(drawn.png())).convert("RGB")
    assert image.size == (2 * drawn.scene.width, 2 * drawn.scene.height)
    assert image.getpixel((1, 1)) == (0x16, 0x18, 0x1C)
    assert len(image.getcolors(1 << 20)) > 50


def test_a_missing_renderer_is_named_with_the_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'hubel\[draw\]'"):
        figure(zoo.get("lenet5")).png()


def test_a_figure_saves_itself_by_the_ending(tmp_path):
    drawn = figure(zoo.get("lenet5"))
    for ending, start in ((".svg", b"<svg "), (".HTML", b"<!doctype html>")):
        path = tmp_path / f"lenet5{ending}"
        drawn.save(path)
        assert path.read_bytes().startswith(start)
    with pytest.raises(ValueError, match=r"\.svg, \.html, \.png, \.pdf, received '\.eps'"):
        drawn.save(tmp_path / "lenet5.eps")


def test_a_notebook_shows_a_figure():
    drawn = figure(zoo.get("lenet5"))
    assert drawn._repr_svg_() == drawn.svg()
    own = drawn._repr_html_().removeprefix('<div style="overflow-x:auto">').removesuffix("</div>")
    assert own == drawn.svg().replace(' xmlns="http://www.w3.org/2000/svg"', "").rstrip("\n")


def test_another_theme_is_refused():
    with pytest.raises(ValueError, match="expected theme as one of auto, light, dark, received 'blue'"):
        figure(zoo.get("lenet5"), theme="blue")


@pytest.mark.parametrize(
    "path", ["lenet5", *(f"drawings/{name}" for name in ("alexnet", "googlenet", "resnet152", "unet"))]
)
def test_the_pictures_of_the_pages_are_what_the_command_draws(path):
    name = path.rpartition("/")[2]
    written = (ROOT / "docs" / f"{path}.svg").read_text(encoding="utf-8")
    assert written == figure(zoo.get(name)).svg(), f"run: hubel draw {name} -o docs/{path}.svg"
