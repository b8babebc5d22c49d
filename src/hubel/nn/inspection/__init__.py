"""What any PyTorch model, or an ONNX file, costs: layer by layer, without running it on numbers."""
