"""How quickly a model answers: hubel's engines, plain ONNX Runtime and OpenVINO, PyTorch, channels last, Keras.

    python benchmarks/answers/predict_speed.py [--networks lenet5 resnet18 resnet50] [--threads 1 2] [--batches 1 32]
    python benchmarks/answers/predict_speed.py --process MODEL IMAGE [--times 5] [--keras FILE.keras]
        [--ultralytics FILE.pt]                # `hubel predict`, the whole process, and theirs beside it

The networks have random weights: the time does not hang on them. What is timed takes prepared pictures, uint8, and
gives probabilities; the median and the quickest of as many runs as fit into `--seconds`, in ms of the wall clock, each
way in a process of its own, so that one's threads do not stand in the way of the next. What is not installed is left
out and said so.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

WAYS = (
    "hubel",
    "hubel bfloat16",
    "hubel int8",
    "hubel int8 openvino",
    "onnxruntime",
    "openvino",
    "openvino bf16",
    "pytorch",
    "pytorch channels last",
    "keras",
)
PEERS = {  # a class of one picture, as their own first pages do it
    "keras": """
import sys, keras
model = keras.models.load_model(sys.argv[1])
mode = "grayscale" if model.input_shape[-1] == 1 else "rgb"
picture = keras.utils.load_img(sys.argv[2], target_size=model.input_shape[1:3], color_mode=mode)
print(model.predict(keras.utils.img_to_array(picture)[None].astype(model.inputs[0].dtype)).argmax())
""",
    "ultralytics": """
import sys
from ultralytics import YOLO
print(YOLO(sys.argv[1])(sys.argv[2])[0].probs.top1)
""",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=["lenet5", "resnet18", "resnet50"])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 32])
    parser.add_argument("--ways", nargs="+", default=list(WAYS))
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--one", nargs=5, help=argparse.SUPPRESS)
    parser.add_argument("--process", nargs=2, metavar=("RUN", "IMAGE"))
    parser.add_argument("--times", type=int, default=5)
    for peer in PEERS:
        parser.add_argument(f"--{peer}", metavar="FILE")
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(timed(*arguments.one[:2], *map(int, arguments.one[2:4]), float(arguments.one[4]))))
        return
    if arguments.process:
        files = {peer: file for peer in PEERS if (file := getattr(arguments, peer))}
        processes(*arguments.process, arguments.times, files)
        return
    print("| network | threads | batch | " + " | ".join(arguments.ways) + " |")
    print("| --- " * (3 + len(arguments.ways)) + "|")
    with tempfile.TemporaryDirectory() as folder:
        for network in arguments.networks:
            path = str(written(network, Path(folder)))
            for threads in arguments.threads:
                for batch in arguments.batches:
                    cells = [cell(way, path, threads, batch, arguments.seconds) for way in arguments.ways]
                    print(f"| {network} | {threads} | {batch} | " + " | ".join(cells) + " |", flush=True)


def cell(way: str, path: str, threads: int, batch: int, seconds: float) -> str:
    line = [sys.executable, __file__, "--one", way, path, str(threads), str(batch), str(seconds)]
    done = subprocess.run(
        ["taskset", "-c", ",".join(map(str, range(threads))), *line], capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["?"])[-1]
        print(f"{way}: left out, {last[:150]}", file=sys.stderr)
        return "·"
    median, least = json.loads(done.stdout.splitlines()[-1])
    return f"{median:.3f} ({least:.3f})" if median < 10 else f"{median:.1f} ({least:.1f})"


def timed(way: str, path: str, threads: int, batch: int, seconds: float) -> tuple[float, float]:
    run, size = runner(way, Path(path), threads)
    images = np.random.default_rng(0).integers(0, 256, (batch, *size), dtype=np.uint8)
    for _ in range(3):
        run(images)
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 3:
        start = time.perf_counter()
        run(images)
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times), min(times)


def runner(way: str, path: Path, threads: int) -> tuple[Callable[[np.ndarray], Any], tuple[int, ...]]:
    """What gives probabilities for pictures, and their size."""
    from hubel.arch import analyse
    from hubel.export import onnx_model
    from hubel.export.engines import Way, chosen, computing
    from hubel.export.ready import opened
    from hubel.export.source import Source

    source = Source.of(path)
    kind = source.preprocessing
    size = kind.height, kind.width, kind.channels
    if "int8" in way:
        ruled = chosen("auto", threads=threads, many=True).suited(analyse(source.network), eight=True)
        engine = Way("openvino", threads=threads) if "openvino" in way else ruled
        return computing(engine, eight_bits(path, size), "probabilities"), size
    if way.startswith("hubel"):
        precision = way.partition(" ")[2] or "float32"
        model = opened(path, lambda: None, threads=threads, precision=precision, many=True).model
        return model.task.compute, size
    content = onnx_model(source).SerializeToString()
    if way == "onnxruntime":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        return lambda images: session.run(["probabilities"], {"image": images}), size
    if way.startswith("openvino"):
        import openvino

        precision = {} if "bf16" in way else {"INFERENCE_PRECISION_HINT": "f32"}
        core = openvino.Core()
        settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", **precision}
        compiled = core.compile_model(core.read_model(content), "CPU", settings)
        return lambda images: compiled({"image": images})["probabilities"], size
    if way == "keras":
        return keras(source, size), size
    import torch

    from hubel.tasks import load_model

    torch.set_num_threads(threads)
    model = load_model(path)
    module = model.module.eval()
    if "last" in way:
        module = module.to(memory_format=torch.channels_last)

    def eager(images: np.ndarray) -> Any:
        with torch.inference_mode():
            return module(model.preprocessing.normalise(torch.from_numpy(images)))

    return eager, size


def eight_bits(path: Path, size: tuple[int, ...]) -> Any:
    """The model in eight bits; its ranges come from noise, since the time does not hang on them."""
    import onnx

    from hubel.export.onnx.form import onnx_bytes
    from hubel.export.onnx.int8 import quantised
    from hubel.tasks import load_model

    model = load_model(path)
    images = np.random.default_rng(0).integers(0, 256, (8, *size), dtype=np.uint8)
    return onnx.load_from_string(quantised(onnx_bytes(model, "sized"), model, images))


def keras(source: Any, size: tuple[int, ...]) -> Callable[[np.ndarray], Any]:
    """Keras's own `predict` of the program that `hubel code --to keras` writes."""
    from hubel.code import source as program

    os.environ.setdefault("KERAS_BACKEND", "torch")
    names: dict[str, Any] = {"__name__": "program"}
    exec(program(source.network, "keras"), names)
    model = [each for each in names.values() if getattr(each, "__module__", "") == "program"][-1]()  # the whole is last
    return lambda images: model.predict(images.astype(np.float32) / 255, verbose=0)


def written(name: str, folder: Path) -> Path:
    import torch

    from hubel import zoo
    from hubel.data import Preprocessing
    from hubel.nn import build
    from hubel.tasks import save_model

    torch.manual_seed(0)
    network = zoo.get(name)
    height, width, channels = network.input
    kind = Preprocessing(height, width, channels, (0.45,) * channels, (0.22,) * channels)
    classes = [f"class {number}" for number in range(network_outputs(network))]
    return save_model(folder / f"{name}.safetensors", network, build(network), preprocessing=kind, classes=classes)


def network_outputs(network: Any) -> int:
    from hubel.arch import analyse

    return int(analyse(network).output_shape[-1])


def processes(run: str, image: str, times: int, files: Mapping[str, str]) -> None:
    """A class of one picture, the whole process from start to end: seconds of the clock and of processors, each way in
    turns, the first turn left out, since it warms the disk.
    """
    usual = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    usual.setdefault("KERAS_BACKEND", "torch")
    ways = {f"hubel, {way}": ["-m", "hubel", "predict", run, image, "--engine", way] for way in ("auto", "pytorch")}
    ways |= {peer: ["-c", PEERS[peer], file, image] for peer, file in files.items()}
    rows: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for _ in range(times + 1):
        for way, words in ways.items():
            before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            done = subprocess.run([sys.executable, *words], check=False, capture_output=True, text=True, env=usual)
            if done.returncode:
                raise SystemExit(f"{way}: {(done.stderr.strip().splitlines() or ['?'])[-1][:200]}")
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            rows[way].append((time.perf_counter() - start, used))
    for way, found in rows.items():
        wall, cpu = ([round(each, 2) for each in numbers] for numbers in zip(*found[1:], strict=True))
        said = [f"{statistics.median(each):.2f} ({min(each):.2f} to {max(each):.2f})" for each in (wall, cpu)]
        print(f"{way}: {said[0]} s, {said[1]} s of processors (median of {times}, least to most)", flush=True)


if __name__ == "__main__":
    main()
