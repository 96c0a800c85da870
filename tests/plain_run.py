"""A plain MindSpore script: freeze the first of two layers as told, say whether it moved."""

import sys
from typing import Any

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops


def cut(cell: nn.Cell, inputs: Any, output: Any) -> Any:
    return ops.stop_gradient(output)


def main(method: str) -> None:
    ms.set_context(mode=ms.GRAPH_MODE)
    net = nn.SequentialCell(nn.Dense(4, 4), nn.Dense(4, 3))
    if method == "stop_gradient":
        net[0].register_forward_hook(cut)
    if method == "requires_grad":
        for parameter in net[0].get_parameters():
            parameter.requires_grad = False
    before = net[0].weight.asnumpy().copy()
    optimizer = nn.SGD(net.trainable_params(), 0.1)
    step = nn.TrainOneStepCell(nn.WithLossCell(net, nn.MSELoss()), optimizer).set_train()
    step(Tensor(np.ones((2, 4), np.float32)), Tensor(np.zeros((2, 3), np.float32)))
    print("still" if (net[0].weight.asnumpy() == before).all() else "moved")


main(sys.argv[1])
