"""Networks as ONNX files: written straight from the operations and the weights, without tracing and without torch."""
