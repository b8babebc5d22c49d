"""What if: `--set conv2.kernel_size=3`, in any command that takes a network."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace

from hubel.arch import Network


def add_set(parser: ArgumentParser) -> None:
    """Add `--set`, which may be given several times."""
    parser.add_argument(
        "--set",
        action="append",
        type=_change,
        metavar="LAYER.SETTING=VALUE",
        help="change a layer's setting, such as conv2.kernel_size=3; may be given again",
    )


def edited(network: Network, arguments: Namespace) -> Network:
    """Return the network with what `--set` says."""
    if not arguments.set:
        return network
    from hubel.arch import edit

    return edit(network, dict(arguments.set))


def _change(text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not sign or "." not in key or not value:
        whole = f"; what is of the network as a whole: --option {text}" if key.isidentifier() and value else ""
        raise ArgumentTypeError(f"expected LAYER.SETTING=VALUE, such as conv2.kernel_size=3, received {text!r}{whole}")
    return key.strip(), value
