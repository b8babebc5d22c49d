"""Other words for the same layers: those of Keras, of PyTorch and of papers; and what hubel has no word for."""

from __future__ import annotations

from collections.abc import Collection

# without capitals and underscores
ALIASES = {
    "bn": "norm",
    "batchnorm": "norm",
    "batchnorm1d": "norm",
    "batchnorm2d": "norm",
    "batchnormalization": "norm",
    "ln": "layernorm",
    "layernormalization": "layernorm",
    "gn": "groupnorm",
    "groupnormalization": "groupnorm",
    "instancenorm2d": "instancenorm",
    "localresponsenorm": "lrn",
    "fc": "dense",
    "fullyconnected": "dense",
    "conv2d": "conv",
    "convolution": "conv",
    "convolution2d": "conv",
    "depthwise": "dwconv",
    "depthwiseconv": "dwconv",
    "depthwiseconv2d": "dwconv",
    "convtranspose": "deconv",
    "convtranspose2d": "deconv",
    "conv2dtranspose": "deconv",
    "upconv": "deconv",
    "max": "maxpool",
    "maxpool2d": "maxpool",
    "maxpooling": "maxpool",
    "maxpooling2d": "maxpool",
    "maxpooling1d": "maxpool1d",
    "avg": "avgpool",
    "avgpool2d": "avgpool",
    "averagepool": "avgpool",
    "averagepooling": "avgpool",
    "averagepooling2d": "avgpool",
    "averagepooling1d": "avgpool1d",
    "gap": "globalavgpool",
    "globalavgpool2d": "globalavgpool",
    "globalaveragepool": "globalavgpool",
    "globalaveragepooling": "globalavgpool",
    "globalaveragepooling2d": "globalavgpool",
    "globalaveragepooling1d": "globalavgpool1d",
    "gmp": "globalmaxpool",
    "globalmaxpooling": "globalmaxpool",
    "globalmaxpooling2d": "globalmaxpool",
    "globalmaxpooling1d": "globalmaxpool1d",
    "adaptiveavgpool2d": "adaptiveavgpool",
    "adaptivemaxpool2d": "adaptivemaxpool",
    "drop": "dropout",
    "dropout1d": "spatialdropout1d",
    "dropout2d": "spatialdropout",
    "spatialdropout2d": "spatialdropout",
    "zeropadding": "zeropad",
    "zeropadding2d": "zeropad",
    "zeropad2d": "zeropad",
    "cropping2d": "crop",
    "upsampling2d": "upsample",
    "embedding": "embed",
    "simplernn": "rnn",
    "leakyrelu": "leaky",
    "lrelu": "leaky",
    "squeezeexcitation": "se",
    "channelshuffle": "shuffle",
    "swish": "silu",
    "hswish": "hardswish",
    "hardsigmoid": "hard_sigmoid",
    "add": "sum",
    "residual": "sum",
    "concatenate": "concat",
    "cat": "concat",
    "multiply": "product",
}
# what is written otherwise, or not at all
OTHERWISE = {
    "bidirectional": "two branches say it: concat(lstm 8 | lstm 8 backwards)",
    "bilstm": "two branches say it: concat(lstm 8 | lstm 8 backwards)",
    "bigru": "two branches say it: concat(gru 8 | gru 8 backwards)",
    "attention": "there is no layer for it: `se 16` weighs channels by each other, and `hubel inspect` accounts for a "
    "PyTorch model with attention",
    "pool": "say of which kind: maxpool 2 or avgpool 2",
    "batch": "the word is norm",
}
for _word in ("selfattention", "multiheadattention", "mha", "transformer", "transformerencoder"):
    OTHERWISE[_word] = OTHERWISE["attention"]


def meant(word: str, known: Collection[str]) -> str:
    """The word of the text form that another is for, in whatever case: "norm" for "BatchNorm2d". "" for none."""
    plain = word.lower()
    if plain in known:
        return plain
    bare = plain.replace("_", "")
    return bare if bare in known else ALIASES.get(bare, "")


def otherwise(word: str) -> str:
    """How to write what no word is for; "" where nothing is known of it."""
    return OTHERWISE.get(word.lower().replace("_", ""), "")
