"""The three convolutions with which MindSpore's developers showed two ways to freeze a layer."""

from mindspore import Tensor, nn


class ThreeConvs(nn.Cell):
    """Convolutions 1->6->2->6 without biases or activations; 192 parameters.

    Source: https://www.mindspore.cn/technology-blogs/zh/1862 (2022), where ``conv1`` is frozen
    first by ``stop_gradient`` on its output, then by ``requires_grad = False``. The original
    cuts and prints inside ``construct``; here the training code may do both.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 4, has_bias=False, weight_init="normal", pad_mode="valid")
        self.conv2 = nn.Conv2d(6, 2, 2, pad_mode="valid")
        self.conv3 = nn.Conv2d(2, 6, 2, pad_mode="valid")

    def construct(self, image: Tensor) -> Tensor:
        """Apply the three convolutions.

        Args:
            image: [N, 1, H, W] float32, H and W at least 6; the source uses ones [1, 1, 32, 32].

        Returns:
            [N, 6, H - 5, W - 5] float32, so [1, 6, 27, 27] for the source's input.
        """
        return self.conv3(self.conv2(self.conv1(image)))
