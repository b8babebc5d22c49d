"""Make the fonts in `src/hubel/view/fonts`: Arimo, cut to the letters of hubel, with those it lacks from Noto.

    npm pack @expo-google-fonts/arimo@0.4.3 @expo-google-fonts/noto-sans-math@0.4.2 \
        @expo-google-fonts/noto-sans-symbols-2@0.4.1
    for file in expo-*.tgz; do mkdir "${file%.tgz}"; tar xzf "$file" -C "${file%.tgz}"; done
    python tools/fonts.py .          # needs fonttools; the same bytes every time

All three are under the SIL Open Font License, without reserved names, and so is what comes of them.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools.pens.filterPen import DecomposingFilterPen
from fontTools.pens.transformPen import TransformPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

from hubel.view.writers import font as own

OTHERS = ("NotoSansMath_400Regular.ttf", "NotoSansSymbols2_400Regular.ttf")
ABOUT = (0, 1, 2, 4, 6, 13, 14)  # the names that stay: copyright, family, style, full name, licence and its address


def main(folder: Path) -> None:
    """Write both weights from the packages that lie under `folder`."""
    for weight, target in (("400Regular", own.REGULAR), ("700Bold", own.BOLD)):
        font = TTFont(one(folder, f"Arimo_{weight}.ttf"), recalcTimestamp=False)
        lacking = sorted(own.known() - font.getBestCmap().keys())
        for name in OTHERS:
            other = TTFont(one(folder, name))
            found = [code for code in lacking if code in other.getBestCmap()]
            lacking = [code for code in lacking if code not in found]
            for code in found:
                take(other, font, code)
        if lacking:
            raise SystemExit(f"no font has {' '.join(f'{code:x}' for code in lacking)}")
        cut(font)
        font.save(target)
        print(f"{target}: {target.stat().st_size:,} bytes, {len(font.getBestCmap()):,} letters")


def one(folder: Path, name: str) -> Path:
    """Return the one file of this name."""
    (found,) = folder.rglob(name)
    return found


def take(source: TTFont, target: TTFont, code: int) -> None:
    """Copy the shape of one letter, at the size of the font it goes to."""
    scale = target["head"].unitsPerEm / source["head"].unitsPerEm
    shapes, own = source.getGlyphSet(), source.getBestCmap()[code]
    pen = TTGlyphPen(None)
    shapes[own].draw(DecomposingFilterPen(TransformPen(pen, (scale, 0, 0, scale, 0, 0)), shapes))
    name = f"uni{code:04X}"
    target["glyf"][name] = shape = pen.glyph()
    shape.recalcBounds(target["glyf"])
    width, left = source["hmtx"][own]
    target["hmtx"][name] = round(width * scale), round(left * scale)
    for table in target["cmap"].tables:
        if table.isUnicode():
            table.cmap[code] = name


def cut(font: TTFont) -> None:
    """Leave the letters of hubel, their kerning and accents, and no hints: nothing here is set in a few pixels."""
    options = Options(hinting=False, layout_features=["kern", "ccmp", "mark"], name_IDs=ABOUT, name_languages=[0x409])
    options.drop_tables += ["DSIG", "STAT", "meta"]
    options.glyph_names = False
    options.notdef_outline = True
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=own.known())
    subsetter.subset(font)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
