"""Where trained weights of the zoo's networks lie: PyTorch's own files, whose names carry their SHA-256."""

from __future__ import annotations

from hubel.base.errors import UnknownNameError
from hubel.zoo._lookup import meant

_HOME = "https://download.pytorch.org/models"
# trained on ImageNet's thousand classes
IMAGENET = {
    "alexnet_owt": f"{_HOME}/alexnet-owt-7be5be79.pth",
    "vgg11": f"{_HOME}/vgg11-8a719046.pth",
    "vgg13": f"{_HOME}/vgg13-19584684.pth",
    "vgg16": f"{_HOME}/vgg16-397923af.pth",
    "vgg19": f"{_HOME}/vgg19-dcbb9e9d.pth",
    "vgg11_bn": f"{_HOME}/vgg11_bn-6002323d.pth",
    "vgg13_bn": f"{_HOME}/vgg13_bn-abd245e5.pth",
    "vgg16_bn": f"{_HOME}/vgg16_bn-6c64b313.pth",
    "vgg19_bn": f"{_HOME}/vgg19_bn-c79401a0.pth",
    "googlenet_bn": f"{_HOME}/googlenet-1378be20.pth",
    "inception_v3": f"{_HOME}/inception_v3_google-0cc3c7bd.pth",
    "resnet18": f"{_HOME}/resnet18-f37072fd.pth",
    "resnet34": f"{_HOME}/resnet34-b627a593.pth",
    "resnet50": f"{_HOME}/resnet50-0676ba61.pth",
    "resnet101": f"{_HOME}/resnet101-63fe2227.pth",
    "resnet152": f"{_HOME}/resnet152-394f9c45.pth",
    "squeezenet1_0": f"{_HOME}/squeezenet1_0-b66bff10.pth",
    "squeezenet1_1": f"{_HOME}/squeezenet1_1-b8a52dc0.pth",
    "mobilenet_v2": f"{_HOME}/mobilenet_v2-b0353104.pth",
    "densenet121": f"{_HOME}/densenet121-a639ec97.pth",
    "convnext_tiny": f"{_HOME}/convnext_tiny-983f1562.pth",
}


def imagenet_weights(name: str) -> str:
    """The address of weights that the network `name` was trained to on ImageNet.

    Raises:
        UnknownNameError: if none are known; the message lists the networks that have some.
    """
    found = IMAGENET.get(meant(name) or name)
    if found is None:
        raise UnknownNameError(
            f"no weights trained on ImageNet are known for {name or 'a network in text form'}; there are some for "
            f"{', '.join(IMAGENET)}"
        )
    return found
