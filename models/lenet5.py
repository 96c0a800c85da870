"""LeNet-5: the small convolutional model that the examples fine-tune."""

from mindspore import Tensor, nn


class LeNet5(nn.Cell):
    """Two convolutions and three dense layers for 32x32 grey images; 61,706 parameters.

    The layers of LeCun et al., "Gradient-based learning applied to document recognition" (1998),
    with ReLU, max pooling and a plain dense classifier. The names of its layers are ``conv1``
    ``conv2`` ``fc1`` ``fc2`` ``fc3``; the last is the classifier.

    Args:
        num_classes: outputs of the classifier, 1 or more.
    """

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, pad_mode="valid", has_bias=True)
        self.conv2 = nn.Conv2d(6, 16, 5, pad_mode="valid", has_bias=True)
        self.fc1 = nn.Dense(16 * 5 * 5, 120)
        self.fc2 = nn.Dense(120, 84)
        self.fc3 = nn.Dense(84, num_classes)
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool2d(kernel_size=2, stride=2)
        self.flatten = nn.Flatten()

    def construct(self, image: Tensor) -> Tensor:
        """Classify images.

        Args:
            image: [N, 1, 32, 32] float32.

        Returns:
            Logits, [N, num_classes] float32.
        """
        x = self.pool(self.relu(self.conv1(image)))  # [N, 6, 14, 14]
        x = self.pool(self.relu(self.conv2(x)))  # [N, 16, 5, 5]
        x = self.relu(self.fc1(self.flatten(x)))
        x = self.relu(self.fc2(x))
        return self.fc3(x)
