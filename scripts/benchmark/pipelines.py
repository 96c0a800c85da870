"""Pipelines: the suite's images for the trainer, and where those of Fashion-MNIST come from.

`python -m scripts.benchmark.pipelines FILE COUNT` writes these: their reader needs MindSpore.
"""

import sys
from pathlib import Path

from scripts.benchmark import images
from trainer.datasets import arrays
from trainer.datasets.fashion_mnist import fashion_mnist


def pipelines(batch_size: int, file: str, count: int, num_classes: int) -> arrays.Pipelines:
    """Serve the first images; one batch is validated on, so that this takes no time.

    Its images are negatives: features of images to train on would be in the store before.
    """
    found, labels = images.read(Path(file), count)
    held = -found[:batch_size], labels[:batch_size]
    return arrays.pipelines((found, labels), held, batch_size)


def main() -> None:
    """Write the first images of Fashion-MNIST."""
    file, count = Path(sys.argv[1]), int(sys.argv[2])
    train, _ = fashion_mnist(batch_size=1, limit=count)
    images.write(file, train.source.arrays)


if __name__ == "__main__":
    main()
