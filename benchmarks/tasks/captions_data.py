"""Pictures with sentences, of cut-outs composed on photographs: Debian's `tuxpaint-stamps-default` (GPL-2) in its
folders' kinds, two a picture, "a bird above a flower", on parts of any photographs.

    apt-get download tuxpaint-stamps-default
    dpkg-deb -x tuxpaint-stamps-default_*.deb stamps
    python benchmarks/tasks/captions_data.py --stamps stamps --photographs camvid/train/images --to pictures

Every third cut-out of a kind, and every second photograph, is in pictures of the test part alone. A sixth of the pairs
of kinds with their place ("a bird above a flower") is in the test part alone too. Each picture has two sentences, from
either side. `captions.csv` has the columns image, caption and split.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
from PIL import Image

KINDS = {
    "bird": "animals/birds",
    "fish": "animals/fish",
    "insect": "animals/insects",
    "fruit": "food/fruit",
    "vegetable": "food/vegetables",
    "flower": "plants/flowers",
    "house": "town/houses",
    "sign": "town/roadsigns",
    "coin": "symbols/money",
    "tree": "plants/trees",
}
PLACES = (("above", "below"), ("left of", "right of"))
SIDE = 64  # pixels of a picture
LEAST, MOST = 26, 34  # pixels of a cut-out's longer side


def cut_out(path: Path) -> Image.Image:
    """A cut-out, without what is clear around it."""
    with Image.open(path) as file:
        found = file.convert("RGBA")
    return found.crop(found.getchannel("A").getbbox() or (0, 0, *found.size))


def put(picture: Image.Image, stamp: Image.Image, middle: tuple[float, float], chance: np.random.Generator) -> None:
    """Put a cut-out on a picture, its middle about there."""
    long = int(chance.integers(LEAST, MOST + 1))
    size = [max(4, round(side * long / max(stamp.size))) for side in stamp.size]
    turned = stamp.resize((size[0], size[1]), Image.Resampling.LANCZOS)
    if chance.random() < 0.5:
        turned = turned.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    at = [round(m - s / 2 + chance.uniform(-2, 2)) for m, s in zip(middle, size, strict=True)]
    at = [min(max(0, a), SIDE - s) for a, s in zip(at, size, strict=True)]
    picture.alpha_composite(turned, (at[0], at[1]))


def ground(path: Path, chance: np.random.Generator) -> Image.Image:
    """A part of a photograph."""
    with Image.open(path) as file:
        whole = file.convert("RGBA")
    part = int(chance.integers(SIDE, min(whole.size)))
    left, top = (int(chance.integers(0, side - part + 1)) for side in whole.size)
    return whole.crop((left, top, left + part, top + part)).resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def main() -> None:
    """Compose the pictures and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--stamps", required=True, type=Path, help="what the package holds")
    parser.add_argument("--photographs", required=True, type=Path)
    parser.add_argument("--to", required=True, type=Path, help="a new folder")
    parser.add_argument("--train", type=int, default=6000, help="pictures")
    parser.add_argument("--test", type=int, default=1000, help="pictures")
    arguments = parser.parse_args()
    chance = np.random.default_rng(0)
    root = arguments.stamps / "usr/share/tuxpaint/stamps"
    stamps = {
        kind: [cut_out(path) for path in sorted((root / folder).rglob("*.png")) if "mirror" not in path.stem]
        for kind, folder in KINDS.items()
    }
    photographs = sorted(p for p in arguments.photographs.rglob("*") if p.suffix.lower() in (".jpg", ".png"))
    pairs = [(a, way, b) for a in KINDS for b in KINDS for way in (0, 1)]
    kept = {pairs[place] for place in chance.permutation(len(pairs))[: len(pairs) // 6]}
    (arguments.to / "images").mkdir(parents=True)
    lines = [("image", "caption", "split")]
    for part, number in (("train", arguments.train), ("test", arguments.test)):
        testing = part == "test"
        usable = [pair for pair in pairs if testing or pair not in kept]
        for each in range(number):
            first, way, second = usable[int(chance.integers(len(usable)))]
            picture = ground(photographs[int(chance.integers(len(photographs) // 2)) * 2 + testing], chance)
            middles = [(SIDE / 2, SIDE / 4), (SIDE / 2, 3 * SIDE / 4)]
            for kind, middle in zip((first, second), middles, strict=True):
                own = [s for place, s in enumerate(stamps[kind]) if (place % 3 == 2) == testing]
                put(picture, own[int(chance.integers(len(own)))], middle if way == 0 else middle[::-1], chance)
            name = f"{part}-{each}.jpg"
            picture.convert("RGB").save(arguments.to / "images" / name, quality=92)
            here, back = PLACES[way]
            lines += [(name, f"a {first} {here} a {second}", part), (name, f"a {second} {back} a {first}", part)]
    with open(arguments.to / "captions.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(lines)
    for kind, own in stamps.items():
        print(f"{kind}: {len(own)} cut-outs, {len(own) // 3} of them of the test part alone")


if __name__ == "__main__":
    main()
