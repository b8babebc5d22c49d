"""What computes a network's answers: ONNX Runtime, OpenVINO, or PyTorch; chosen by rule, and always said.

On processors ONNX Runtime is the quickest for most networks, and starts the soonest, so it is taken where it is
installed. Where OpenVINO is too and many images are answered, OpenVINO computes the networks that `is_for_openvino`
knows (`docs/serving.md`); and all where it alone is there. PyTorch answers where neither is, and for what they cannot
compute. In bfloat16, which moves answers and is taken where it is asked for, OpenVINO computes.
"""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from hubel.arch import Report, ops
from hubel.base.errors import SettingError
from hubel.base.versions import version_of

if TYPE_CHECKING:
    import onnx

Engine: TypeAlias = Literal["onnxruntime", "openvino", "pytorch"]
Images: TypeAlias = npt.NDArray[np.uint8]
Computes: TypeAlias = Callable[[Images], npt.NDArray[np.float32]]
ENGINES = ("auto", "onnxruntime", "openvino", "pytorch")
PRECISIONS = ("float32", "bfloat16")
FEW = 3_000_000  # multiplications in one call, below which a second thread takes longer to wake than it saves
LARGE = 100_000_000  # multiplications, below which OpenVINO's calls cost more than its arithmetic saves
_NAMES = {"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO", "pytorch": "PyTorch"}


@dataclass(frozen=True)
class Way:
    """How answers are computed: by which engine, in which precision, on so many threads (0: as the engine chooses);
    and whether OpenVINO may be taken for the engine where it is quicker.
    """

    engine: Engine
    precision: str = "float32"
    threads: int = 0
    is_open: bool = False

    @property
    def words(self) -> str:
        """The engine with its version, and the precision."""
        return f"{_NAMES[self.engine]} {version_of(self.engine)}, {self.precision}"

    def suited(self, report: Report, eight: bool = False) -> Way:
        """The way for a network, which is computed in eight bits or not."""
        return replace(self, engine="openvino") if self.is_open and is_for_openvino(report, eight) else self


USUAL = Way("onnxruntime")


def is_for_openvino(report: Report, eight: bool = False) -> bool:
    """Whether OpenVINO computes a network quicker than ONNX Runtime, as far as its layers tell.

    In float32 by about 5 %, what has broad windows (256 channels and more) over short rows (8 places), as ResNet-18 and
    ResNet-34 at their end: a sixth of the multiplications and more, and not most weights in dense layers, which take it
    longer. In eight bits by 10 to 60 % what normalises nothing but the sums of the layer before, which both fold away:
    all else is converted to floating point and back.
    """
    rows = report.rows
    if report.macs < LARGE:
        return False
    if eight:
        pairs = pairwise([None, *(row.operation for row in rows)])
        return all(_folds(before, each) for before, each in pairs if isinstance(each, ops.Affine | ops.Normalise))
    dense = sum(row.cost.parameters for row in rows if isinstance(row.operation, ops.DenseSum))
    broad = sum(row.cost.macs for row in rows if _is_broad(row.operation, row.output_shape))
    return 6 * broad >= report.macs and 2 * dense <= report.parameters


def _folds(before: ops.Operation | None, each: ops.Affine | ops.Normalise) -> bool:
    of_batch = isinstance(each, ops.Affine) or each.over == "batch"
    return of_batch and isinstance(before, ops.WindowedSum | ops.DenseSum)


def _is_broad(operation: ops.Operation | None, output: Sequence[int]) -> bool:
    return (
        isinstance(operation, ops.WindowedSum)
        and operation.groups == 1
        and prod(window.kernel for window in operation.windows) > 1
        and operation.input[-1] >= 256
        and output[-2] <= 8
    )


def chosen(asked: str, precision: str = "float32", threads: int = 0, many: bool = False) -> Way:
    """The way for a word of `ENGINES` and one of `PRECISIONS`; many: for so many images that an engine may take 0.2 s
    longer to start. Raises SettingError for other words, an engine that is not installed, and one that does not
    compute in that precision, or not on this processor.
    """
    if asked not in ENGINES:
        raise SettingError(f"expected engine {' | '.join(ENGINES)}, received {asked!r}")
    if precision == "int8":
        raise SettingError(
            "whole numbers of eight bits take images to find their ranges by: hubel export RUN --int8 DATA -o "
            "FILE.onnx writes a file that computes in them, and says what is lost; then give that file"
        )
    if precision not in PRECISIONS:
        raise SettingError(f"expected precision {' | '.join(PRECISIONS)}, received {precision!r}")
    if precision != "float32" and asked not in ("auto", "openvino"):
        raise SettingError(f"{asked} computes in float32 here; for {precision} leave out --engine {asked}")
    if asked == "auto" and precision == "float32":
        engine = next((each for each in ("onnxruntime", "openvino") if is_here(each)), "pytorch")
        is_open = many and engine == "onnxruntime" and is_here("openvino")
        return Way(engine, precision, threads, is_open)  # type: ignore[arg-type]
    engine = "openvino" if asked == "auto" else asked
    if engine != "pytorch" and not is_here(engine):
        package = engine if find_spec(engine) is None else "onnx"
        why = f"the engine {engine}" if asked == engine else f"--precision {precision}"
        raise SettingError(
            f"{why} needs {package}, which is not installed; install it with: pip install "
            f"{'openvino' if package == 'openvino' else repr('hubel[export]')}"
        )
    if precision == "bfloat16" and not _halves():
        raise SettingError("this processor does not compute in bfloat16; leave out --precision")
    return Way(engine, precision, threads)  # type: ignore[arg-type]


def usual_way(asked: str, precision: str = "float32", threads: int = 0, many: bool = False) -> Way:
    """As `chosen`, for a file that PyTorch does not compute."""
    way = chosen(asked, precision, threads, many)
    return way if way.engine != "pytorch" else chosen("onnxruntime")  # which is not here, and says how it comes


def _halves() -> bool:
    """Whether OpenVINO computes in bfloat16 on this processor."""
    vino: Any = importlib.import_module("openvino")
    return "BF16" in vino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def is_here(engine: str) -> bool:
    """Whether an engine is installed, and what writes for it."""
    return find_spec(engine) is not None and find_spec("onnx") is not None


class Computing:
    """What computes an output for images N×H×W×C, or for whatever the input takes. It never changes: copies of what
    holds it share it.
    """

    def __init__(self, run: Computes) -> None:
        self._run = run

    def __call__(self, given: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Compute."""
        return self._run(given)

    def __deepcopy__(self, _: object) -> Computing:
        return self

    def __reduce__(self) -> str:
        raise SettingError("what an engine computes cannot be pickled; send the model's file, and open it there")


def computing(way: Way, model: onnx.ModelProto, output: str, macs: int = FEW, *, input: str = "image") -> Computing:
    """What computes an output of a model in a way of ONNX Runtime's or OpenVINO's. macs: of one image, where that is
    known.
    """
    content = model.SerializeToString()
    if way.engine == "openvino":
        return Computing(_openvino(content, input, output, way))
    return Computing(_onnxruntime(content, input, output, way.threads, macs))


def runtime_module(name: str = "onnxruntime") -> Any:
    """ONNX Runtime, or a part of it, which from 1.32 on tells its makers of every use unless it is told not to."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    return importlib.import_module(name)


def session(content: bytes, threads: int = 0, settings: Mapping[str, str] | None = None) -> Any:
    """ONNX Runtime's session of a model, on so many threads (0: as it chooses), with more settings of its own."""
    runtime = runtime_module()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # its errors are raised; logged, they come with what a file says, escapes and all
    for name, value in (settings or {}).items():
        options.add_session_config_entry(name, value)
    # where it may fall back on another provider it prints, on standard output, and tries the same again
    return runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"], enable_fallback=0)


def asking(engine: Engine, content: bytes) -> Callable[[Mapping[str, npt.NDArray[Any]]], Sequence[npt.NDArray[Any]]]:
    """What answers with all outputs of a model, in their order, for arrays by the names of its inputs; in float32."""
    if engine == "openvino":
        compiled = _compiled(content, Way(engine))
        return lambda given: [*compiled(dict(given)).values()]
    ready = session(content)
    return lambda given: ready.run(None, dict(given))


def _onnxruntime(content: bytes, input: str, output: str, threads: int, macs: int) -> Computes:
    # threads that wait in a circle take the time of whoever decodes
    usual = session(content, threads, {"session.intra_op.allow_spinning": "0"})
    alone = session(content, 1) if macs < FEW and threads != 1 else usual

    def compute(images: Images) -> npt.NDArray[np.float32]:
        ready = alone if len(images) * macs < FEW else usual
        found: npt.NDArray[np.float32] = ready.run([output], {input: images})[0]
        return found

    return compute


def _compiled(content: bytes, way: Way) -> Any:
    vino: Any = importlib.import_module("openvino")
    core = vino.Core()
    # by itself it computes in bfloat16 where the processor can, which moves answers
    hint = "bf16" if way.precision == "bfloat16" else "f32"
    settings = {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"}
    if way.threads:
        settings["INFERENCE_NUM_THREADS"] = str(way.threads)
    return core.compile_model(core.read_model(content), "CPU", settings)


def _openvino(content: bytes, input: str, output: str, way: Way) -> Computes:
    compiled = _compiled(content, way)
    own = threading.local()  # a request of each thread's own, since several may ask at one time

    def compute(images: Images) -> npt.NDArray[np.float32]:
        if not hasattr(own, "request"):
            own.request = compiled.create_infer_request()
        found: npt.NDArray[np.float32] = np.array(own.request.infer({input: images})[output])
        return found

    return compute
