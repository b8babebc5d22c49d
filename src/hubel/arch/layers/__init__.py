"""The layers, one file a family. Each describes itself: see `hubel.arch.Layer`."""

import importlib
from typing import TYPE_CHECKING

from hubel.arch._layer import WAITING
from hubel.arch.layers.activation import CELU, ELU, Activation, Clip, LeakyReLU, PReLU, Rescaling
from hubel.arch.layers.channels import ChannelPadding, ChannelShuffle, Scale, SelectChannels, Shift
from hubel.arch.layers.convolution import Conv2D, DepthwiseConv2D, LocallyConnected2D
from hubel.arch.layers.dense import Dense, RadialBasis
from hubel.arch.layers.normalization import (
    BatchNormalization,
    GroupNormalization,
    InstanceNormalization,
    LayerNormalization,
    LocalResponseNormalization,
)
from hubel.arch.layers.pooling import (
    AdaptiveAveragePooling2D,
    AdaptiveMaxPooling2D,
    AveragePooling2D,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    MaxPooling2D,
)
from hubel.arch.layers.regularization import Dropout, Identity, SpatialDropout1D, SpatialDropout2D
from hubel.arch.layers.reshaping import Cropping2D, Flatten, Reshape, Resizing, UpSampling2D, ZeroPadding2D
from hubel.arch.layers.transposed import Conv2DTranspose

if TYPE_CHECKING:
    from hubel.arch.layers.captioning import Caption
    from hubel.arch.layers.compositions import SqueezeExcitation
    from hubel.arch.layers.convolution1d import Conv1D
    from hubel.arch.layers.embedding import Embedding
    from hubel.arch.layers.places import (
        CircularPadding2D,
        PixelShuffle,
        PixelUnshuffle,
        ReflectionPadding2D,
        ReplicationPadding2D,
    )
    from hubel.arch.layers.pooling1d import (
        AveragePooling1D,
        GlobalAveragePooling1D,
        GlobalMaxPooling1D,
        MaxPooling1D,
    )
    from hubel.arch.layers.preparation import (
        GaussianNoise,
        Normalization,
        RandomBrightness,
        RandomContrast,
        RandomFlip,
        RandomRotation,
        RandomTranslation,
        RandomZoom,
    )
    from hubel.arch.layers.recurrent import GRU, LSTM, SimpleRNN
    from hubel.arch.layers.response import GlobalResponseNormalization

__all__ = [
    "CELU",
    "ELU",
    "GRU",
    "LSTM",
    "Activation",
    "AdaptiveAveragePooling2D",
    "AdaptiveMaxPooling2D",
    "AveragePooling1D",
    "AveragePooling2D",
    "BatchNormalization",
    "Caption",
    "ChannelPadding",
    "ChannelShuffle",
    "CircularPadding2D",
    "Clip",
    "Conv1D",
    "Conv2D",
    "Conv2DTranspose",
    "Cropping2D",
    "Dense",
    "DepthwiseConv2D",
    "Dropout",
    "Embedding",
    "Flatten",
    "GaussianNoise",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalResponseNormalization",
    "GroupNormalization",
    "Identity",
    "InstanceNormalization",
    "LayerNormalization",
    "LeakyReLU",
    "LocalResponseNormalization",
    "LocallyConnected2D",
    "MaxPooling1D",
    "MaxPooling2D",
    "Normalization",
    "PReLU",
    "PixelShuffle",
    "PixelUnshuffle",
    "RadialBasis",
    "RandomBrightness",
    "RandomContrast",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
    "ReflectionPadding2D",
    "ReplicationPadding2D",
    "Rescaling",
    "Reshape",
    "Resizing",
    "Scale",
    "SelectChannels",
    "Shift",
    "SimpleRNN",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SqueezeExcitation",
    "UpSampling2D",
    "ZeroPadding2D",
]

# layers of sequences, and seldom ones, are imported when they are first used: word, class, file
_LATER = (
    ("caption", "Caption", "captioning"),
    ("conv1d", "Conv1D", "convolution1d"),
    ("embed", "Embedding", "embedding"),
    ("avgpool1d", "AveragePooling1D", "pooling1d"),
    ("globalavgpool1d", "GlobalAveragePooling1D", "pooling1d"),
    ("globalmaxpool1d", "GlobalMaxPooling1D", "pooling1d"),
    ("maxpool1d", "MaxPooling1D", "pooling1d"),
    ("edgepad", "ReplicationPadding2D", "places"),
    ("pixelshuffle", "PixelShuffle", "places"),
    ("pixelunshuffle", "PixelUnshuffle", "places"),
    ("reflectpad", "ReflectionPadding2D", "places"),
    ("wrappad", "CircularPadding2D", "places"),
    ("gru", "GRU", "recurrent"),
    ("lstm", "LSTM", "recurrent"),
    ("rnn", "SimpleRNN", "recurrent"),
    ("grn", "GlobalResponseNormalization", "response"),
    ("se", "SqueezeExcitation", "compositions"),
    ("standardise", "Normalization", "preparation"),
    ("randomflip", "RandomFlip", "preparation"),
    ("randomrotation", "RandomRotation", "preparation"),
    ("randomzoom", "RandomZoom", "preparation"),
    ("randomtranslation", "RandomTranslation", "preparation"),
    ("randomcontrast", "RandomContrast", "preparation"),
    ("randombrightness", "RandomBrightness", "preparation"),
    ("noise", "GaussianNoise", "preparation"),
)
WAITING.update((word, f"{__name__}.{file}") for word, _, file in _LATER)


def __getattr__(name: str) -> object:
    for _, kind, file in _LATER:
        if kind == name:
            return getattr(importlib.import_module(f"{__name__}.{file}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
