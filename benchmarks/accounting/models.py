"""ResNet-152 in plain `torch.nn`, as the popular library port builds it: what the accounting tools are given."""

from __future__ import annotations

from torch import Tensor, nn


class Bottleneck(nn.Module):
    """1×1, 3×3 (which has the stride), 1×1 to four times the width, and a shortcut around them."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = 4 * width
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)  # one module, run three times
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            projection = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(projection, nn.BatchNorm2d(outputs))

    def forward(self, input: Tensor) -> Tensor:
        """Run the three convolutions, add the shortcut."""
        shortcut = input if self.downsample is None else self.downsample(input)
        found = self.relu(self.bn1(self.conv1(input)))
        found = self.relu(self.bn2(self.conv2(found)))
        return self.relu(self.bn3(self.conv3(found)) + shortcut)  # type: ignore[no-any-return]


class ResNet(nn.Module):
    """He et al., "Deep Residual Learning for Image Recognition" (2015), for 224×224×3 and 1,000 classes."""

    def __init__(self, blocks: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inputs = 64
        for stage, number in enumerate(blocks):
            width, made = 64 * 2**stage, list[nn.Module]()
            for block in range(number):
                made.append(Bottleneck(inputs, width, 2 if stage and not block else 1))
                inputs = 4 * width
            self.add_module(f"layer{stage + 1}", nn.Sequential(*made))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(2048, 1000)

    def forward(self, input: Tensor) -> Tensor:
        """Return the logits of N×3×224×224 pictures."""
        found = self.maxpool(self.relu(self.bn1(self.conv1(input))))
        for stage in range(1, 5):
            found = self.get_submodule(f"layer{stage}")(found)
        return self.fc(self.avgpool(found).flatten(1))  # type: ignore[no-any-return]


def resnet152() -> ResNet:
    """Build ResNet-152: 60,192,808 parameters, 11,513,626,624 multiply-adds."""
    return ResNet((3, 8, 36, 3))
