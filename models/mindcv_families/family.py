"""Family: models of MindCV that other libraries have too, under other names."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from mindspore import nn

MINDCV, TORCHVISION, TIMM, TIMM_TF = "mindcv", "torchvision", "timm", "timm_tf"
ARCHITECTURES = (MINDCV, TORCHVISION, TIMM, TIMM_TF)

# What a library's model has otherwise than MindCV's, and what changes MindCV's so.
Changes: TypeAlias = dict[str, Callable[[nn.Cell], None]]
Names: TypeAlias = Mapping[str, str]


@dataclass(frozen=True)
class Format:
    """The names of a library's checkpoints.

    Attributes:
        source: the library, or several.
        names: MindCV's name by the library's, of each cell or parameter.
        architectures: those whose checkpoints have these names, the most usual first.
    """

    source: str
    names: Names
    architectures: tuple[str, ...]


@dataclass(frozen=True)
class Family:
    """What is known of one model.

    Attributes:
        classifier: the name of its last layer.
        changes: by architecture; without MindCV's own.
        formats: of checkpoints.
    """

    classifier: str
    changes: Mapping[str, Changes]
    formats: tuple[Format, ...]
