"""The layers, one file a family. Each describes itself: see `hubel.arch.Layer`."""

from hubel.arch.layers.activation import Activation, LeakyReLU
from hubel.arch.layers.channels import ChannelPadding, ChannelShuffle, Scale, SelectChannels, SqueezeExcitation
from hubel.arch.layers.convolution import Conv2D, Conv2DTranspose, DepthwiseConv2D, LocallyConnected2D
from hubel.arch.layers.dense import Dense, RadialBasis
from hubel.arch.layers.normalization import (
    BatchNormalization,
    GroupNormalization,
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
from hubel.arch.layers.regularization import Dropout, Identity
from hubel.arch.layers.reshaping import Cropping2D, Flatten, Reshape, UpSampling2D, ZeroPadding2D

__all__ = [
    "Activation",
    "AdaptiveAveragePooling2D",
    "AdaptiveMaxPooling2D",
    "AveragePooling2D",
    "BatchNormalization",
    "ChannelPadding",
    "ChannelShuffle",
    "Conv2D",
    "Conv2DTranspose",
    "Cropping2D",
    "Dense",
    "DepthwiseConv2D",
    "Dropout",
    "Flatten",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling2D",
    "GroupNormalization",
    "Identity",
    "LayerNormalization",
    "LeakyReLU",
    "LocalResponseNormalization",
    "LocallyConnected2D",
    "MaxPooling2D",
    "RadialBasis",
    "Reshape",
    "Scale",
    "SelectChannels",
    "SqueezeExcitation",
    "UpSampling2D",
    "ZeroPadding2D",
]
