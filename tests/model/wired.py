"""Models that are no tree, with data: what Keras was asked, too. `k` is hubel.model, or Keras."""

from __future__ import annotations

from typing import Any

import numpy as np

N = 12
DRAW = np.random.default_rng(0)
A = DRAW.normal(size=(N, 5)).astype("float32")
B = DRAW.normal(size=(N, 6, 5, 2)).astype("float32")
WORDS, OTHERS = DRAW.integers(0, 9, (N, 7)), DRAW.integers(1, 9, (N, 7))
WORDS[:, :2], WORDS[0], WORDS[1, -1], OTHERS[:, 4:] = 0, 0, 0, 0
CLASSES, HALVES = np.arange(N) % 3, (np.arange(N) % 2).astype("float32")
NUMBERS = DRAW.normal(size=(N, 1)).astype("float32")
HEAVY = DRAW.uniform(0.5, 2, N).astype("float32")
FROM_LOGITS = {"from_logits": True}


def two_inputs(k: Any) -> Any:
    layers, a, b = k.layers, k.Input((5,), name="a"), k.Input((6, 5, 2), name="b")
    flat = layers.Flatten(name="flat")(layers.Conv2D(3, 3, name="conv")(b))
    x = layers.Concatenate()([layers.Dense(4, activation="relu", name="dense")(a), flat])
    model = k.Model([a, b], layers.Dense(3, activation="softmax", name="out")(x))
    model.compile(k.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, [A, B], CLASSES, {}


def outputs_by_name(k: Any) -> Any:
    layers, b = k.layers, k.Input((6, 5, 2))
    x = layers.Flatten(name="flat")(layers.Conv2D(3, 3, name="conv", activation="relu")(b))
    outputs = {"kind": layers.Dense(3, activation="softmax", name="c")(x), "size": layers.Dense(1, name="r")(x)}
    model = k.Model(b, outputs)
    model.compile(
        k.optimizers.SGD(0.05),
        {"kind": "sparse_categorical_crossentropy", "size": "mse"},
        loss_weights={"kind": 1.0, "size": 0.3},
        metrics={"kind": ["accuracy"], "size": ["mae"]},
    )
    return model, B, {"kind": CLASSES, "size": NUMBERS}, {}


def outputs_in_a_list(k: Any) -> Any:
    layers, a = k.layers, k.Input((5,))
    x = layers.Dense(6, activation="tanh", name="hidden")(a)
    model = k.Model(a, [layers.Dense(3, activation="softmax", name="c")(x), layers.Dense(1, name="r")(x)])
    losses = ["sparse_categorical_crossentropy", "mse"]
    model.compile(k.optimizers.SGD(0.05), losses, weighted_metrics=[["accuracy"], ["mae"]])
    return model, A, [CLASSES, NUMBERS], {"sample_weight": [HEAVY, HEAVY[::-1].copy()]}


def three_inputs(k: Any) -> Any:
    layers = k.layers
    title, body, tags = (k.Input(shape, name=n) for shape, n in (((None,), "title"), ((None,), "body"), ((5,), "tags")))
    read = [
        layers.LSTM(4, name="read_title")(layers.Embedding(9, 3, name="of_title")(title)),
        layers.LSTM(3, name="read_body")(layers.Embedding(9, 3, name="of_body")(body)),
    ]
    x = layers.concatenate([*read, tags])
    model = k.Model([title, body, tags], [layers.Dense(1, name="priority")(x), layers.Dense(3, name="department")(x)])
    losses = {
        "priority": k.losses.BinaryCrossentropy(**FROM_LOGITS),
        "department": k.losses.SparseCategoricalCrossentropy(**FROM_LOGITS),
    }
    model.compile(k.optimizers.SGD(0.1), losses, loss_weights={"priority": 1.0, "department": 0.2})
    x = {"title": WORDS, "body": OTHERS, "tags": A}
    return model, x, {"priority": HALVES, "department": CLASSES}, {}


def shared_tower(k: Any) -> Any:
    layers = k.layers
    inner = [layers.Conv2D(3, 3, activation="relu"), layers.Flatten(), layers.BatchNormalization(), layers.Dense(4)]
    tower = k.Sequential([k.Input((6, 5, 2)), *inner], name="tower")
    a, b = k.Input((6, 5, 2), name="a"), k.Input((6, 5, 2), name="b")
    apart = k.ops.sum(k.ops.square(tower(a) - tower(b)), axis=1, keepdims=True)
    near = k.ops.sqrt(k.ops.maximum(apart, 1e-7))
    model = k.Model([a, b], layers.Dense(1, activation="sigmoid", name="out")(near))
    model.compile(k.optimizers.SGD(0.05), "binary_crossentropy", metrics=["accuracy"])
    return model, [B, B[::-1].copy()], HALVES, {}


def shared_words(k: Any) -> Any:
    layers, a, b = k.layers, k.Input((7,), name="a"), k.Input((7,), name="b")
    look = layers.Embedding(9, 4, name="look", mask_zero=True)
    x = layers.Concatenate(name="both")([layers.LSTM(3, name="one")(look(a)), layers.GRU(4, name="other")(look(b))])
    model = k.Model([a, b], layers.Dense(3, activation="softmax", name="out")(x))
    model.compile(k.optimizers.SGD(0.5), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"a": WORDS, "b": OTHERS}, CLASSES, {}


def masked_steps(k: Any) -> Any:
    layers = k.layers
    inner = [layers.Dropout(0.0), layers.LSTM(5, return_sequences=True), layers.Bidirectional(layers.GRU(3))]
    model = k.Sequential([k.Input((7,)), layers.Embedding(9, 4, mask_zero=True), *inner, layers.Dense(1)])
    model.compile(k.optimizers.SGD(0.5), k.losses.BinaryCrossentropy(**FROM_LOGITS), metrics=["mae"])
    return model, WORDS, HALVES, {}


def masked_answers(k: Any) -> Any:
    layers, words = k.layers, k.Input((7,))
    x = layers.Embedding(9, 4, mask_zero=True, name="look")(words)
    x = layers.Bidirectional(layers.LSTM(3, return_sequences=True), name="read")(x)
    each = layers.TimeDistributed(layers.Dense(3, activation="softmax"), name="out")(x)
    model = k.Model(words, each)
    model.compile(k.optimizers.SGD(0.5), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, WORDS, (WORDS + 1) % 3, {}


def masked_mean(k: Any) -> Any:
    layers, words = k.layers, WORDS.copy()
    words[0, 3] = 2  # the mean of no step is none
    inner = [layers.Embedding(9, 4, mask_zero=True), layers.GlobalAveragePooling1D(), layers.Dense(3)]
    model = k.Sequential([k.Input((7,)), *inner])
    model.compile(k.optimizers.SGD(0.5), k.losses.SparseCategoricalCrossentropy(**FROM_LOGITS))
    return model, words, CLASSES, {}


def masking(k: Any) -> Any:
    layers, steps = k.layers, DRAW_STEPS.copy()
    inner = [layers.SimpleRNN(4, return_sequences=True, go_backwards=True), layers.LSTM(3), layers.Dense(1)]
    model = k.Sequential([k.Input((6, 3)), layers.Masking(-1.0), *inner])
    model.compile(k.optimizers.SGD(0.1), "mse", metrics=["mae"])
    return model, steps, NUMBERS, {}


def rated(k: Any) -> Any:
    layers, user, film = k.layers, k.Input((1,), name="user"), k.Input((1,), name="film")
    one = layers.Embedding(9, 4, name="users")(user)
    other = layers.Embedding(9, 4, name="films")(film)
    near = layers.Flatten(name="f")(layers.Dot(axes=2, name="dot")([one, other]))
    flat = [layers.Flatten(name=f"f{number}")(each) for number, each in enumerate((one, other))]
    more = [layers.Dot(1, normalize=True, name="cosine")(flat), layers.Maximum(name="most")(flat)]
    model = k.Model([user, film], layers.Dense(1, name="out")(layers.Concatenate(name="all")([near, *more])))
    model.compile(k.optimizers.SGD(0.1), "mse")
    return model, [WORDS[:, 2:3], OTHERS[:, :1]], NUMBERS, {}


def model_of_two_as_a_layer(k: Any) -> Any:
    layers, a, b = k.layers, k.Input((5,), name="a"), k.Input((5,), name="b")
    inner = k.Model([a, b], layers.Dense(3, name="dense")(layers.Concatenate(name="both")([a, b])), name="inner")
    p, q = k.Input((5,), name="p"), k.Input((5,), name="q")
    model = k.Model([p, q], layers.Add(name="sum")([inner([p, q]), inner([q, p])]))
    model.compile(k.optimizers.SGD(0.05), "mse", metrics=["mae"])
    return model, {"p": A, "q": A[::-1].copy()}, np.repeat(NUMBERS, 3, 1), {}


def flattened_side_by_side(k: Any) -> Any:
    layers, b = k.layers, k.Input((6, 5, 2))
    one = layers.Flatten(name="f1")(layers.Conv2D(3, 3, name="c1")(b))
    other = layers.BatchNormalization(name="norm")(
        layers.Flatten(name="f2")(layers.Conv2D(4, 3, strides=2, name="c2")(b))
    )
    model = k.Model(b, layers.Dense(3, activation="softmax", name="out")(layers.Concatenate()([one, other])))
    model.compile(k.optimizers.SGD(0.1), "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
    return model, B, CLASSES, {"sample_weight": HEAVY}


def flattened_beside_others(k: Any) -> Any:
    layers, b = k.layers, k.Input((6, 5, 2))
    flat = layers.Flatten(name="flat")(b)
    model = k.Model(b, layers.Add(name="sum")([flat, layers.Dense(60, name="dense")(flat)]))
    model.compile(k.optimizers.SGD(0.1), "mae")
    return model, B, B.reshape(N, -1)[:, ::-1].copy(), {}


def flattened_at_the_end(k: Any) -> Any:
    layers, b = k.layers, k.Input((6, 5, 2))
    model = k.Model(b, layers.Flatten(name="flat")(layers.Conv2D(2, 3, padding="same", name="conv")(b)))
    model.compile(k.optimizers.SGD(0.1), "mse")
    return model, B, B.reshape(N, -1), {}


def layers_in_order(k: Any) -> Any:
    layers, a = k.layers, k.Input((5,))
    one = layers.Dense(5, name="a2", activation="tanh")(layers.Dense(5, name="a1")(a))
    other = layers.Dense(5, name="b3")(layers.Dense(5, name="b2")(layers.Dense(5, name="b1")(a)))
    model = k.Model(a, layers.Dense(3, name="out", activation="softmax")(layers.Add(name="sum")([one, other])))
    model.compile(k.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    return model, A, CLASSES, {}


DRAW_STEPS = DRAW.normal(size=(N, 6, 3)).astype("float32")
DRAW_STEPS[::2, 3:], DRAW_STEPS[5, 0], DRAW_STEPS[7] = -1, -1, -1

MODELS = {
    each.__name__: each
    for each in (
        two_inputs, outputs_by_name, outputs_in_a_list, three_inputs, shared_tower, shared_words, masked_steps,
        masked_answers, masked_mean, masking, rated, model_of_two_as_a_layer, flattened_side_by_side,
        flattened_beside_others, flattened_at_the_end, layers_in_order,
    )
}  # fmt: skip


def asked(k: Any, name: str) -> dict[str, Any]:
    """What a model of given weights answers and learns: its first answers, history, evaluation, and weights after."""
    model, x, y, more = MODELS[name](k)
    model.set_weights([np.sin(np.arange(w.size) * 1.3 + n).reshape(w.shape) * 0.4 + (w.ndim == 1) * 0.5
                       for n, w in enumerate(model.get_weights())])  # fmt: skip
    found = model.predict(x, verbose=0)
    found = list(found.values()) if isinstance(found, dict) else found if isinstance(found, list) else [found]
    history = model.fit(x, y, batch_size=5, epochs=2, shuffle=False, verbose=0, **more).history
    measured = model.evaluate(x, y, batch_size=5, verbose=0, **more)
    return {
        "answers": [[round(float(number), 5) for number in each[1].reshape(-1)[:12]] for each in found],
        "history": {name: [round(float(value), 5) for value in history[name]] for name in sorted(history)},
        "measured": [round(float(value), 5) for value in np.atleast_1d(measured)],
        "weights": [round(float(np.abs(w).mean()), 5) for w in model.get_weights()],
        "layers": [layer.name for layer in model.layers if type(layer).__name__ != "InputLayer"],
    }
