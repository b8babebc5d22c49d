"""What computes a network's answers: ONNX Runtime, OpenVINO, or PyTorch; chosen by rule, and always said.

In float32 ONNX Runtime is the quickest on processors for small networks and within a few per cent of the quickest for
large ones, so it is taken where it is installed, and OpenVINO where that alone is (`docs/serving.md`). PyTorch answers
where neither is, and for what they cannot compute.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Mapping
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
_NAMES = {"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO", "pytorch": "PyTorch"}


def chosen(asked: str) -> Engine:
    """The engine for a word of `ENGINES`. Raises SettingError for another word, or one that is not installed."""
    if asked not in ENGINES:
        raise SettingError(f"expected engine {' | '.join(ENGINES)}, received {asked!r}")
    if asked == "auto":
        return next((each for each in ("onnxruntime", "openvino") if _is_here(each)), "pytorch")
    if asked != "pytorch" and not _is_here(asked):
        package = asked if find_spec(asked) is None else "onnx"
        raise SettingError(
            f"the engine {asked} needs {package}, which is not installed; install it with: pip install "
            f"{'openvino' if package == 'openvino' else repr('hubel[export]')}"
        )
    return asked  # type: ignore[return-value]


def _is_here(engine: str) -> bool:
    return find_spec(engine) is not None and find_spec("onnx") is not None


def words_of(engine: Engine) -> str:
    """An engine with its version, and in which precision it computes."""
    return f"{_NAMES[engine]} {version_of(engine)}, float32"


def computing(engine: Engine, model: onnx.ModelProto, output: str, threads: int = 0) -> Computes:
    """What computes an output of a model for images N×H×W×C, on so many threads (0: as it chooses), in float32."""
    return (_openvino if engine == "openvino" else _onnxruntime)(model.SerializeToString(), output, threads)


class Session:
    """ONNX Runtime's, which never changes: copies of what holds it share it."""

    def __init__(self, own: Any) -> None:
        self.run, self.get_inputs = own.run, own.get_inputs

    def __deepcopy__(self, _: object) -> Session:
        return self

    def __reduce__(self) -> str:
        raise SettingError("what ONNX Runtime computes cannot be pickled; send the exported file, and open it there")


def session(content: bytes, threads: int = 0, settings: Mapping[str, str] | None = None) -> Session:
    """ONNX Runtime's session of a model, on so many threads (0: as it chooses), with more settings of its own."""
    runtime: Any = importlib.import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # its errors are raised; logged, they come with what a file says, escapes and all
    for name, value in (settings or {}).items():
        options.add_session_config_entry(name, value)
    # where it may fall back on another provider it prints, on standard output, and tries the same again
    return Session(runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"], enable_fallback=0))


def _onnxruntime(content: bytes, output: str, threads: int) -> Computes:
    # threads that wait in a circle take the time of whoever decodes
    ready = session(content, threads, {"session.intra_op.allow_spinning": "0"})

    def compute(images: Images) -> npt.NDArray[np.float32]:
        found: npt.NDArray[np.float32] = ready.run([output], {"image": images})[0]
        return found

    return compute


def _openvino(content: bytes, output: str, threads: int) -> Computes:
    vino: Any = importlib.import_module("openvino")
    core = vino.Core()
    # by itself it computes in bfloat16 where the processor can, which moves answers
    settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    if threads:
        settings["INFERENCE_NUM_THREADS"] = str(threads)
    compiled = core.compile_model(core.read_model(content), "CPU", settings)
    own = threading.local()  # a request of each thread's own, since several may ask at one time

    def compute(images: Images) -> npt.NDArray[np.float32]:
        if not hasattr(own, "request"):
            own.request = compiled.create_infer_request()
        found: npt.NDArray[np.float32] = np.array(own.request.infer({"image": images})[output])
        return found

    return compute
