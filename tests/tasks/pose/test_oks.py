"""Similarity and average precision of poses, as COCO's own program works them out (written here once more, point by
point)."""

import numpy as np
import pytest

from hubel.tasks.pose.oks import SIGMA, Truth, assigned, average_precision, sigmas_of, similarity

COCO = "nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow right_elbow left_wrist"
COCO += " right_wrist left_hip right_hip left_knee right_knee left_ankle right_ankle"


def case(seed, pictures=6, points=5):
    """Random pictures with what is said of them: ties, crowds, individuals without points, and pictures of nothing."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(pictures):
        many = int(random.integers(0, 4))
        low = random.uniform(0, 100, (many, 2))
        boxes = np.concatenate([low, low + random.uniform(20, 80, (many, 2))], 1)
        places = low[:, None] + random.uniform(0, 1, (many, points, 2)) * (boxes[:, 2:] - low)[:, None]
        told = random.choice([0, 1, 2], (many, points), p=[0.2, 0.2, 0.6])
        told[random.random(many) < 0.2] = 0
        truth = Truth(
            np.concatenate([places, told[..., None]], 2),
            boxes,
            (boxes[:, 2:] - low).prod(1) * 0.7,
            (random.random(many) < 0.1) | ~told.any(1),
        )
        said = [places[n] + random.normal(0, 4, (points, 2)) for n in range(many) for _ in range(random.integers(0, 3))]
        said += [random.uniform(0, 150, (points, 2)) for _ in range(random.integers(0, 3))]
        sure = random.random(len(said)).round(1)
        found.append((truth, np.array(said).reshape(-1, points, 2), sure))
    return found


def plain_similarity(said, truth, sigmas):
    """pycocotools' computeOks, a point at a time."""
    found = np.zeros((len(said), len(truth.points)))
    for j, (points, box, area) in enumerate(zip(truth.points, truth.boxes, truth.areas, strict=True)):
        left, top, width, height = box[0], box[1], box[2] - box[0], box[3] - box[1]
        counted = points[:, 2] > 0
        for i, own in enumerate(said):
            e = []
            for (xg, yg, v), (x, y), sigma in zip(points, own, sigmas, strict=True):
                if counted.any():
                    dx, dy = x - xg, y - yg
                else:
                    dx = max(0, left - width - x) + max(0, x - (left + 2 * width))
                    dy = max(0, top - height - y) + max(0, y - (top + 2 * height))
                if v > 0 or not counted.any():
                    e.append((dx**2 + dy**2) / (2 * sigma) ** 2 / area / 2)
            found[i, j] = np.mean(np.exp(-np.array(e)))
    return found


def plain_precision(pictures, sigmas):
    """pycocotools' evaluateImg and accumulate."""
    means = []
    for least in np.linspace(0.5, 0.95, 10):
        rows, there = [], 0
        for truth, said, sure in pictures:
            alike = plain_similarity(said, truth, sigmas)
            order = np.argsort(truth.passed_over, kind="stable")
            taken = set()
            there += int((~truth.passed_over).sum())
            for i in np.argsort(-sure, kind="stable")[:20]:
                best, match = min(least, 1 - 1e-10), -1
                for j in order:
                    if j in taken and not truth.passed_over[j]:
                        continue
                    if match > -1 and not truth.passed_over[match] and truth.passed_over[j]:
                        break
                    if alike[i, j] < best:
                        continue
                    best, match = alike[i, j], j
                if match > -1:
                    taken.add(match)
                rows.append((sure[i], match > -1, match > -1 and truth.passed_over[match]))
        rows = [row for row in sorted(rows, key=lambda row: -row[0]) if not row[2]]
        right = np.cumsum([row[1] for row in rows])
        precision = right / np.arange(1, len(rows) + 1)
        precision = np.maximum.accumulate(precision[::-1])[::-1]
        at = np.searchsorted(right / there, np.linspace(0, 1, 101), side="left")
        means.append(np.mean([precision[k] if k < len(rows) else 0.0 for k in at]))
    return np.mean(means), means[0]


@pytest.mark.parametrize("seed", range(12))
def test_figures_equal_those_of_cocos_program(seed):
    pictures, sigmas = case(seed), (0.05, 0.1, 0.03, 0.07, 0.05)
    for truth, said, _ in pictures:
        if len(said) and len(truth.points):
            np.testing.assert_allclose(
                similarity(said, truth, sigmas), plain_similarity(said, truth, sigmas), rtol=1e-9
            )
    if any((~truth.passed_over).any() for truth, _, _ in pictures):
        found = average_precision(pictures, sigmas)
        np.testing.assert_allclose(found, plain_precision(pictures, sigmas), rtol=1e-9)


def test_each_is_found_once_the_surest_first():
    truth = Truth(np.array([[[10.0, 10, 2]], [[60.0, 60, 2]]]), np.array([[0.0, 0, 20, 20], [50, 50, 70, 70]]),
                  np.array([400.0, 400.0]), np.array([False, False]))  # fmt: skip
    said = np.array([[[10.5, 10]], [[11.0, 10]], [[61.0, 60]], [[200.0, 200]]])
    pairs = assigned(said, np.array([0.3, 0.9, 0.5, 0.8]), truth, (0.1,))
    assert [(one, other) for one, other, _ in pairs] == [(1, 0), (2, 1)]
    assert pairs[0][2] == pytest.approx(np.exp(-1 / (2 * 400 * 0.04)))


def test_sigmas_are_cocos_for_its_own_points_alone():
    assert sigmas_of(COCO.split())[0] == 0.026
    assert sigmas_of(["nose", "tail"]) == (SIGMA, SIGMA)
