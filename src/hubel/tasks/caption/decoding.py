"""What captions make of scores N×words×steps: the likeliest word at each step. Nothing here loads torch."""

from hubel.tasks.decoding import Decoding

DECODING = Decoding(output="probabilities", function="softmax", likeliest="words", writes=True)
"""`words` are numbers of the task's words: 0 ends the sentence, 1 is unknown, and 2 is the first of its list."""
