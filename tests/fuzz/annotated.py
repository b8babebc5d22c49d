"""Data with its answers in files of every format: boxes, outlines, masks, sounds, requests; and edits of such files.

What is damaged by bits seldom gets beyond the parser of JSON or XML. An edit keeps the form and puts an odd value in
the place of one that means something.
"""

from __future__ import annotations

import base64
import io
import json
import os
import random
import re
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.data.boxes import scenes

ODD: tuple[Any, ...] = (
    None, True, -1, 0, 1, 2**31, 2**63, 10**30, 0.5, -0.0, 1e308, -1e308, float("nan"), float("inf"), "", " ", "1",
    "-1", "nan", "../../etc/passwd", "/dev/zero", "\x00", "\x1b[31m", "\u202e", "a" * 20_000, [], [[]], {}, [None],
    [1e400] * 4, list(range(5000)), {"": {"": {}}}, [-5, -5, 1, 1], [0, 0, 1e9, 1e9],
)  # fmt: skip
_NAMES = ("", "file", "image", "label", "xmin", "width", "\x00", "a" * 3000)


def annotated(folder: Path) -> Iterator[tuple[str, str, Path, Path, dict[str, Any]]]:
    """Make data of each format: its kind, a name, its root, the file in it that says the answers, how it is loaded."""
    size = {"size": [24, 32]}
    coco = scenes.coco(folder / "coco")
    yield "boxes", "coco", coco, coco / "annotations" / "instances_train.json", size
    voc = scenes.voc(folder / "voc")
    yield "boxes", "voc", voc, voc / "Annotations" / "000.xml", size
    yolo = scenes.yolo(folder / "yolo")
    (yolo / "data.yaml").write_text("path: .\ntrain: images\nnc: 2\nnames:\n  0: disc\n  1: bar\n")
    yield "boxes", "yolo", yolo, yolo / "labels" / "001.txt", size
    yield "boxes", "yaml", yolo, yolo / "data.yaml", size
    titles = "filename,width,height,class,xmin,ymin,xmax,ymax"
    table = scenes.table(folder / "table", titles, lambda image, name, *edges: (image, 64, 48, name, *edges))
    yield "boxes", "boxes-table", table, table / "boxes.csv", size
    posed = _posed(folder / "posed")
    yield "points", "keypoints", posed, posed / "person_keypoints_train.json", {**size, "task": "pose"}
    outlines = _outlines(folder / "outlines")
    yield "masks", "outlines", outlines, outlines / "instances_train.json", {}
    listed = _listed(folder / "listed")
    yield "masks", "palette", listed, listed / "SegmentationClass" / "0.png", {}
    yield "masks", "list", listed, listed / "ImageSets" / "Segmentation" / "train.txt", {}
    sounds = _sounds(folder / "sounds")
    yield "sounds", "sound", sounds, sounds / "yes" / "0.wav", {"size": [32, 32]}


def edited(content: bytes, count: int, chance: random.Random) -> Iterator[bytes]:
    """Change an annotation's values. JSON stays JSON, XML is cut at its tags, and all else at its separators."""
    try:
        whole = json.loads(content)
    except ValueError:
        whole = None
    for _ in range(count):
        if whole is not None:
            yield json.dumps(_with_an_odd_value(whole, chance)).encode()
        elif content.startswith(b"RIFF"):
            yield _odd_header(content, chance)
        else:
            yield _with_an_odd_word(content.decode("utf-8", "surrogateescape"), chance)


def requests(model: str) -> Iterator[tuple[str, bytes]]:
    """Whole requests to a service: a name, and what is sent."""
    picture = io.BytesIO()
    Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3)).save(picture, "PNG")
    pixels = {"name": "pixels", "datatype": "UINT8", "shape": [1, 8, 8, 3], "data": list(range(192))}
    letters = base64.b64encode(picture.getvalue()).decode()
    coded = {"name": "pictures", "datatype": "BYTES", "shape": [1], "data": [letters]}
    yield (
        "pixels.json",
        json.dumps({"inputs": [pixels], "id": "a", "parameters": {"binary_data_output": False}}).encode(),
    )
    yield "pictures.json", json.dumps({"inputs": [coded], "outputs": [{"name": "class"}]}).encode()
    head = f"POST /v1/models/{model}/predict?top=2 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    head += "Content-Type: image/png\r\n"
    yield "one.http", f"{head}Content-Length: {len(picture.getvalue())}\r\n\r\n".encode() + picture.getvalue()
    form = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    form += picture.getvalue() + b"\r\n--b--\r\n"
    about = head.replace("image/png", "multipart/form-data; boundary=b")
    yield "form.http", f"{about}Content-Length: {len(form)}\r\n\r\n".encode() + form


def keras_files(folder: Path) -> list[Path]:
    """A model as Keras writes it, in both of its forms, where it is installed."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    layers = keras.layers
    chain = [keras.Input((8, 8, 3)), layers.Conv2D(2, 3, activation="relu"), layers.BatchNormalization()]
    model = keras.Sequential([*chain, layers.Flatten(), layers.Dense(2, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    paths = [folder / f"model.{ending}" for ending in ("keras", "h5")]
    for path in paths:
        model.save(path)
    return paths


def _posed(root: Path) -> Path:
    boxes = scenes.pictures(root)
    names = ["nose", "left ear", "right ear"]
    category = {"id": 1, "name": "face", "keypoints": names, "skeleton": [[1, 2], [1, 3]]}
    images = [{"id": n, "file_name": f"{name}.png", "width": 64, "height": 48} for n, name in enumerate(boxes)]
    annotations = [
        {"id": n, "image_id": n, "category_id": 1, "keypoints": [20, 20, 2, 10 + n, 15, 1, 30, 15, 2],
         "num_keypoints": 3, "bbox": [5, 5, 40, 30]}
        for n in range(len(images))
    ]  # fmt: skip
    whole = {"images": images, "annotations": annotations, "categories": [category]}
    (root / "person_keypoints_train.json").write_text(json.dumps(whole))
    return root


def _outlines(root: Path) -> Path:
    (root / "pictures").mkdir(parents=True)
    images, annotations = [], []
    for number in range(4):
        Image.fromarray(np.full((12, 15, 3), 40 * number, np.uint8)).save(root / "pictures" / f"{number}.png")
        images.append({"id": 7 * number, "file_name": f"{number}.png", "height": 12, "width": 15})
        about = {"id": number, "image_id": 7 * number, "category_id": (3, 90)[number % 2], "iscrowd": number // 2 % 2}
        runs = {"size": [12, 15], "counts": [50, 20, 110] if number % 2 else "k04800000Y3"}
        annotations.append(about | {"segmentation": runs if number // 2 % 2 else [[4, 5, 10, 5, 10, 9, 4, 9]]})
    categories = [{"id": 90, "name": "cat"}, {"id": 3, "name": "dog"}]
    whole = {"images": images, "annotations": annotations, "categories": categories}
    (root / "instances_train.json").write_text(json.dumps(whole))
    return root


def _listed(root: Path) -> Path:
    for name in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (root / name).mkdir(parents=True)
    for number in range(4):
        Image.fromarray(np.full((12, 16, 3), 60 * number, np.uint8)).save(root / "JPEGImages" / f"{number}.jpg")
        mask = Image.fromarray((np.indices((12, 16)).sum(0) % 3).astype(np.uint8), "P")
        mask.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
        mask.save(root / "SegmentationClass" / f"{number}.png")
    (root / "ImageSets" / "Segmentation" / "train.txt").write_text("0\n1\n2\n")
    (root / "ImageSets" / "Segmentation" / "val.txt").write_text("3\n")
    return root


def _sounds(root: Path) -> Path:
    for number in range(6):
        path = root / ("yes", "no")[number % 2] / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes((8000 * np.sin(np.arange(4000) * (0.1 + number / 20))).astype("<i2").tobytes())
    return root


def _with_an_odd_value(whole: Any, chance: random.Random) -> Any:
    """A copy in which one to three values, keys or entries are others."""
    made = json.loads(json.dumps(whole))
    for _ in range(chance.randint(1, 3)):
        at = made
        while isinstance(at, (dict, list)) and at:
            key = chance.choice(list(at)) if isinstance(at, dict) else chance.randrange(len(at))
            if not isinstance(at[key], (dict, list)) or not at[key] or chance.random() < 0.2:
                break
            at = at[key]
        if not isinstance(at, (dict, list)) or not at:
            return chance.choice(ODD)
        way = chance.randrange(5)
        if way == 0:
            del at[key]
        elif way == 1 and isinstance(at, list):
            at.extend([at[key]] * chance.choice((1, 300)))
        elif way == 1:
            at[chance.choice(_NAMES)] = at.pop(key)
        else:
            at[key] = chance.choice(ODD)
    return made


def _with_an_odd_word(text: str, chance: random.Random) -> bytes:
    words = re.split(r"([\s,<>:=;\"']+)", text)
    for _ in range(chance.randint(1, 3)):
        place, way = chance.randrange(len(words)), chance.randrange(4)
        if way == 0:
            del words[place : place + chance.randint(1, 4)]
        elif way == 1:
            words[place:place] = words[place : place + 8] * chance.choice((1, 1, 2000))
        else:
            odd = chance.choice(ODD)
            words[place] = odd if isinstance(odd, str) else json.dumps(odd)
        words = words or [""]
    return "".join(words).encode("utf-8", "surrogateescape")


def _odd_header(content: bytes, chance: random.Random) -> bytes:
    """A sound with other numbers in its first 44 bytes, where all that it says of itself stands."""
    made = bytearray(content)
    for _ in range(chance.randint(1, 3)):
        start, width = chance.choice(((4, 4), (16, 4), (20, 2), (22, 2), (24, 4), (28, 4), (32, 2), (34, 2), (40, 4)))
        made[start : start + width] = chance.choice((0, 1, 3, 7, 24, 255, 2**15, 2**31 - 1, 2**32 - 1)).to_bytes(
            4, "little"
        )[:width]
    return bytes(made)
