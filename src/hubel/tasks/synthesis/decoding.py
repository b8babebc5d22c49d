"""What comes out of a synthesis's scores: pictures. Nothing here loads torch."""

from hubel.tasks.decoding import Decoding

DECODING = Decoding(output="pictures", makes=True)
