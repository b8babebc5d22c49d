import gzip
import hashlib
import http.server
import io
import struct
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from hubel.data import NAMED_SETS, Download, NamedSet, emnist_reader, idx_reader, load, read_cifar


class Server:
    """Serves bytes by name on the loopback address, and counts what is asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.lstrip("/")
                outer.asked.append(name)
                content = outer.files.get(name)
                if content is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def put(self, name: str, content: bytes, kind: str = "md5") -> Download:
        self.files[name] = content
        checksum = f"{kind}:{hashlib.new(kind, content).hexdigest()}"
        return Download(f"http://127.0.0.1:{self.server.server_port}/{name}", checksum)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.server.shutdown()
    server.server.server_close()


RNG = np.random.default_rng(0)


def idx(array: npt.NDArray[np.uint8]) -> bytes:
    return gzip.compress(struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes())


def idx_set(server: Server) -> tuple[NamedSet, npt.NDArray[np.uint8]]:
    images = RNG.integers(0, 255, (20, 28, 28), dtype=np.uint8)
    labels = (np.arange(20) % 10).astype(np.uint8)
    downloads = (
        server.put("train-images-idx3-ubyte.gz", idx(images)),
        server.put("train-labels-idx1-ubyte.gz", idx(labels)),
        server.put("t10k-images-idx3-ubyte.gz", idx(images[:5])),
        server.put("t10k-labels-idx1-ubyte.gz", idx(labels[:5]), "sha256"),
    )
    return NamedSet("little-mnist", downloads, idx_reader(tuple("abcdefghij"))), images


def test_a_set_is_downloaded_once_and_checked(server: Server, cache: Path) -> None:
    named, images = idx_set(server)
    told: list[tuple[str, int, int]] = []
    splits = load(named, progress=lambda *call: told.append(call))
    assert (splits.train.images[..., 0] == images).all()
    assert splits.train.classes == tuple("abcdefghij")
    assert splits.test is not None
    assert splits.test.labels.tolist() == [0, 1, 2, 3, 4]
    size = len(server.files["train-images-idx3-ubyte.gz"])
    assert ("downloading train-images-idx3-ubyte.gz", size, size) in told
    server.asked.clear()
    load(named)
    assert not server.asked
    kept = next(cache.rglob("train-labels-idx1-ubyte.gz"))
    kept.write_bytes(b"damaged")
    load(named)
    assert server.asked == ["train-labels-idx1-ubyte.gz"]


def test_a_wrong_file_is_refused_and_not_kept(server: Server, cache: Path) -> None:
    named, _ = idx_set(server)
    server.files["train-images-idx3-ubyte.gz"] += b"x"
    with pytest.raises(ValueError, match=r"expected a file with md5:.*, received .* bytes with md5:"):
        load(named)
    assert not [path for path in cache.rglob("*") if path.is_file() and path.suffix != ".lock"]


def test_what_cannot_be_had_says_where_to_put_it(server: Server, cache: Path) -> None:
    named, _ = idx_set(server)
    contents = dict(server.files)
    server.files.clear()
    place = cache / "downloads" / "little" / "train-images-idx3-ubyte.gz"
    with pytest.raises(OSError, match=r"cannot be downloaded \(404 Not Found\); the file may also be put at") as raised:
        load(named)
    assert str(place) in str(raised.value)
    for name, content in contents.items():
        (place.parent / name).write_bytes(content)
    assert len(load(named).train) == 20


def test_what_the_system_has_is_not_downloaded(server: Server, tmp_path: Path) -> None:
    named, images = idx_set(server)
    for name, content in server.files.items():
        (tmp_path / name).write_bytes(content)
    installed = NamedSet(named.name, named.downloads, named.read, installed=str(tmp_path))
    assert (load(installed).train.images[..., 0] == images).all()
    assert not server.asked


def targz(contents: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def records(images: npt.NDArray[np.uint8], *labels: npt.NDArray[np.uint8]) -> bytes:
    rows = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    return np.concatenate([*(column[:, None] for column in labels), rows], axis=1).tobytes()


def test_cifar10(server: Server) -> None:
    images = RNG.integers(0, 255, (12, 32, 32, 3), dtype=np.uint8)
    labels = (np.arange(12) % 10).astype(np.uint8)
    names = "airplane automobile bird cat deer dog frog horse ship truck"
    content = {
        f"cifar-10-batches-bin/data_batch_{i + 1}.bin": records(images[2 * i : 2 * i + 2], labels[2 * i : 2 * i + 2])
        for i in range(5)
    }
    content["cifar-10-batches-bin/test_batch.bin"] = records(images[10:], labels[10:])
    content["cifar-10-batches-bin/batches.meta.txt"] = names.replace(" ", "\n").encode() + b"\n\n"
    content["cifar-10-batches-bin/readme.html"] = b"<html>"
    splits = load(NamedSet("cifar10", (server.put("c10.tar.gz", targz(content)),), read_cifar))
    assert (splits.train.images == images[:10]).all()
    assert splits.train.labels.tolist() == list(range(10))
    assert splits.train.classes == tuple(names.split())
    assert splits.test is not None
    assert (splits.test.images == images[10:]).all()
    content["cifar-10-batches-bin/test_batch.bin"] += b"\0"
    with pytest.raises(ValueError, match="expected records of 3,073 bytes"):
        load(NamedSet("cifar10", (server.put("bad.tar.gz", targz(content)),), read_cifar))


def test_cifar100_takes_the_fine_labels(server: Server) -> None:
    images = RNG.integers(0, 255, (6, 32, 32, 3), dtype=np.uint8)
    coarse, fine = np.zeros(6, np.uint8), np.array([3, 99, 0, 5, 7, 1], np.uint8)
    content = {
        "cifar-100-binary/train.bin": records(images, coarse, fine),
        "cifar-100-binary/test.bin": records(images[:2], coarse[:2], fine[:2]),
        "cifar-100-binary/fine_label_names.txt": "\n".join(f"name{i}" for i in range(100)).encode(),
        "cifar-100-binary/coarse_label_names.txt": b"a\nb\n",
    }
    splits = load(NamedSet("cifar100", (server.put("c100.tar.gz", targz(content)),), read_cifar))
    assert (splits.train.images == images).all()
    assert splits.train.labels.tolist() == fine.tolist()
    assert len(splits.train.classes) == 100


def test_emnist_is_turned_upright(server: Server) -> None:
    images = RNG.integers(0, 255, (4, 28, 28), dtype=np.uint8)
    labels = np.array([1, 26, 2, 1], np.uint8)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for part in ("train", "test"):
            archive.writestr(f"gzip/emnist-letters-{part}-images-idx3-ubyte.gz", idx(images.transpose(0, 2, 1)))
            archive.writestr(f"gzip/emnist-letters-{part}-labels-idx1-ubyte.gz", idx(labels))
    letters = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    download = server.put("gzip.zip", buffer.getvalue())
    splits = load(NamedSet("emnist-letters", (download,), emnist_reader("letters", letters, 1)))
    assert (splits.train.images[..., 0] == images).all()
    assert splits.train.labels.tolist() == [0, 25, 1, 0]
    with pytest.raises(ValueError, match="expected a member emnist-digits-train-images"):
        load(NamedSet("emnist-digits", (download,), emnist_reader("digits", tuple("0123456789"))))


def test_the_known_names() -> None:
    assert {"fashion-mnist", "kmnist", "cifar10", "cifar100", "emnist", "emnist-letters"} <= set(NAMED_SETS)
    with pytest.raises(ValueError, match="expected a checksum"):
        Download("https://example.org/a", "123")
    with pytest.raises(ValueError, match="expected an address"):
        Download("file:///etc/passwd", "md5:123")
