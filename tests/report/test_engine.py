"""The page's own arithmetic against PyTorch's and Pillow's, in a real browser."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from hubel import zoo
from hubel.arch import Layer, Network, analyse, parse
from hubel.data import Frame, Preprocessing
from hubel.export.page.pack import pack, reason_not_packed
from hubel.nn import build
from hubel.tasks import LoadedModel
from tests.conformance.networks import CHOSEN
from tests.report.pages import page
from tests.trees import networks, sample, sequence_networks

RUN = """
import { load } from "hubel/view/engine/model";
const numbers = (text) => new Float32Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
// a network wants rows, columns, channels; PyTorch gave channels, rows, columns
function arranged(values, shape) {
  const [rows, columns, channels] = shape.length === 3 ? shape : [shape.length === 2 ? shape[0] : 1, 1, shape.at(-1)];
  const found = new Float32Array(values.length);
  for (let c = 0, i = 0; c < channels; c++)
    for (let r = 0; r < rows; r++)
      for (let q = 0; q < columns; q++, i++) found[(r * columns + q) * channels + c] = values[i];
  return found;
}
function distance(found, wanted) {
  let [most, largest] = [0, 1];
  for (let i = 0; i < wanted.length; i++) {
    largest = Math.max(largest, Math.abs(wanted[i]));
    const off = Math.abs(found[i] - wanted[i]);
    most = Math.max(most, Number.isNaN(off) && !(Number.isNaN(wanted[i]) && Number.isNaN(found[i])) ? Infinity : off);
  }
  return wanted.length === found.length ? most / largest : Infinity;
}
"""


def loaded(network: Network, seed: int = 0, preprocessing: Preprocessing | None = None) -> LoadedModel:
    """A model with random weights and random running statistics."""
    torch.manual_seed(seed)
    module = build(network).eval()
    with torch.no_grad():
        for name, buffer in module.named_buffers():
            if name.endswith("running_var"):
                buffer.uniform_(0.5, 2)
            elif name.endswith("running_mean"):
                buffer.normal_(0, 0.5)
    height, width, _ = network.input if len(network.input) == 3 else (1, network.input[0], 1)
    rules = preprocessing or Preprocessing(height, width, 1, (0.5,), (0.5,))
    return LoadedModel(network, module, rules, tuple(f"class {i}" for i in range(10)))


def recorded(model: LoadedModel, input: torch.Tensor) -> dict[str, dict[str, torch.Tensor]]:
    """Every row's output, and the number before its activation where it has one, as PyTorch computes them."""
    outputs: dict[str, torch.Tensor] = {}
    hooks = [
        module.register_forward_hook(lambda _m, _i, output, name=name: outputs.__setitem__(name, output))
        for name, module in model.module.named_modules()
    ]
    with torch.inference_mode():
        model.module(input)
    for hook in hooks:
        hook.remove()
    found: dict[str, dict[str, torch.Tensor]] = {}
    for row in analyse(model.network).rows:
        if row.auxiliary:
            continue
        written = isinstance(row.node, Layer) and len(row.node.steps()) > 1  # an activation with the layer
        activation = getattr(row.node, "activation", None) if written else None
        own = {"output": outputs[row.path]}
        if activation:
            own = {"output": outputs[f"{row.path}_{activation}"], "before": outputs[row.path]}
        found[row.path] = own
    return found


def text(tensor: torch.Tensor | np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(np.asarray(tensor), dtype="<f4").tobytes()).decode()


def case(network: Network, seed: int) -> dict[str, Any]:
    model = loaded(network, seed)
    torch.manual_seed(seed)
    input = sample(network, 1)
    both = torch.cat([input, input])  # group normalisation of one place wants more than one image
    outputs = {
        path: {name: text(tensor[0]) for name, tensor in own.items()} for path, own in recorded(model, both).items()
    }
    return {
        "name": str(network),
        "packed": pack(model),
        "input": text(input[0]),
        "shape": network.input,
        "outputs": outputs,
        "shapes": {row.path: row.output_shape for row in analyse(network).rows},
    }


def many_networks(count: int, kind: Callable[[], st.SearchStrategy[Network]] = networks) -> list[Network]:
    found: dict[str, Network] = {}

    @settings(max_examples=count, derandomize=True, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(kind())
    def collect(network: Network) -> None:
        found.setdefault(str(network), network)

    collect()
    return list(found.values())


# the shapes of the zoo's small networks, block by block, at sizes that run in milliseconds
BLOCKS = (
    "12x12x3: conv 8 3x3 same nobias, norm, relu, sum(conv 8 3x3 same, norm, relu, conv 8 3x3 same, norm | identity), "
    "relu, sum(conv 16 3x3/2 same, norm, relu, conv 16 3x3 same, norm | conv 16 1x1/2, norm), relu, globalavgpool, "
    "dense 5 softmax",
    *CHOSEN,
)


COMPARED = """
window.results = data.map(({ name, packed, input, shape, outputs, shapes }) => {
  const found = load(packed).run(arranged(numbers(input), shape));
  const off = { name, worst: 0, where: "", missing: Object.keys(outputs).filter((path) => !found.has(path)) };
  off.missing.push(...[...found.keys()].filter((path) => !outputs[path]));
  for (const [path, wanted] of Object.entries(outputs)) {
    const own = found.get(path);
    if (JSON.stringify(own.shape) !== JSON.stringify(shapes[path])) off.missing.push(`${path} ${own.shape}`);
    for (const [what, values] of Object.entries(wanted)) {
      const by = distance(what === "before" ? own.before : own.data, arranged(numbers(values), own.shape));
      if (by > off.worst) Object.assign(off, { worst: by, where: `${path} ${what}` });
    }
  }
  return off;
});"""


SUMS = """
// every unit's terms against the number itself: the sum (or the largest) of the terms, the bias, and the activation
// (what a mirror shows is no run of rows: there a window, which is one, may be larger than the field)
function check(model, path, off, mirrored) {
  const step = model.byPath.get(path);
  const [rows, columns, channels] = step.shape;
  const places = [[0, 0, 0], [rows - 1, columns - 1, channels - 1], [rows >> 1, columns >> 1, channels >> 1]];
  for (const at of places) {
    const unit = model.unit(path, at);
    const last = unit.terms.length ? unit.terms[unit.terms.length - 1].sum : 0;
    let wanted = last + (unit.bias ?? 0);
    if (unit.rule === "softmax") wanted = unit.terms[at[2]].product / last;
    if (["function", "recur", "write"].includes(unit.rule)) continue;
    const by = Math.abs(wanted - unit.before) / Math.max(1, Math.abs(unit.before));
    if (!(by <= 1e-5)) off.push(`${path} ${at}: terms give ${wanted}, before is ${unit.before}`);
    for (const term of unit.terms) {
      const from = term.source === null ? model.given : model.byPath.get(term.source);
      const [r, c, k] = term.from;
      const read = term.padded ? 0 : from.data[(r * from.shape[1] + c) * from.shape[2] + k];
      if (read !== term.value) off.push(`${path} ${at}: ${term.value} is not what stands at ${term.from}`);
    }
    const [window, field] = [unit.windows.get(null), unit.field];
    for (const [axis, i] of [["rows", 0], ["columns", 1]]) {
      const inside = [Math.max(0, field[axis][0]), Math.min(model.picture[i] - 1, field[axis][1])];
      if (!mirrored && window && (window[axis][0] < inside[0] || window[axis][1] > inside[1])) {
        off.push(`${path} ${at}: ${axis} ${window[axis]} lie outside the field ${inside}`);
      }
    }
  }
}
"""


def test_what_fed_a_unit_adds_up_to_it_and_lies_in_its_field(browser_page: Any, tmp_path: Path) -> None:
    trees = [*map(parse, BLOCKS), zoo.get("lenet5"), *many_networks(50), *many_networks(30, sequence_networks)]
    cases = [case(network, seed) for seed, network in enumerate(trees)]
    script = """
    window.off = [];
    for (const { name, packed, input, shape } of data) {
      const model = load(packed);
      model.run(arranged(numbers(input), shape));
      for (const path of model.byPath.keys()) check(model, path, window.off, name.includes("reflectpad"));
    }"""
    browser_page.goto(page(tmp_path / "units.html", RUN + SUMS + script, cases))
    browser_page.wait_for_function("window.ready")
    off = browser_page.evaluate("window.off")
    assert not off, f"{len(off)}: {off[:5]}"


def test_a_window_is_exactly_what_a_unit_depends_on(browser_page: Any, tmp_path: Path) -> None:
    # PyTorch's gradient says which pixels count; the page's window must be their bounding box
    model = loaded(parse("14x14x1: conv 3 3x3/2 pad=1 tanh, sum(conv 3 3x3 same | identity), avgpool 2, conv 2 2x2"))
    places = {"conv1": (3, 2, 1), "sum1.branch1.conv1": (0, 6, 2), "pool1": (1, 1, 0), "conv2": (0, 1, 1)}
    wanted = {}
    for path, (row, column, channel) in places.items():
        input = torch.randn(1, 1, 14, 14, requires_grad=True)
        found: list[torch.Tensor] = []
        hook = model.module.get_submodule(path).register_forward_hook(
            lambda _m, _i, output, to=found: to.append(output)
        )
        model.module(input)
        hook.remove()
        found[0][0, channel, row, column].backward()
        assert input.grad is not None
        seen = input.grad[0, 0].nonzero()
        wanted[path] = [seen.amin(0).tolist(), seen.amax(0).tolist()]
    script = """
    const model = load(data.packed);
    model.run(new Float32Array(196).fill(1));
    window.found = Object.fromEntries(Object.entries(data.places).map(([path, at]) => {
      const { rows, columns } = model.unit(path, at).windows.get(null);
      return [path, [[rows[0], columns[0]], [rows[1], columns[1]]]];
    }));"""
    address = page(tmp_path / "window.html", RUN + script, {"packed": pack(model), "places": places})
    browser_page.goto(address)
    browser_page.wait_for_function("window.ready")
    assert browser_page.evaluate("window.found") == wanted


def test_an_edited_kernel_is_what_pytorch_computes_with_it_and_can_be_put_back(
    browser_page: Any, tmp_path: Path
) -> None:
    model = loaded(parse("10x10x2: conv 4 3x3 groups=2 relu, dwconv 3x3, norm, conv 3 3x3/2, flatten, dense 4 softmax"))
    input = torch.randn(1, 2, 10, 10)
    packed = pack(model)
    edits = {"conv1": (2, 0), "dwconv1": (3, 0), "conv2": (1, 3)}
    names = list(edits)
    assert [row.path for row in analyse(model.network).rows if "Conv2D" in row.type] == names
    before = model.module(input)[0]
    state = dict(model.module.named_parameters())
    with torch.no_grad():
        for path, (filter, channel) in edits.items():
            state[f"{path}.weight"][filter, channel] = torch.arange(9.0).view(3, 3) / 8 - 0.5
        after = model.module(input)[0]
    assert not torch.allclose(before, after, atol=1e-3)
    script = """
    const model = load(data.packed);
    const input = arranged(numbers(data.input), [10, 10, 2]);
    const own = () => [...model.result.data];
    model.run(input);
    const values = Array.from({ length: 9 }, (_, i) => i / 8 - 0.5);
    for (const [path, [filter, channel]] of Object.entries(data.edits)) model.setKernel(path, filter, channel, values);
    const edited = own();
    model.resetKernel("conv1", 2, 0);
    const changed = [["conv1", 2, 0], ["dwconv1", 3, 0]].map((at) => model.isChanged(...at));
    changed.push(model.kernel("dwconv1", 3, 0)[0]);
    model.resetKernel();
    window.found = { edited, changed, back: own() };"""
    given = {"packed": packed, "input": text(input[0]), "edits": edits}
    browser_page.goto(page(tmp_path / "kernels.html", RUN + script, given))
    browser_page.wait_for_function("window.ready")
    found = browser_page.evaluate("window.found")
    assert found["edited"] == pytest.approx(after.tolist(), abs=1e-5)
    assert found["back"] == pytest.approx(before.tolist(), abs=1e-5)
    assert found["changed"] == [False, True, -0.5]


DIGITS = Preprocessing(28, 28, 1, (0.1307,), (0.3081,), fit="pad", ink="light", frame=Frame(20))
PREPARATIONS = (
    DIGITS,
    Preprocessing(28, 28, 1, (0.2,), (0.3,), fit="pad", ink="light"),
    Preprocessing(32, 24, 3, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4), fit="pad", ink="dark", frame=Frame(18, "box")),
    Preprocessing(32, 32, 3, (0.49, 0.48, 0.44), (0.24, 0.24, 0.26), fit="crop"),
    Preprocessing(20, 30, 3, (0.5, 0.5, 0.5), (0.2, 0.2, 0.2), fit="pad"),
    Preprocessing(24, 24, 1, (0.5,), (0.2,), fit="stretch"),
)


def drawings() -> list[Image.Image]:
    """Strokes thick and thin, light and dark, large and small, on even and uneven ground, and photographs."""
    random = np.random.default_rng(1)
    found: list[Image.Image] = []
    for size, pen, ground, ink in (
        ((280, 280), 22, "black", "white"),
        ((112, 140), 6, "white", "black"),
        ((360, 270), 3, "white", "#2030a0"),
        ((1100, 300), 30, "#dddddd", "#771111"),
        ((28, 28), 3, "black", "white"),
        ((28, 28), 2, "white", "black"),
        ((90, 60), 5, "#808080", "#a0a0a0"),
        ((300, 300), 1, "black", "#ffff00"),
    ):
        image = Image.new("RGB", size, ground)
        points = [
            (x * size[0], y * size[1]) for x, y in ((0.3, 0.25), (0.7, 0.3), (0.4, 0.55), (0.66, 0.8), (0.35, 0.75))
        ]
        ImageDraw.Draw(image).line(points, ink, pen, "curve")
        found.append(image)
    shaded = np.linspace(255, 140, 200)[np.newaxis, :, np.newaxis].repeat(160, 0).repeat(3, 2)
    shaded = shaded + random.normal(0, 3, shaded.shape)
    page = Image.fromarray(shaded.clip(0, 255).astype(np.uint8))
    ImageDraw.Draw(page).line([(50, 40), (150, 50), (80, 130)], "#222", 9)
    found.append(page)
    clear = Image.new("RGBA", (120, 90))
    ImageDraw.Draw(clear).ellipse((30, 20, 80, 70), outline=(200, 30, 30, 255), width=8)
    found.append(clear)
    photo = random.integers(0, 256, (9, 13, 3), np.uint8)
    found += [Image.fromarray(photo).resize((130, 97), Image.Resampling.BICUBIC), Image.fromarray(photo)]
    found.append(Image.new("RGB", (40, 40), "white"))
    return found


def test_pictures_are_prepared_as_python_prepares_them(browser_page: Any, tmp_path: Path) -> None:
    cases = []
    for rules in PREPARATIONS:
        for image in drawings():
            picture = rules.prepare(image)
            cases.append(
                {
                    "rules": json.loads(rules.to_json()),
                    "pixels": base64.b64encode(np.asarray(image).tobytes()).decode(),
                    "size": image.size,
                    "picture": base64.b64encode(picture.tobytes()).decode(),
                    "input": text(rules.normalise(torch.from_numpy(picture.copy())[None])[0].permute(1, 2, 0)),
                }
            )
    script = """
    import { makePreparation } from "hubel/view/engine/prepare";
    const bytes = (text) => Uint8ClampedArray.from(atob(text), (c) => c.charCodeAt(0));
    window.found = data.map(({ rules, pixels, size: [width, height], picture, input }) => {
      const found = makePreparation(rules)({ width, height, data: bytes(pixels) });
      const wanted = bytes(picture);
      let levels = found.picture.length === wanted.length ? 0 : 999;
      let apart = 0;
      found.picture.forEach((value, i) => {
        levels = Math.max(levels, Math.abs(value - wanted[i]));
        apart += value !== wanted[i];
      });
      // the input of Python's own picture, so that a level apart does not count twice
      const exact = numbers(input);
      const { mean, std } = rules;
      const off = Math.max(...found.input.map((value, i) => {
        const c = i % mean.length;
        return Math.abs(value - exact[i] - (found.picture[i] - wanted[i]) / (255 * std[c]));
      }));
      return { levels, share: apart / wanted.length, off };
    });"""
    browser_page.goto(page(tmp_path / "prepare.html", RUN + script, cases))
    browser_page.wait_for_function("window.ready")
    found = browser_page.evaluate("window.found")
    worst = max(range(len(found)), key=lambda i: found[i]["levels"])
    assert found[worst]["levels"] <= 2, (worst // len(drawings()), worst % len(drawings()), found[worst])
    assert max(entry["share"] for entry in found) < 0.02
    assert max(entry["off"] for entry in found) < 2e-6


def test_what_cannot_run_in_a_page_says_why() -> None:
    large = loaded(parse("28x28x1: flatten, dense 2000, dense 10"))
    assert pack(large) is None
    assert "1,500,000 parameters" in (reason_not_packed(large) or "")
    assert reason_not_packed(loaded(parse("100: dense 19600, reshape 14x14x100, deconv 1 4x4/2 same")), True) is None
    slow = loaded(parse("64x64x3: conv 64 3x3 same, conv 128 3x3 same, globalavgpool"))
    assert pack(slow) is None
    assert "MACs" in (reason_not_packed(slow) or "")
    assert reason_not_packed(loaded(zoo.get("lenet5"))) is None


def test_lenet_is_small_when_packed() -> None:
    assert len(json.dumps(pack(loaded(zoo.get("lenet5"))))) < 500_000
