"""Tables of image paths and labels: their columns, their rows, what their cells say."""
