"""Arrays of every odd kind through both faces: right, or one of hubel's errors."""

import warnings

import numpy as np
import pytest
import torch

import hubel
import hubel.model as keras
from hubel.base.errors import HubelError
from hubel.data import Dataset, Preprocessing
from hubel.look import record, saliency, sample
from hubel.nn import build
from hubel.tasks import LoadedModel, evaluate, predict

SHARES = np.random.default_rng(0).random((8, 6, 6, 1), dtype=np.float32)
BYTES, NUMBERS = (SHARES * 255).astype(np.uint8), np.arange(8) % 3
TENSOR = torch.from_numpy(SHARES)
RIGHT = {  # the same numbers in other forms
    "f8": SHARES.astype("f8"), "big-endian": SHARES.astype(">f4"), "longdouble": SHARES.astype("longdouble"),
    "object": SHARES.astype(object), "list": SHARES.tolist(), "backwards": SHARES[::-1][::-1], "tensor": TENSOR,
    "grad": TENSOR.clone().requires_grad_(), "sparse": TENSOR.to_sparse(), "unmasked": np.ma.array(SHARES),
    "memoryview": memoryview(SHARES),
}  # fmt: skip
HOLE = np.where(np.arange(8)[:, None, None, None] == 3, np.nan, SHARES)
ODD = {
    "nan": HOLE, "inf": HOLE * -np.inf, "too large": SHARES.astype("f8") * 1e300,
    "masked": np.ma.array(SHARES, mask=SHARES > 0.5),
    "meta": TENSOR.to("meta"), "complex": SHARES.astype(complex), "complex tensor": TENSOR.to(torch.complex64),
    "words": np.array(["a"] * 8), "dates": np.zeros((8, 6, 6, 1), "M8[s]"), "records": np.zeros(8, [("a", "f4")]),
    "void": np.zeros(8, "V8"), "none": None, "one": np.float32(1), "ragged": [SHARES, SHARES[1]],
    "nested": [[[[]]]],
    "flat": SHARES[:, 0, 0, 0], "no rows": SHARES[:, :0], "no channels": SHARES[..., :0], "5d": SHARES[..., None],
    "text": "hello", "bytes": b"abc", "set": {1, 2}, "nones": [None] * 8, "nowhere": ["/nonexistent.png"], "number": 5,
}  # fmt: skip
LABELS = {
    "negative": NUMBERS - 1, "large": NUMBERS + 2**40, "halves": NUMBERS + 0.5,
    "nan": np.where(NUMBERS == 1, np.nan, NUMBERS),
    "mixed": np.array([0, "a", None, 1.5] * 2, object), "deep": NUMBERS[:, None, None], "few": NUMBERS[:3],
    "none": None,
    "wide": np.zeros((8, 7)), "masked": np.ma.array(NUMBERS, mask=NUMBERS == 1), "dates": NUMBERS.astype("M8[s]"),
    "unsigned": NUMBERS.astype("u8") + 2**63, "nones": [None] * 8, "bytes": b"01201201", "one": 1, "range": range(8),
}  # fmt: skip
LOSSES = ("sparse_categorical_crossentropy", "categorical_crossentropy", "mse", "binary_crossentropy", "hinge")


def compiled(loss="mse"):
    made = keras.Sequential([keras.layers.Input((6, 6, 1)), keras.layers.Flatten(), keras.layers.Dense(3, "softmax")])
    made.compile("sgd", loss)
    return made


@pytest.fixture(scope="module")
def model():
    network = hubel.parse("6x6x1: flatten, dense 3 softmax")
    torch.manual_seed(0)
    return LoadedModel(network, build(network).eval(), Preprocessing(6, 6, 1, (0.5,), (0.2,)), tuple("abc"))


@pytest.fixture(scope="module")
def ways(model):
    made = compiled()
    return {
        "fit": lambda x: compiled().fit(x, NUMBERS, verbose=0),
        "evaluate": lambda x: made.evaluate(x, NUMBERS, verbose=0),
        "predict": made.predict,
        "train_on_batch": lambda x: compiled().train_on_batch(x, NUMBERS),
        "Dataset": lambda x: Dataset(x, NUMBERS, tuple("abc")),
        "evaluate a set": lambda x: evaluate(model, Dataset(x, NUMBERS, tuple("abc"))),
        "evaluate a pair": lambda x: hubel.evaluate(model, (x, NUMBERS)),
        "model.predict": model.predict,
        "tasks.predict": lambda x: predict(model, x),
        "sample": lambda x: sample(model, x),
        "saliency": lambda x: saliency(model, x),
        "record": lambda x: record(model, x),
    }


def refused(work):
    """What it raised; None where it was taken. Anything but hubel's own errors comes through."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            work()
        except HubelError as error:
            return error
    return None


@pytest.mark.parametrize("kind", ODD)
def test_what_is_no_array_of_images_is_refused_in_words(ways, kind):
    taken = [way for way, ask in ways.items() if refused(lambda ask=ask: ask(ODD[kind])) is None]
    assert taken == []


@pytest.mark.parametrize("kind", LABELS)
def test_labels_that_cannot_be_are_refused_by_every_loss(kind):
    taken = [loss for loss in LOSSES if refused(lambda loss=loss: compiled(loss).fit(SHARES, LABELS[kind])) is None]
    assert taken == []
    assert refused(lambda: Dataset(BYTES, LABELS[kind], tuple("abc"))) is not None


@pytest.mark.parametrize("kind", RIGHT)
def test_equal_numbers_of_other_types_are_the_same(model, kind):
    made = compiled()
    assert np.array_equal(made.predict(RIGHT[kind]), made.predict(SHARES))
    assert made.evaluate(RIGHT[kind], NUMBERS, verbose=0) == made.evaluate(SHARES, NUMBERS, verbose=0)
    assert np.array_equal(made(RIGHT[kind]).detach().numpy(), made(SHARES).detach().numpy())
    if kind != "list":  # of which each part is an image by itself
        assert model.predict(RIGHT[kind]) == model.predict(SHARES)


def test_tensors_and_lists_of_labels_make_a_set():
    for labels in (NUMBERS.tolist(), tuple(NUMBERS), torch.from_numpy(NUMBERS)):
        made = Dataset(torch.from_numpy(BYTES), labels, tuple("abc"))
        assert np.array_equal(made.images, BYTES)
        assert np.array_equal(made.labels, NUMBERS)
