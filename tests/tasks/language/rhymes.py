"""A small text to learn from, and a run on it."""

LINES = (
    "one for sorrow, two for joy,",
    "three for a girl, four for a boy,",
    "five for silver, six for gold,",
    "seven for a secret never to be told.",
)
TEXT = ("\n".join(LINES) + "\n\n") * 40
NETWORK = "16: embed 25 16, lstm 32 sequences, dense 25"
