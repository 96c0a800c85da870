"""Branched: a net in a graph that has a branch, for the sake of the threads that run it."""

from typing import Any

import mindspore as ms
from mindspore import Parameter, Tensor, nn, ops


class WithDummyBranch(nn.Cell):
    """Puts out what a net does, bit for bit.

    On a CPU MindSpore 2.10 runs a graph without branches in the thread that calls it, which gets
    into the way of the threads of the kernels: ResNet-18's forward pass, 32 images of 64x64 on two
    cores, took 80 ms in one process and 120 ms in the next. With a branch, whether it is taken or
    not, threads of the graph's own run it, and it took 80 ms in all. The branch takes 0.04 ms.

    Args:
        net: the net; modes are to be set on it.
    """

    def __init__(self, net: nn.Cell) -> None:
        super().__init__(auto_prefix=False)
        self.net = net
        self.never = Parameter(Tensor(False), name="trainer.never", requires_grad=False)

    def construct(self, *inputs: Tensor) -> Any:
        """Return the net's output."""
        if self.never:
            ops.assign(self.never, self.never)
        return self.net(*inputs)


def with_dummy_branch(net: nn.Cell) -> nn.Cell:
    """Return what to call in place of a net whose graph would have no branch."""
    return WithDummyBranch(net) if ms.get_context("device_target") == "CPU" else net
