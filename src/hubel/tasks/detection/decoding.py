"""What detection makes of scores: boxes. Nothing here loads torch."""

from hubel.tasks.decoding import BoxRules, Decoding

PRIOR = -4.0  # nearly all places show none
FARTHEST = 8.0
OVERLAP = 0.6
LEAST = 0.01
SHOWN = 0.3
DECODING = Decoding(boxes=BoxRules(PRIOR, FARTHEST, OVERLAP, LEAST, SHOWN))
