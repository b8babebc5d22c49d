"""How models that make pictures are asked for them."""

from hubel.tasks.asking import Asking, Option

ASKING = Asking(
    "models that make pictures",
    "makes pictures",
    (
        Option("number", "how many pictures (default 64)", "whole", "N", 1, 10_000),
        Option("between", "in rows of ten, the pictures on the way from one to another"),
        Option("seed", "of what is drawn (default 0)", "whole", "N"),
    ),
    (".png",),
    usual="made.png",
    folder=True,
)
