"""Whole files of every kind that hubel reads, and what damage and malice make of them."""

from __future__ import annotations

import gzip
import importlib.util
import io
import json
import os
import random
import shutil
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from hubel.arch import parse
from hubel.data import Dataset, Preprocessing, Splits
from hubel.export import onnx_model
from hubel.export.onnx.digest import sealed
from hubel.look.retrieve.find import update_index
from hubel.nn import build
from hubel.tasks import load_model, save_model
from hubel.train import Recipe, train
from tests.fuzz import graphs
from tests.fuzz.annotated import annotated, edited, keras_files, requests
from tests.fuzz.readers import ABOUT
from tests.tasks.little import LITTLE

NETWORK = "8x8x1: conv 4 3x3 same relu, maxpool 2, flatten, dense 2 softmax"
RECIPE = Recipe(epochs=2, threads=1, precision="float32", memory_format="channels-last", device="cpu", pixels="data")
RUN_FILES = {"run": ("run.toml", "metrics.csv"), "checkpoints": ("step.json", "step.safetensors")}

KINDS = {
    "classification": "pictures in folders", "multilabel": "labels and numbers", "regression": "labels and numbers",
    "synthesis": "pictures in folders", "segmentation": "masks", "detection": "boxes", "pose": "points",
    "language": "texts",
}  # fmt: skip


def whole_files(folder: Path) -> dict[str, tuple[str, Path]]:
    """Make a whole file of each kind: by name, its reader and its path."""
    random_numbers = np.random.default_rng(0)
    images = random_numbers.integers(0, 255, (16, 8, 8, 1), dtype=np.uint8)
    labels = (np.arange(16) % 2).astype(np.int64)
    made: dict[str, tuple[str, Path]] = {}

    def add(name: str, reader: str, content: bytes) -> None:
        path = folder / name
        path.write_bytes(content)
        made[name] = reader, path

    add("images.npz", "data", _saved(np.savez, images=images, labels=labels))
    add("packed.npz", "data", _saved(np.savez_compressed, x_train=images, y_train=labels, x_test=images, y_test=labels))
    add("classes.npz", "data", _saved(np.savez, images=images, labels=labels, classes=np.array(["a", "b"])))
    add("images-idx3-ubyte", "data", idx(images[..., 0]))
    add("train-labels-idx1-ubyte", "image", idx(labels.astype(np.uint8)))
    pictures = {f"{'ab'[i % 2]}/{i}.png": picture(images[i]) for i in range(6)}
    for name, content in pictures.items():
        (folder / "pictures" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "pictures" / name).write_bytes(content)
    add("table.csv", "data", "".join(["path,label\n", *(f"pictures/{name},{name[0]}\n" for name in pictures)]).encode())
    add("images.zip", "data", zipped(pictures))
    add("images.tar", "data", tarred(pictures))
    add("images.tar.gz", "data", gzip.compress(tarred(pictures), mtime=0))
    add("shard-000.tar", "data", tarred({f"{i:04d}.png": c for i, c in enumerate(pictures.values())}
                                        | {f"{i:04d}.cls": str(i % 2).encode() for i in range(6)}))  # fmt: skip
    for kind in ("png", "jpeg", "gif", "bmp", "tiff", "webp"):
        add(f"picture.{kind}", "image", picture(images[0], kind.upper()))
    network = parse(NETWORK)
    module = build(network)
    path = folder / "model.safetensors"
    preprocessing = Preprocessing(8, 8, 1, mean=(0.5,), std=(0.2,))
    save_model(path, network, module, preprocessing=preprocessing, classes=("a", "b"))
    made["model.safetensors"] = "model", path
    index = folder / "index.safetensors"
    update_index(load_model(path), folder / "pictures", index)
    made["index.safetensors"] = "index", index
    add("weights.safetensors", "weights", path.read_bytes())
    add("weights.pth", "weights", _saved(lambda file, **state: torch.save(state, file), **module.state_dict()))
    add("exported.onnx", "exported", sealed(onnx_model(path)))
    add("tensor.onnx", "onnx", sealed(onnx_model(path, "tensor")))
    add("network.txt", "text", NETWORK.encode())
    add("recipe.toml", "recipe", RECIPE.to_toml().encode())
    splits = Splits(Dataset(images, labels, ("a", "b"), name="few"))
    run = train(network, splits, RECIPE, folder / "run").directory
    made |= {"run.toml": ("run", run / "run.toml"), "metrics.csv": ("run", run / "metrics.csv")}
    for path in sorted((run / "checkpoints").glob("step-*"))[-2:]:
        made[f"checkpoint{path.suffix}"] = "checkpoints", path
    for task, make in LITTLE.items():
        little = make(folder / "tasks" / task)
        if not isinstance(little.source, Path):  # a game, which is in no file
            continue
        source = os.path.relpath(little.source, folder / "tasks" / task)
        about = {"source": source, "kind": KINDS.get(task, task), **little.settings}
        (folder / "tasks" / task / ABOUT).write_text(json.dumps(about))
        parts = [each for each in sorted(little.source.rglob("*.*")) if each.parent.name != "images"]
        made[f"{task}-data"] = "task", little.source if little.source.is_file() else parts[0]
    for kind, name, root, answers, settings in annotated(folder / "annotated"):
        (root / ABOUT).write_text(json.dumps({"source": ".", "kind": kind, **settings}))
        made[name] = "task", answers
    for name, content in requests("model"):
        add(name, "asked", content)
    if all(map(importlib.util.find_spec, ("keras", "h5py"))):
        for path in keras_files(folder):
            made[path.name] = "keras", path
    return made


def variants(reader: str, path: Path, count: int, seed: int) -> Iterator[bytes]:
    """Damage a file in `count` ways: bits flipped, cut short, bytes put in, doubled, or of extreme values."""
    content = path.read_bytes()
    chance = random.Random(f"{path.name} {seed}")
    if reader in ("task", "asked") and path.suffix != ".png":  # half of them keep the form
        yield from edited(content, count - count // 2, chance)
        count //= 2
    for number in range(count):
        yield _damaged(content, chance, number % 5)


def changed(whole: dict[str, tuple[str, Path]], count: int, seed: int) -> Iterator[tuple[str, str, bytes]]:
    """Change exported graphs, and what one says of itself, as no damage would: reader, name, content."""
    taken, exported = (whole[name][1].read_bytes() for name in ("tensor.onnx", "exported.onnx"))
    for content in graphs.mutants(taken, count, seed):
        yield "onnx", "mutant.onnx", content
        yield "exported", "mutant.onnx", content
    for content in graphs.mutants(exported, count, seed + 1):
        yield "exported", "mutant.onnx", content
    for content in graphs.relabelled(taken):
        yield "exported", "relabelled.onnx", content


def put(path: Path, content: bytes, folder: Path) -> Path:
    """Write a variant into a folder of its own, beside copies of what belongs to the file."""
    if path.parent.name in ("run", "checkpoints"):
        shutil.copytree(path.parent, folder, ignore=shutil.ignore_patterns(".lock"))
    elif root := next((each for each in path.parents if (each / ABOUT).exists()), None):
        shutil.copytree(root, folder)
        folder = folder / path.parent.relative_to(root)
    else:
        folder.mkdir(parents=True)
        if path.name == "table.csv":
            shutil.copytree(path.parent / "pictures", folder / "pictures")
    target = folder / path.name
    target.write_bytes(content)
    return target


def _damaged(content: bytes, chance: random.Random, way: int) -> bytes:
    damaged = bytearray(content)
    place = chance.randrange(len(damaged))
    # files say what they are at their beginning and their end
    place = min(place, chance.randrange(200)) if chance.random() < 0.5 else place
    if way == 0:
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
    elif way == 1:
        del damaged[place:]
    elif way == 2:
        damaged[place:place] = chance.randbytes(chance.randint(1, 40))
    elif way == 3:
        damaged[place : place + 4] = chance.choice([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", bytes(4), b"\x80\0\0\0"])
    else:
        damaged[place:place] = damaged[place : place + chance.randint(1, 300)]
    return bytes(damaged)


def _saved(save, *arguments, **named) -> bytes:
    file = io.BytesIO()
    save(file, *arguments, **named)
    return file.getvalue()


def idx(array: np.ndarray) -> bytes:
    """An array of bytes as an IDX file."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def picture(image: np.ndarray, kind: str = "PNG") -> bytes:
    """A grey picture's file."""
    file = io.BytesIO()
    Image.fromarray(image[..., 0]).save(file, kind)
    return file.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    """A zip file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def tarred(members: dict[str, bytes]) -> bytes:
    """A tar file."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return file.getvalue()


def npy(header: str, data: bytes = b"") -> bytes:
    """An .npy file with this header."""
    text = header.encode("latin-1") + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def nonsense() -> Iterator[tuple[str, str, bytes]]:
    """Made files: reader, name, content. Sizes that cannot be, kinds that are wrong, bombs."""
    good = np.zeros((4, 8, 8, 1), np.uint8)
    labels = np.arange(4) % 2
    huge = "{'descr': '|u1', 'fortran_order': False, 'shape': (999999999, 999999, 3), }"
    for header in (
        huge,
        "{'descr': '|u1', 'fortran_order': False, 'shape': (-1, 8, 8), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (4, 8, 8), }",
        "{'descr': '<f8', 'fortran_order': True, 'shape': (4, 8, 8), }",
        "{'descr': '|V9', 'fortran_order': False, 'shape': (4, 8, 8), }",
        "{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (4,), }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (), }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (0, 8, 8), }",
        "{'descr': 'nonsense'}",
        "[" * 5000,
        "__import__('os').abort()",
    ):
        yield "data", "made.npy", npy(header, bytes(256))
        yield "data", "made.npz", zipped({"images.npy": npy(header, bytes(256)), "labels.npy": _npy(labels)})
        yield "data", "made.npz", zipped({"images.npy": _npy(good), "labels.npy": npy(header, bytes(256))})
    for odd in (
        np.array([0, 1, 2, -1]), np.array([0.5, 1, 2, 3]), np.array([np.nan, 0, 1, 1]), np.array(["a", "b", "a", "b"]),
        np.array([0, 1]), np.zeros((4, 4, 4), int), np.array([0, 1, 0, 10**12]), np.array([True, False, True, False]),
        np.array([1 + 2j, 0, 1, 1]), np.array(["2020-01-01"] * 4, "datetime64[D]"), np.array([b"a", b"b", b"a", b"b"]),
        np.eye(4) * 7, np.array([2**63, 0, 1, 1], np.uint64), np.array(0), np.array([], int),
    ):  # fmt: skip
        yield "data", "made.npz", _saved(np.savez, images=good, labels=odd)
    for odd in (
        np.full((4, 8, 8, 1), np.nan), np.full((4, 8, 8), np.inf), np.zeros((4, 8, 8, 7), np.uint8), np.zeros((4, 8)),
        np.zeros((4, 0, 8, 1), np.uint8), np.zeros((4, 8, 8, 1, 1), np.uint8), np.full((4, 8, 8, 1), -5),
        np.full((4, 8, 8, 1), 70_000), np.zeros((4, 8, 8, 1), complex), np.array(["a"] * 4), np.zeros((4, 8, 8), bool),
        np.zeros((4, 1, 1, 1), np.float16), np.zeros((4, 3, 8, 8), np.uint8),
    ):  # fmt: skip
        yield "data", "made.npz", _saved(np.savez, images=odd, labels=labels)
    bomb = _npy(np.zeros((1200, 500, 500), np.uint8))
    yield "data", "made.npz", zipped({"images.npy": bomb, "labels.npy": _npy(labels)})
    yield "data", "made.npz", zipped({})
    yield "data", "made.npz", zipped({"images.npy": b"", "labels.npy": b""})
    yield "data", "made.npz", zipped({"images.npy": _npy(good)})
    yield "data", "made.npz", _saved(np.savez, a=good, b=good, c=labels)
    for sizes in ((2**31, 8, 8), (4, 2**31, 2**31), (4, 0, 8), (2**32 - 1,) * 3):
        yield "data", "made-images-idx3-ubyte", struct.pack(">BBBB3I", 0, 0, 8, 3, *sizes) + bytes(256)
    yield "data", "made-images-idx3-ubyte", struct.pack(">BBBB", 0, 0, 8, 255)
    yield "data", "made-images-idx3-ubyte", b"\0\0\x0d\3" + bytes(100)
    yield "data", "made-images-idx3-ubyte.gz", gzip.compress(struct.pack(">BBBB3I", 0, 0, 8, 3, 4, 8, 8), mtime=0)
    bomb = struct.pack(">BBBB3I", 0, 0, 8, 3, 1200, 500, 500) + bytes(3 * 10**8)
    yield "data", "made-images-idx3-ubyte.gz", gzip.compress(bomb, 1, mtime=0)
    for text in (
        "", "path,label\n", "a,b,c\n1\n", "\0\0\0", "path,label\n" + "x.png,a\n" * 3, "path,label\n/etc/passwd,a\n",
        "path,label\n../../x.png,a\n", '"' * 1000, "path,label\n" + "\0,a\n", "x" * 300_000, "path,label\n\udcff,a\n",
        "path,label\n/dev/zero,a\n/dev/stdin,b\n", "\n" * 100_000, "path,label\nx.png," + "a" * 200_000 + "\n",
    ):  # fmt: skip
        yield "data", "made.csv", text.encode("utf-8", "surrogateescape")
    one = picture(good[0])
    for name in (
        "../a/x.png",
        "/a/x.png",
        "a/../../x.png",
        "a/\0x.png",
        "a" * 5000 + "/x.png",
        "C:\\a\\x.png",
        "a//x.png",
    ):
        yield "data", "made.zip", zipped({name: one, "b/y.png": one})
        yield "data", "made.tar", tarred({name.replace("\0", ""): one, "b/y.png": one})
    yield "data", "made.zip", zipped({"a/inner.zip": zipped({"a/x.png": one}), "b/y.png": one})
    yield "data", "made.zip", zipped({"a/x.png": bytes(2**27 + 1), "b/y.png": one})
    yield "data", "made.zip", zipped({f"a/{i}.png": b"" for i in range(3000)})
    yield "data", "made.tar", _special()
    yield "data", "made.tar.gz", gzip.compress(bytes(2**27), 1, mtime=0)
    for kind, entry in _pictures():
        yield "image", f"made.{kind}", entry
    yield from _texts()


def _npy(array: np.ndarray) -> bytes:
    return _saved(np.save, array)


def _special() -> bytes:
    """A tar of links and devices."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, kind, link in (
            ("a/x.png", tarfile.SYMTYPE, "/etc/passwd"),
            ("a/y.png", tarfile.LNKTYPE, "../../etc/passwd"),
            ("b/z.png", tarfile.CHRTYPE, ""),
            ("b/fifo.png", tarfile.FIFOTYPE, ""),
        ):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, link
            archive.addfile(entry)
    return file.getvalue()


def _pictures() -> Iterator[tuple[str, bytes]]:
    for size in ((1, 60_000), (60_000, 1), (1, 1), (30_000, 30_000)):
        yield "png", _saved(lambda file, size=size: Image.new("1", size).save(file, "PNG", compress_level=1))
    yield "tiff", _saved(lambda file: Image.new("F", (6_000, 6_000)).save(file, "TIFF", compression="tiff_deflate"))
    yield "png", _saved(lambda file: Image.new("I;16", (8_000, 8_000)).save(file, "PNG", compress_level=1))
    yield "png", b""
    yield "png", b"\x89PNG\r\n\x1a\n"
    yield "svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"
    yield "png", b"%PDF-1.4"
    yield "jpg", b"\xff\xd8\xff" + bytes(1000)


def _texts() -> Iterator[tuple[str, str, bytes]]:
    for text in (
        "", ":", "8x8x3", "8x8x3:", "8x8x3: conv", "8x8x3: conv 8 30000000", "8x8x3: " + "(" * 1000,
        "8x8x3: 9999999999 * relu", "8x8x3: sum(|)", "\0", "\ufeff8x8x3: relu", "8x8x3: a=relu, a=relu", "0x0x0: relu",
        "8x8x3: conv 8 3x3 dilation=1e400",
        "8x8x3: dense 1e99", "8x8x3: concat(relu)", "8x8x3: reshape 9x9x9", "8x8x3: dropout nan", "8x8x3: leaky inf",
    ):  # fmt: skip
        yield "text", "made.txt", text.encode()
    yield "text", "made.txt", b"\xff\xfe\x00"
    for content in graphs.made():
        yield "onnx", "made.onnx", content
        yield "exported", "made.onnx", content
    for value in ("nan", "inf", "-1", '"x"', "[]", "{}", "true", "1e400", "99999999999999999999999"):
        for name in (
            "epochs",
            "batch_size",
            "learning_rate",
            "optimizer",
            "seed",
            "augmentation",
            "threads",
            "weights",
        ):
            yield "recipe", "made.toml", f"{name} = {value}\n".encode()
    yield "recipe", "made.toml", ("a." * 5000 + "b = 1\n").encode()
    yield "recipe", "made.toml", ("a = " + "[" * 5000).encode()
    for about in ([], {}, {"format": 2}, {"format": [2]}, {"format": 2, "sha256": 5}):
        header = json.dumps({"__metadata__": {"hubel": json.dumps(about)}}).encode()
        yield "model", "made.safetensors", struct.pack("<Q", len(header)) + header
        yield "weights", "made.safetensors", struct.pack("<Q", len(header)) + header
        yield "index", "made.safetensors", struct.pack("<Q", len(header)) + header
    yield "weights", "made.pth", b"\x80\x02."
    yield "weights", "made.pth", _saved(lambda file: torch.save({"a": torch.zeros(1).expand(10**9)}, file))
    yield "weights", "made.pth", _saved(lambda file: torch.save({"a": torch.zeros(4, 4).to_sparse()}, file))
    yield "weights", "made.pth", _saved(lambda file: torch.save([torch.zeros(4)], file))
    yield "weights", "made.pth", zipped({"a/data.pkl": b"\x80\x02}q\x00.", "a/data/0": bytes(3 * 10**8)})
    yield "weights", "made.pth", zipped({"archive/data.pkl": b"\x80\x02}q\x00."})
