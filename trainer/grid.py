"""Grid: a sweep over every combination of values.

Hydra's own sweeper composes every job once more than the launcher does, 0.1 s each.
"""

from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from trainer import overrides, plugins


class Grid(Sweeper):
    """Hydra's sweeper for lists, ranges and choices."""

    __module__ = plugins.MODULE

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Take what Hydra hands over, and make the launcher."""
        self.launcher: Launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        """Launch all jobs."""
        self.launcher.launch(overrides.jobs(arguments), 0)
