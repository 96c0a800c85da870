"""ONNX writer: translates the graph of a MindIR file into ONNX, operator by operator.

MindSpore's own exporter lacks many operators (2.10: GELU's Erf, HSwish, HSigmoid, GroupNorm, ELU,
PReLU, adaptive pools, ``+=``), writes some that onnxruntime refuses (LayerNorm, Pad), and fixes the
batch size. MindIR holds every model as a flat list of primitives, whatever its Python code is.
"""
