"""The layers by Keras's names, arguments and defaults: `from hubel.model.layers import Conv2D, Input`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hubel.base.errors import SettingError
from hubel.base.names import did_you_mean
from hubel.model.layers import made
from hubel.model.layers.composed import (
    Activation,
    Bidirectional,
    ReLU,
    SeparableConv2D,
    Softmax,
)
from hubel.model.layers.computed import (
    AlphaDropout,
    Cropping1D,
    GaussianDropout,
    Permute,
    RepeatVector,
    UnitNormalization,
    UpSampling1D,
    ZeroPadding1D,
)
from hubel.model.layers.joins import (
    Add,
    Average,
    Concatenate,
    Multiply,
    Subtract,
    add,
    average,
    concatenate,
    multiply,
    subtract,
)
from hubel.model.layers.layer import Layer
from hubel.model.layers.made import (
    GRU,
    LSTM,
    AveragePooling1D,
    AveragePooling2D,
    BatchNormalization,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Cropping2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Embedding,
    Flatten,
    GaussianNoise,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GroupNormalization,
    Identity,
    LayerNormalization,
    LeakyReLU,
    MaxPooling1D,
    MaxPooling2D,
    PReLU,
    Reshape,
    SimpleRNN,
    SpatialDropout1D,
    SpatialDropout2D,
    UpSampling2D,
    ZeroPadding2D,
)
from hubel.model.layers.masks import Masking
from hubel.model.layers.operations import Dot, Maximum, Minimum, TimeDistributed, dot, maximum, minimum
from hubel.model.layers.own import Lambda
from hubel.model.layers.preparing import (
    CenterCrop,
    Normalization,
    RandomBrightness,
    RandomContrast,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
    Rescaling,
    Resizing,
)
from hubel.model.layers.tensor import Input, InputLayer, KerasTensor

MaxPool1D, AvgPool1D, MaxPool2D, AvgPool2D = MaxPooling1D, AveragePooling1D, MaxPooling2D, AveragePooling2D
GlobalAvgPool1D, GlobalMaxPool1D = GlobalAveragePooling1D, GlobalMaxPooling1D
GlobalAvgPool2D, GlobalMaxPool2D = GlobalAveragePooling2D, GlobalMaxPooling2D
Convolution1D, Convolution2D, Convolution2DTranspose = Conv1D, Conv2D, Conv2DTranspose
SeparableConvolution2D = SeparableConv2D

_OTHERS = {name: kind for name, kind in made.others().items() if name not in globals()}
globals().update(_OTHERS)

KINDS: dict[str, Any] = {
    name: value
    for name, value in [*globals().items()]
    if (isinstance(value, type) and issubclass(value, Layer)) or name in ("Input", "InputLayer")
}

__all__ = [
    "GRU",
    "KINDS",
    "LSTM",
    "Activation",
    "Add",
    "AlphaDropout",
    "Average",
    "AveragePooling1D",
    "AveragePooling2D",
    "AvgPool1D",
    "AvgPool2D",
    "BatchNormalization",
    "Bidirectional",
    "CenterCrop",
    "Concatenate",
    "Conv1D",
    "Conv2D",
    "Conv2DTranspose",
    "Convolution1D",
    "Convolution2D",
    "Convolution2DTranspose",
    "Cropping1D",
    "Cropping2D",
    "Dense",
    "DepthwiseConv2D",
    "Dot",
    "Dropout",
    "Embedding",
    "Flatten",
    "GaussianDropout",
    "GaussianNoise",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GroupNormalization",
    "Identity",
    "Input",
    "InputLayer",
    "KerasTensor",
    "Lambda",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "Masking",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPooling1D",
    "MaxPooling2D",
    "Maximum",
    "Minimum",
    "Multiply",
    "Normalization",
    "PReLU",
    "Permute",
    "RandomBrightness",
    "RandomContrast",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
    "ReLU",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "Resizing",
    "SeparableConv2D",
    "SeparableConvolution2D",
    "SimpleRNN",
    "Softmax",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "Subtract",
    "TimeDistributed",
    "UnitNormalization",
    "UpSampling1D",
    "UpSampling2D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "add",
    "average",
    "concatenate",
    "deserialize",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "serialize",
    "subtract",
]
__all__ += list(_OTHERS)

_REFUSED = {
    "MultiHeadAttention": "trees have no attention",
    "Attention": "trees have no attention",
    "RandomCrop": "RandomTranslation moves pictures, CenterCrop cuts them",
    "Conv3D": "pictures have two axes here, sequences one",
    "TextVectorization": "make whole numbers of words before",
    "StringLookup": "string labels may be given to fit as they are",
}


def __getattr__(name: str) -> Any:
    hint = f": {_REFUSED[name]}" if name in _REFUSED else did_you_mean(name, KINDS)
    raise AttributeError(f"hubel.model.layers has no {name}{hint}")


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Make a layer of what a Keras file, or `serialize`, says of it. Raises SettingError for one that is not here."""
    name = str(config.get("class_name"))
    kind = (custom_objects or {}).get(name) or KINDS.get(name)
    if kind is None:
        hint = f": {_REFUSED[name]}" if name in _REFUSED else did_you_mean(name, KINDS)
        raise SettingError(f"expected layers of hubel.model.layers, received {name}{hint}")
    settings = dict(config.get("config") or {})
    made_of: Any = getattr(kind, "from_config", None)
    return made_of(settings) if made_of else kind(**settings)


def serialize(layer: Layer) -> dict[str, Any]:
    """Return a layer as plain values."""
    return {"class_name": getattr(layer, "keras_class", None) or type(layer).__name__, "config": layer.get_config()}
