"""Every network's parameters and MACs: pinned to the unit, and compared with what others published.

MACs are those of convolutions and dense layers, without biases, for one image.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from hubel import zoo
from hubel.arch import ShapeError, analyse

TORCHVISION = "torchvision's documentation of the pre-trained weights: num_params and GFLOPS"
COURSE = "the worked figures of a course on convolutional networks, corrected"
SLIM_V1 = "tensorflow/models, research/slim/nets/mobilenet_v1.md"
SLIM_V2 = "tensorflow/models, research/slim/nets/mobilenet/README.md"
TIMM = "timm, results/results-imagenet.csv"

# name: (parameters, MACs, output shape)
PINNED: dict[str, tuple[int, int, tuple[int, ...]]] = {
    "softmax": (7_850, 7_840, (10,)),
    "mlp": (79_510, 79_400, (10,)),
    "lenet5": (61_706, 416_520, (10,)),
    "lenet5_1998": (60_840, 326_520, (10,)),
    "alexnet": (60_965_224, 724_406_816, (1000,)),
    "alexnet_owt": (61_100_840, 714_188_480, (1000,)),
    "zfnet": (62_357_608, 1_168_032_896, (1000,)),
    "nin": (966_986, 222_486_528, (10,)),
    "nin_imagenet": (7_595_176, 1_100_188_800, (1000,)),
    "vgg11": (132_863_336, 7_609_090_048, (1000,)),
    "vgg13": (133_047_848, 11_308_466_176, (1000,)),
    "vgg16": (138_357_544, 15_470_264_320, (1000,)),
    "vgg19": (143_667_240, 19_632_062_464, (1000,)),
    "vgg11_bn": (132_868_840, 7_609_090_048, (1000,)),
    "vgg13_bn": (133_053_736, 11_308_466_176, (1000,)),
    "vgg16_bn": (138_365_992, 15_470_264_320, (1000,)),
    "vgg19_bn": (143_678_248, 19_632_062_464, (1000,)),
    "googlenet": (6_998_552, 1_582_671_872, (1000,)),
    "googlenet_bn": (6_624_904, 1_498_376_192, (1000,)),
    "inception_v3": (23_834_568, 5_713_216_096, (1000,)),
    "inception_v4": (42_679_816, 12_253_974_624, (1000,)),
    "resnet18": (11_689_512, 1_814_073_344, (1000,)),
    "resnet34": (21_797_672, 3_663_761_408, (1000,)),
    "resnet50": (25_557_032, 4_089_184_256, (1000,)),
    "resnet101": (44_549_160, 7_801_405_440, (1000,)),
    "resnet152": (60_192_808, 11_513_626_624, (1000,)),
    "resnet50_v1": (25_557_032, 3_857_973_248, (1000,)),
    "resnet10": (1_484_488, 206_981_120, (1000,)),
    "resnet20": (269_722, 40_551_040, (10,)),
    "resnet32": (464_154, 68_862_592, (10,)),
    "resnet44": (658_586, 97_174_144, (10,)),
    "resnet56": (853_018, 125_485_696, (10,)),
    "resnet110": (1_727_962, 252_887_680, (10,)),
    "squeezenet1_0": (1_248_424, 818_924_576, (1000,)),
    "squeezenet1_1": (1_235_496, 349_151_936, (1000,)),
    "mobilenet_v1": (4_231_976, 568_740_352, (1000,)),
    "mobilenet_v2": (3_504_872, 300_774_272, (1000,)),
    "densenet121": (7_978_856, 2_834_161_664, (1000,)),
    "efficientnet_lite0": (4_652_008, 385_187_552, (1000,)),
    "convnext_tiny": (28_589_128, 4_455_531_264, (1000,)),
    "unet": (31_030_658, 48_096_083_968, (256, 256, 2)),
    "unet_2015": (31_030_658, 150_428_424_448, (388, 388, 2)),
    "dcgan": (12_658_432, 410_583_040, (64, 64, 3)),
    "dcgan_critic": (11_036_160, 408_961_024, (1,)),
    "r3gan": (237_723, 9_719_808, (32, 32, 3)),
    "r3gan_critic": (178_057, 3_982_848, (1,)),
    "wavenet": (90_528, 365_166_592, (4096, 256)),
    "dqn": (1_687_206, 9_346_048, (6,)),
    "pqn": (1_688_550, 9_346_048, (6,)),
    "minatar": (132_179, 168_320, (3,)),
    "minatar_pqn": (132_467, 168_320, (3,)),
}


@dataclass(frozen=True)
class Published:
    """A published figure: its digits as printed, the power of ten they stand for, and who says so."""

    name: str
    digits: str
    power: int
    source: str
    options: dict[str, object] = field(default_factory=dict)
    slack: str = "0.5"  # of the last digit; papers that cut digits off instead of rounding need 1

    def __str__(self) -> str:
        options = "".join(f"-{value}" for value in self.options.values())
        return f"{self.name}{options}-{self.digits}e{self.power}"

    def agrees_with(self, exact: int) -> bool:
        printed = Decimal(self.digits)
        last_digit = Decimal(1).scaleb(int(printed.as_tuple().exponent))
        return abs(Decimal(exact).scaleb(-self.power) - printed) <= last_digit * Decimal(self.slack)


PARAMETERS = [
    Published("softmax", "7850", 0, COURSE),
    Published("mlp", "1000403", 0, COURSE, {"input": (100, 100, 1), "classes": 3, "hidden": 100}),
    Published("mlp", "655590", 0, COURSE, {"input": (256, 256, 1), "hidden": (10, 10)}),
    Published("lenet5", "61706", 0, COURSE),
    Published("alexnet", "60965224", 0, COURSE),
    Published("alexnet", "60", 6, "Krizhevsky et al. 2012, abstract", slack="1"),
    Published("vgg16", "138357544", 0, COURSE),
    Published("resnet152", "60192808", 0, COURSE),
    Published("googlenet", "6998552", 0, COURSE),
    Published("googlenet", "13378280", 0, COURSE, {"heads": True}),
    Published("googlenet_bn", "13004888", 0, COURSE, {"heads": True}),
    Published("alexnet_owt", "61100840", 0, TORCHVISION),
    Published("vgg11", "132863336", 0, TORCHVISION),
    Published("vgg13", "133047848", 0, TORCHVISION),
    Published("vgg16", "138357544", 0, TORCHVISION),
    Published("vgg19", "143667240", 0, TORCHVISION),
    Published("vgg11_bn", "132868840", 0, TORCHVISION),
    Published("vgg13_bn", "133053736", 0, TORCHVISION),
    Published("vgg16_bn", "138365992", 0, TORCHVISION),
    Published("vgg19_bn", "143678248", 0, TORCHVISION),
    Published("vgg11", "133", 6, "Simonyan and Zisserman 2014, table 2"),
    Published("vgg13", "133", 6, "Simonyan and Zisserman 2014, table 2"),
    Published("vgg16", "138", 6, "Simonyan and Zisserman 2014, table 2"),
    Published("vgg19", "144", 6, "Simonyan and Zisserman 2014, table 2"),
    Published("googlenet_bn", "6624904", 0, TORCHVISION),
    Published("inception_v3", "27161264", 0, TORCHVISION, {"heads": True}),
    Published("inception_v3", "23.83", 6, TIMM),
    Published("inception_v4", "42.68", 6, TIMM),
    Published("resnet18", "11689512", 0, TORCHVISION),
    Published("resnet34", "21797672", 0, TORCHVISION),
    Published("resnet50", "25557032", 0, TORCHVISION),
    Published("resnet50_v1", "25557032", 0, TORCHVISION),
    Published("resnet101", "44549160", 0, TORCHVISION),
    Published("resnet152", "60192808", 0, TORCHVISION),
    Published("resnet20", "0.27", 6, "He et al. 2015, table 6"),
    Published("resnet32", "0.46", 6, "He et al. 2015, table 6"),
    Published("resnet44", "0.66", 6, "He et al. 2015, table 6"),
    Published("resnet56", "0.85", 6, "He et al. 2015, table 6"),
    Published("resnet110", "1.7", 6, "He et al. 2015, table 6"),
    Published("squeezenet1_0", "1248424", 0, "Iandola et al. 2016, table 1, and torchvision"),
    Published("squeezenet1_1", "1235496", 0, TORCHVISION),
    Published("mobilenet_v1", "4.2", 6, "Howard et al. 2017, table 4"),
    Published("mobilenet_v1", "2.6", 6, "Howard et al. 2017, table 6", {"width": 0.75}),
    Published("mobilenet_v1", "1.3", 6, "Howard et al. 2017, table 6", {"width": 0.5}),
    Published("mobilenet_v1", "0.5", 6, "Howard et al. 2017, table 6", {"width": 0.25}),
    Published("mobilenet_v2", "3504872", 0, TORCHVISION),
    Published("densenet121", "7978856", 0, TORCHVISION),
    Published("efficientnet_lite0", "4.65", 6, TIMM),
    Published("efficientnet_lite0", "4.7", 6, "tensorflow/tpu, models/official/efficientnet/lite/README.md"),
    Published("convnext_tiny", "28589128", 0, TORCHVISION),
    Published("convnext_tiny", "29", 6, "Liu et al. 2022, table 1"),
]

MACS = [
    Published("lenet5", "416520", 0, "117,600 + 240,000 + 48,000 + 10,080 + 840, worked out by hand"),
    Published("alexnet_owt", "0.714", 9, TORCHVISION),
    Published("vgg11", "7.609", 9, TORCHVISION),
    Published("vgg13", "11.308", 9, TORCHVISION),
    Published("vgg16", "15.47", 9, TORCHVISION),
    Published("vgg19", "19.632", 9, TORCHVISION),
    Published("vgg16_bn", "15.47", 9, TORCHVISION),
    Published("googlenet_bn", "1.498", 9, TORCHVISION),
    Published("inception_v3", "5.713", 9, TORCHVISION),
    Published("resnet18", "1.814", 9, TORCHVISION),
    Published("resnet34", "3.664", 9, TORCHVISION),
    Published("resnet50", "4.089", 9, TORCHVISION),
    Published("resnet50_v1", "3.8", 9, "He et al. 2015, table 1", slack="1"),
    Published("resnet101", "7.801", 9, TORCHVISION),
    Published("resnet152", "11.514", 9, TORCHVISION),
    Published("resnet152", "11513626624", 0, "torchinfo, fvcore and ptflops, convolutions and dense layers alone"),
    Published("squeezenet1_0", "0.819", 9, TORCHVISION),
    Published("squeezenet1_1", "0.349", 9, TORCHVISION),
    Published("mobilenet_v1", "569", 6, "Howard et al. 2017, table 4"),
    Published("mobilenet_v1", "418", 6, SLIM_V1, {"input": (192, 192, 3)}),
    Published("mobilenet_v1", "291", 6, SLIM_V1, {"input": (160, 160, 3)}),
    Published("mobilenet_v1", "186", 6, SLIM_V1, {"input": (128, 128, 3)}),
    Published("mobilenet_v1", "325", 6, "Howard et al. 2017, table 6", {"width": 0.75}),
    Published("mobilenet_v1", "149", 6, "Howard et al. 2017, table 6", {"width": 0.5}),
    Published("mobilenet_v1", "41", 6, SLIM_V1, {"width": 0.25}),
    Published("mobilenet_v2", "0.301", 9, TORCHVISION),
    Published("mobilenet_v2", "300", 6, "Sandler et al. 2018, table 4, and " + SLIM_V2, slack="1"),
    Published("mobilenet_v2", "221", 6, SLIM_V2, {"input": (192, 192, 3)}),
    Published("mobilenet_v2", "582", 6, SLIM_V2, {"width": 1.4}),
    Published("mobilenet_v2", "509", 6, SLIM_V2, {"width": 1.3}),
    Published("mobilenet_v2", "209", 6, SLIM_V2, {"width": 0.75}),
    Published("mobilenet_v2", "97", 6, SLIM_V2, {"width": 0.5}),
    Published("mobilenet_v2", "59", 6, SLIM_V2, {"width": 0.35}),
    Published("densenet121", "2.834", 9, TORCHVISION),
    Published("convnext_tiny", "4.456", 9, TORCHVISION),
]

# The same networks, counted differently: normalisation's scales and shifts left out.
WITHOUT_NORMALISATION = [
    Published("mobilenet_v2", "3.47", 6, SLIM_V2),
    Published("mobilenet_v2", "6.06", 6, SLIM_V2, {"width": 1.4}),
    Published("mobilenet_v2", "5.34", 6, SLIM_V2, {"width": 1.3}),
    Published("mobilenet_v2", "2.61", 6, SLIM_V2, {"width": 0.75}),
    Published("mobilenet_v2", "1.95", 6, SLIM_V2, {"width": 0.5}),
    Published("mobilenet_v2", "1.66", 6, SLIM_V2, {"width": 0.35}),
]

# The slide's table of AlexNet (2012): weights and MACs of each layer, the former without biases.
ALEXNET_LAYERS = {
    "conv1": (34_848, 105_415_200),
    "conv2": (307_200, 223_948_800),
    "conv3": (884_736, 149_520_384),
    "conv4": (663_552, 112_140_288),
    "conv5": (442_368, 74_760_192),
    "fc6": (37_748_736, 37_748_736),
    "fc7": (16_777_216, 16_777_216),
    "fc8": (4_096_000, 4_096_000),
}


def report(published: Published):
    return analyse(zoo.get(published.name, **published.options))


def test_every_network_is_pinned():
    assert tuple(PINNED) == zoo.names()


@pytest.mark.parametrize("name", PINNED)
def test_parameters_macs_and_output_shape(name):
    found = analyse(zoo.get(name))
    assert (found.parameters, found.macs, found.output_shape) == PINNED[name]


@pytest.mark.parametrize("published", PARAMETERS, ids=str)
def test_published_parameters(published):
    assert published.agrees_with(report(published).parameters), published.source


@pytest.mark.parametrize("published", MACS, ids=str)
def test_published_macs(published):
    assert published.agrees_with(report(published).macs), published.source


@pytest.mark.parametrize("published", WITHOUT_NORMALISATION, ids=str)
def test_published_parameters_that_leave_normalisation_out(published):
    found = report(published)
    normalisation = sum(row.cost.parameters for row in found.rows if row.type == "BatchNormalization")
    assert published.agrees_with(found.parameters - normalisation), published.source


def test_running_statistics_are_what_keras_counts_on_top():
    assert analyse(zoo.get("mobilenet_v1")).total("buffers") == 4_253_864 - 4_231_976
    assert analyse(zoo.get("mobilenet_v2")).total("buffers") == 3_538_984 - 3_504_872
    assert analyse(zoo.get("inception_v3")).total("buffers") == 34_432


@pytest.mark.parametrize(("layer", "figures"), ALEXNET_LAYERS.items())
def test_alexnet_layer_by_layer(layer, figures):
    (row,) = analyse(zoo.get("alexnet")).find(layer)
    weights, macs = figures
    filters = row.output_shape[-1]
    assert (row.cost.parameters - filters, row.cost.macs) == (weights, macs)


def test_alexnet_has_659272_neurons():
    rows = [row for row in analyse(zoo.get("alexnet")).rows if row.type in ("Conv2D", "Dense")]
    assert len(rows) == 8
    assert sum(row.cost.activations for row in rows) == 659_272


def test_alexnet_on_224_leaves_pixels_over():
    with pytest.raises(ShapeError, match=r"54\.25"):
        analyse(zoo.get("alexnet", input=(224, 224, 3)), strict=True)
    assert analyse(zoo.get("alexnet"), strict=True).find("conv1")[0].output_shape == (55, 55, 96)


def test_training_lenet_costs_less_than_three_passes():
    """The first layer needs no gradient of its input: its 117,600 multiply-adds count twice, the others three times."""
    assert analyse(zoo.get("lenet5")).training_macs == 3 * 416_520 - 117_600 == 1_131_960


def test_lenet_of_1998_has_60000_trainable_parameters_and_340908_connections():
    found = analyse(zoo.get("lenet5_1998"))
    assert found.trainable == 60_000
    assert found.parameters - found.trainable == 840
    by_layer = {
        name: sum(row.cost.trainable for row in found.find(name)) for name in ("c1", "s2", "c3", "s4", "c5", "f6")
    }
    assert by_layer == {"c1": 156, "s2": 12, "c3": 1_516, "s4": 32, "c5": 48_120, "f6": 10_164}

    # A connection is a weight at a place where it is used; a pooling unit has its four inputs and its bias.
    def uses(name):
        return sum(row.cost.trainable * _places(row.output_shape) for row in found.find(name))

    def pooling(name):
        return max(row.cost.activations for row in found.find(name)) * 5

    connections = uses("c1") + pooling("s2") + uses("c3") + pooling("s4") + uses("c5") + uses("f6") + 840
    assert connections == 340_908


def _places(shape):
    return shape[0] * shape[1] if len(shape) == 3 else 1


def test_resnet152_has_152_weighted_layers_and_155_convolutions():
    rows = analyse(zoo.get("resnet152")).rows
    weighted = [row for row in rows if row.type in ("Conv2D", "Dense")]
    assert len([row for row in weighted if ".shortcut." not in row.path]) == 152
    assert len([row for row in weighted if row.type == "Conv2D"]) == 155


@pytest.mark.parametrize("depth", [18, 34, 50, 101, 152, 20, 32, 44, 56, 110])
def test_a_resnet_has_the_weighted_layers_of_its_name(depth):
    rows = analyse(zoo.get(f"resnet{depth}")).rows
    weighted = [row for row in rows if row.type in ("Conv2D", "Dense") and ".shortcut" not in row.path]
    assert len(weighted) == depth


def test_the_heads_of_googlenet_are_side_exits():
    found = analyse(zoo.get("googlenet", heads=True))
    side = [row for row in found.rows if row.auxiliary]
    assert sum(row.cost.parameters for row in side) == 13_378_280 - 6_998_552
    assert found.output_shape == (1000,)


def test_the_unet_of_the_paper_makes_388_of_572():
    assert analyse(zoo.get("unet_2015")).output_shape == (388, 388, 2)
    assert len([row for row in analyse(zoo.get("unet_2015")).rows if row.type.startswith("Conv2D")]) == 23
    assert analyse(zoo.get("unet_2015", input=(700, 604, 3), classes=5)).output_shape == (516, 420, 5)


def test_zfnet_has_the_sizes_of_its_figure():
    found = analyse(zoo.get("zfnet"))
    names = ("conv1", "pool1", "conv2", "pool2", "conv5", "pool5")
    assert [found.find(name)[0].output_shape[0] for name in names] == [110, 55, 26, 13, 13, 6]


def test_dcgan_half_as_wide_is_pytorchs_example():
    assert analyse(zoo.get("dcgan", width=0.5)).parameters == 3_576_704
    assert analyse(zoo.get("dcgan_critic", width=0.5)).parameters == 2_765_568
