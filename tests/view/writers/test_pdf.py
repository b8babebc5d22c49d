"""PDF: shapes and words of a scene, in hubel's own font."""

from __future__ import annotations

import io
import re
import sys
import zlib

import pytest
from PIL import Image

from hubel import zoo
from hubel.draw import figure
from hubel.view.figures.scene import Line, Picture, Rectangle, Scene, Text
from hubel.view.writers.font import LettersLacking


def streams(pdf: bytes) -> bytes:
    """All that is written on the page, unpacked."""
    pytest.importorskip("reportlab", reason="needs reportlab")
    from base64 import a85decode

    found = b""
    for kind, packed in re.findall(rb"<<(.*?)>>\s*stream\r?\n(.*?)endstream", pdf, re.DOTALL):
        raw = a85decode(packed.strip(), adobe=True) if b"ASCII85Decode" in kind else packed
        found += zlib.decompress(raw.strip(b"\r\n")) if b"FlateDecode" in kind else raw
    return found


@pytest.fixture(autouse=True)
def _needs_reportlab():
    pytest.importorskip("reportlab", reason="needs reportlab")


@pytest.mark.parametrize("name", ["lenet5", "resnet18", "unet"])
def test_a_network_is_shapes_and_words(name):
    drawn = figure(zoo.get(name))
    pdf = drawn.pdf()
    assert pdf.startswith(b"%PDF-1.")
    assert pdf == figure(zoo.get(name)).pdf()
    left, bottom, right, top = map(float, re.search(rb"/MediaBox \[([^]]*)\]", pdf)[1].split())
    assert (left, bottom, right, top) == (0, 0, 0.75 * drawn.scene.width, 0.75 * drawn.scene.height)
    assert pdf.count(b"/FontFile2") == 2
    assert b"/Subtype /Image" not in pdf
    assert len(re.findall(rb"\bTj\b", streams(pdf))) >= len(drawn.scene.texts)


def test_colours_are_those_of_the_theme():
    light, dark = (streams(figure(zoo.get("lenet5")).pdf(theme)) for theme in ("light", "dark"))
    assert light.find(b"1 1 1 rg") >= 0
    assert dark.find(b".086275 .094118 .109804 rg") >= 0  # the page by night, #16181c


def test_pictures_stay_as_they_are():
    buffer = io.BytesIO()
    Image.new("RGB", (2, 2), "red").save(buffer, "PNG")
    marks = (
        Picture(1, 2, 30, 40, buffer.getvalue()),
        Rectangle(0, 0, 5, 5, "outline", radius=2),
        Line(((0, 0), (9, 9)), "reads"),
    )
    from hubel.view.writers.pdf import to_pdf

    pdf = to_pdf(Scene(50, 60, "<title>", "what", "plot", marks))
    assert re.search(rb"/Height 2\b.*/Width 2\b|/Width 2\b.*/Height 2\b", pdf, re.DOTALL)
    assert b"/Interpolate" not in pdf


def test_letters_that_are_lacking_are_told():
    from hubel.view.writers.pdf import to_pdf

    with pytest.warns(LettersLacking, match="犬"):
        to_pdf(Scene(50, 60, "t", "d", "blocks", (Text(5, 5, "犬"),)))


def test_a_missing_writer_is_named_with_the_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "reportlab.pdfbase", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'hubel\[draw\]'"):
        figure(zoo.get("lenet5")).pdf()
