"""Networks with the names that torchvision's have, in few words: what its files of weights look like.

Names, order and sizes are those of torchvision's documented models; `w` multiplies the channels.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Unit(nn.Module):
    """The inception networks' convolution with its normalisation."""

    def __init__(self, i: int, o: int, k: Any, **more: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(i, o, k, bias=False, **more)
        self.bn = nn.BatchNorm2d(o, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


class ResidualBlock(nn.Module):
    def __init__(self, i: int, c: int, o: int, stride: int) -> None:
        super().__init__()
        plan = [(i, c, 1, 1), (c, c, 3, stride), (c, o, 1, 1)] if o != c else [(i, c, 3, stride), (c, c, 3, 1)]
        self.count = len(plan)
        for n, (a, b, k, s) in enumerate(plan, 1):
            setattr(self, f"conv{n}", nn.Conv2d(a, b, k, s, k // 2, bias=False))
            setattr(self, f"bn{n}", nn.BatchNorm2d(b))
        self.downsample = None
        if stride != 1 or i != o:
            self.downsample = nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o))

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for n in range(1, self.count + 1):
            y = getattr(self, f"bn{n}")(getattr(self, f"conv{n}")(y))
            y = F.relu(y) if n < self.count else y
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    def __init__(self, counts: tuple[int, ...], expansion: int, classes: int, w: float) -> None:
        super().__init__()
        i = int(64 * w)
        self.conv1, self.bn1 = nn.Conv2d(3, i, 7, 2, 3, bias=False), nn.BatchNorm2d(i)
        for n, count in enumerate(counts):
            c = int(64 * w) * 2**n
            blocks = [ResidualBlock(i, c, c * expansion, 2 if n else 1)]
            blocks += [ResidualBlock(c * expansion, c, c * expansion, 1) for _ in range(count - 1)]
            setattr(self, f"layer{n + 1}", nn.Sequential(*blocks))
            i = c * expansion
        self.fc = nn.Linear(i, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for n in range(1, 5):
            x = getattr(self, f"layer{n}")(x)
        return self.fc(x.mean((2, 3)))


class Plain(nn.Module):
    """AlexNet and VGG: features and a classifier."""

    def __init__(self, features: list[nn.Module], classifier: list[nn.Module]) -> None:
        super().__init__()
        self.features, self.classifier = nn.Sequential(*features), nn.Sequential(*classifier)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).flatten(1))


def vgg16(classes: int, w: float, places: int, norm: bool) -> Plain:
    layers: list[nn.Module] = []
    i = 3
    for count, base in ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)):
        for _ in range(count):
            o = int(base * w)
            layers += [nn.Conv2d(i, o, 3, padding=1), *([nn.BatchNorm2d(o)] if norm else []), nn.ReLU()]
            i = o
        layers.append(nn.MaxPool2d(2))
    h = int(4096 * w)
    head = [nn.Linear(i * places, h), nn.ReLU(), nn.Dropout(), nn.Linear(h, h), nn.ReLU(), nn.Dropout()]
    return Plain(layers, [*head, nn.Linear(h, classes)])


def alexnet(classes: int, w: float, places: int) -> Plain:
    a, b, c, d, h = (int(n * w) for n in (64, 192, 384, 256, 4096))
    features = [nn.Conv2d(3, a, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(a, b, 5, padding=2), nn.ReLU()]
    features += [nn.MaxPool2d(3, 2), nn.Conv2d(b, c, 3, padding=1), nn.ReLU(), nn.Conv2d(c, d, 3, padding=1)]
    features += [nn.ReLU(), nn.Conv2d(d, d, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2)]
    head = [nn.Dropout(), nn.Linear(d * places, h), nn.ReLU(), nn.Dropout(), nn.Linear(h, h), nn.ReLU()]
    return Plain(features, [*head, nn.Linear(h, classes)])


class Fire(nn.Module):
    def __init__(self, i: int, s: int, e: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(i, s, 1)
        self.expand1x1, self.expand3x3 = nn.Conv2d(s, e, 1), nn.Conv2d(s, e, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.squeeze(x))
        return torch.cat([F.relu(self.expand1x1(x)), F.relu(self.expand3x3(x))], 1)


class SqueezeNet(nn.Module):
    def __init__(self, classes: int, w: float) -> None:
        super().__init__()
        i = int(64 * w)
        layers: list[nn.Module] = [nn.Conv2d(3, i, 3, 2), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True)]
        for n, s in enumerate((16, 16, 32, 32, 48, 48, 64, 64)):
            s = int(s * w)
            layers.append(Fire(i, s, 4 * s))
            i = 8 * s
            if n in (1, 3):
                layers.append(nn.MaxPool2d(3, 2, ceil_mode=True))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(), nn.Conv2d(i, classes, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x)).flatten(1)


class Inception(nn.Module):
    """GoogLeNet's module."""

    def __init__(self, i: int, a: int, b: int, c: int, d: int, e: int, f: int) -> None:
        super().__init__()
        self.branch1 = Unit(i, a, 1)
        self.branch2 = nn.Sequential(Unit(i, b, 1), Unit(b, c, 3, padding=1))
        self.branch3 = nn.Sequential(Unit(i, d, 1), Unit(d, e, 3, padding=1))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), Unit(i, f, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class GoogLeNetHead(nn.Module):
    def __init__(self, i: int, c: int, h: int, classes: int) -> None:
        super().__init__()
        self.conv, self.fc1, self.fc2 = Unit(i, c, 1), nn.Linear(16 * c, h), nn.Linear(h, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.relu(self.fc1(self.conv(F.adaptive_avg_pool2d(x, 4)).flatten(1))))


class GoogLeNet(nn.Module):
    PLAN: ClassVar[dict[str, tuple[int, ...]]] = {
        "3a": (64, 96, 128, 16, 32, 32),
        "3b": (128, 128, 192, 32, 96, 64),
        "4a": (192, 96, 208, 16, 48, 64),
        "4b": (160, 112, 224, 24, 64, 64),
        "4c": (128, 128, 256, 24, 64, 64),
        "4d": (112, 144, 288, 32, 64, 64),
        "4e": (256, 160, 320, 32, 128, 128),
        "5a": (256, 160, 320, 32, 128, 128),
        "5b": (384, 192, 384, 48, 128, 128),
    }

    def __init__(self, classes: int, w: float) -> None:
        super().__init__()

        def c(n: int) -> int:
            return int(n * w)

        self.conv1, self.conv2 = Unit(3, c(64), 7, stride=2, padding=3), Unit(c(64), c(64), 1)
        self.conv3 = Unit(c(64), c(192), 3, padding=1)
        i, inside = c(192), {}
        for name, plan in self.PLAN.items():
            setattr(self, f"inception{name}", Inception(i, *map(c, plan)))
            i = sum(c(plan[n]) for n in (0, 2, 4, 5))
            inside[name] = i
        self.aux1 = GoogLeNetHead(inside["4a"], c(128), c(1024), classes)
        self.aux2 = GoogLeNetHead(inside["4d"], c(128), c(1024), classes)
        self.fc = nn.Linear(i, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.conv1(x), 3, 2, ceil_mode=True)
        x = F.max_pool2d(self.conv3(self.conv2(x)), 3, 2, ceil_mode=True)
        self.exits = []
        for name in self.PLAN:
            if name in ("4a", "5a"):
                x = F.max_pool2d(x, 3 if name == "4a" else 2, 2, ceil_mode=True)
            x = getattr(self, f"inception{name}")(x)
            if name in ("4a", "4d"):
                self.exits.append((self.aux1 if name == "4a" else self.aux2)(x))
        return self.fc(x.mean((2, 3)))


class DenseLayer(nn.Module):
    def __init__(self, i: int, growth: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(i), nn.Conv2d(i, 4 * growth, 1, bias=False)
        self.norm2, self.conv2 = nn.BatchNorm2d(4 * growth), nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.conv2(F.relu(self.norm2(self.conv1(F.relu(self.norm1(x))))))], 1)


class DenseNet(nn.Module):
    def __init__(self, classes: int, w: float) -> None:
        super().__init__()
        growth = int(32 * w)
        i = int(2 * 32 * w)
        found: OrderedDict[str, nn.Module] = OrderedDict()
        found["conv0"], found["norm0"] = nn.Conv2d(3, i, 7, 2, 3, bias=False), nn.BatchNorm2d(i)
        found["relu0"], found["pool0"] = nn.ReLU(), nn.MaxPool2d(3, 2, 1)
        for n, count in enumerate((6, 12, 24, 16), 1):
            layers = OrderedDict((f"denselayer{k + 1}", DenseLayer(i + k * growth, growth)) for k in range(count))
            found[f"denseblock{n}"] = nn.Sequential(layers)
            i += count * growth
            if n < 4:
                parts = {"norm": nn.BatchNorm2d(i), "relu": nn.ReLU(), "conv": nn.Conv2d(i, i // 2, 1, bias=False)}
                found[f"transition{n}"] = nn.Sequential(OrderedDict({**parts, "pool": nn.AvgPool2d(2)}))
                i //= 2
        found["norm5"] = nn.BatchNorm2d(i)
        self.features, self.classifier = nn.Sequential(found), nn.Linear(i, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(F.relu(self.features(x)).mean((2, 3)))


class Inverted(nn.Module):
    def __init__(self, i: int, o: int, stride: int, expansion: int) -> None:
        super().__init__()
        h = i * expansion
        layers = [_unit6(i, h, 1)] if expansion > 1 else []
        layers += [_unit6(h, h, 3, stride, h), nn.Conv2d(h, o, 1, bias=False), nn.BatchNorm2d(o)]
        self.conv, self.adds = nn.Sequential(*layers), stride == 1 and i == o

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.adds else self.conv(x)


def _unit6(i: int, o: int, k: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(i, o, k, stride, k // 2, groups=groups, bias=False), nn.BatchNorm2d(o), nn.ReLU6())


class MobileNetV2(nn.Module):
    STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))

    def __init__(self, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [_unit6(3, 32, 3, 2)]
        i = 32
        for expansion, o, count, stride in self.STAGES:
            for n in range(count):
                layers.append(Inverted(i, o, stride if n == 0 else 1, expansion))
                i = o
        self.features = nn.Sequential(*layers, _unit6(i, 1280, 1))
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, classes))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).mean((2, 3)))


class ChannelsLast(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1)


class ChannelsFirst(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 3, 1, 2)


class Norm2d(nn.LayerNorm):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNeXtBlock(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        mixing = [nn.Linear(c, 4 * c), nn.GELU(), nn.Linear(4 * c, c)]
        spatial = [nn.Conv2d(c, c, 7, padding=3, groups=c), ChannelsLast(), nn.LayerNorm(c, eps=1e-6)]
        self.block = nn.Sequential(*spatial, *mixing, ChannelsFirst())
        self.layer_scale = nn.Parameter(torch.rand(c, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layer_scale * self.block(x)


class ConvNeXt(nn.Module):
    def __init__(self, classes: int, w: float) -> None:
        super().__init__()
        i = int(96 * w)
        layers: list[nn.Module] = [nn.Sequential(nn.Conv2d(3, i, 4, 4), Norm2d(i, eps=1e-6))]
        for n, count in enumerate((3, 3, 9, 3)):
            if n:
                layers.append(nn.Sequential(Norm2d(i, eps=1e-6), nn.Conv2d(i, 2 * i, 2, 2)))
                i *= 2
            layers.append(nn.Sequential(*[ConvNeXtBlock(i) for _ in range(count)]))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(Norm2d(i, eps=1e-6), nn.Flatten(1), nn.Linear(i, classes))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).mean((2, 3), keepdim=True))
