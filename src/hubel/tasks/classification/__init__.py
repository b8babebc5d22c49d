"""Classification: one class of a fixed list for every image."""
