"""What computes a network's answers: ONNX Runtime, OpenVINO, or PyTorch; chosen by rule, and always said.

In float32 ONNX Runtime is the quickest on processors for small networks and within a tenth of the quickest for large
ones, so it is taken where it is installed, and OpenVINO where that alone is (`docs/serving.md`). PyTorch answers where
neither is, and for what they cannot compute. In bfloat16, which moves answers and is taken where it is asked for,
OpenVINO computes.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

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
_NAMES = {"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO", "pytorch": "PyTorch"}


@dataclass(frozen=True)
class Way:
    """How answers are computed: by which engine, in which precision, on so many threads (0: as the engine chooses)."""

    engine: Engine
    precision: str = "float32"
    threads: int = 0

    @property
    def words(self) -> str:
        """The engine with its version, and the precision."""
        return f"{_NAMES[self.engine]} {version_of(self.engine)}, {self.precision}"


USUAL = Way("onnxruntime")


def chosen(asked: str, precision: str = "float32", threads: int = 0) -> Way:
    """The way for a word of `ENGINES` and one of `PRECISIONS`. Raises SettingError for other words, an engine that is
    not installed, and one that does not compute in that precision, or not on this processor.
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
        engine = next((each for each in ("onnxruntime", "openvino") if _is_here(each)), "pytorch")
        return Way(engine, precision, threads)  # type: ignore[arg-type]
    engine = "openvino" if asked == "auto" else asked
    if engine != "pytorch" and not _is_here(engine):
        package = engine if find_spec(engine) is None else "onnx"
        why = f"the engine {engine}" if asked == engine else f"--precision {precision}"
        raise SettingError(
            f"{why} needs {package}, which is not installed; install it with: pip install "
            f"{'openvino' if package == 'openvino' else repr('hubel[export]')}"
        )
    if precision == "bfloat16" and not _halves():
        raise SettingError("this processor does not compute in bfloat16; leave out --precision")
    return Way(engine, precision, threads)  # type: ignore[arg-type]


def _halves() -> bool:
    """Whether OpenVINO computes in bfloat16 on this processor."""
    vino: Any = importlib.import_module("openvino")
    return "BF16" in vino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _is_here(engine: str) -> bool:
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


def session(content: bytes, threads: int = 0, settings: Mapping[str, str] | None = None) -> Any:
    """ONNX Runtime's session of a model, on so many threads (0: as it chooses), with more settings of its own."""
    runtime: Any = importlib.import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # its errors are raised; logged, they come with what a file says, escapes and all
    for name, value in (settings or {}).items():
        options.add_session_config_entry(name, value)
    # where it may fall back on another provider it prints, on standard output, and tries the same again
    return runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"], enable_fallback=0)


def _onnxruntime(content: bytes, input: str, output: str, threads: int, macs: int) -> Computes:
    # threads that wait in a circle take the time of whoever decodes
    usual = session(content, threads, {"session.intra_op.allow_spinning": "0"})
    alone = session(content, 1) if macs < FEW and threads != 1 else usual

    def compute(images: Images) -> npt.NDArray[np.float32]:
        ready = alone if len(images) * macs < FEW else usual
        found: npt.NDArray[np.float32] = ready.run([output], {input: images})[0]
        return found

    return compute


def _openvino(content: bytes, input: str, output: str, way: Way) -> Computes:
    vino: Any = importlib.import_module("openvino")
    core = vino.Core()
    # by itself it computes in bfloat16 where the processor can, which moves answers
    hint = "bf16" if way.precision == "bfloat16" else "f32"
    settings = {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"}
    if way.threads:
        settings["INFERENCE_NUM_THREADS"] = str(way.threads)
    compiled = core.compile_model(core.read_model(content), "CPU", settings)
    own = threading.local()  # a request of each thread's own, since several may ask at one time

    def compute(images: Images) -> npt.NDArray[np.float32]:
        if not hasattr(own, "request"):
            own.request = compiled.create_infer_request()
        found: npt.NDArray[np.float32] = np.array(own.request.infer({input: images})[output])
        return found

    return compute
