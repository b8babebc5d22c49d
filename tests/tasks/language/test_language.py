"""Texts: learnt with what is remembered carried along, measured, written on, looked into, gone on with."""

import json
import math
import shutil

import numpy as np
import onnxruntime
import pytest
import torch

import hubel
from hubel.arch import parse
from hubel.data import Preprocessing
from hubel.data.texts.load import windows
from hubel.nn import build
from hubel.nn.modules import carrying
from hubel.tasks import evaluate, load, load_model, task_of
from hubel.train import Recipe, Run, Supervised, resume, train
from hubel.train._fitting import fitted, recipe_for
from hubel.train.loop.machine.autotune import autotune
from hubel.train.run.checkpoint import CheckpointStore
from tests.command import hubel as hubel_command
from tests.tasks.language.rhymes import LINES, NETWORK, TEXT

RECIPE = Recipe(
    epochs=6,
    batch_size=4,
    learning_rate=0.02,
    augmentation="none",
    label_smoothing=0.0,
    clip_norm=1.0,
    initializer="pytorch",
    threads=1,
    precision="float32",
)


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "rhyme.txt"
    path.write_text(TEXT)
    return path


@pytest.fixture(scope="module")
def splits(text):
    return load(text, size=(16, 1), validation=0.1)


@pytest.fixture(scope="module")
def run(text, splits, tmp_path_factory):
    source = {"source": str(text), "size": [16, 1], "validation": 0.1}
    return train(parse(NETWORK), splits, RECIPE, tmp_path_factory.mktemp("runs") / "rhyme", source=source)


@pytest.fixture(scope="module")
def model(run):
    return run.model()


def test_it_learns_the_text_and_writes_it(run, model):
    assert run.step == "carried"
    assert run.metrics[-1].evaluation_bits < 0.6 < run.metrics[0].evaluation_bits
    assert run.metrics[-1].evaluation_bits == pytest.approx(run.metrics[-1].evaluation_loss / math.log(2))
    written = model.predict("one for", length=400, temperature=0).text
    assert LINES[1] in written
    assert LINES[3] in written


def test_what_is_remembered_is_carried_from_window_to_window(model):
    long, short = (windows(TEXT[:1600], model.task.vocabulary, steps) for steps in (64, 16))
    shown = evaluate(model, windows(TEXT[:1617], model.task.vocabulary, 16))
    numbers = torch.from_numpy(model.task.vocabulary.numbers(TEXT[:1617]).astype(np.int64))
    with torch.inference_mode():
        scores = model.module.logits(numbers[None, :1616])[0]
        whole = torch.nn.functional.cross_entropy(scores.T, numbers[1:1617]).item()
        apart = [model.module.logits(numbers[None, i : i + 16])[0].T for i in range(0, 1600, 16)]
        alone = torch.nn.functional.cross_entropy(torch.cat(apart), numbers[1:1601]).item()
    assert shown.loss == pytest.approx(whole, abs=1e-5)
    assert alone > 1.2 * whole
    assert len(long.targets.array.ravel()) == 1536 == len(short.targets.array.ravel()[:1536])


@pytest.mark.parametrize(
    "body",
    [
        "lstm 8 sequences, gru 8 sequences, rnn 8 sequences",
        "conv1d 8 3 causal relu, conv1d 8 2 causal dilation=4",
        "product(conv1d 6 2 causal tanh | conv1d 6 2 causal sigmoid), sum(lstm 6 sequences | identity)",
    ],
)
def test_a_step_at_a_time_is_as_all_at_once(body):
    torch.manual_seed(0)
    module = build(parse(f"12: embed 9 6, {body}, dense 9")).eval()
    numbers = torch.randint(0, 9, (3, 12))
    whole = module(numbers)
    with carrying(module) as remembered:
        pieces = [module(numbers[:, a:b]) for a, b in ((0, 1), (1, 2), (2, 7), (7, 12))]
        memory = remembered()
    assert torch.allclose(torch.cat(pieces, 2), whole, atol=1e-6)
    assert torch.equal(module(numbers), whole)  # nothing is left of it
    with carrying(module, memory):
        assert not torch.allclose(module(numbers[:, :1]), whole[:, :, :1], atol=1e-4)


@pytest.mark.parametrize("at", ["within an epoch", "between a checkpoint and its sample"])
def test_a_stopped_run_goes_on_to_the_same_bits_with_what_it_remembered(splits, tmp_path, at):
    recipe = RECIPE.replace(epochs=2, batch_size=24, checkpoint_seconds=0, keep_checkpoints=100)
    run = train(parse(NETWORK), splits, recipe, tmp_path / "whole")
    copy = shutil.copytree(run.directory, tmp_path / "run")
    store = CheckpointStore(copy / "checkpoints")
    per_epoch = run.epoch_steps
    kept = per_epoch + per_epoch // 2 if at == "within an epoch" else per_epoch
    assert any(name.startswith("memory.") and t.abs().sum() > 0 for name, t in store.load(kept).tensors.items())
    for step in store.steps():
        if step > kept:
            for ending in ("json", "safetensors"):
                (copy / f"checkpoints/step-{step:08d}.{ending}").unlink()
    (copy / "model.safetensors").unlink()
    if at != "within an epoch":
        (copy / "samples.csv").unlink()
    done = resume(copy, splits)
    ends = [each.directory / "model.safetensors" for each in (run, done)]
    assert load_model(ends[0]).module.state_dict().keys() == load_model(ends[1]).module.state_dict().keys()
    one, other = (CheckpointStore(each.directory / "checkpoints").load(run.steps).tensors for each in (run, done))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert done.samples == run.samples


def test_parts_of_a_batch_remember_their_own_streams(splits, tmp_path):
    found = [
        train(parse(NETWORK), splits, RECIPE.replace(epochs=0.2, micro_batch=size), tmp_path / str(size))
        .metrics[-1]
        .loss
        for size in (0, 2)
    ]
    assert found[0] == pytest.approx(found[1], rel=1e-4)


@pytest.mark.parametrize("body", ["lstm 16 sequences", "gru 16 sequences, conv1d 8 3 causal relu"])
def test_what_is_remembered_is_kept_in_single_precision(splits, tmp_path, body):
    recipe = RECIPE.replace(epochs=0.1, precision="bfloat16", ema=0.9)
    run = train(parse(f"16: embed 25 8, {body}, dense 25"), splits, recipe, tmp_path / "run")
    saved, _ = CheckpointStore(run.directory / "checkpoints").load_latest()
    remembered = {name: tensor for name, tensor in saved.tensors.items() if name.startswith("memory.")}
    assert remembered
    assert all(tensor.dtype == torch.float32 and tensor.abs().sum() > 0 for tensor in remembered.values())
    assert math.isfinite(run.metrics[-1].loss)


@pytest.mark.parametrize("has", [True, False])
def test_an_lstm_that_stays_in_single_precision_is_told(splits, monkeypatch, has):
    monkeypatch.setattr("hubel.train.loop.machine.autotune.HAS_LSTM_OF_BFLOAT16", has)
    told: list[str] = []
    network = parse("16: embed 25 8, lstm 16 sequences, gru 8 sequences, dense 25")
    for precision in ("float32", "bfloat16"):
        recipe, prepared = RECIPE.replace(precision=precision, device="cpu"), Preprocessing.for_dataset(splits.train)
        autotune(recipe, Supervised, network, task_of(splits.train), splits.train, prepared, told=told)
    assert told == ([] if has else ["lstm1: in float32, since this processor has no LSTM in bfloat16"])


def test_every_stream_goes_on_where_it_was(splits):
    order = splits.train.targets.order(0, 4)
    steps, found = len(splits.train) // 4, order.epoch(2).view(-1, 4).numpy()
    assert found.shape == (steps, 4)
    assert ((found[1:] - found[:-1]) % len(splits.train) == 1).all()
    assert len(np.unique(found)) == found.size
    assert (order.epoch(3) != order.epoch(2)).any()


def test_a_model_that_was_opened_can_be_moved(run):
    model = run.model()  # built without numbers, then given its weights
    assert model.module.to("cpu") is model.module
    assert len(model.predict("one", length=3).text) == 3


def test_samples_on_the_way(run):
    assert [each.epoch for each in run.samples] == [1, 2, 3, 4, 5, 6]
    assert all(len(each.text) == 200 for each in run.samples)
    assert run.samples[-1].loss == run.metrics[-1].loss
    page = (run.directory / "report.html") if (run.directory / "report.html").exists() else None
    from hubel.report import report_page

    words = page.read_text() if page else report_page(run)
    assert "What it made on the way" in words
    assert "What each symbol costs" in words
    assert "windows of 16" in words
    assert f"Iteration {run.steps:,}" in words


def test_writing_says_the_same_for_the_same_seed(model):
    one, two, other = (model.predict("two", length=60, temperature=1.0, seed=seed).text for seed in (1, 1, 2))
    assert one == two != other
    assert len(one) == 60
    pieces = list(hubel.write(model, "two", length=60, temperature=1.0, seed=1))
    assert "".join(pieces) == one
    assert len(pieces) == 60


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"prompt": "Öde"}, "'Ö' (LATIN CAPITAL LETTER O WITH DIAERESIS) (the first at place 1)"),
        ({"length": -1}, "length: expected a whole number from 0 to 10,000,000, received -1"),
        ({"temperature": math.nan}, "temperature: expected a number from 0 to 1,000, received nan"),
        ({"temperature": -0.5}, "temperature: expected a number from 0 to 1,000, received -0.5"),
        ({"prompt": b"one"}, "prompt: expected a text, received b'one'"),
    ],
)
def test_what_cannot_be_written(model, settings, words):
    with pytest.raises(ValueError, match="expected") as found:
        list(hubel.write(model, **settings))
    assert words in str(found.value)


def test_the_command_writes_measures_and_refuses(run, text, tmp_path):
    done = hubel_command("predict", run.directory, "--prompt", "six for", "--length", 30, "--seed", 1)
    assert done.returncode == 0
    assert done.stdout.startswith("six for gold")
    found = json.loads(hubel_command("predict", run.directory, "--length", 5, "--json").stdout)
    assert (found["prompt"], len(found["text"])) == ("", 5)
    place = tmp_path / "out.txt"
    assert hubel_command("predict", run.directory, "--prompt", "one", "--length", 9, "-o", place).returncode == 0
    assert len(place.read_text()) == 12
    place = tmp_path / "out.json"
    done = hubel_command("predict", run.directory, "--prompt", "one", "--length", 9, "-o", place, "--json")
    assert json.loads(done.stdout)["files"] == [str(place)]
    assert json.loads(place.read_text())["prompt"] == "one"
    for option in (("--top", 5), ("--threshold", 0.5)):
        assert "this model writes" in hubel_command("predict", run.directory, "--prompt", "one", *option).stderr
    for view in ("maps", "cam", "saliency"):
        assert "hubel look unit follows a text" in hubel_command("look", view, run.directory, "one").stderr
    told = hubel_command("export", run.directory, "-o", run.directory / "rhyme.pt2").stderr
    assert "(language) goes on step by step from what it remembers; model.onnx can hold it" in told
    assert "expected --prompt TEXT" in hubel_command("predict", run.directory, text).stderr
    other = tmp_path / "other.txt"
    other.write_text("sorrow, joy: ÄÖ!\n" * 9)
    strange = tmp_path / "strange.txt"
    strange.write_text("漢字" * 200, encoding="utf-8")
    told = hubel_command("evaluate", run.directory, strange)
    assert "received 0 characters" in told.stderr
    assert "left out: 400 characters that the model does not know, '字'" in told.stderr
    own = json.loads(hubel_command("evaluate", run.directory, "--json").stdout)
    assert set(load(**run.source).notes) <= set(own["notes"])
    assert any("too few for a window" in note for note in own["notes"])
    told = hubel_command("evaluate", run.directory, other)
    assert "bits a character" in told.stdout
    assert "left out: 36 characters that the model does not know" in told.stderr
    assert "answers examples" in hubel_command("serve", run.directory, "--port", 0).stderr


def test_an_export_goes_on_with_what_it_gave_back(run, model, tmp_path):
    done = hubel_command("export", run.directory, "-o", tmp_path / "rhyme.onnx")
    assert done.returncode == 0, done.stderr
    assert "on 40 random windows" in done.stdout
    assert "(lstm1.state, lstm1.cell; zeros begin anew)" in done.stdout + done.stderr
    check_steps(tmp_path / "rhyme.onnx", model.module)
    refused = hubel_command("export", run.directory, "-o", tmp_path / "rhyme.html")
    assert "hubel predict shows what it does" in refused.stderr


def test_queues_and_states_leave_as_well(splits, tmp_path):
    body = "conv1d 8 3 causal dilation=2 relu, gru 8 sequences, rnn 6 sequences"
    network = parse(f"16: embed 25 6, {body}, dense 25")
    run = train(network, splits, RECIPE.replace(epochs=0.05), tmp_path / "run")
    assert hubel_command("export", run.directory, "-o", tmp_path / "all.onnx").returncode == 0
    check_steps(tmp_path / "all.onnx", run.model().module)


def check_steps(path, module):
    """Whether a file gives the same a step at a time, and two texts at once, as the module all at once."""
    session = onnxruntime.InferenceSession(path)
    numbers = np.random.default_rng(0).integers(0, 25, (2, 9))
    memory = {each.name: np.zeros((2, *each.shape[1:]), np.float32) for each in session.get_inputs()[1:]}
    pieces = []
    for first, last in ((0, 1), (1, 2), (2, 9)):
        scores, *after = session.run(None, {"input": numbers[:, first:last], **memory})
        memory = dict(zip(memory, after, strict=True))
        pieces.append(scores)
    with torch.inference_mode():
        wanted = module.logits(torch.from_numpy(numbers)).numpy()
    assert np.concatenate(pieces, 2) == pytest.approx(wanted, abs=1e-4)


def test_the_unit_view_tells_what_the_gates_did(run, tmp_path):
    done = hubel_command("look", "unit", run.directory, "two for", "--layer", "lstm1", "--at", 3, "--channel", 2)
    assert done.returncode == 0, done.stderr
    assert "sees steps 0…3" in done.stdout
    assert "o, symbol 3 of the text" not in done.stdout
    assert "·, symbol 4 of the text" in done.stdout
    rows = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines() if line.startswith("    ")}
    assert len(rows["forget"]) == len(rows["state"]) == 4
    from hubel.look.unit import unit

    found = unit(run.model(), "two for", "lstm1", at=(3,), channel=2)
    assert float(rows["state"][-1].replace("−", "-")) == pytest.approx(found.value, abs=0.006)
    place = tmp_path / "unit.svg"
    assert hubel_command("look", "unit", run.directory, "two for", "--layer", "lstm1", "-o", place).returncode == 0
    assert "what the gates did with which symbol" in place.read_text()


def test_bits_of_bytes_are_called_so(text, tmp_path):
    words = ["16: embed 256 8, lstm 8 sequences, dense 256", text, "--vocabulary", "bytes", "--epochs", "0.1"]
    done = hubel_command("train", *words, "--run", tmp_path / "run", "--no-report")
    assert done.returncode == 0, done.stderr
    assert "bits a byte on the validation windows" in done.stdout
    assert "bits a character" not in done.stdout
    assert Run.open(tmp_path / "run").model().task.primary.title == "bits a byte"


@pytest.mark.parametrize("temperature", [1e-300, 1e-39, 1e-4])
def test_the_smallest_temperatures_take_the_likeliest(model, temperature):
    likeliest = model.predict("one for", length=60, temperature=0).text
    assert model.predict("one for", length=60, temperature=temperature).text == likeliest


def test_a_network_by_rule(text, tmp_path):
    done = hubel_command("train", text, "--epochs", "0.02", "--run", tmp_path / "run", "--no-report")
    assert done.returncode == 0, done.stderr
    run = Run.open(tmp_path / "run")
    assert run.network_text == "64: embed 25 25, lstm 128 sequences, dropout 0.4, dense 25"
    assert run.settings["data"]["source"]["size"] == [64, 1]
    assert "characters at the end of the text are held out" in done.stdout
    assert "next:" in done.stdout
    assert "--prompt TEXT" in done.stdout


@pytest.mark.parametrize(
    ("length", "seconds", "words"),
    [
        (1_000_000, 0, "lstm 256 sequences, dense 40"),
        (1_000_000, 30, "concat(lstm 96 sequences | lstm 96 sequences), dense 40"),
        (1_000_000, 150, "concat(lstm 184 sequences | lstm 184 sequences), dense 40"),
        (1_000_000, 1200, "concat(lstm 440 sequences | lstm 440 sequences), spatialdropout1d 0.4, dense 40"),
        (1_000_000, 36_000, "concat(lstm 440 sequences | lstm 440 sequences), spatialdropout1d 0.4, dense 40"),
        (100_000, 1200, "concat(lstm 96 sequences | lstm 96 sequences), spatialdropout1d 0.4, dense 40"),
        (100_000, 1, "concat(lstm 96 sequences | lstm 96 sequences), dense 40"),
        (300_000, 0, "lstm 256 sequences, dropout 0.3, dense 40"),
    ],
)
def test_the_network_by_rule_is_as_large_as_text_and_time_are_long(length, seconds, words, tmp_path, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    path = tmp_path / "long.txt"
    path.write_text("".join(map(chr, range(60, 100))) * (length // 36))  # a tenth of it is held out
    network, splits, _ = fitted(None, str(path), {}, {"validation": 0.1}, seconds=seconds, device="cpu")
    assert str(network).endswith(words)
    assert f"{words}: chosen for a text of" in splits.notes[0]
    assert ("and so long; another is named" in splits.notes[0]) == (seconds > 0)


@pytest.mark.parametrize(
    ("layers", "streams", "rate"),
    [
        ("lstm 512 sequences", 48, 0.01),
        ("concat(lstm 256 sequences | gru 256 sequences)", 48, 0.01),
        ("gru 256 sequences", 32, 0.006),
        ("conv1d 16 2 causal relu", 32, 0.006),
    ],
)
def test_the_recipe_by_rule_is_for_the_networks_layers(splits, layers, streams, rate):
    training = windows(TEXT * 10, task_of(splits.train).vocabulary, 16)
    recipe = recipe_for(parse(f"16: embed 25 16, {layers}, dense 25"), training, {})
    assert (recipe.batch_size, recipe.learning_rate, recipe.keep) == (streams, rate, "best")


def test_a_time_chooses_the_network_from_the_command_line_and_from_python(tmp_path):
    path = tmp_path / "long.txt"
    path.write_text(TEXT * 50)
    done = hubel_command("train", path, "--time", 1, "--run", tmp_path / "run", "--no-report")
    assert done.returncode == 0, done.stderr
    other = hubel.train(path, directory=tmp_path / "other", time_budget=1.0, progress=False)
    words = "64: embed 25 25, concat(lstm 96 sequences | lstm 96 sequences), dense 25"  # without a time 256 units
    assert [Run.open(tmp_path / "run").network_text, other.network_text] == [words, words]


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ("16x1: lstm 8 sequences, dense 25", "expected a network that looks up each of 16 symbols"),
        (
            "16: embed 30 8, lstm 8 sequences, dense 25",
            "received one for 30; begin it with '16: embed 25 8' and end it with 'dense 25'",
        ),
        ("16: embed 25 8, lstm 8, dense 25", "lstm1 gives its last state alone; write it with sequences"),
        ("16: embed 25 8, conv1d 8 3 same, dense 25", "conv1 sees steps that are still to come"),
        ("16: embed 25 8, lstm 8 sequences backwards, dense 25", "lstm1 sees steps that are still to come"),
        ("16: embed 25 8, lstm 8 sequences, dense 20", "end it with 'dense 25'"),
    ],
)
def test_networks_that_do_not_write(splits, network, words):
    with pytest.raises(ValueError, match="expected") as found:
        task_of(splits.train).check(parse(network), splits.train.shape)
    assert words in str(found.value)
