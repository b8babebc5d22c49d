"""Writing: the next symbol of a text, one after the other."""
