"""What ONNX files cost: opened, written out, every operation counted."""
