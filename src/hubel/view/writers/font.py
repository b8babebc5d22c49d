"""The font that pictures are set in, inside the package: a picture has the same bytes on every machine."""

from __future__ import annotations

import warnings
from pathlib import Path
from unicodedata import normalize

FAMILY = "Arimo"  # its letters are as wide as those of Helvetica, Arial and Liberation Sans
REGULAR, BOLD = (Path(__file__).parents[1] / "fonts" / f"Arimo-{weight}.ttf" for weight in ("Regular", "Bold"))

# What the files have a shape for, in hexadecimal: the Latin letters of Europe and Vietnam, Greek, Cyrillic,
# punctuation, raised and lowered digits, currencies, and the signs of arithmetic and drawing.
LETTERS = """
    20-7e a0-17f 18f 192 1a0-1a1 1af-1b0 1cd-1d4 1e6-1eb 1fa-21b 259 2bb-2bd 2c6-2c7 2c9 2d8-2dd
    300-304 306-30c 31b 323-328 37a-37e 384-38a 38c 38e-3a1 3a3-3ce 3d1 3d5 400-45f 490-491 4d8-4d9 4e8-4e9
    1e02-1e03 1e0a-1e0b 1e1e-1e1f 1e40-1e41 1e56-1e57 1e60-1e61 1e6a-1e6b 1e80-1e85 1e9e 1ea0-1ef9
    2010-2022 2026 2030 2032-2033 2039-203a 2044 2070-2071 2074-208e 20a6 20ab-20ac 20b4 20b9 20bd
    2113 2116 2122 2126 215b-215e 2190-2195 21d0-21d4 2200 2202-2203 2205-220b 220f 2211-2213 2217-221e 2220 2223
    2225 2227-222b 2248 2260-2261 2264-2265 226a-226b 2282-2287 2295-2299 22c5 22ef 2308-230b
    2500 2502 2580 2584 2588 258c 2590-2593 25a0-25a1 25aa-25ab 25b2 25b6 25bc 25c0 25c6 25c7 25ca 25cb 25cf
    2605-2606 2713 2717 fb01-fb02 fffd
"""


class LettersLacking(UserWarning):
    """A picture has letters that hubel's font has no shape for."""


def lacking(words: str) -> str:
    """Return the letters of these words that the font has no shape for, each once, in their order. Control characters
    are not letters: whoever draws leaves them out or puts U+FFFD for them.
    """
    own = known()
    found = (letter for letter in normalize("NFC", words) if letter.isprintable() and ord(letter) not in own)
    return "".join(dict.fromkeys(found))


def tell_lacking(words: str, instead: str) -> str:
    """Warn of letters that the font lacks, with what is done `instead`, and return them."""
    found = lacking(words)
    if found:
        shown = " ".join(found[:8]) + (f" … ({len(found)} in all)" if len(found) > 8 else "")
        warnings.warn(f"the font of hubel's pictures lacks {shown}: {instead}", LettersLacking, stacklevel=3)
    return found


def known() -> frozenset[int]:
    """Return the code points that the font has a shape for; `tools/fonts.py` makes the files of them."""
    ends = (part.partition("-") for part in LETTERS.split())
    return frozenset(code for first, _, last in ends for code in range(int(first, 16), int(last or first, 16) + 1))
