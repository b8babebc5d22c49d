"""Steps on `meta`, where tensors have shapes and no numbers: what fetches one, or meets what lies elsewhere, fails."""

import pytest
import torch

from hubel.arch import parse
from hubel.data import Augmentation, Batches, Dataset, Preprocessing
from hubel.tasks import task_of
from hubel.train import Supervised
from tests.gpu.on_pretended import ENDS, targets_of
from tests.train.quadrants import RECIPE, quadrants

META = torch.device("meta")


@pytest.mark.parametrize("task", ENDS)
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "muon"])  # PyTorch's fused SGD has no kernel for meta
def test_a_step_needs_no_number_of_the_device(optimizer, task):
    images = quadrants(64, 0)
    data = Dataset(images.images, targets_of(task, images.labels), name="quadrants")
    network = parse(f"8x8x1: conv 4 3x3 same, norm, relu, dropout 0.1, sum(conv 4 1x1 | identity), {ENDS[task]}")
    recipe = RECIPE.replace(
        optimizer=optimizer, ema=0.9, micro_batch=17, weight_decay=0.01, label_smoothing=0.0, device="meta"
    )
    how = Supervised(network, recipe, task_of(data), Preprocessing.for_dataset(data), data)
    changes = "none" if task == "segmentation" else "shift 1, flip, mixup 0.2"
    for number, batch in enumerate(Batches(data, 32, 0, Augmentation.parse(changes), device=META).epoch(0)):
        figures = how(batch, 0.01, number)
        assert (figures.device, figures.shape) == (META, (len(how.figures),))
    assert {each.device for each in how.model.state_dict().values()} == {META}
