"""How models that play are asked for a game."""

from hubel.tasks.asking import Asking, Option

ASKING = Asking(
    "models that play",
    "plays",
    (
        Option("steps", "how many of a game are filmed at most (default 1000)", "whole", "N", 1, 100_000),
        Option("epsilon", "the chance of an action at random (default 0.01)", "real", "P", 0, 1),
        Option("seed", "of what is drawn (default 0)", "whole", "N"),
    ),
    (".gif", ".mp4"),
    usual="game.gif",
)
