"""A model that runs in a page, off line: by the page's own engine, or by ONNX Runtime as WebAssembly."""
