import hashlib
import subprocess
import sys
from importlib import resources

import numpy as np
import pytest

from hubel.data import Dataset, Splits, load

# of the unpacked originals, as published with the set
MD5 = {
    "train": ("6bbc9ace898e44ae57da46a324031adb", "a25bea736e30d166cdddb491f175f624"),
    "test": ("2646ac647ad5339dbf082846283269ea", "27ae3e4e09519cfbb04c329615203637"),
}
IMAGE_HEADERS = {
    "train": b"\0\0\x08\x03\0\0\xea\x60\0\0\0\x1c\0\0\0\x1c",
    "test": b"\0\0\x08\x03\0\0\x27\x10\0\0\0\x1c\0\0\0\x1c",
}
LABEL_HEADERS = {"train": b"\0\0\x08\x01\0\0\xea\x60", "test": b"\0\0\x08\x01\0\0\x27\x10"}


@pytest.fixture(scope="module")
def mnist() -> Splits:
    return load("mnist")


def test_mnist_is_whole(mnist: Splits) -> None:
    assert mnist.train.images.shape == (60000, 28, 28, 1)
    assert mnist.test is not None
    assert mnist.test.images.shape == (10000, 28, 28, 1)
    assert mnist.validation is None
    assert mnist.train.classes == mnist.test.classes == tuple("0123456789")
    assert mnist.train.images.mean() / 255 == pytest.approx(0.1307, abs=5e-5)
    assert mnist.train.images.std() / 255 == pytest.approx(0.3081, abs=5e-5)


@pytest.mark.parametrize("part", ["train", "test"])
def test_mnist_is_the_original(mnist: Splits, part: str) -> None:
    dataset = getattr(mnist, part)
    images = IMAGE_HEADERS[part] + dataset.images.tobytes()
    labels = LABEL_HEADERS[part] + dataset.labels.astype(np.uint8).tobytes()
    assert (hashlib.md5(images).hexdigest(), hashlib.md5(labels).hexdigest()) == MD5[part]


def test_the_licence_names_the_files_and_their_checksums() -> None:
    folder = resources.files("hubel.data") / "mnist"
    text = (folder / "LICENSE").read_text(encoding="utf-8")
    assert "CC BY-SA 3.0" in text
    for file in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        name = f"{file}-ubyte.gz"
        assert f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}" in text


def test_loading_needs_no_torch() -> None:
    script = "import sys, hubel.data; hubel.data.load('mnist'); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_tensors_share_the_images_memory(mnist: Splits) -> None:
    images, labels = mnist.train.tensors()
    assert images.shape == (60000, 28, 28, 1)
    assert images.data_ptr() == mnist.train.images.ctypes.data
    assert labels[:5].tolist() == [5, 0, 4, 1, 9]


def test_a_dataset_that_does_not_fit_together_is_refused() -> None:
    images, labels = np.zeros((3, 4, 4, 1), np.uint8), np.array([0, 1, 2])
    with pytest.raises(ValueError, match="expected labels from 0 to 1"):
        Dataset(images, labels, ("a", "b"))
    with pytest.raises(ValueError, match="expected 3 labels"):
        Dataset(images, labels[:2], ("a", "b", "c"))
    with pytest.raises(ValueError, match="expected images as uint8"):
        Dataset(images.astype(np.float32), labels, ("a", "b", "c"))  # type: ignore[arg-type]
    three = Dataset(images, labels, ("a", "b", "c"))
    with pytest.raises(ValueError, match="expected the classes"):
        Splits(three, test=Dataset(images, labels, ("a", "c", "b")))
