"""Pictures are set in the font that hubel brings: the same bytes everywhere, and a word where a letter is lacking."""

from __future__ import annotations

import io
import subprocess
import sys
from hashlib import sha256
from unicodedata import normalize

import numpy as np
import pytest
from PIL import Image, ImageFont

from hubel.data import Dataset, contact_sheet
from hubel.view.figures.scene import Scene, Text
from hubel.view.writers import font
from hubel.view.writers.png import to_png

EUROPE = "Žluťoučký kůň, œuvre, Straße, łódź, ştiinţă, știință, þ, Ελληνικά, Кириллица, Ґ, phở, ĳ"
SIGNS = "0123456789 · × − ≤ ≥ ≈ ≠ ± ½ ⌊x⌋ ⌈x⌉ → ← ↑ ↓ ⊕ Σ √ ∞ α β θ µ ′ ° ² ⁻⁹ x₁₂ … – — “” • ▀ │ € ✓ ✗"


def written(words: str, role: str = "label") -> bytes:
    return to_png(Scene(600, 40, "words", "words", "blocks", (Text(8, 26, words, role, "start"),)))


def sheet(name: str) -> bytes:
    return contact_sheet(Dataset(np.zeros((1, 8, 8, 1), np.uint8), np.zeros(1, np.int64), (name,))).tobytes()


@pytest.mark.parametrize(
    ("words", "role", "expected"),
    [
        (EUROPE, "label", "350931666cffab7b"),
        (EUROPE, "name", "e9d39f3748847b47"),
        (SIGNS, "label", "3f247c5f424c19d6"),
        (SIGNS, "name", "1fe14371d1f6ef20"),
    ],
)
def test_the_bytes_are_the_same_on_every_machine(words, role, expected):
    # of resvg_py 0.5.0; where these were made, other fonts were installed
    assert sha256(written(words, role)).hexdigest()[:16] == expected


@pytest.mark.parametrize("path", [font.REGULAR, font.BOLD])
def test_every_letter_that_is_said_to_be_in_the_files_has_its_shape(path):
    face = ImageFont.truetype(path, 40, layout_engine=ImageFont.Layout.BASIC)

    def shape(letter: str) -> tuple[object, bytes]:
        mask, place = face.getmask2(letter)
        return place, bytes(mask)

    box = shape("\ue000")
    assert box[1].strip(b"\0")
    lacking = [f"{code:x}" for code in sorted(font.known()) if shape(chr(code)) == box]
    assert not lacking


def test_letters_that_the_font_lacks_are_told_once_each_in_order():
    assert font.lacking(EUROPE + SIGNS + normalize("NFD", EUROPE)) == ""
    assert font.lacking("chat 猫, neko 猫, 犬\n\x07") == "猫犬"


@pytest.mark.parametrize("draw", [written, sheet])
def test_accents_written_apart_come_out_as_those_written_as_one(draw):
    apart = normalize("NFD", "kůň šťáva")
    assert apart != "kůň šťáva"
    assert draw(apart) == draw("kůň šťáva") != draw("kun stava")


@pytest.mark.parametrize(("draw", "instead"), [(written, "fonts of this machine"), (sheet, "boxes on the sheet")])
def test_a_letter_that_the_font_lacks_is_told(draw, instead):
    with pytest.warns(font.LettersLacking, match=f"lacks 猫 犬: drawn .*{instead}"):
        assert draw("猫 and 犬") != draw("and")


def test_many_lacking_letters_are_told_with_their_number():
    with pytest.warns(font.LettersLacking, match=r"一 丁 丂 七 丄 丅 丆 万 … \(20 in all\)"):
        written("".join(map(chr, range(0x4E00, 0x4E14))))


def test_the_rest_of_a_line_stays_in_hubel_s_font_where_others_are_asked():
    with pytest.warns(font.LettersLacking):
        mixed = written("Straße łódź 猫")
    assert pixels(mixed)[:, :120].tolist() == pixels(written("Straße łódź"))[:, :120].tolist()


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("L"))


def test_control_characters_are_drawn_as_what_stands_for_them():
    assert written("a\x07b") == written("a\\x07b")


def test_the_command_line_tells_it_in_one_line(tmp_path):
    for name in ("cat", "猫"):
        (tmp_path / name).mkdir()
        Image.new("L", (8, 8)).save(tmp_path / name / "1.png")
    line = [sys.executable, "-m", "hubel", "data", str(tmp_path), "--sheet", str(tmp_path / "sheet.png")]
    ran = subprocess.run(line, capture_output=True, text=True, encoding="utf-8")
    assert (ran.returncode, ran.stderr) == (
        0,
        "hubel: the font of hubel's pictures lacks 猫: drawn as boxes on the sheet\n",
    )
