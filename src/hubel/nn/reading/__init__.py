"""From models that others have written, in PyTorch or ONNX, back to a tree."""
