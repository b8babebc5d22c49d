"""From any image to a network's input."""
