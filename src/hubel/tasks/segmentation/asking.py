"""How models that draw masks are asked."""

from hubel.tasks.asking import VIEWS, Asking, Option

_LARGE = "pictures larger than the network takes in their own scale, through windows that overlap and are blended"
ASKING = Asking(
    "models that draw masks",
    options=(
        Option("windows", f"see {_LARGE} (default: brought to its size)"),
        VIEWS,
    ),
    pictures=("mask", "outline", "overlay"),
)
