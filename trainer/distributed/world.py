"""World: this process's rank among those that train one model. Pure Python.

A single process needs no communication; ``collectives.RankWorld`` is the world of several.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

_T = TypeVar("_T")


@dataclass(frozen=True)
class World:
    """This process among those that train one model together.

    Ranks exchange plain data, such as JSON holds. All ranks make the same calls in the same order.

    Attributes:
        rank: number of this process, from 0.
        world_size: number of processes.
        local_rank: number of this process among those of its machine.
    """

    rank: int = 0
    world_size: int = 1
    local_rank: int = 0

    @property
    def is_main(self) -> bool:
        """Whether this is the rank that writes the run's folder."""
        return self.rank == 0

    def gather(self, value: Any) -> list[Any]:
        """Return each rank's value, in order; every rank waits for all others."""
        return [value]

    def from_main(self, make: Callable[[], _T]) -> _T:
        """Call ``make`` on the main rank alone; return its result on all ranks.

        Raises:
            TrainerExit: the main rank's, on all ranks.
        """
        return make()

    def all_or_raise(self, make: Callable[[], _T]) -> _T:
        """Call ``make`` on each rank; return its result once it has succeeded on all of them.

        Raises:
            TrainerExit: the failure of any rank, on all ranks.
        """
        return make()

    def barrier(self) -> None:
        """Wait until all ranks have reached their end, which is the same for all of them."""


_current = World()


def current() -> World:
    """Return the world of this process: a single process, unless it has joined others."""
    return _current


def set_current(world: World) -> None:
    """Set the world of this process, once and for all."""
    global _current
    _current = world
