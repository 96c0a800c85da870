"""A plain MindSpore script: freezes the first of two layers, and prints whether it moved.

Usage: plain_run.py METHOD graph|pynative; in PyNative the step is compiled by ``ms.jit``.
"""

import sys
from typing import Any

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops


class Two(nn.Cell):
    """Two layers, each an attribute: a hook on a cell in a container is ignored."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Dense(4, 4)
        self.last = nn.Dense(4, 3)

    def construct(self, x: Tensor) -> Tensor:
        return self.last(self.first(x))


def cut(cell: nn.Cell, inputs: Any, output: Any) -> Any:
    return ops.stop_gradient(output)


def main(method: str, mode: str) -> None:
    ms.set_context(mode=ms.GRAPH_MODE if mode == "graph" else ms.PYNATIVE_MODE)
    net = Two()
    if method == "stop_gradient":
        net.first.register_forward_hook(cut)
    if method == "requires_grad":
        for parameter in net.first.get_parameters():
            parameter.requires_grad = False
    before = net.first.weight.asnumpy().copy()
    optimizer = nn.SGD(net.trainable_params(), 0.1)
    step = nn.TrainOneStepCell(nn.WithLossCell(net, nn.MSELoss()), optimizer).set_train()
    run = step if mode == "graph" else ms.jit(step)
    run(Tensor(np.ones((2, 4), np.float32)), Tensor(np.zeros((2, 3), np.float32)))
    print("still" if (net.first.weight.asnumpy() == before).all() else "moved")


main(*sys.argv[1:])
