"""Fast convolutions and BatchNorm on a CPU: a C++ library, its self-test, its choice.

MindSpore hands oneDNN tensors in plain layouts, for which oneDNN has only slow code. The library
stands between the two: it has each convolution made in a layout of oneDNN's choice, blocked by the
width of the processor's vectors, and reorders the tensors around it. BatchNorm it computes itself.
"""
