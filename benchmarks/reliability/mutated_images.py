"""Damaged images of six formats, read one by one: how many are refused, and is every refusal's file named?

    python -m benchmarks.reliability.mutated_images [--images 2000]        from the repository's root

What is done to them is in `tests/data/decode/test_mutations.py`: one to three wounds each, headers more often. Every
image must be read to a picture of a known mode, or be refused with an error that names the file and says why; anything
else, another exception or a crash, ends this program with a traceback.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from tests.data.decode.test_mutations import FORMATS, check


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2000, help="of all formats together")
    arguments = parser.parse_args()
    each, refused, began = -(-arguments.images // len(FORMATS)), 0, time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        for kind in FORMATS:
            found = check(Path(name), kind, each)
            refused += found
            print(f"{kind:<5} {found} of {each} refused by name, the others read", flush=True)
    seconds = time.perf_counter() - began
    print(f"{each * len(FORMATS):,} mutated images in {seconds:.1f} s: {refused:,} refused by name, no crash")


if __name__ == "__main__":
    main()
