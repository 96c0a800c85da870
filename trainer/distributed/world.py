"""World: which of a job's processes this one is, and what they tell one another. Pure Python.

One process alone has nobody to ask; ``trainer.distributed`` holds what several do.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

_T = TypeVar("_T")


@dataclass(frozen=True)
class World:
    """This process among those that train one net together.

    What is passed between ranks is plain data, such as JSON holds. All ranks make the same calls
    in the same order.

    Attributes:
        rank: its number, from 0.
        ranks: how many there are.
        local: its number among those of the same machine.
    """

    rank: int = 0
    world_size: int = 1
    local_rank: int = 0

    @property
    def is_main(self) -> bool:
        """Whether this is the rank that writes the run's folder."""
        return self.rank == 0

    def gather(self, value: Any) -> list[Any]:
        """Return each rank's value, in order; all wait for the last of them."""
        return [value]

    def from_main(self, make: Callable[[], _T]) -> _T:
        """Return on all ranks what ``make`` gives on the first; it is called there alone.

        Raises:
            TrainerExit: the first rank's, on all of them.
        """
        return make()

    def all_or_raise(self, make: Callable[[], _T]) -> _T:
        """Return what ``make`` gives on this rank, once it has ended well on all.

        Raises:
            TrainerExit: one of theirs, on all of them.
        """
        return make()

    def part(self) -> None:
        """Wait until all ranks have come to their end, which is the same for all of them."""


_current = World()


def current() -> World:
    """Return the world of this process; alone, unless it has joined others."""
    return _current


def set_current(world: World) -> None:
    """Set the world of this process, once and for all."""
    global _current
    _current = world
