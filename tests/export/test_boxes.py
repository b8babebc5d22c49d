"""Exported detectors hold their decoding: boxes in the pixels of any picture, as predict says them."""

import numpy as np
import onnxruntime
import pytest
import torch

from hubel.arch import parse
from hubel.data import Preprocessing
from hubel.export.onnx.write import onnx_model
from hubel.nn import build
from hubel.tasks import LoadedModel
from hubel.tasks.detection.task import Detection

NETWORK = "32x48x3: conv 8 3x3/2 same, norm, relu, conv 8 3x3/2 same, norm, relu, conv 6 3x3 same"


def model(fit: str, usual: tuple[float, float] = (0.1, 0.15)) -> LoadedModel:
    torch.manual_seed(3)
    network = parse(NETWORK)
    module = build(network)
    with torch.no_grad():
        for parameter in list(module.parameters())[-2:]:
            parameter.mul_(4)
        list(module.parameters())[-1][:2] += 4.0  # about half of all places show something
    kind = Preprocessing(32, 48, 3, (0.5,) * 3, (0.25,) * 3, fit=fit)
    return LoadedModel(network, module.eval(), kind, Detection(("a", "b"), (1, 2), usual, 40))


@pytest.mark.filterwarnings("ignore:cut to the middle")
@pytest.mark.parametrize("fit", ["pad", "crop", "stretch"])
@pytest.mark.parametrize("input", ["image", "sized"])
@pytest.mark.parametrize("usual", [(0.1, 0.15), (0.4, 0.5)])  # of which places farther off tell the boxes too
def test_boxes_inside_the_graph_are_those_of_predict(fit: str, input: str, usual: tuple[float, float]) -> None:
    found = model(fit, usual)
    session = onnxruntime.InferenceSession(onnx_model(found, input).SerializeToString())
    assert [each.name for each in session.get_outputs()] == ["scores", "boxes", "probabilities", "classes"]
    random = np.random.default_rng(0)
    for height, width in ((32, 48),) if input == "sized" else ((32, 48), (64, 96), (90, 50), (17, 130)):
        coarse = random.integers(0, 255, (height // 4 + 1, width // 4 + 1, 3), dtype=np.uint8)
        picture = coarse.repeat(4, 0).repeat(4, 1)[:height, :width]
        _, boxes, probabilities, classes = session.run(None, {"image": picture[np.newaxis]})
        answer = found.predict(picture).above(0)
        there = probabilities[0] > 0
        assert 3 < there.sum() < 40
        if (height, width) == (32, 48):
            assert classes[0][there].tolist() == answer.kinds.tolist()
            np.testing.assert_allclose(probabilities[0][there], answer.scores, atol=1e-4)
            np.testing.assert_allclose(boxes[0][there], answer.boxes, atol=1e-3)
        else:  # resizing may differ by a grey level, after which another of two like places may be the surest
            near = np.abs(boxes[0][there][:, None] - answer.boxes[None]).max(2).min(1)
            assert (near < 0.01 * max(height, width)).mean() > 0.9
            assert abs(int(there.sum()) - len(answer.scores)) <= 2


def test_several_images_at_once_are_each_by_itself() -> None:
    found = model("stretch")
    session = onnxruntime.InferenceSession(onnx_model(found, "sized").SerializeToString())
    pictures = np.random.default_rng(1).integers(0, 255, (3, 32, 48, 3), dtype=np.uint8)
    together = session.run(None, {"image": pictures})
    for number, picture in enumerate(pictures):
        for one, other in zip(session.run(None, {"image": picture[np.newaxis]}), together, strict=True):
            np.testing.assert_allclose(one[0], other[number], atol=1e-4)
