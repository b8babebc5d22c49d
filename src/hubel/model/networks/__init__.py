"""Networks of the Keras face: layers in a row, or called on tensors, and how they hang together."""
