"""Segmentation: loss and figures by hand, masks that move with their images, and a run from folder to picture."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from hubel import zoo
from hubel.arch import parse
from hubel.data import Augmentation, Batches, Dataset, Preprocessing, Splits
from hubel.data.masks.targets import VOID, Masks, outlined
from hubel.look.errors.mistakes import class_mistakes, mistakes
from hubel.nn import build
from hubel.tasks import LoadedModel, evaluate, load, load_model, save_model, task_of
from hubel.tasks.places import in_windows
from hubel.tasks.segmentation.task import Segmentation
from hubel.train import Recipe, resume, train
from tests.tasks.segmentation.pictures import folder

TASK = Segmentation(("ground", "square", "rest"), (0, 1, 2), ((0, 0, 0), (255, 0, 0), (0, 0, 255)))
NETWORK = "16x16x3: conv 8 3x3 same relu, conv 8 3x3 same relu, conv 2 1x1 softmax"
RECIPE = Recipe(
    epochs=12,
    batch_size=8,
    learning_rate=0.02,
    threads=1,
    device="cpu",
    precision="float32",
    memory_format="channels-last",
    augmentation="shift 1, flip",
)


@pytest.fixture(scope="module")
def splits(tmp_path_factory):
    return load(folder(tmp_path_factory.mktemp("data") / "squares"))


@pytest.fixture(scope="module")
def run(splits, tmp_path_factory):
    directory = tmp_path_factory.mktemp("runs") / "squares"
    return train(parse(NETWORK), splits, RECIPE, directory, source={"source": str(directory)})


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weights", [None, torch.tensor([0.5, 2.0, 1.0])])
def test_the_loss_is_that_of_pixels_with_a_class(smoothing, weights):
    torch.manual_seed(0)
    network = build(parse("4x5x3: conv 3 3x3 same softmax"))
    images, masks = torch.randn(2, 3, 4, 5), torch.randint(0, 3, (2, 4, 5), dtype=torch.uint8)
    masks[0, :2] = VOID
    loss, outputs = TASK.objective(network, smoothing, weights)(images, masks)
    expected = functional.cross_entropy(outputs, masks.long(), weights, ignore_index=VOID, label_smoothing=smoothing)
    torch.testing.assert_close(loss, expected)
    nothing, _ = TASK.objective(network, smoothing, weights)(images, torch.full_like(masks, VOID))
    assert nothing == 0


def test_coarse_outputs_learn_from_every_second_pixel_and_nothing_is_moved():
    torch.manual_seed(0)
    network = build(parse("8x10x3: conv 3 3x3/4 same softmax"))
    images, masks = torch.randn(2, 3, 8, 10), torch.randint(0, 3, (2, 8, 10), dtype=torch.uint8)
    loss, outputs = TASK.objective(network)(images, masks)
    halves = functional.interpolate(outputs, (4, 5), mode="bilinear")
    wanted = torch.stack([masks[0, ::2, ::2], masks[1, 1::2, 1::2]]).long()
    torch.testing.assert_close(loss, functional.cross_entropy(halves, wanted))
    (right,) = TASK.on_the_way(outputs, masks)
    assert right == pytest.approx(float((outputs.argmax(1) == masks[:, [2, 6]][:, :, [1, 5, 8]]).float().mean()))


def test_figures_by_hand():
    counts = TASK.counts()
    logits = functional.one_hot(torch.tensor([[[0, 1, 1], [0, 0, 1]]]), 3).permute(0, 3, 1, 2).float() * 50
    counts.add(logits, torch.tensor([[[0, 0, 1], [0, VOID, VOID]]], dtype=torch.uint8))
    found = TASK.measured(counts.tensors())
    # ground: 2 right of 3 that are and 2 that were called so; square: 1 right of 1 that is and 2 called so
    assert [each.iou for each in found.per_class] == [2 / 3, 1 / 2, None]
    assert found.mean_iou == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert [each.dice for each in found.per_class] == [4 / 5, 2 / 3, None]
    assert found.mean_dice == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert found.confusion == ((2, 1, 0), (0, 1, 0), (0, 0, 0))
    assert found.table(20).rows[0][-1] == "square (33%)"
    assert found.pixel_accuracy == 3 / 4
    assert found.loss == pytest.approx(50 / 4)
    assert found.absent == ("rest",)
    assert "rest absent" in found.sentence("it")
    assert found.data()["per_class"][2] == {"name": "rest", "iou": None, "recall": None, "dice": None, "pixels": 0}
    twice = [each + each for each in counts.tensors()]
    assert TASK.measured(twice).figures == found.figures


@pytest.mark.parametrize(
    "text", ["shift 4, fill 0", "shift 3, flip", "flip, crop 0.4", "rotate 40, fill 0", "crop 0.5, rotate 20"]
)
def test_masks_move_with_their_images(text):
    random = np.random.default_rng(0)
    masks = np.kron(random.integers(0, 2, (20, 4, 4)), np.ones((8, 8))).astype(np.uint8)
    images = (masks[..., None] * 200 + 55).astype(np.uint8)  # outside of a ground, images are black
    data = Dataset(images, Masks(masks, ("a", "b"), (0, 1), ((0, 0, 0), (1, 1, 1))))
    changed = 0
    for batch in Batches(data, 10, 3, Augmentation.parse(text)).epoch(1):
        image, mask = batch.images[..., 0].int(), batch.targets
        clear = (image == 55) | (image == 255) | (image == 0)  # not on an edge that bilinear sampling mixes
        told = torch.where(mask == VOID, 0, mask.int() * 200 + 55)
        assert clear.float().mean() > 0.6
        assert (told == image)[clear].float().mean() > 0.99
        changed += int((batch.targets.numpy() != masks[: len(batch.targets)]).sum())
    assert changed


def test_it_learns_and_says_so_by_name(run, splits):
    row = run.metrics[-1]
    assert row.evaluation["mean_iou"] > 0.85
    assert row.evaluation_mean_iou == row.evaluation["mean_iou"]
    header = (run.directory / "metrics.csv").read_text().splitlines()[0]
    assert (
        "loss,pixel_accuracy,evaluated,evaluation_loss,evaluation_mean_iou,evaluation_mean_dice,evaluation_pixel_accuracy"
        in header
    )
    model = run.model()
    assert model.task == run.task == task_of(splits.train)
    found = evaluate(model, splits.validation)
    with pytest.raises(ValueError, match=r"in its order, 0, 1, received a, b .*of masks a classes\.txt beside"):
        evaluate(model, replace(splits.validation, classes=("a", "b")))
    assert found.mean_iou == pytest.approx(row.evaluation["mean_iou"])
    assert model.summary["validation"]["mean_iou"] == row.evaluation["mean_iou"]


def test_it_goes_on_to_the_same_bits(run, splits, tmp_path):
    class StopError(Exception):
        pass

    def stop(event):
        if getattr(event, "epoch", 0) == 3 and hasattr(event, "evaluated"):
            raise StopError

    with pytest.raises(StopError):
        train(parse(NETWORK), splits, RECIPE, tmp_path / "run", progress=stop)
    again = resume(tmp_path / "run", splits).model().module.state_dict()
    assert all(torch.equal(again[name], tensor) for name, tensor in run.model().module.state_dict().items())


def test_windows_go_on_to_the_same_bits_too(tmp_path):
    """Stopped within an epoch of several passes through the images, with a moving average."""
    random, side = np.random.default_rng(0), 64
    masks = np.kron(random.integers(0, 2, (10, 8, 8)), np.ones((8, 8))).astype(np.uint8)
    data = Splits(Dataset((masks[..., None] * 200).repeat(3, 3), Masks(masks, ("a", "b"), (0, 1), ((0, 0, 0),) * 2)))
    network = parse(f"{side}x{side}x3: conv 4 3x3/4 pad=1, norm, relu, conv 2 1x1")
    recipe = RECIPE.replace(epochs=2, batch_size=4, augmentation="window 32, zoom 1.5, flip", ema=0.9)

    class StopError(Exception):
        pass

    def stop(event):
        if getattr(event, "epoch", 0) == 1 and hasattr(event, "evaluated"):
            raise StopError

    told = []
    whole = train(network, data, recipe, tmp_path / "whole", progress=told.append)
    sentence = "training sees windows of 32×32, 4 of each 64×64 image an epoch; images are measured and answered whole"
    assert sentence in [getattr(event, "message", "") for event in told]
    assert whole.metrics[-1].step == 16  # of 8 images (2 are held out) four windows each, in steps of 4, twice
    with pytest.raises(StopError):
        train(network, data, recipe, tmp_path / "run", progress=stop)
    again = resume(tmp_path / "run", data).model().module.state_dict()
    assert all(torch.equal(again[name], tensor) for name, tensor in whole.model().module.state_dict().items())


def model_of(fit: str) -> LoadedModel:
    """A model that calls bright pixels "square"."""
    network = parse("8x8x1: conv 3 1x1 softmax")
    module = build(network).eval()
    with torch.no_grad():
        module.conv1.weight.copy_(torch.tensor([0.0, 50.0, 0.0]).view(3, 1, 1, 1))
        module.conv1.bias.copy_(torch.tensor([0.0, -25.0, -90.0]))
    return LoadedModel(network, module, Preprocessing(8, 8, 1, (0.0,), (1.0,), fit=fit), TASK)


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
def test_answers_are_in_the_images_own_coordinates(fit):
    image = np.zeros((16, 32), np.uint8)
    image[4:12, 12:20] = 255
    mask = TASK.answer(model_of(fit), Image.fromarray(image)).mask
    assert mask.shape == image.shape
    seen = mask != VOID
    assert seen.all() == (fit != "crop")
    if fit == "crop":
        assert (seen.any(0) == [8 <= column < 24 for column in range(32)]).all()
    assert ((mask == 1) == (image == 255))[seen].mean() > 0.93


@pytest.mark.parametrize(("values", "unseen"), [((0, 1), 255), ((0, 255), 254)])
def test_what_is_not_seen_is_no_class_in_the_mask_file(values, unseen):
    answer = replace(TASK, values=values).answer(model_of("crop"), Image.new("L", (32, 16)))
    assert {*np.unique(answer.pictures()["mask"][:, :8]).tolist()} == {unseen}


def test_large_pictures_are_seen_through_windows_in_their_own_scale():
    """Stripes of two pixels, of which nothing is left where four become one, come out to the pixel; no seam is left."""
    image = np.zeros((37, 50), np.uint8)
    image[:, ::4] = image[:, 1::4] = 255
    model = model_of("stretch")
    whole = TASK.answer(model, Image.fromarray(image)).mask
    own = replace(TASK, windows=True).answer(model, Image.fromarray(image)).mask
    assert ((own == 1) == (image == 255)).all()
    assert ((whole == 1) == (image == 255)).mean() < 0.9
    small = Image.fromarray(image[:5])
    assert (replace(TASK, windows=True).answer(model, small).mask == TASK.answer(model, small).mask).all()


@pytest.mark.parametrize(("width", "rate"), [(1.0, 0.0007), (0.5, 0.001), (0.1, 0.003)])
def test_steps_are_shorter_where_nothing_is_normalised_and_sums_are_long(width, rate, splits):
    rules = TASK.rules(zoo.get("unet", input=(32, 32, 3), classes=3, width=width), splits.train)
    assert (rules["optimizer"], rules["learning_rate"]) == ("adamw", rate)


def test_windows_are_blended():
    class Ramp(torch.nn.Module):
        """Surer of the second class the further right in what it sees."""

        def logits(self, inputs):
            right = torch.linspace(-1, 1, inputs.shape[3]).expand(len(inputs), 1, *inputs.shape[2:])
            return torch.cat([-right, right], 1)

    task = Segmentation(("a", "b"), (0, 1), ((0, 0, 0), (1, 1, 1)))
    model = LoadedModel(parse("8x8x1: conv 2 1x1"), Ramp(), Preprocessing(8, 8, 1, (0.0,), (1.0,)), task)
    (found,) = in_windows(model, np.zeros((8, 40), np.uint8))
    torch.testing.assert_close(found.sum(0), torch.ones(8, 40))
    steps = found[1, 0, 8:32].diff().abs().max()  # a window's edge would be a step of 0.76
    assert steps < 0.3
    bands = list(in_windows(model, np.zeros((41, 8), np.uint8)))  # of a high picture a few rows at a time are in memory
    assert max(band.shape[1] for band in bands) <= 8
    surer = torch.cat(bands, 1)[1]
    torch.testing.assert_close(surer, (2 * torch.linspace(-1, 1, 8)).sigmoid().expand(41, 8))


def test_pictures_have_the_files_values():
    task = Segmentation(("background", "object"), (0, 255), ((0, 0, 0), (255, 0, 0)))
    network = parse("8x8x1: conv 2 1x1 softmax")
    module = build(network).eval()
    model = LoadedModel(network, module, Preprocessing(8, 8, 1, (0.0,), (1.0,)), task)
    answer = task.answer(model, np.zeros((8, 8), np.uint8))
    assert set(np.unique(answer.pictures()["mask"])) <= {0, 255}
    assert answer.pictures()["overlay"].shape == (8, 8, 3)


def test_outlines_lie_inside_the_edges_in_their_classes_colours():
    mask = np.zeros((9, 9), np.uint8)
    mask[3:6, 3:6] = 1
    found = outlined(np.full((9, 9, 1), 99, np.uint8), mask, ((0, 0, 0), (255, 0, 0)))
    assert found[4, 4].tolist() == [99] * 3
    assert (found[mask == 1].reshape(3, 3, 3)[0] == [255, 0, 0]).all()
    assert (found == 0).all(2).sum() == 12


def test_a_place_can_be_asked_about(run, splits):
    from hubel.look.attribution import grad_cam, saliency

    model, image = run.model(), splits.test.images[0]
    row, column = np.argwhere(splits.test.targets.array[0] == 1)[8].tolist()
    for method in (grad_cam, saliency):
        inside = method(model, image, classes=["1"], at=(row, column)).maps[0][0]
        outside = method(model, image, classes=["1"], at=(15 - row, 15 - column)).maps[0][0]
        assert inside.probability > outside.probability
    spread = np.argwhere(saliency(model, image, classes=["1"], at=(row, column)).maps[0][0].magnitude > 0)
    assert np.abs(spread - [row, column]).max() <= 2  # two 3×3 convolutions and one of 1×1 see no further
    with pytest.raises(ValueError, match="a row below 16 and a column below 16, received 16,0"):
        grad_cam(model, image, at=(16, 0))


def test_its_mistakes_are_the_images_that_it_draws_worst(run, splits):
    found = mistakes(run.model(), splits.test).data()
    assert [row["class"] for row in found["classes"]["rows"]] == ["0", "1"]
    right = [float(told.split(": ")[-1].partition("%")[0]) for told in found["masks"]["pictures"]]
    assert right == sorted(right)
    assert len(right) >= 4
    with pytest.raises(ValueError, match="expected a model for classification, received one for segmentation"):
        class_mistakes(run.model(), splits.test)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"balance": "sampling"}, "balance 'none' or 'weights' with masks"),
        ({"augmentation": "mixup 0.2"}, "an augmentation that masks can follow"),
        ({"augmentation": "operations 2"}, "an augmentation that masks can follow"),
        ({"monitor": "accuracy"}, "monitor as one of loss, mean_iou, mean_dice, pixel_accuracy, received 'accuracy'"),
    ],
)
def test_recipes_that_masks_do_not_allow_are_refused(changes, words, splits, tmp_path):
    with pytest.raises(ValueError, match=words):
        train(parse(NETWORK), splits, RECIPE.replace(**changes), tmp_path / "run")


def test_a_network_that_does_not_fit_hears_what_would(splits, tmp_path):
    wrong = parse("16x16x3: conv 4 3x3, flatten, dense 2 softmax")
    with pytest.raises(ValueError, match=r"an output of 16×16×2, one a class for every pixel.*'conv 2 1x1 softmax'"):
        train(wrong, splits, RECIPE, tmp_path / "run")


def test_a_patient_run_watches_the_figure_it_is_told(splits, tmp_path):
    patient = RECIPE.replace(epochs=30, patience=2, monitor="mean_iou", learning_rate=0.05, schedule="constant")
    found = train(parse(NETWORK), splits, patient, tmp_path / "run")
    values = [row.evaluation["mean_iou"] for row in found.metrics]
    assert evaluate(found.model(), splits.validation).mean_iou == pytest.approx(max(values))


class Fermentation(Segmentation):
    """A task that only its writer knows."""

    name = "fermentation"


def test_model_files_of_unknown_tasks_say_what_would_open_them(run, tmp_path):
    model, task = run.model(), Fermentation(TASK.classes[:2], TASK.values[:2], TASK.colours[:2])
    path = save_model(tmp_path / "m", model.network, model.module, preprocessing=model.preprocessing, task=task)
    with pytest.raises(ValueError, match=r"the task 'fermentation' is not known here.*entry point 'hubel\.tasks'"):
        load_model(path)


def test_a_task_comes_back_from_its_file(run, tmp_path):
    model = run.model()
    path = save_model(tmp_path / "m", model.network, model.module, preprocessing=model.preprocessing, task=model.task)
    assert load_model(path).task == model.task
