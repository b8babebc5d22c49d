"""Lightning's way: a LightningModule, a Trainer, DataLoaders over a Dataset with transforms."""

from __future__ import annotations

import argparse
import json
import logging
import time
import warnings

import lightning
import numpy as np
import torch
from network_pytorch import Network
from pytorch_example import Images
from torch import nn
from torch.utils.data import DataLoader


class Classifier(lightning.LightningModule):
    """What to do with a batch; the Trainer has the loop."""

    def __init__(self, wanted: float) -> None:
        super().__init__()
        self.model, self.wanted = nn.Sequential(*list(Network())[:-1]), wanted
        self.right = self.seen = 0

    def on_train_epoch_start(self) -> None:
        """Start the clock."""
        self.began = time.perf_counter()

    def on_validation_epoch_start(self) -> None:
        """Stop the clock."""
        self.pace = len(self.trainer.train_dataloader.dataset) / (time.perf_counter() - self.began)

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], index: int) -> torch.Tensor:
        """Return the batch's loss."""
        images, labels = batch
        loss = nn.functional.cross_entropy(self.model(images), labels)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch: tuple[torch.Tensor, torch.Tensor], index: int) -> None:
        """Count right answers."""
        images, labels = batch
        self.right += int((self.model(images).argmax(1) == labels).sum())
        self.seen += len(labels)

    def on_validation_epoch_end(self) -> None:
        """Tell, and stop where it is enough."""
        accuracy, self.right, self.seen = self.right / self.seen, 0, 0
        line = {"accuracy": accuracy, "epoch": self.current_epoch + 1, "images_per_second": self.pace}
        print(json.dumps(line), flush=True)
        self.trainer.should_stop = accuracy >= self.wanted

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return Adam."""
        return torch.optim.Adam(self.parameters(), lr=1e-3)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--accuracy", type=float, default=1.0)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--mean", type=float, default=0.1307)
    parser.add_argument("--std", type=float, default=0.3081)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    lightning.seed_everything(arguments.seed, verbose=False)
    data = np.load(arguments.data)
    mean, std = arguments.mean, arguments.std
    training = DataLoader(Images(data["x_train"], data["y_train"], mean, std), arguments.batch_size, shuffle=True)
    testing = DataLoader(Images(data["x_test"], data["y_test"], mean, std), batch_size=1000)
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_epochs=arguments.epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(Classifier(arguments.accuracy), training, testing)


if __name__ == "__main__":
    main()
