"""Games: our own on 10×10 cells, and Gymnasium's, side by side; each kind as a data set."""
