"""The modules that PyTorch lacks. All take N×C×H×W (or N×features), in any memory layout."""

from hubel.nn.modules.captioning import Caption, teaching, writer_of
from hubel.nn.modules.carrying import Memory, carrying
from hubel.nn.modules.joins import Auxiliary, Concat, Product, Sum
from hubel.nn.modules.points import (
    ChannelLayerNorm,
    ChannelPadding,
    Clip,
    GlobalResponseNorm,
    RadialBasis,
    Rescale,
    Reshape,
    Scale,
    SelectChannels,
)
from hubel.nn.modules.pooling import (
    GlobalAvgPool1d,
    GlobalAvgPool2d,
    GlobalMaxPool1d,
    GlobalMaxPool2d,
    PaddedAvgPool1d,
    PaddedAvgPool2d,
    PaddedMaxPool1d,
    PaddedMaxPool2d,
)
from hubel.nn.modules.running import before_probabilities, named, run
from hubel.nn.modules.sequences import GRU, HAS_LSTM_OF_BFLOAT16, LSTM, Embedding, SimpleRNN
from hubel.nn.modules.windows import CroppedConvTranspose2d, LocallyConnected2d, PaddedConv1d, PaddedConv2d

__all__ = [
    "GRU",
    "HAS_LSTM_OF_BFLOAT16",
    "LSTM",
    "Auxiliary",
    "Caption",
    "ChannelLayerNorm",
    "ChannelPadding",
    "Clip",
    "Concat",
    "CroppedConvTranspose2d",
    "Embedding",
    "GlobalAvgPool1d",
    "GlobalAvgPool2d",
    "GlobalMaxPool1d",
    "GlobalMaxPool2d",
    "GlobalResponseNorm",
    "LocallyConnected2d",
    "Memory",
    "PaddedAvgPool1d",
    "PaddedAvgPool2d",
    "PaddedConv1d",
    "PaddedConv2d",
    "PaddedMaxPool1d",
    "PaddedMaxPool2d",
    "Product",
    "RadialBasis",
    "Rescale",
    "Reshape",
    "Scale",
    "SelectChannels",
    "SimpleRNN",
    "Sum",
    "before_probabilities",
    "carrying",
    "named",
    "run",
    "teaching",
    "writer_of",
]
