"""What label sets are of scores: a probability for each label."""

from hubel.tasks.decoding import Decoding

DECODING = Decoding("probabilities", "sigmoid", enough=0.5)
