"""PyTorch's example's way: a Dataset with a transform for each image, a DataLoader, Adadelta, a step schedule."""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
import torch
from network_pytorch import Network
from PIL import Image
from torch import nn
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, Dataset


class Images(Dataset):
    """One image at a time to a normalised tensor, by the steps of torchvision's MNIST, ToTensor and Normalize."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, mean: float, std: float) -> None:
        self.images, self.labels, self.mean, self.std = images, labels, (mean,), (std,)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        pixels = self.images[index]
        picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
        return self.normalised(self.to_tensor(picture)), int(self.labels[index])

    def to_tensor(self, picture: Image.Image) -> torch.Tensor:
        """Bytes H×W×C to floats C×H×W from 0 to 1."""
        array = np.array(picture, copy=True)
        tensor = torch.from_numpy(array).view(picture.height, picture.width, len(picture.getbands()))
        return tensor.permute(2, 0, 1).contiguous().to(torch.float32).div(255)

    def normalised(self, tensor: torch.Tensor) -> torch.Tensor:
        """Take the mean off, and divide by the deviation."""
        mean = torch.as_tensor(self.mean, dtype=tensor.dtype).view(-1, 1, 1)
        std = torch.as_tensor(self.std, dtype=tensor.dtype).view(-1, 1, 1)
        if (std == 0).any():
            raise ValueError("a deviation of zero")
        return tensor.clone().sub_(mean).div_(std)


def train(model: nn.Module, loader: DataLoader, optimizer: torch.optim.Optimizer) -> None:
    model.train()
    for data, target in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(data), target)
        loss.backward()
        optimizer.step()


def test(model: nn.Module, loader: DataLoader) -> float:
    model.eval()
    right = 0
    with torch.no_grad():
        for data, target in loader:
            right += int((model(data).argmax(1) == target).sum())
    return right / len(loader.dataset)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--accuracy", type=float, default=1.0)
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--mean", type=float, default=0.1307)
    parser.add_argument("--std", type=float, default=0.3081)
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    data = np.load(arguments.data)
    mean, std = arguments.mean, arguments.std
    training = DataLoader(Images(data["x_train"], data["y_train"], mean, std), arguments.batch_size, shuffle=True)
    testing = DataLoader(Images(data["x_test"], data["y_test"], mean, std), batch_size=1000)
    model = nn.Sequential(*list(Network())[:-1])  # cross_entropy wants it without the softmax
    optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)
    schedule = StepLR(optimizer, step_size=1, gamma=0.7)
    for epoch in range(1, arguments.epochs + 1):
        began = time.perf_counter()
        train(model, training, optimizer)
        pace = len(data["y_train"]) / (time.perf_counter() - began)
        accuracy = test(model, testing)
        print(json.dumps({"accuracy": accuracy, "epoch": epoch, "images_per_second": pace}), flush=True)
        if accuracy >= arguments.accuracy:
            break
        schedule.step()


if __name__ == "__main__":
    main()
