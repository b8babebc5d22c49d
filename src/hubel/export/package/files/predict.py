"""What the model says of files: python predict.py FILE …   (see README.md)"""

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
BEST = json.loads(ABOUT["summary"]).get("validation", {}).get("threshold")  # on images held out of training
SHOWN = {"boxes": 0.3, "points": 0.2} if BEST is None else dict.fromkeys(("boxes", "points"), BEST)


def predict(path):
    """What the model gives for one file, by its outputs' names: "probabilities" of the classes; of segmentation a
    "mask", of detection "boxes", of pose "points", in pixels of the upright picture; of colorize a "picture".
    """
    return answers(read(path))


def answers(picture):
    """The same for a file that was read."""
    names = [output.name for output in MODEL.get_outputs()]
    return dict(zip(names, MODEL.run(names, {"image": picture[np.newaxis]})))


def written(path, kind, pixels):
    """Write a picture beside another one, and say where."""
    place = Path(path).with_name(f"{Path(path).stem}-{kind}.png")
    Image.fromarray(pixels).save(place)
    return [str(place)]


def rounded(numbers):
    """Numbers with a space between."""
    return " ".join(f"{number:.1f}" for number in numbers)


def said(path, found):
    """What was found, in words."""
    if "mask" in found:
        return written(path, "mask", found["mask"][0])
    if "picture" in found:
        return written(path, "coloured", found["picture"][0])
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
    return [f"{CLASSES[i]} {sure[i]:.1%}" for i in sure.argsort()[::-1][:3]]


def told(path):
    """Print what was found in a file; or return why it was not."""
    try:
        picture = read(path)
        print(path, *said(path, answers(picture)) or ["nothing"], *filter(None, [note(path, picture)]), sep="   ")
    except (OSError, SyntaxError, ValueError) as error:  # as Pillow says, too, what it cannot read
        return f"{path}: {error}"


if __name__ == "__main__":
    unread = [*filter(None, map(told, sys.argv[1:]))] if sys.argv[1:] else ["usage: python predict.py FILE …"]
    sys.exit("\n".join(unread) or 0)
