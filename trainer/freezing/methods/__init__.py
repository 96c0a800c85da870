"""Freeze methods: one function each, named by a YAML file in ``conf/freeze_method``.

That file says ``cuts``: whether the gradient stops behind the cells, so that what is upstream of
them is frozen as well. ``_target_`` names the function:

``apply(cells, parameters) -> undo`` freezes and returns a function that takes it all back.
``cells`` are the cells to cut behind (empty unless ``cuts``), ``parameters`` all parameters that
the method freezes, those upstream of a cut included.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias, cast

from hydra.utils import get_method

from trainer.config import freeze_methods

if TYPE_CHECKING:
    from mindspore import Parameter, nn

Apply: TypeAlias = "Callable[[Sequence[nn.Cell], Sequence[Parameter]], Callable[[], None]]"


def load(name: str) -> Apply:
    """Return a method's function by the method's name."""
    return cast(Apply, get_method(freeze_methods.target(name)))
