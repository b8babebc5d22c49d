"""A service that is asked by many at once over HTTP, and how much it answers."""

from __future__ import annotations

import http.client
import io
import re
import statistics
import subprocess
import sys
import threading
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).resolve().parents[2]


def served(model: Path, images: Any, device: str, seconds: float) -> dict[str, Any]:
    """Pictures a second that a service answers, sixteen asking at a time, each as soon as it was answered."""
    if find_spec("uvicorn") is None or find_spec("fastapi") is None:
        return {"left out": "fastapi and uvicorn are not installed: pip install 'hubel[serve]'"}
    command = [
        sys.executable,
        "-m",
        "hubel",
        "serve",
        f"it={model}",
        "--port",
        "0",
        "--quiet",
        "--device",
        device,
    ]
    files = [png(image) for image in images]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert process.stdout is not None
        port = re.search(r"127\.0\.0\.1:(\d+)", process.stdout.readline())
        if port is None:
            raise RuntimeError(f"the service did not begin: {process.communicate(timeout=5)[1][-500:]}")
        until = time.perf_counter() + seconds
        answered, waits = [0] * 16, list[float]()

        def ask(place: int) -> None:
            line = http.client.HTTPConnection("127.0.0.1", int(port[1]), timeout=20)
            while time.perf_counter() < until:
                start = time.perf_counter()
                line.request("POST", "/v1/models/it/predict", files[place % len(files)], {"content-type": "image/png"})
                answer = line.getresponse()
                answer.read()
                answered[place] += answer.status == 200
                waits.append(time.perf_counter() - start)

        began = time.perf_counter()
        threads = [threading.Thread(target=ask, args=(place,)) for place in range(len(answered))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rate = sum(answered) / (time.perf_counter() - began)
        return {"pictures/s": rate, "median wait s": statistics.median(waits), "longest wait s": max(waits)}
    finally:
        process.terminate()
        process.wait(10)


def png(image: Any) -> bytes:
    """An image as a PNG."""
    stream = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(stream, "PNG")
    return stream.getvalue()
