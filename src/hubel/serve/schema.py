"""What goes in and out, typed, with examples: the OpenAPI page is made of it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field

from hubel.serve.refusal import REASONS

_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="  # a PNG


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="allow", protected_namespaces=())


class Error(BaseModel):
    """Why a request was not answered."""

    error: str = Field(description="one sentence", examples=["expected a picture, received none"])
    reason: str = Field(description="one word, by which /metrics counts", examples=sorted(REASONS))
    request: str = Field(description="the request's id, by which the log has it", examples=["5f0c…"])


class Likely(BaseModel):
    """A class and its probability."""

    class_: str = Field(alias="class", examples=["cat"])
    probability: float = Field(ge=0, le=1, examples=[0.9731])


class Prediction(_Frozen):
    """What a model says of one picture: the fields of its task, or why the picture cannot be read."""

    image: str = Field(description="the file's name, or its number in the request", examples=["cat.jpg"])
    note: str | None = Field(
        None,
        description="what is to be known of a picture that was answered all the same: that much of it was cut away; of "
        "a sound, that it is silent, clipped or cut off",
    )
    error: str | None = Field(None, description="why the picture cannot be read")
    class_: str | None = Field(None, alias="class", description="null where it is below the threshold")
    probability: float | None = Field(None, ge=0, le=1)
    top: list[Likely] | None = Field(None, description="the likeliest classes, the likeliest first")


class Predictions(BaseModel):
    """What a model says of the pictures of a request, in their order."""

    model: str = Field(examples=["animals"])
    predictions: list[Prediction]
    unreadable: int = Field(description="pictures that cannot be read; each says why", examples=[0])


class ModelInfo(_Frozen):
    """A model that is served."""

    name: str = Field(examples=["animals"])
    task: str = Field(examples=["classification"])
    classes: list[str] = Field(examples=[["cat", "dog"]])
    colours: list[list[int]] = Field(description="of the classes in masks that are drawn, red, green, blue; else none")
    input: str = Field(description="how a picture becomes its input")
    preprocessing: dict[str, Any] = Field(description="the same, as the model file has it")
    draws: bool = Field(description="whether its answers are pictures too")
    boxes: bool = Field(description="whether they are boxes, which are easily drawn by whoever asks")
    formats: list[str] = Field(description="of pictures that are taken")
    engine: str = Field(description="what computes")
    note: str = Field(description="why that is not the quickest engine; empty where it is")
    sha256: str = Field(description="of the file that answers")
    since: float = Field(description="when it was opened, in seconds since 1970")
    trouble: str = Field(description="why a changed file was not taken; empty where none was refused")


class Models(BaseModel):
    """The models that are served."""

    models: list[ModelInfo]
    limits: dict[str, float] = Field(description="what a request may bring, and what waits")


Name = Annotated[str, Path(description="a model's name, as /v1/models lists it", max_length=100)]
Top = Annotated[int | None, Query(ge=1, le=1000, description="how many classes, the likeliest first (3)")]
Threshold = Annotated[
    float | None,
    Query(ge=0, le=1, description="below it no class, label, object or point is told"),
]
Drawn = Annotated[bool, Query(description="of tasks whose answers are pictures: those too, as PNG in data URLs")]

_FILE = {"type": "string", "format": "binary"}
BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "image/*": {"schema": _FILE},
        "audio/*": {"schema": _FILE},
        "application/octet-stream": {"schema": _FILE},
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {"pictures": {"type": "array", "items": _FILE, "minItems": 1}},
                "required": ["pictures"],
                "additionalProperties": False,
            }
        },
        "application/json": {
            "schema": {
                "type": "object",
                "properties": {
                    "pictures": {
                        "type": "array",
                        "minItems": 1,
                        "items": {
                            "type": "object",
                            "properties": {
                                "data": {"type": "string", "format": "byte", "description": "the file in base64"},
                                "name": {"type": "string"},
                            },
                            "required": ["data"],
                            "additionalProperties": False,
                        },
                    }
                },
                "required": ["pictures"],
                "additionalProperties": False,
            },
            "example": {"pictures": [{"data": _PIXEL, "name": "pixel.png"}]},
        },
    },
}

INFER: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "properties": {
                    "id": {"type": "string"},
                    "inputs": {
                        "type": "array",
                        "minItems": 1,
                        "maxItems": 1,
                        "items": {
                            "type": "object",
                            "properties": {
                                "name": {"type": "string"},
                                "datatype": {"enum": ["BYTES", "UINT8"]},
                                "shape": {"type": "array", "items": {"type": "integer", "minimum": 1}},
                                "data": {"type": "array", "items": {}},
                            },
                            "required": ["name", "datatype", "shape", "data"],
                        },
                    },
                    "outputs": {
                        "type": "array",
                        "items": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
                    },
                },
                "required": ["inputs"],
            },
            "example": {
                "inputs": [{"name": "pictures", "datatype": "BYTES", "shape": [1], "data": [_PIXEL]}],
            },
        }
    },
}


def refusals(*reasons: str) -> dict[int | str, dict[str, Any]]:
    """The answers that say why not, as FastAPI's `responses`."""
    found: dict[int | str, list[str]] = {}
    always = ("host", "origin", "token", "head", "length", "slow", "busy", "settings", "kind", "coding")
    for reason in (*always, *reasons):
        found.setdefault(REASONS[reason], []).append(reason)
    return {status: {"model": Error, "description": "refused: " + ", ".join(those)} for status, those in found.items()}
