"""Segmentation of street scenes (CamVid, Brostow et al. 2009) by `hubel train DATA` with nothing set but the data and
the time: mean IoU of eleven classes at 480×360, in seconds of one thread's own computing (`by_budget`).

DATA is a folder with train/, val/ and test/, each with images/ and masks/ of 0 to 10 and 11 for what is no class
(SegNet's split: 367, 101 and 233 scenes).

    python benchmarks/tasks/camvid.py --data camvid --seconds 200

Beside it: SegNet-Basic 46.4 and SegNet 55.6 (Badrinarayanan et al. 2015), ENet 51.3 (Paszke et al. 2016), trained on
GPUs.
"""

from __future__ import annotations

from typing import Any

from by_budget import main


def figures(found: Any) -> dict[str, Any]:
    """Mean IoU, and each class's."""
    return {**found.figures, "classes": {each.name: each.iou for each in found.per_class}}


if __name__ == "__main__":
    main(__doc__, 200.0, figures, void=11)
