"""Inception v3 with the names that torchvision's has."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.nn.weights.replicas import Unit


def pooled(x: Tensor) -> Tensor:
    """Padding counts, as it does in torchvision; in the authors' TensorFlow it does not."""
    return F.avg_pool2d(x, 3, 1, 1)


class A(nn.Module):
    def __init__(self, i: int, pool: int) -> None:
        super().__init__()
        self.branch1x1 = Unit(i, 64, 1)
        self.branch5x5_1, self.branch5x5_2 = Unit(i, 48, 1), Unit(48, 64, 5, padding=2)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = Unit(i, 64, 1), Unit(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = Unit(96, 96, 3, padding=1)
        self.branch_pool = Unit(i, pool, 1)

    def forward(self, x: Tensor) -> Tensor:
        deep = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        five = self.branch5x5_2(self.branch5x5_1(x))
        return torch.cat([self.branch1x1(x), five, deep, self.branch_pool(pooled(x))], 1)


class B(nn.Module):
    def __init__(self, i: int) -> None:
        super().__init__()
        self.branch3x3 = Unit(i, 384, 3, stride=2)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = Unit(i, 64, 1), Unit(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = Unit(96, 96, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        deep = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), deep, F.max_pool2d(x, 3, 2)], 1)


def wide(i: int, o: int) -> Unit:
    return Unit(i, o, (1, 7), padding=(0, 3))


def tall(i: int, o: int) -> Unit:
    return Unit(i, o, (7, 1), padding=(3, 0))


class C(nn.Module):
    def __init__(self, i: int, m: int) -> None:
        super().__init__()
        self.branch1x1 = Unit(i, 192, 1)
        self.branch7x7_1, self.branch7x7_2, self.branch7x7_3 = Unit(i, m, 1), wide(m, m), tall(m, 192)
        self.branch7x7dbl_1, self.branch7x7dbl_2, self.branch7x7dbl_3 = Unit(i, m, 1), tall(m, m), wide(m, m)
        self.branch7x7dbl_4, self.branch7x7dbl_5 = tall(m, m), wide(m, 192)
        self.branch_pool = Unit(i, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        seven = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        deep = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        deep = self.branch7x7dbl_5(self.branch7x7dbl_4(deep))
        return torch.cat([self.branch1x1(x), seven, deep, self.branch_pool(pooled(x))], 1)


class D(nn.Module):
    def __init__(self, i: int) -> None:
        super().__init__()
        self.branch3x3_1, self.branch3x3_2 = Unit(i, 192, 1), Unit(192, 320, 3, stride=2)
        self.branch7x7x3_1, self.branch7x7x3_2, self.branch7x7x3_3 = Unit(i, 192, 1), wide(192, 192), tall(192, 192)
        self.branch7x7x3_4 = Unit(192, 192, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        seven = self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x)))
        three = self.branch3x3_2(self.branch3x3_1(x))
        return torch.cat([three, self.branch7x7x3_4(seven), F.max_pool2d(x, 3, 2)], 1)


class E(nn.Module):
    def __init__(self, i: int) -> None:
        super().__init__()
        self.branch1x1 = Unit(i, 320, 1)
        self.branch3x3_1 = Unit(i, 384, 1)
        self.branch3x3_2a = Unit(384, 384, (1, 3), padding=(0, 1))
        self.branch3x3_2b = Unit(384, 384, (3, 1), padding=(1, 0))
        self.branch3x3dbl_1, self.branch3x3dbl_2 = Unit(i, 448, 1), Unit(448, 384, 3, padding=1)
        self.branch3x3dbl_3a = Unit(384, 384, (1, 3), padding=(0, 1))
        self.branch3x3dbl_3b = Unit(384, 384, (3, 1), padding=(1, 0))
        self.branch_pool = Unit(i, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        three, deep = self.branch3x3_1(x), self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        split = [self.branch3x3_2a(three), self.branch3x3_2b(three)]
        split += [self.branch3x3dbl_3a(deep), self.branch3x3dbl_3b(deep)]
        return torch.cat([self.branch1x1(x), *split, self.branch_pool(pooled(x))], 1)


class Head(nn.Module):
    def __init__(self, i: int, classes: int) -> None:
        super().__init__()
        self.conv0, self.conv1, self.fc = Unit(i, 128, 1), Unit(128, 768, 5), nn.Linear(768, classes)


class InceptionV3(nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.Conv2d_1a_3x3, self.Conv2d_2a_3x3 = Unit(3, 32, 3, stride=2), Unit(32, 32, 3)
        self.Conv2d_2b_3x3 = Unit(32, 64, 3, padding=1)
        self.Conv2d_3b_1x1, self.Conv2d_4a_3x3 = Unit(64, 80, 1), Unit(80, 192, 3)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = A(192, 32), A(256, 64), A(288, 64)
        self.Mixed_6a, self.Mixed_6b, self.Mixed_6c = B(288), C(768, 128), C(768, 160)
        self.Mixed_6d, self.Mixed_6e = C(768, 160), C(768, 192)
        self.AuxLogits = Head(768, classes)
        self.Mixed_7a, self.Mixed_7b, self.Mixed_7c = D(768), E(1280), E(2048)
        self.fc = nn.Linear(2048, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x))), 3, 2)
        x = F.max_pool2d(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x)), 3, 2)
        for name in ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c"):
            x = getattr(self, f"Mixed_{name}")(x)
        return self.fc(x.mean((2, 3)))
