"""What comes out of a language's scores: they themselves, and what its layers remember."""

from hubel.tasks.decoding import Decoding

DECODING = Decoding(carries=True)
