import json
from pathlib import Path

import pytest

from hubel.base.errors import TensorFileError
from hubel.base.headers import is_pickle, is_safetensors, read_header
from hubel.base.limits import LIMITS
from hubel.base.model_file import WholenessWarning, about_model

LONGEST = LIMITS["header"].most
ABOUT = {"format": 1, "network": "28x28x1: dense 10", "classes": ["a", "ü"]}


def file_of(folder: Path, header: bytes, length: int | None = None, rest: bytes = b"") -> Path:
    path = folder / "file"
    path.write_bytes((len(header) if length is None else length).to_bytes(8, "little") + header + rest)
    return path


def header_of(about: object, **tensors: object) -> bytes:
    return json.dumps({"__metadata__": {"hubel": json.dumps(about)}, **tensors}).encode()


def test_a_model_says_what_it_is(tmp_path: Path) -> None:
    tensor = {"dtype": "U8", "shape": [4, 25], "data_offsets": [0, 100]}
    path = file_of(tmp_path, header_of(ABOUT, weight=tensor), rest=b"\x00" * 100)
    assert is_safetensors(path)
    assert not is_pickle(path)
    with pytest.warns(WholenessWarning):
        assert about_model(path) == ABOUT
    assert read_header(path).tensors["weight"].shape == (4, 25)


def test_a_header_as_long_as_a_pickle_s_first_letters_is_none(tmp_path: Path) -> None:
    path = file_of(tmp_path, header_of(ABOUT).ljust(0x80))
    assert path.read_bytes()[:1] == b"\x80"
    assert not is_pickle(path)
    with pytest.warns(WholenessWarning):
        assert about_model(path) == ABOUT


@pytest.mark.parametrize(
    "header",
    [
        b"{}",
        b'{"__metadata__": {}}',
        b'{"__metadata__": []}',
        b'{"__metadata__": {"hubel": {}}}',
        b"{" * 50_000,
        b'{"a": ' + b"[" * 200_000,
        b"{\xff}",
    ],
    ids=range(7),
)
def test_others_say_nothing(tmp_path: Path, header: bytes) -> None:
    path = file_of(tmp_path, header)
    assert is_safetensors(path)
    assert about_model(path) == {}


@pytest.mark.parametrize("length", [0, 1000, LONGEST + 1, 2**63, 2**64 - 1])
def test_a_length_that_cannot_be_is_not_believed(tmp_path: Path, length: int) -> None:
    path = file_of(tmp_path, header_of(ABOUT), length)
    assert not is_safetensors(path)
    assert about_model(path) == {}


@pytest.mark.parametrize(
    ("content", "pickled"),
    [(b"", False), (b"PK\x03\x04", True), (b"\x80\x04]", True), (b"{}", False), (b"text", False)],
)
def test_other_beginnings(tmp_path: Path, content: bytes, pickled: bool) -> None:
    (tmp_path / "file").write_bytes(content)
    assert is_pickle(tmp_path / "file") == pickled
    assert not is_safetensors(tmp_path / "file")
    assert about_model(tmp_path / "file") == {}


@pytest.mark.parametrize(
    ("tensors", "rest"),
    [
        ({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, 9),
        ({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, 4),
        ({"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}}, 8),
        ({"a": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}}, 8),
        ({"a": {"dtype": "F32", "shape": [2.0], "data_offsets": [0, 8]}}, 8),
        ({"a": {"dtype": "F32", "shape": [True, 2], "data_offsets": [0, 8]}}, 8),
        ({"a": {"dtype": "F99", "shape": [2], "data_offsets": [0, 8]}}, 8),
        ({"a": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}}, 12),
        ({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8, 9]}}, 8),
        ({"a": {"dtype": "F32", "shape": [1] * 65 + [2], "data_offsets": [0, 8]}}, 8),
        ({"a": {"dtype": "F32", "shape": [2]}}, 8),
        ({"a": [1, 2]}, 8),
        ({"a": {"dtype": ["F32"], "shape": [2], "data_offsets": [0, 8]}}, 8),
    ],
    ids=range(13),
)
def test_tensors_that_do_not_fill_the_file_are_refused(tmp_path: Path, tensors: dict[str, object], rest: int) -> None:
    path = file_of(tmp_path, header_of(ABOUT, **tensors), rest=bytes(rest))
    with pytest.raises(TensorFileError, match="file: "):
        read_header(path)


def test_a_header_begins_with_a_brace(tmp_path: Path) -> None:
    assert not is_safetensors(file_of(tmp_path, b" " + header_of(ABOUT)))
