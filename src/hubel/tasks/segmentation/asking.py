"""How models that draw masks are asked."""

from hubel.tasks.asking import VIEWS, Asking, Option

ASKING = Asking(
    "models that draw masks",
    options=(
        Option(
            "windows",
            "see pictures that are larger than the network takes in their own scale, through windows that overlap and "
            "are blended (default: brought to its size)",
        ),
        VIEWS,
    ),
    pictures=("mask", "outline", "overlay"),
)
