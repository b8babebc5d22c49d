"""Random sets of boxes and of what might be said of them: crowds, ties, copies, sizes of every kind."""

import numpy as np

from hubel.tasks.detection.coco import Said, Truth


def case(seed: int) -> tuple[int, int, list[dict], list[dict]]:
    """How many pictures and classes, and COCO's annotations and results."""
    random = np.random.default_rng(seed)
    pictures, classes = int(random.integers(1, 12)), int(random.integers(1, 4))
    there: list[dict] = []
    said: list[dict] = []
    for picture in range(pictures):
        for _ in range(random.integers(0, 15)):
            side = np.exp(random.uniform(1.5, 5.5))
            width, height = side * np.exp(random.normal(0, 0.3, 2))
            box = [*random.uniform(0, 400, 2), width, height]
            if random.random() < 0.5:
                box = [float(round(edge)) or 1.0 for edge in box]
            kind = int(random.integers(0, classes))
            area = box[2] * box[3] * random.choice([1, 1, 0.6])
            crowd = int(random.random() < 0.1)
            there.append({"image_id": picture, "category_id": kind, "bbox": box, "area": area, "iscrowd": crowd})
            for _ in range(random.integers(0, 4)):
                off = random.normal(0, 0.1, 4)
                near = [box[0] + off[0] * box[2], box[1] + off[1] * box[3], *(np.array(box[2:]) * np.exp(off[2:]))]
                score = float(random.random() if random.random() < 0.5 else round(random.random(), 1))
                other = int(kind if random.random() < 0.8 else random.integers(0, classes))
                own = list(box) if random.random() < 0.2 else [float(edge) for edge in near]
                said.append({"image_id": picture, "category_id": other, "bbox": own, "score": score})
        for _ in range(random.integers(0, 150 if random.random() < 0.1 else 5)):
            box = [*random.uniform(0, 400, 2), *random.uniform(5, 100, 2)]
            kind, score = int(random.integers(0, classes)), float(round(random.random(), 2))
            said.append({"image_id": picture, "category_id": kind, "bbox": box, "score": score})
    return pictures, classes, there, said


def arrays(there: list[dict], said: list[dict]) -> tuple[Truth, Said]:
    """The same as arrays."""
    truth = Truth(
        np.array([each["image_id"] for each in there], np.int64),
        np.array([each["category_id"] for each in there], np.int64),
        np.array([each["bbox"] for each in there], np.float64).reshape(-1, 4),
        np.array([bool(each.get("iscrowd")) for each in there], bool),
        np.array([each["area"] for each in there], np.float64),
    )
    found = Said(
        np.array([each["image_id"] for each in said], np.int64),
        np.array([each["category_id"] for each in said], np.int64),
        np.array([each["bbox"] for each in said], np.float64).reshape(-1, 4),
        np.array([each["score"] for each in said], np.float64),
    )
    return truth, found
