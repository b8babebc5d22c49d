"""What `compile`, `fit`, `evaluate` and `predict` do."""
