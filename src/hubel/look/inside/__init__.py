"""What is in the layers: maps for an image, filters, and how both came to be."""
