"""Freeze methods: one function per module here, each named by a file in ``conf/freeze_method``.

In that YAML file, ``cuts`` says whether the gradient stops behind the cells, so that everything
upstream of them is frozen as well, and ``_target_`` names the function:

``apply(cells, parameters) -> undo`` freezes, and returns a function that takes everything back.
``cells`` are the cells to cut behind (empty unless ``cuts``); ``parameters`` are all parameters
that the method freezes, including those upstream of a cut.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias, cast

from hydra.utils import get_method

from trainer.config import freeze_methods

if TYPE_CHECKING:
    from mindspore import Parameter, nn

Apply: TypeAlias = "Callable[[Sequence[nn.Cell], Sequence[Parameter]], Callable[[], None]]"


def load(name: str) -> Apply:
    """Return the function of a freeze method by the method's name."""
    return cast(Apply, get_method(freeze_methods.target(name)))
