"""What the model says of files: python predict.py FILE …   (see README.md)"""

import argparse
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # which else is sent to ONNX Runtime's makers

import numpy as np
import onnxruntime
from PIL import Image
from reading import note, read

HERE = Path(__file__).parent
MODEL = onnxruntime.InferenceSession(HERE / "model.onnx", providers=["CPUExecutionProvider"])
ABOUT = MODEL.get_modelmeta().custom_metadata_map
CLASSES = json.loads(ABOUT["classes"])
VALUES = json.loads(ABOUT["task_settings"]).get("values", [])  # of classes in the training's mask files
BEST = json.loads(ABOUT["summary"]).get("validation", {}).get("threshold")  # on images held out of training
ENOUGH = None  # of probability, for a picture to have a label, of those that may have several
WRITTEN = {"mask": "mask", "picture": "coloured"}  # outputs that are pictures, and what their files are called
DRAWS = [output.name for output in MODEL.get_outputs() if output.name in WRITTEN]
SHOWN = {"boxes": 0.3, "points": 0.2} if BEST is None else dict.fromkeys(("boxes", "points"), BEST)


def predict(path):
    """What the model gives for one file, by its outputs' names: "probabilities" of the classes or labels, or "numbers";
    of segmentation a "mask" (of places in CLASSES, 255 where it did not look), of detection "boxes", of pose "points",
    in pixels of the upright picture; of colorize a "picture".
    """
    return answers(read(path))


def answers(picture):
    """The same for a file that was read."""
    names = [output.name for output in MODEL.get_outputs()]
    return dict(zip(names, MODEL.run(names, {"image": picture[np.newaxis]})))


def written(path, kind, pixels, folder, taken):
    """Write a picture into a folder, under a name that no other file's has (`taken`), and say where."""
    names = (f"{Path(path).stem}{number}-{kind}.png" for number in ("", *(f"-{n}" for n in range(2, 10**6))))
    place = next(each for each in (Path(folder, name) for name in names) if each.resolve() not in taken)
    Path(folder).mkdir(parents=True, exist_ok=True)
    Image.fromarray(in_values(pixels) if kind == "mask" else pixels).save(place)
    taken.add(place.resolve())
    return f"written: {place}"


def in_values(mask):
    """A mask in the values of the training's files; what was not looked at as 255, or the largest that is free."""
    table = np.full(256, max({*range(256)} - {*VALUES}), np.uint8)
    table[: len(VALUES)] = VALUES
    return table[mask]


def shares(mask):
    """The largest classes by their shares of the pixels, 255 (not looked at) left out."""
    counts = np.bincount(mask.ravel(), minlength=256)[: len(CLASSES)]
    return [f"{CLASSES[i]} {counts[i] / mask.size:.1%}" for i in (-counts).argsort(kind="stable")[:3] if counts[i]]


def rounded(numbers):
    """Numbers with a space between."""
    return " ".join(f"{number:.1f}" for number in numbers)


def said(found):
    """What was found, in words."""
    if "mask" in found:
        return shares(found["mask"][0])
    if "picture" in found:
        return ["coloured, {}×{}".format(*found["picture"][0].shape)]
    if "numbers" in found:
        return [f"{name} {value:.5g}" for name, value in zip(CLASSES, found["numbers"][0])]
    sure = found["probabilities"][0]
    if "boxes" in found:
        kept = [at for at, share in enumerate(sure) if share >= SHOWN["boxes"]]
        names = [CLASSES[int(found["classes"][0][at])] for at in kept]
        return [f"{name} {sure[at]:.1%} at {rounded(found['boxes'][0][at])}" for name, at in zip(names, kept)]
    if "points" in found:
        alone, least = len(sure) == 1, SHOWN["points"]
        told = []
        for number, share in enumerate(found["individuals"][0]):
            own = zip(CLASSES, found["points"][0][number], sure[number]) if alone or share >= least else ()
            kept = [f"{name} {p:.1%} at {rounded(place)}" for name, place, p in own if p >= least]
            told += kept if alone else [f"individual {number + 1} {share:.1%}: {'; '.join(kept)}"] if kept else []
        return told
    order = sure.argsort()[::-1]
    if ENOUGH is not None:
        return [f"{CLASSES[i]} {sure[i]:.1%}" for i in order if sure[i] >= ENOUGH] or ["no label"]
    return [f"{CLASSES[i]} {sure[i]:.1%}" for i in order[:3]]


def told(path, folder, taken):
    """Print what was found in a file, and write its picture where a folder is named; or return why it was not."""
    try:
        picture = read(path)
        found = answers(picture)
        drawn = [written(path, WRITTEN[kind], found[kind][0], folder, taken) for kind in DRAWS if folder]
        print(path, *said(found) or ["nothing"], *drawn, *filter(None, [note(path, picture)]), sep="   ")
    except (OSError, SyntaxError, ValueError) as error:  # as Pillow says, too, what it cannot read
        return f"{path}: {error}"


def main():
    """What is asked on the command line."""
    parser = argparse.ArgumentParser(description="What the model says of files, a line each. See README.md.")
    parser.add_argument("files", nargs="+", metavar="FILE", help="what is looked at, or listened to")
    if DRAWS:
        kinds = " and ".join(f"NAME-{WRITTEN[kind]}.png" for kind in DRAWS)
        parser.add_argument("-o", "--output", metavar="FOLDER", help=f"write {kinds} of each; else nothing is written")
    given = vars(parser.parse_args())
    folder, taken = given.get("output"), {Path(path).resolve() for path in given["files"]}
    unread = [*filter(None, (told(path, folder, taken) for path in given["files"]))]
    sys.exit("\n".join(unread) or 0)


if __name__ == "__main__":
    main()
