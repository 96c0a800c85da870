"""Three linear layers whose gradients differ between `requires_grad` and a cut graph."""

from mindspore import Tensor, nn


class ThreeLinears(nn.Cell):
    """Dense layers 1->2->3->2 without activations, every weight and bias 1; 21 parameters.

    Source: a note that compares PyTorch's ``requires_grad_(False)`` with ``detach_()``. With the
    input 1 and the sum of the output (32) as the loss, the gradients of all weights and biases are
    integers: 6 and 6 for ``f1``, 4 and 2 for ``f2``, 5 and 1 for ``f3``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.f1 = nn.Dense(1, 2, weight_init="ones", bias_init="ones")
        self.f2 = nn.Dense(2, 3, weight_init="ones", bias_init="ones")
        self.f3 = nn.Dense(3, 2, weight_init="ones", bias_init="ones")

    def construct(self, x: Tensor) -> Tensor:
        """Apply the three layers.

        Args:
            x: [N, 1] float32.

        Returns:
            [N, 2] float32; [[16, 16]] for x = [[1]].
        """
        return self.f3(self.f2(self.f1(x)))
