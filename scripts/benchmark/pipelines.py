"""The images of the suite as pipelines of the trainer.

`python -m scripts.benchmark.pipelines FILE COUNT` writes images of Fashion-MNIST: their reader
imports MindSpore.
"""

import sys
from pathlib import Path

from scripts.benchmark import images
from trainer.datasets import arrays
from trainer.datasets.fashion_mnist import fashion_mnist


def pipelines(batch_size: int, file: str, count: int, num_classes: int) -> arrays.Pipelines:
    """Return pipelines of the first images; validation has one batch only, to take little time.

    Its images are negated: otherwise validation would already store features of training images.
    """
    data, labels = images.read(Path(file), count)
    validation = -data[:batch_size], labels[:batch_size]
    return arrays.pipelines((data, labels), validation, batch_size)


def main() -> None:
    """Write the first images of Fashion-MNIST to the file."""
    file, count = Path(sys.argv[1]), int(sys.argv[2])
    train, _ = fashion_mnist(batch_size=1, limit=count)
    images.write(file, train.source.arrays)


if __name__ == "__main__":
    main()
