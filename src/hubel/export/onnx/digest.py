"""The SHA-256 that an exported file carries of itself, so that one flipped bit is noticed when it is opened."""

from __future__ import annotations

import hashlib

import onnx

from hubel.base.headers import BLANK

ENTRY = "sha256"  # of the metadata
_MARK = ENTRY.encode() + b"\x12\x40"  # how a protocol buffer writes that the entry's 64 letters follow


def sealed(model: onnx.ModelProto) -> bytes:
    """Return a model's bytes, with their digest in the metadata."""
    found = onnx.ModelProto()
    found.CopyFrom(model)
    del found.metadata_props[:]
    found.metadata_props.add(key=ENTRY, value=BLANK)
    found.metadata_props.extend(entry for entry in model.metadata_props if entry.key != ENTRY)
    content: bytes = found.SerializeToString(deterministic=True)
    return content.replace(_MARK + BLANK.encode(), _MARK + hashlib.sha256(content).hexdigest().encode(), 1)


def is_whole(content: bytes, digest: str) -> bool:
    """Whether a file's bytes, with its digest taken for zeros, have this digest."""
    blank = content.replace(_MARK + digest.encode(), _MARK + BLANK.encode(), 1)
    return hashlib.sha256(blank).hexdigest() == digest
