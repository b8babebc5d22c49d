"""The networks of `keras.applications` that hubel's zoo has with the same weights, number by number: VGG16, VGG19,
DenseNet121, MobileNet, MobileNetV2. They begin anew, or with the weights of a file.
"""

from __future__ import annotations

from hubel.model.applications import densenet, mobilenet, mobilenet_v2, vgg16, vgg19
from hubel.model.applications.densenet import DenseNet121
from hubel.model.applications.mobilenet import MobileNet
from hubel.model.applications.mobilenet_v2 import MobileNetV2
from hubel.model.applications.vgg16 import VGG16
from hubel.model.applications.vgg19 import VGG19

__all__ = [
    "VGG16",
    "VGG19",
    "DenseNet121",
    "MobileNet",
    "MobileNetV2",
    "densenet",
    "mobilenet",
    "mobilenet_v2",
    "vgg16",
    "vgg19",
]


def __getattr__(name: str) -> object:
    raise AttributeError(
        f"hubel.model.applications has no {name}, only {', '.join(__all__[:5])}, whose weights are Keras's number by "
        "number; hubel zoo lists others, which hubel train resnet50 photos/ --weights FILE fine-tunes"
    )
