"""Time of one query among many images: the exact search of `hubel find` beside libraries for it.

    python benchmarks/answers/find_speed.py [--images 100000] [--features 128 512]

Rows are random directions around 1,000 centres. hubel's are written to a file and mapped from it, in half precision,
as an index has them. FAISS (`faiss-cpu`: a flat index, which is exact, in single precision in memory) and USearch
(`usearch`: HNSW in half precision, which is not exact, with its defaults) take part where they are installed. One
thread each; the median of 15 queries after one that is not counted, in milliseconds; for HNSW also the seconds to build
and the share of the ten nearest that it finds.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from hubel.look.retrieve.find import Index, IndexedFile

Rows = npt.NDArray[np.float32]
QUERIES, NEAREST = 15, 10


def rows(images: int, features: int) -> Rows:
    random = np.random.default_rng(0)
    centres = random.normal(size=(1000, features)).astype(np.float32)
    found = centres[random.integers(0, 1000, images)] + random.normal(size=(images, features)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def milliseconds(query: Callable[[Rows], Any], queries: Rows) -> float:
    query(queries[:1])
    taken = []
    for i in range(len(queries)):
        began = time.perf_counter()
        query(queries[i : i + 1])
        taken.append(1000 * (time.perf_counter() - began))
    return statistics.median(taken)


def measure(images: int, features: int, folder: Path) -> None:
    data = rows(images, features)
    random = np.random.default_rng(1)
    queries = data[random.integers(0, images, QUERIES)] + 0.05 * random.normal(size=(QUERIES, features)).astype("f")
    queries = (queries / np.linalg.norm(queries, axis=1, keepdims=True)).astype(np.float32)
    files = tuple(IndexedFile(f"{i:06d}.jpg", f"{i:064d}", 0, 0, 0) for i in range(images))
    path = folder / "index.safetensors"
    Index("", folder, files, torch.from_numpy(data).half()).save(path)
    index = Index.open(path)
    exact = index.search(queries, NEAREST)[0]
    size = path.stat().st_size / 2**20
    own = milliseconds(lambda query: index.search(query, NEAREST), queries)
    print(f"{images:,} × {features}: hubel {own:.1f} ms, {size:.0f} MB")
    if importlib.util.find_spec("faiss"):
        import faiss

        faiss.omp_set_num_threads(1)
        flat = faiss.IndexFlatIP(features)
        flat.add(data)
        print(f"  FAISS flat {milliseconds(lambda q: flat.search(q, NEAREST), queries):.1f} ms")
    if importlib.util.find_spec("usearch"):
        from usearch.index import Index as Graph

        graph = Graph(ndim=features, metric="ip", dtype="f16")
        began = time.perf_counter()
        graph.add(np.arange(images), data, threads=1)
        built = time.perf_counter() - began
        taken = milliseconds(lambda q: graph.search(q[0], NEAREST), queries)
        kept = [
            len({*graph.search(q, NEAREST).keys.tolist()} & {*e.tolist()}) for q, e in zip(queries, exact, strict=True)
        ]
        print(f"  USearch HNSW {taken:.2f} ms, built in {built:.0f} s, finds {np.mean(kept) / NEAREST:.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--features", type=int, nargs="+", default=[128, 512])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        for features in arguments.features:
            measure(arguments.images, features, Path(folder))


if __name__ == "__main__":
    main()
