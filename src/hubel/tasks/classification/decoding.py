"""What classification makes of scores: a probability for each class."""

from hubel.tasks.decoding import Decoding

DECODING = Decoding("probabilities", "softmax", names=True)
