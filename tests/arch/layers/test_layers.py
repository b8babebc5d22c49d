"""What holds for every layer of the registry: text, checks, immutability, and formulas that agree with the counts."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, fields, replace
from math import prod

import pytest

from hubel.arch import ShapeError, Weighted, analyse, parse, parse_node
from hubel.arch import layers as all_layers

KINDS = [getattr(all_layers, name) for name in all_layers.__all__]
# each layer with settings of every kind, and a shape that it takes
EXAMPLES = [
    ("conv 6 5x5", (28, 28, 1)),
    ("conv 6 5x3/2x1 groups=2 pad=0/1x2/0 dilation=2 nobias relu", (28, 28, 4)),
    ("dwconv 3x3/2 same depth_multiplier=2 relu6", (9, 9, 3)),
    ("deconv 6 2x2/2 output_padding=1 nobias", (5, 5, 4)),
    ("deconv 6 3x3/2 same gelu", (5, 5, 4)),
    ("local 3 5x5/5 tanh", (10, 10, 2)),
    ("dense 10 softmax", (84,)),
    ("dense 10 nobias", (3, 3, 8)),
    ("rbf 10", (84,)),
    ("maxpool 3/2 pad=1 ceil_mode=true", (14, 14, 2)),
    ("avgpool 2x3 same count_padding=true", (14, 14, 2)),
    ("globalavgpool", (7, 7, 4)),
    ("resize 9x5 interpolation=nearest", (4, 7, 3)),
    ("clip x_min=-0.5 x_max=2.0", (5, 5, 4)),
    ("globalmaxpool keepdims=true", (7, 7, 4)),
    ("adaptiveavgpool 3x2", (7, 7, 4)),
    ("adaptivemaxpool 3", (7, 7, 4)),
    ("flatten", (5, 5, 16)),
    ("reshape 5x5x16", (400,)),
    ("zeropad 0/1x2/0", (5, 5, 1)),
    ("crop 1x2", (8, 8, 1)),
    ("upsample 2x3 interpolation=bilinear", (4, 4, 2)),
    ("norm momentum=0.8 epsilon=0.001", (8, 8, 4)),
    ("layernorm center=false", (8, 8, 4)),
    ("groupnorm 2", (8, 8, 4)),
    ("lrn size=3 alpha=0.001 beta=0.5 k=1.0", (8, 8, 4)),
    ("dropout 0.3", (8, 8, 4)),
    ("identity", (8, 8, 4)),
    ("relu", (8, 8, 4)),
    ("hardswish", (8,)),
    ("leaky 0.2", (8, 8, 4)),
    ("scale nobias", (8, 8, 4)),
    ("shift", (8, 8, 4)),
    ("shuffle 2", (8, 8, 4)),
    ("select 0 2 2", (8, 8, 4)),
    ("padchannels 1 2", (8, 8, 4)),
    ("conv1d 6 5/2 groups=2 pad=0/3 dilation=2 nobias relu", (28, 4)),
    ("conv1d 6 3 causal", (28, 4)),
    ("maxpool1d 3/2 pad=1 ceil_mode=true", (14, 2)),
    ("avgpool1d 2 same count_padding=true", (15, 2)),
    ("globalavgpool1d", (7, 4)),
    ("globalmaxpool1d keepdims=true", (7, 4)),
    ("embed 10 4", (7,)),
    ("rnn 5 relu sequences", (7, 4)),
    ("lstm 5 nobias sequences backwards", (7, 4)),
    ("gru 5", (7, 4)),
    ("instancenorm center=false scale=false", (7, 4, 3)),
    ("grn", (7, 4, 3)),
    ("grn epsilon=0.1", (7, 4)),
    ("spatialdropout 0.3", (7, 4, 3)),
    ("spatialdropout1d 0.3", (7, 3)),
    ("elu 0.5", (7, 4, 3)),
    ("celu 0.5", (7, 4, 3)),
    ("rescale 0.5 offset=1.0", (7, 4, 3)),
    ("prelu shared=true", (7, 4, 3)),
    ("reflectpad 1/2x0/1", (7, 4, 3)),
    ("edgepad 2", (7, 4, 3)),
    ("wrappad 2", (7, 4, 3)),
    ("pixelshuffle 2", (7, 4, 8)),
    ("pixelunshuffle 2", (8, 4, 3)),
    ("standardise", (7, 4, 3)),
    ("randomflip mode=vertical", (7, 4, 3)),
    ("randomrotation high=0.2 low=-0.2", (7, 4, 3)),
    ("randomzoom fill_mode=nearest height_high=0.0 same=false", (7, 4, 3)),
    ("randomtranslation width_low=-0.3", (7, 4, 3)),
    ("randomcontrast most=1.0", (7, 4, 3)),
    ("randombrightness low=0.0", (7, 4, 3)),
    ("noise 0.1", (7,)),
    ("caption 8 10 5 cell=lstm", (7,)),
    ("caption 8 10 5", (7,)),
]


def test_every_layer_has_an_example():
    assert {type(parse_node(text)) for text, _ in EXAMPLES} == {kind for kind in KINDS if not kind.is_short}


@pytest.mark.parametrize(("text", "shape"), EXAMPLES, ids=[text for text, _ in EXAMPLES])
def test_conforms(text, shape):
    layer = parse_node(text)
    assert parse_node(str(layer)) == layer
    assert str(parse_node(str(layer))) == str(layer)
    named = replace(layer, name="mine")
    assert str(named) == f"mine={layer}"
    assert parse_node(str(named)) == named != layer

    for one in (layer, named):
        again = pickle.loads(pickle.dumps(one))
        assert again == one
        assert hash(again) == hash(one)
        assert eval(repr(one), {kind.__name__: kind for kind in KINDS}) == one
    with pytest.raises(FrozenInstanceError):
        layer.name = "other"
    with pytest.raises(FrozenInstanceError):
        del layer.name

    row = analyse(parse(f"{'x'.join(map(str, shape))}: {text}")).rows[0]
    assert row.type == type(layer).__name__
    assert row.cost.activations > 0
    plain, *after = layer.steps()
    cost, output = plain.cost(shape), plain.output_shape(shape)
    assert output == row.output_shape
    assert cost.activations == prod(output)
    explained = {formula.figure: formula for formula in plain.explain(shape)}
    for figure in ("parameters", "frozen", "buffers", "macs", "bias_operations", "pooling_operations", "activations"):
        counted = getattr(cost, figure)
        assert counted == (explained[figure].result if figure in explained else 0)
    for formula in explained.values():
        assert formula.names
        assert formula.values
    if "output_steps" in explained:
        assert explained["output_steps"].result == output[0]
    if "output_height" in explained:
        assert explained["output_height"].result == output[0]
        assert explained["output_width"].result == output[1]
    assert plain.call(shape).target
    assert bool(after) == (isinstance(layer, Weighted) and layer.activation is not None)


@pytest.mark.parametrize(("text", "_"), EXAMPLES)
def test_equal_layers_are_equal_texts(text, _):
    for other, _ in EXAMPLES:
        assert (parse_node(text) == parse_node(other)) == (str(parse_node(text)) == str(parse_node(other)))


BAD = [
    ("Conv2D", {"filters": 0, "kernel_size": 3}, "expected filters as an int ≥ 1, received 0"),
    ("Conv2D", {"filters": True, "kernel_size": 3}, "expected filters as an int ≥ 1, received True"),
    ("Conv2D", {"filters": 2.0, "kernel_size": 3}, "received 2.0"),
    ("Conv2D", {"filters": 2, "kernel_size": (3, 0)}, "expected kernel_size as an int ≥ 1 or a pair"),
    ("Conv2D", {"filters": 2, "kernel_size": (3, 3, 3)}, "expected kernel_size"),
    ("Conv2D", {"filters": 2, "kernel_size": 3, "strides": 0}, "expected strides"),
    (
        "Conv2D",
        {"filters": 2, "kernel_size": 3, "padding": "full"},
        "expected padding as 'valid' or 'same'",
    ),
    ("Conv2D", {"filters": 2, "kernel_size": 3, "padding": -1}, "received -1"),
    (
        "Conv2D",
        {"filters": 3, "kernel_size": 3, "groups": 2},
        r"multiple of groups \(2\), received 3",
    ),
    (
        "Conv2D",
        {"filters": 2, "kernel_size": 3, "activation": "rlu"},
        r"expected an activation.*did you mean 'relu'",
    ),
    ("Conv2D", {"filters": 2, "kernel_size": 3, "use_bias": 1}, "expected use_bias as True or False, received 1"),
    ("Conv2D", {"filters": 2, "kernel_size": 3, "name": "a b"}, "expected a name of letters, digits and underscores"),
    (
        "Conv2D",
        {"filters": 2, "kernel_size": 3, "input_shape": (3, 3, 1, 1)},
        r"expected a shape \(height, width",
    ),
    ("DepthwiseConv2D", {"kernel_size": 3, "depth_multiplier": 0}, "expected depth_multiplier"),
    ("Conv2DTranspose", {"filters": 2, "kernel_size": 3, "strides": 2, "output_padding": 5}, "expected output_padding"),
    ("LocallyConnected2D", {"filters": -1, "kernel_size": 3}, "expected filters"),
    ("Dense", {"units": "ten"}, "expected units as an int ≥ 1, received 'ten'"),
    ("RadialBasis", {"units": 0}, "expected units"),
    ("MaxPooling2D", {"pool_size": 2, "padding": 2}, "expected padding of at most half of pool_size"),
    ("MaxPooling2D", {"padding": "same", "ceil_mode": True}, "expected ceil_mode with numeric padding"),
    ("AveragePooling2D", {"pool_size": 0}, "expected pool_size"),
    ("AdaptiveAveragePooling2D", {"output_size": 0}, "expected output_size"),
    ("AdaptiveMaxPooling2D", {"output_size": "3"}, "expected output_size"),
    ("Reshape", {"target_shape": (3, 0)}, "expected a shape"),
    ("ZeroPadding2D", {"padding": -1}, "expected padding"),
    ("Cropping2D", {"cropping": "same"}, "expected .*received 'same'"),
    ("UpSampling2D", {"size": 2, "interpolation": "cubic"}, "expected interpolation 'nearest' or 'bilinear', received"),
    ("BatchNormalization", {"momentum": 1}, "expected momentum from 0 up to"),
    ("BatchNormalization", {"center": False}, "expected center and scale"),
    ("LayerNormalization", {"scale": False}, "expected scale with center"),
    ("GroupNormalization", {"groups": 0}, "expected groups"),
    ("LocalResponseNormalization", {"size": 0}, "expected size"),
    ("Dropout", {"rate": 1}, r"expected rate from 0 up to \(not including\) 1, received 1"),
    ("Activation", {"function": "sofmax"}, "did you mean 'softmax'"),
    ("LeakyReLU", {"negative_slope": "a"}, "expected negative_slope as a number"),
    ("ChannelShuffle", {"groups": -2}, "expected groups"),
    ("SqueezeExcitation", {"ratio": 0}, "expected ratio"),
    ("SelectChannels", {"channels": ()}, "expected channels as one or more"),
    ("ChannelPadding", {"before": -1, "after": 0}, "expected before as an int ≥ 0, received -1"),
    ("Conv1D", {"filters": 2, "kernel_size": (3, 3)}, "expected kernel_size as an int ≥ 1"),
    ("Conv1D", {"filters": 2, "kernel_size": 3, "padding": "full"}, "expected padding as 'valid', 'same', 'causal'"),
    ("Conv1D", {"filters": 3, "kernel_size": 3, "groups": 2}, r"multiple of groups \(2\), received 3"),
    ("MaxPooling1D", {"padding": "causal"}, "expected padding of a pool as 'valid', 'same' or numbers"),
    ("AveragePooling1D", {"pool_size": 2, "padding": 2}, "expected padding of at most half of pool_size"),
    ("Embedding", {"input_dim": 0, "output_dim": 3}, "expected input_dim as an int ≥ 1, received 0"),
    ("SimpleRNN", {"units": 2, "activation": "gelu"}, "expected activation of SimpleRNN as 'tanh' or 'relu'"),
    ("LSTM", {"units": 2, "activation": "relu"}, "expected activation of LSTM as 'tanh', as PyTorch has it"),
    ("LSTM", {"units": 2, "recurrent_activation": "tanh"}, "expected recurrent_activation of LSTM as 'sigmoid'"),
    ("InstanceNormalization", {"scale": False}, "expected center and scale"),
    ("SpatialDropout2D", {"rate": 1.5}, "expected rate from 0 up to"),
    ("GRU", {"units": 2, "reset_after": False}, "expected reset_after of GRU as True"),
]


@pytest.mark.parametrize(("kind", "settings", "said"), BAD)
def test_bad_settings_say_what_was_expected(kind, settings, said):
    with pytest.raises(ValueError, match=said) as refused:
        getattr(all_layers, kind)(**settings)
    assert "received" in str(refused.value)


FLAGS = [
    (kind, f.name)
    for kind in KINDS
    for f in fields(kind)
    if f.type == "bool" or (f.name in ("alpha", "beta", "k", "epsilon", "momentum") and f.type == "float")
]


@pytest.mark.parametrize(("kind", "name"), FLAGS)
def test_no_setting_takes_anything(kind, name):
    needed = {
        "Conv2D": (2, 3),
        "DepthwiseConv2D": (3,),
        "Conv2DTranspose": (2, 3),
        "LocallyConnected2D": (2, 3),
        "Dense": (2,),
        "Conv1D": (2, 3),
        "Resizing": (2,),
        **dict.fromkeys(("SimpleRNN", "LSTM", "GRU"), (2,)),
    }
    with pytest.raises(ValueError, match=f"expected {name}.*received 'maybe'"):
        kind(*needed.get(kind.__name__, ()), **{name: "maybe"})


MISFITS = [
    "2x2x1: conv 1 3x3",
    "5x5x3: conv 4 3x3 groups=2",
    "5x5x3: deconv 4 3x3 groups=2",
    "3x3x1: deconv 1 1x1 pad=2",
    "8: conv 1 3x3",
    "8: maxpool 2",
    "8: upsample 2",
    "8: se 2",
    "1x1x4: maxpool 2",
    "4x4x4: reshape 10",
    "3x3x4: crop 2",
    "4x4x3: shuffle 2",
    "4x4x3: groupnorm 2",
    "4x4x3: select 5",
    "4x4x3: rbf 2",
    "4x4x3: sum(conv 2 1x1 | identity)",
    "4x4x3: sum(conv 3 1x1/2 | identity)",
    "4x4x3: concat(conv 2 1x1/2 | identity)",
    "8: instancenorm",
    "8: grn",
    "4x3: spatialdropout 0.2",
    "4x3x2: spatialdropout1d 0.2",
    "4x4x3: conv1d 2 3",
    "4x3: conv 2 3x3",
    "4x3: conv1d 2 5",
    "8: lstm 3",
    "4x4x3: globalavgpool1d",
    "4x3: se 2",
    "4x3: embed 5 2",
    "8: dense 8, embed 5 2",
    "4x3: concat(conv1d 2 3 | identity)",
    "4x3: sum(conv1d 2 1 | identity)",
    "4x3: product(conv1d 2 1 | identity)",
    "4x3: product(reshape 4x1x3 | identity)",
]


@pytest.mark.parametrize("text", MISFITS)
def test_misfits_have_a_place_and_a_remedy(text):
    with pytest.raises(ShapeError, match=r"expected .*received") as refused:
        analyse(parse(text))
    error = refused.value
    assert error.place
    assert str(error).startswith(f"{error.place}: ")
    assert error.fits
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.fits, again.place) == (str(error), error.fits, error.place)
