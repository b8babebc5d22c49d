"""How models that speak are asked to."""

from hubel.tasks.asking import Asking, Option

ASKING = Asking(
    "models that speak",
    "speaks",
    (
        Option("say", "which label to say (default: one that is drawn)", "text", "LABEL"),
        Option("speaker", "in whose voice, of those that it learnt from (default: one that is drawn)", "text", "NAME"),
        Option("seconds", "how long (default: as recordings of that label are)", "real", "S", least=0.01, most=60),
        Option("temperature", "of what is drawn (default 1)", "real", "T", most=1000),
        Option("seed", "of what is drawn (default 0)", "whole", "N"),
    ),
    (".wav",),
    usual="said.wav",
    tells=True,
)
