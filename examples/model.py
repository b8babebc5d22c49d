"""A model in PyTorch, for `hubel inspect examples/model.py:make_model --input 224x224x3`, explain, draw, code."""

from torch import nn


class Block(nn.Module):
    """Two convolutions and what they are added to."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, maps):
        """Add what two convolutions make of maps, N×C×H×W, to them."""
        return (self.norm2(self.conv2(self.norm1(self.conv1(maps)).relu())) + maps).relu()


def make_model() -> nn.Module:
    """A small residual network for ten classes."""
    return nn.Sequential(
        nn.Conv2d(3, 32, 7, stride=4, padding=3),
        Block(32),
        nn.MaxPool2d(4),
        Block(32),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(32, 10),
    )
