"""PyTorch's side of the tests of its checkpoints: nets under the names that PyTorch's own have."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class BasicBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride > 1 or inputs != outputs:
            conv = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        return functional.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet18(nn.Module):
    """As torchvision has it, but for where the pooling pads; [N, 3, H, W] to [N, classes]."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        inputs = 64
        for at, outputs in enumerate((64, 128, 256, 512), start=1):
            first = BasicBlock(inputs, outputs, 1 if at == 1 else 2)
            stage = nn.Sequential(first, BasicBlock(outputs, outputs, 1))
            setattr(self, f"layer{at}", stage)
            inputs = outputs
        self.fc = nn.Linear(512, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.bn1(self.conv1(x)))
        x = functional.max_pool2d(functional.pad(x, (0, 1, 0, 1)), 3, 2)  # MindCV's pad_mode="same"
        for at in range(1, 5):
            x = getattr(self, f"layer{at}")(x)
        return self.fc(x.mean((2, 3)))


class Reader(nn.Module):
    """Tokens [N, T] to [N, 3], by way of every kind of layer whose names or shapes differ."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, 8)
        self.norm = nn.LayerNorm(8, eps=1e-5)
        self.lstm = nn.LSTM(8, 6, bidirectional=True, batch_first=True)
        self.conv = nn.Conv1d(12, 6, 3)
        self.group = nn.GroupNorm(2, 6)
        self.act = nn.PReLU(6)
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        x, _ = self.lstm(self.norm(self.embed(x)))
        x = self.conv(x.transpose(1, 2))
        x = self.act(self.group(x.unsqueeze(-1)))
        return self.head(x.mean((2, 3)))


def unusual(net: nn.Module) -> nn.Module:
    """Give vectors, statistics among them, values other than 0 or 1, and a net inference mode."""
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in net.state_dict().values():
            if value.ndim == 1:
                value += 0.2 * torch.rand(value.shape, generator=random)
    return net.eval()
