"""How models of a language are asked to write."""

from hubel.tasks.asking import Asking, Option

ASKING = Asking(
    "models that write",
    "writes",
    (
        Option("prompt", "what to go on from (default: the start of a line)", "text", "TEXT"),
        Option("length", "how many symbols (default 500)", "whole", "N", most=10_000_000),
        Option(
            "temperature",
            "below 1 the likelier symbols come more often, above 1 less; 0: always the likeliest (default 0.8)",
            "real",
            "T",
            most=1000,
        ),
        Option("seed", "of what is drawn (default 0)", "whole", "N"),
    ),
    (".txt", ".json"),
)
