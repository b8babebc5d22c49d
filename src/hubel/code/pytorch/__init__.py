"""The program in PyTorch."""
