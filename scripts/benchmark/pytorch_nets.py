"""The models of the suite in PyTorch, with the same parts and names as in MindSpore."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from scripts.benchmark.case import CLASSES


class LeNet5(nn.Module):
    """The same as `models/lenet5.py`."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2 = nn.Linear(400, 120), nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of images [N, 1, 32, 32]."""
        for conv in (self.conv1, self.conv2):
            x = functional.max_pool2d(functional.relu(conv(x)), 2)
        x = functional.relu(self.fc2(functional.relu(self.fc1(x.flatten(1)))))
        return self.fc3(x)


class _Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.down_sample: nn.Module = nn.Identity()
        if stride > 1:
            conv = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.down_sample = nn.Sequential(conv, nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        return functional.relu(y + self.down_sample(x))


class ResNet18(nn.Module):
    """The same as in MindCV."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(_Block(64, 64, 1), _Block(64, 64, 1))
        self.layer2 = nn.Sequential(_Block(64, 128, 2), _Block(128, 128, 1))
        self.layer3 = nn.Sequential(_Block(128, 256, 2), _Block(256, 256, 1))
        self.layer4 = nn.Sequential(_Block(256, 512, 2), _Block(512, 512, 1))
        self.classifier = nn.Linear(512, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of images [N, 3, H, W]."""
        x = functional.relu(self.bn1(self.conv1(x)))
        x = functional.max_pool2d(x, 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.classifier(x.mean((2, 3)))


def _convolution(inputs: int, outputs: int, size: int, stride: int, groups: int) -> list[nn.Module]:
    pad = size // 2
    conv = nn.Conv2d(inputs, outputs, size, stride, pad, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(outputs), nn.ReLU6()]


class _Residual(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int, widen: int) -> None:
        super().__init__()
        wide = inputs * widen
        layers = _convolution(inputs, wide, 1, 1, 1) if widen > 1 else []
        layers += _convolution(wide, wide, 3, stride, wide)
        layers += _convolution(wide, outputs, 1, 1, 1)[:-1]
        self.layers = nn.Sequential(*layers)
        self._adds = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self._adds else self.layers(x)


class MobileNetV2(nn.Module):
    """The same as in MindCV: `features` are 23 cells in sequence."""

    def __init__(self) -> None:
        super().__init__()
        parts = _convolution(3, 32, 3, 2, 1)
        parts.append(_Residual(32, 16, 1, 1))
        inputs = 16
        for outputs, count, stride in (
            (24, 2, 2), (32, 3, 2), (64, 4, 2), (96, 3, 1), (160, 3, 2), (320, 1, 1),
        ):  # fmt: skip
            for at in range(count):
                parts.append(_Residual(inputs, outputs, 1 if at else stride, 6))
                inputs = outputs
        parts += _convolution(320, 1280, 1, 1, 1)
        self.features = nn.Sequential(*parts)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of images [N, 3, H, W]."""
        return self.classifier(self.features(x).mean((2, 3)))


def make(name: str) -> nn.Module:
    """Return a model with the initial weights of the suite."""
    torch.manual_seed(0)
    nets = {"lenet5": LeNet5, "resnet18": ResNet18, "mobilenet_v2_100": MobileNetV2}
    return nets[name]()
