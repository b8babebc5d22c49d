"""Data sets known by name, other than MNIST: where they are, what they must be, how they are read."""

from __future__ import annotations

import dataclasses
import string
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hubel.base.download import Download, Progress, fetch
from hubel.base.errors import DataError
from hubel.base.files import cache_folder
from hubel.data._dataset import Dataset, Splits
from hubel.data.sources.arrays.idx import parse_idx, read_idx

_DIGITS = tuple(string.digits)
_UPPER = tuple(string.ascii_uppercase)
_LOWER = tuple(string.ascii_lowercase)
_MERGED = (*_DIGITS, *_UPPER, *"abdefghnqrt")  # EMNIST's 47 classes: lower-case letters that look like no capital


@dataclasses.dataclass(frozen=True)
class NamedSet:
    """A data set made of files that can be downloaded.

    downloads: the files, with their checksums.
    read: makes the splits of them, given the name and the files' paths in the order of `downloads`.
    installed: a folder where a system's package may have put the same files; looked at first.
    """

    name: str
    downloads: tuple[Download, ...]
    read: Callable[[str, list[Path]], Splits]
    installed: str | None = None

    def load(self, progress: Progress | None = None) -> Splits:
        """The data set, from the folder of the system's package, the cache, or the network."""
        if self.installed is not None:
            paths = [Path(self.installed) / download.name for download in self.downloads]
            if all(path.exists() for path in paths):
                return self.read(self.name, paths)
        folder = cache_folder("downloads", self.name.split("-")[0])
        return self.read(self.name, [fetch(download, folder / download.name, progress) for download in self.downloads])


def idx_reader(classes: tuple[str, ...]) -> Callable[[str, list[Path]], Splits]:
    """A reader of four IDX files: training images and labels, test images and labels."""

    def read(name: str, paths: list[Path]) -> Splits:
        arrays = [read_idx(path) for path in paths]
        return Splits(
            train=_dataset(arrays[0], arrays[1], classes, f"{name} train"),
            test=_dataset(arrays[2], arrays[3], classes, f"{name} test"),
        )

    return read


def read_cifar(name: str, paths: list[Path]) -> Splits:
    """CIFAR's binary version: records of a label (CIFAR-100: two, the second being the fine one) and 32×32 pixels, all
    red, then green, then blue; the names of the classes in a text file beside them.
    """
    with tarfile.open(paths[0], "r:gz") as archive:
        files = {info.name.rsplit("/", 1)[-1]: info for info in archive.getmembers() if info.isreg()}
        content: dict[str, bytes] = {}
        for file, info in files.items():
            opened = archive.extractfile(info)
            content[file] = opened.read() if opened is not None else b""
    fine = "fine_label_names.txt" in content
    names = content.get("fine_label_names.txt" if fine else "batches.meta.txt", b"").decode("ascii", "replace").split()
    train = sorted(file for file in content if file == "train.bin" or file.startswith("data_batch_"))
    test = "test.bin" if fine else "test_batch.bin"
    if not names or not train or test not in content:
        raise DataError(f"{paths[0]}: expected CIFAR's binary files, found {', '.join(sorted(content))}")
    parts = [b"".join(content[file] for file in train), content[test]]
    datasets = [
        _cifar_part(f"{name} {part}", records, 2 if fine else 1, tuple(names))
        for part, records in zip(("train", "test"), parts, strict=True)
    ]
    return Splits(train=datasets[0], test=datasets[1])


def emnist_reader(split: str, classes: tuple[str, ...], first: int = 0) -> Callable[[str, list[Path]], Splits]:
    """A reader of one of EMNIST's six splits from its zip of IDX files: transposed, with labels from `first` on."""

    def read(name: str, paths: list[Path]) -> Splits:
        with zipfile.ZipFile(paths[0]) as archive:
            members = {member.rsplit("/", 1)[-1]: member for member in archive.namelist()}

            def array(file: str) -> npt.NDArray[np.generic]:
                if file not in members:
                    raise DataError(f"{paths[0]}: expected a member {file}, found {', '.join(sorted(members))}")
                return parse_idx(archive.read(members[file]), file)

            parts = {}
            for part in ("train", "test"):
                images = array(f"emnist-{split}-{part}-images-idx3-ubyte.gz").transpose(0, 2, 1)
                labels = array(f"emnist-{split}-{part}-labels-idx1-ubyte.gz").astype(np.int64) - first
                parts[part] = _dataset(np.ascontiguousarray(images), labels, classes, f"{name} {part}")
        return Splits(train=parts["train"], test=parts["test"])

    return read


def _dataset(
    images: npt.NDArray[np.generic], labels: npt.NDArray[np.generic], classes: tuple[str, ...], name: str
) -> Dataset:
    return Dataset(images.astype(np.uint8, copy=False)[..., np.newaxis], labels.astype(np.int64), classes, name)


def _cifar_part(name: str, records: bytes, labels: int, classes: tuple[str, ...]) -> Dataset:
    length = labels + 32 * 32 * 3
    if not records or len(records) % length:
        raise DataError(f"{name}: expected records of {length:,} bytes, received {len(records):,} bytes in all")
    table = np.frombuffer(records, np.uint8).reshape(-1, length)
    images = table[:, labels:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return Dataset(np.ascontiguousarray(images), table[:, labels - 1].astype(np.int64), classes, name)


def _four_idx(base: str, train: tuple[str, str], test: tuple[str, str]) -> tuple[Download, ...]:
    names = [f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]
    return tuple(
        Download(f"{base}/{name}", f"md5:{digest}") for name, digest in zip(names, (*train, *test), strict=True)
    )


_EMNIST = (Download("https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip", "md5:58c8d27c78d21e728a6bc7b3cc06412e"),)
_EMNIST_SPLITS: Mapping[str, tuple[tuple[str, ...], int]] = {
    "balanced": (_MERGED, 0),
    "byclass": (_DIGITS + _UPPER + _LOWER, 0),
    "bymerge": (_MERGED, 0),
    "letters": (_UPPER, 1),
    "digits": (_DIGITS, 0),
    "mnist": (_DIGITS, 0),
}
_SETS = (
    NamedSet(
        "fashion-mnist",  # Xiao, Rasul, Vollgraf 2017
        _four_idx(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
            ("8d4fb7e6c68d591d4c3dfef9ec88bf0d", "25c81989df183df01b3e8a0aad5dffbe"),
            ("bef4ecab320f06d8554ea6380940ec79", "bb300cfdad3c16e7a12a480ee83cd310"),
        ),
        idx_reader(
            (
                "T-shirt/top",
                "Trouser",
                "Pullover",
                "Dress",
                "Coat",
                "Sandal",
                "Shirt",
                "Sneaker",
                "Bag",
                "Ankle boot",
            )
        ),
        installed="/usr/share/datasets/fashion-mnist",  # Debian's package dataset-fashion-mnist
    ),
    NamedSet(
        "kmnist",  # Clanuwat et al. 2018
        _four_idx(
            "http://codh.rois.ac.jp/kmnist/dataset/kmnist",
            ("bdb82020997e1d708af4cf47b453dcf7", "e144d726b3acfaa3e44228e80efcd344"),
            ("5c965bf0a639b31b8f53240b1b52f4d7", "7320c461ea6c1c855c0b718fb2a4b134"),
        ),
        idx_reader(("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")),
    ),
    NamedSet(
        "cifar10",  # Krizhevsky 2009
        (Download("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", "md5:c32a1d4ab5d03f1284b67883e8d87530"),),
        read_cifar,
    ),
    NamedSet(
        "cifar100",
        (Download("https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz", "md5:03b5dce01913d631647c71ecec9e9cb8"),),
        read_cifar,
    ),
    NamedSet("emnist", _EMNIST, emnist_reader("balanced", _MERGED)),  # Cohen et al. 2017
    *(
        NamedSet(f"emnist-{split}", _EMNIST, emnist_reader(split, classes, first))
        for split, (classes, first) in _EMNIST_SPLITS.items()
    ),
)
NAMED_SETS: Mapping[str, NamedSet] = {named.name: named for named in _SETS}
"""The sets that `load` knows by name, without "mnist", which needs no file."""
