"""Run phases: what each phase of a run works with, and the weights that it starts from."""

from pathlib import Path

from mindspore import Parameter, Tensor

from trainer.backend import execution_mode
from trainer.backend.set_parameters import SetParameters
from trainer.checkpoint import checkpoint, checkpoint_index
from trainer.checkpoint.checkpoint import Checkpoint, CorruptCheckpoint
from trainer.core.errors import ConfigError
from trainer.core.run_files import CHECKPOINTS
from trainer.core.signals import StopFlag
from trainer.engine.callback import Callback
from trainer.engine.loop_spec import Loop
from trainer.engine.progress import Progress
from trainer.feature_cache.features import Features
from trainer.optim.state_bank import StateBank
from trainer.run.build_loop import build_loop
from trainer.run.cached_features import phase_features
from trainer.run.fit_context import FitContext
from trainer.run.graph_reuse import CompiledRun


class RunPhases:
    """The phases of a run.

    Attributes:
        callbacks: of the run.
        averages: of the weights; None: there are none.

    Args:
        context: of the run.
        compiled: what its first phase, or that of a resume, trains with.
        callbacks: of the run.
        stop: returns why to stop, if so.
    """

    def __init__(
        self, context: FitContext, compiled: CompiledRun, callbacks: Callback, stop: StopFlag
    ) -> None:
        self._context = context
        self._compiled = compiled
        self.callbacks = callbacks
        self.averages = compiled.averages
        self._stop = stop
        self._is_first = True
        self._features: Features | None = None

    def loop(self) -> Loop:
        """Return the loop of the phase that has begun; the former one's must not be used again."""
        context = self._context.of_phase()
        if not self._is_first:
            self._compiled = self._compiled.of_phase(context.settings, context.components)
        self._is_first = False
        features = self._phase_features(context)
        return build_loop(context, self._compiled, self.callbacks, self._stop, features)

    def _phase_features(self, context: FitContext) -> Features | None:
        """Return the features of the phase, from those of the one before where possible."""
        place, parts = context.place, (context.settings, context.components, self._compiled.compile)
        plans = [place.phases[start.index].plan for start in place.starts[:-1]]
        self._features = phase_features(*parts, self._features, plans)
        return self._features

    def close(self) -> None:
        """Remove the features that no other run can use."""
        if self._features is not None:
            self._features.close()

    def load_weights(self, bank: StateBank) -> None:
        """Load the weights that the phase starts from, and their state, if they are not the last.

        Raises:
            ConfigError: they cannot be read.
        """
        undone = self._context.place.undone
        if undone is not None:
            name = checkpoint.name_of(undone)
            _load(self._context, self._read(self._context.folder / CHECKPOINTS / name), bank)
        elif self._context.place.start.start_from == "best":
            _load(self._context, self._best(), bank)

    def _best(self) -> Checkpoint:
        context = self._context
        self._wait_for_files()
        folder = checkpoint_index.best(
            context.folder / CHECKPOINTS,
            context.settings.checkpoint.best,
            Progress(*context.place.start.moment),
        )
        if folder is None:
            expected = "expected an evaluation before it"
            raise ConfigError([f"phases: start_from: best of {self._name}: {expected}"])
        return self._read(folder)

    def _read(self, folder: Path) -> Checkpoint:
        self._wait_for_files()
        try:
            return checkpoint.read(folder)
        except CorruptCheckpoint as error:
            raise ConfigError(
                [f"phases: the weights that {self._name} starts from: {error}"]
            ) from None

    def _wait_for_files(self) -> None:
        """Wait until the first rank has written all checkpoints so far."""
        self._context.writer.wait()
        self._context.world.gather(None)

    @property
    def _name(self) -> str:
        return self._context.place.phase.name


def _load(context: FitContext, source: Checkpoint, bank: StateBank) -> None:
    """Put weights and state of a checkpoint in the place of the present ones.

    The graph of the evaluation is compiled: it follows an assignment, but no ``set_data``.
    """
    parameters = dict(context.components.model.parameters_and_names())
    _assign([(parameters[name], array) for name, array in source.weights.items()])
    extra = context.extra
    _assign([(p, source.state[name]) for name, p in extra.items() if name in source.state])
    bank.arrays = {name: array for name, array in source.state.items() if name not in extra}


def _assign(pairs: list[tuple[Parameter, object]]) -> None:
    if pairs:
        setter = execution_mode.executable(SetParameters([parameter for parameter, _ in pairs]))
        setter(*(Tensor(array, dtype=parameter.dtype) for parameter, array in pairs))
