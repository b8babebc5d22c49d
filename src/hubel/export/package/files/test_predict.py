"""The answers that the model gave when it was exported: python test_predict.py, or pytest."""

import json

import numpy as np
from predict import HERE, predict


def test_answers_are_those_of_the_model():
    answers = json.loads((HERE / "answers.json").read_text(encoding="utf-8"))
    assert answers
    for name, wanted in answers.items():
        found = next(iter(predict(HERE / "examples" / name).values()))[0]
        means = found.reshape(len(found), -1).mean(1)
        np.testing.assert_allclose(means, wanted, atol=1e-4)


if __name__ == "__main__":
    test_answers_are_those_of_the_model()
    print("the answers are those of the model")
