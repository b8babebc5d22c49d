"""Colours of small photographs (CIFAR-10 as JPEG): how far off they are and how colourful, beside grey and the mean
colour, on the test part, in seconds of one thread's own computing (`by_budget`).

DATA is any source of colour pictures with a test part; classes are not asked for.

    python benchmarks/tasks/colours.py --data cifar10-jpeg.zip --seconds 600
"""

from __future__ import annotations

from by_budget import main

if __name__ == "__main__":
    main(__doc__, 600, lambda found: found.data(), task="colorize")
