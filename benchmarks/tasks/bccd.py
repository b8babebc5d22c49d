"""Detection of blood cells (BCCD, Shenggan et al.) by `hubel train DATA` with nothing set but the data and the time:
COCO's figures on 72 test pictures, in seconds of one thread's own computing (`by_budget`).

DATA is a folder with JPEGImages/, Annotations/ (VOC's XML) and ImageSets/Main/.

    python benchmarks/tasks/bccd.py --data bccd --seconds 150
"""

from __future__ import annotations

from typing import Any

from by_budget import main


def figures(found: Any) -> dict[str, Any]:
    """COCO's twelve, and each class's."""
    classes = {each.name: [each.ap, each.ap50] for each in found.per_class}
    return {**found.figures, "coco": dict(found.coco), "classes": classes}


if __name__ == "__main__":
    main(__doc__, 150.0, figures)
