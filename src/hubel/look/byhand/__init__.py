"""Windows, products and sums by hand, as on the blackboard: exact numbers, and the standard library alone."""
