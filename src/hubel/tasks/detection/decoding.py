"""What detection makes of scores: boxes. Nothing here loads torch."""

from hubel.tasks.decoding import PRIOR, BoxRules, Decoding

FARTHEST = 8.0
OVERLAP = 0.6
LEAST = 0.01
SHOWN = 0.3
MIDDLE = 0.27  # of a side, either way from an object's middle: places there tell its box
AROUND = 0.13
DECODING = Decoding(boxes=BoxRules(PRIOR, FARTHEST, OVERLAP, LEAST, SHOWN, AROUND, MIDDLE))
