"""Data sets that come as arrays: .npz, .npy and IDX files."""
