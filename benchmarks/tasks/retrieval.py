"""Recall@1 of `hubel.look.retrieve.find` on emoji pictures across vendors, beside raw pixels.

    npm pack emoji-datasource-{apple,google,twitter,facebook}@16.0.0
    python benchmarks/tasks/retrieval.py FOLDER [--epochs 24] [--seeds 1]

FOLDER holds the four packages as `npm pack` left them (300 MB; only their 64-pixel sheets are read, and nothing of them
is kept). Pictures are set on white and shrunk to 32×32. An emoji without skin tones is a base; men's and women's
versions of one are kept together. A quarter of the bases is held out. A small network learns to name the other three
quarters in the pictures of Apple, Google and Twitter; then each held-out picture of one vendor is asked for among all
held-out pictures of another, and the first answer is right where it is the same emoji. Facebook's pictures are seen for
the first time then.

Prints the share of right first answers for the features that `hubel find` compares, for the pixels (cosine), and for
the pixels with their mean taken off (which is kinder to them), and the mean over seeds.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import statistics
import tarfile
import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from hubel.arch import parse
from hubel.data import Dataset, Splits
from hubel.look.retrieve.find import embed
from hubel.tasks import LoadedModel
from hubel.train import Recipe, train

SEEN, UNSEEN = ("apple", "google", "twitter"), "facebook"
VENDORS = (*SEEN, UNSEEN)
SIDE, CELL = 32, 66  # pixels of a picture here, and of its place on the sheet with a border of one
NETWORK = (
    "32x32x3: conv 32 3x3 same, norm, relu, conv 48 3x3/2 same, norm, relu, conv 96 3x3 same, norm, relu, maxpool 2, "
    "conv 128 3x3 same, norm, relu, maxpool 2, conv 128 3x3 same, norm, relu, avgpool 2, flatten, "
    "dense {classes} softmax"
)
Images = npt.NDArray[np.uint8]


def read(folder: Path) -> tuple[list[str], Images]:
    """The bases' names, and their pictures by every vendor: uint8, vendors×bases×32×32×3."""
    sheets, about = [], []
    for vendor in VENDORS:
        with tarfile.open(next(folder.glob(f"emoji-datasource-{vendor}-*.tgz"))) as package:
            sheets.append(_member(package, f"package/img/{vendor}/sheets/64.png"))
            about = json.loads(_member(package, "package/emoji.json"))
    bases = [one for one in about if all(one[f"has_img_{vendor}"] for vendor in VENDORS)]
    return [one["short_name"] for one in bases], np.stack([_cut(sheet, bases) for sheet in sheets])


def _member(package: tarfile.TarFile, name: str) -> bytes:
    file = package.extractfile(name)
    assert file is not None
    return file.read()


def _cut(sheet: bytes, bases: list[dict[str, int]]) -> Images:
    opened = Image.open(io.BytesIO(sheet)).convert("RGBA")
    whole = Image.alpha_composite(Image.new("RGBA", opened.size, "white"), opened).convert("RGB")
    pictures = []
    for one in bases:
        left, top = one["sheet_x"] * CELL + 1, one["sheet_y"] * CELL + 1
        pictures.append(whole.crop((left, top, left + 64, top + 64)).resize((SIDE, SIDE), Image.Resampling.BOX))
    return np.stack([np.asarray(picture) for picture in pictures])


def split(names: list[str], seed: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Positions to train on and held out, a man's and a woman's version of one base on the same side."""
    stems = [re.sub(r"^(fe)?male-|^(wo)?man[-_]", "", name) for name in names]
    groups = np.random.default_rng(seed).permutation(sorted(set(stems)))
    out = set(groups[: len(groups) // 4].tolist())
    held = np.array([stem in out for stem in stems])
    return np.flatnonzero(~held), np.flatnonzero(held)


def learn(names: list[str], images: Images, chosen: npt.NDArray[np.int64], epochs: float, seed: int) -> LoadedModel:
    """A network that names the chosen bases in the pictures of the vendors that may be seen."""
    pictures = images[: len(SEEN), chosen]
    labels = np.tile(np.arange(len(chosen)), len(SEEN))
    classes = tuple(names[i] for i in chosen)
    dataset = Dataset(pictures.reshape(-1, SIDE, SIDE, 3), labels, classes, "emoji")
    recipe = Recipe(
        epochs=epochs,
        batch_size=64,
        learning_rate=0.004,
        label_smoothing=0.1,
        augmentation="shift 3, rotate 12, colour 0.5, crop 0.6",
        seed=seed,
    )
    with tempfile.TemporaryDirectory() as folder:
        network = parse(NETWORK.format(classes=len(classes)))
        return train(network, Splits(dataset), recipe, Path(folder) / "run").model()


def recalls(vectors: npt.NDArray[np.float32]) -> dict[str, float]:
    """Recall@1 from features, vendors×bases×length: between vendors seen in training, and from and to the other."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=2, keepdims=True), 1e-12)
    right = np.arange(vectors.shape[1])
    found: dict[str, list[float]] = {"seen": [], "unseen": []}
    for query, asked in enumerate(VENDORS):
        for gallery, answers in enumerate(VENDORS):
            if query != gallery:
                share = float(((unit[query] @ unit[gallery].T).argmax(1) == right).mean())
                found["unseen" if UNSEEN in (asked, answers) else "seen"].append(share)
    return {name: statistics.mean(shares) for name, shares in found.items()}


def measure(
    names: list[str], images: Images, epochs: float, seed: int
) -> tuple[LoadedModel, npt.NDArray[np.int64], dict[str, dict[str, float]]]:
    chosen, held = split(names, seed)
    began = time.perf_counter()
    model = learn(names, images, chosen, epochs, seed)
    seconds = time.perf_counter() - began
    own = np.stack([embed(model, list(images[vendor, held])) for vendor in range(len(VENDORS))])
    pixels = images[:, held].reshape(len(VENDORS), len(held), -1).astype(np.float32)
    mean = images[: len(SEEN), chosen].reshape(-1, SIDE * SIDE * 3).mean(0, dtype=np.float32)
    found = {"features": recalls(own), "pixels": recalls(pixels), "pixels less mean": recalls(pixels - mean)}
    print(
        f"seed {seed}: {len(chosen):,} bases learnt in {seconds:.0f} s, {len(held)} held out, {own.shape[2]} features"
    )
    for way, shares in found.items():
        print(f"  {way:17} seen vendors {shares['seen']:.1%}   with {UNSEEN} {shares['unseen']:.1%}", flush=True)
    return model, held, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the four packages lie")
    parser.add_argument("--epochs", type=float, default=24)
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    names, images = read(arguments.folder)
    runs = [measure(names, images, arguments.epochs, seed)[2] for seed in range(arguments.seeds)]
    print(f"mean over {len(runs)} seeds, recall@1:")
    for way in runs[0]:
        means = {kind: statistics.mean(run[way][kind] for run in runs) for kind in ("seen", "unseen")}
        print(f"  {way:17} seen vendors {means['seen']:.1%}   with {UNSEEN} {means['unseen']:.1%}")


if __name__ == "__main__":
    main()
