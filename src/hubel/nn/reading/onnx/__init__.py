"""From ONNX files back to trees: a row for every operator; `patterns` finds what exporters write as several."""
