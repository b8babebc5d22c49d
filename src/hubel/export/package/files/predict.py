"""What the model says of pictures: python predict.py cat.jpg more/*.png   (see README.md)"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from pictures import read
from PIL import Image

HERE = Path(__file__).parent
MODEL = onnxruntime.InferenceSession(HERE / "model.onnx", providers=["CPUExecutionProvider"])
CLASSES = json.loads(MODEL.get_modelmeta().custom_metadata_map["classes"])


def predict(path):
    """What the model gives for one picture: "probabilities" of the classes, and of segmentation a "mask"."""
    names = [output.name for output in MODEL.get_outputs()]
    return dict(zip(names, MODEL.run(names, {"image": read(path)[np.newaxis]})))


if __name__ == "__main__":
    unread = [] if sys.argv[1:] else ["usage: python predict.py PICTURE …"]
    for path in sys.argv[1:]:
        try:
            found = predict(path)
        except (OSError, SyntaxError, ValueError) as error:  # as Pillow says what it cannot read
            unread.append(f"{path}: {error}")
            continue
        if "mask" in found:
            place = Path(path).with_name(f"{Path(path).stem}-mask.png")
            Image.fromarray(found["mask"][0]).save(place)
            print(f"{path}   {place}")
        else:
            best = found["probabilities"][0].argsort()[::-1][:3]
            print(path, *(f"{CLASSES[i]} {found['probabilities'][0][i]:.1%}" for i in best), sep="   ")
    sys.exit("\n".join(unread) or 0)
