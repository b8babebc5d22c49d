"""What comes out of scores for the next sample: they themselves, and what layers remember."""

from hubel.tasks.decoding import Decoding

DECODING = Decoding(carries=True)
