"""Run phases: what each phase of a run works with, and the weights that it starts from."""

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
from trainer.optim.state_bank import StateBank
from trainer.phases.phase import Phase
from trainer.run.build_loop import build_loop
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

    def loop(self, phase: Phase) -> Loop:
        """Return the loop of the phase that has begun; the former one's must not be used again."""
        context = self._context.of_phase()
        if not self._is_first:
            self._compiled = self._compiled.of_phase(context.settings, context.components)
        self._is_first = False
        return build_loop(context, self._compiled, self.callbacks, self._stop)

    def load_weights(self, phase: Phase, bank: StateBank) -> None:
        """Load the best weights so far, and the state that belongs to them, if a phase wants them.

        Raises:
            ConfigError: they cannot be read.
        """
        if phase.start_from == "best":
            _load(self._context, self._best(), bank)

    def _best(self) -> Checkpoint:
        """Return the best checkpoint so far, which the first rank has written."""
        context = self._context
        context.writer.wait()
        context.world.gather(None)  # until the first rank has written it
        folder = checkpoint_index.best(
            context.folder / CHECKPOINTS, context.settings.checkpoint.best
        )
        if folder is None:
            expected = "expected an evaluation before it"
            raise ConfigError([f"phases: start_from: best of {self._name}: {expected}"])
        try:
            return checkpoint.read(folder)
        except CorruptCheckpoint as error:
            raise ConfigError([f"phases: start_from: best of {self._name}: {error}"]) from None

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
