"""Train: one run in the folder that Hydra has made: started, resumed, or left if it is finished."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from trainer.artifacts import status
from trainer.checkpoint import resume
from trainer.checkpoint.resume import ResumePoint, ResumeRequest
from trainer.config import data_classes, overrides, recorded_folder, schema
from trainer.config.schema import Settings
from trainer.core import atomic_files, file_lock, log_handlers, text
from trainer.core.errors import ConfigError
from trainer.core.run_files import CONFIG, HYDRA, HYDRA_CONFIG, LOG, MANIFEST, OVERRIDES
from trainer.core.signals import StopFlag
from trainer.distributed import rendezvous, world
from trainer.run import configure, multi_rank

if TYPE_CHECKING:
    from trainer.artifacts.run_result import RunResult
    from trainer.callbacks.pruning import TrialInfo
    from trainer.run.components import RunComponents
    from trainer.run.graph_reuse import GraphPool

    Configured: TypeAlias = tuple[Settings, RunComponents]

log = logging.getLogger(__name__)


def train(
    config: DictConfig,
    request: ResumeRequest,
    stop: StopFlag,
    configured: "Configured | None" = None,
    pool: "Callable[[], GraphPool] | None" = None,
) -> float | None:
    """Train in the folder that Hydra has made; return the monitored value, which sweeps compare.

    Args:
        config: the whole configuration of the run.
        request: what the command line asks for.
        stop: returns why to stop, if so.
        configured: what has been built of the configuration already.
        pool: returns the graphs of earlier runs in this process.

    Raises:
        TrainerExit: how the run ends, if not well.
    """
    folder, plain = _usable_folder(request), overrides.plain(config)
    if multi_rank.starts_ranks(plain):
        lines = overrides.recorded_lines(HydraConfig.get().overrides.task)
        return multi_rank.start_ranks(plain, lines, request, folder, stop)
    request = replace(request, folder=folder)
    multi_rank.join(plain, request)
    is_main = world.current().is_main
    with file_lock.lock_run(folder if is_main else None), multi_rank.log_to_rank_file(folder):
        settings, components = _configured(configured, config, request)
        return _start(config, settings, components, folder, stop, pool)


def _usable_folder(request: ResumeRequest) -> Path:
    """Return the folder that Hydra has made.

    Raises:
        ConfigError: it is not writable, or its run was configured with other files.
    """
    folder = Path(HydraConfig.get().runtime.output_dir)
    if not os.access(folder, os.W_OK):
        raise ConfigError([unusable_folder(str(folder), "it is not writable")])
    resume.check_config_dir(replace(request, folder=folder))
    return folder


def _configured(
    configured: "Configured | None", config: DictConfig, request: ResumeRequest
) -> "Configured":
    """Return what has been built, or build it if a run has begun in the folder since then."""
    ranks, folder, plain = world.current(), request.folder, overrides.plain(config)
    assert folder is not None
    stale = ranks.from_main(lambda: configured is not None and _has_begun(configured[1], folder))
    if configured is None or stale:
        problems = rendezvous.problems(plain)
        configured = ranks.all_or_raise(lambda: configure.run_from_config(plain, request, problems))
    assert configured[0] == schema.read(plain)[0], "Hydra composed something else"
    return configured


def _start(
    config: DictConfig,
    settings: Settings,
    components: "RunComponents",
    folder: Path,
    stop: StopFlag,
    pool: "Callable[[], GraphPool] | None",
) -> float | None:
    """Train, unless the run in the folder is finished."""
    from trainer.run import fit  # imports MindSpore, for which the device is set by now
    from trainer.run.graph_reuse import GraphPool

    ranks, point = world.current(), components.resume_point
    if last := ranks.from_main(lambda: _finished(fit.finished, settings, point, folder)):
        how, value = last
        log.info("already finished (%s); left unchanged", how)
        return value
    lock = file_lock.lock_run if point else file_lock.claim_run
    with ExitStack() as stack:
        ranks.from_main(lambda: stack.enter_context(lock(folder)))
        ranks.from_main(lambda: _begin(config, settings, folder))
        stop.set_time_limit(settings.max_minutes)
        with _recorded(folder) if ranks.is_main else nullcontext(), multi_rank.exit_together():
            graphs = pool() if pool else GraphPool()
            result = fit.fit(settings, components, folder, stop, graphs, _trial())
            return None if result is None else result.value


def _finished(
    result_of: "Callable[[Settings, ResumePoint, Path], RunResult | None]",
    settings: Settings,
    point: "ResumePoint | None",
    folder: Path,
) -> tuple[str, float | None] | None:
    """Return how a run has ended and its monitored value, as ranks can exchange it."""
    last = None if point is None else result_of(settings, point, folder)
    if last is None:
        return None
    return last.reason or text.quantity(last.end.epochs, "epoch"), last.value


def _trial() -> "TrialInfo | None":
    """Return which trial of a search this run is, if the search prunes its trials."""
    from trainer.callbacks.pruning import TrialInfo

    sweeper = OmegaConf.to_container(HydraConfig.get().sweeper)
    assert isinstance(sweeper, dict)
    info: Any = sweeper.get("trial")
    return TrialInfo(**info) if info else None


@contextmanager
def _recorded(folder: Path) -> Iterator[None]:
    """Keep the run's log and status, which one process does for all ranks."""
    in_use = atomic_files.folder_in_use(folder)
    with in_use, log_handlers.log_to_file(folder / LOG), status.keep_status(folder):
        yield


def _has_begun(components: "RunComponents", folder: Path) -> bool:
    return components.resume_point is None and (folder / HYDRA).exists()


def _begin(config: DictConfig, settings: Settings, folder: Path) -> None:
    atomic_files.remove([folder / MANIFEST])  # first, because what it lists will change
    _record_configuration(config, folder)
    lines = overrides.recorded_lines(HydraConfig.get().overrides.task)
    recorded_folder.write(folder, overrides.user_files(lines, settings.named_options()))


def _record_configuration(config: DictConfig, folder: Path) -> None:
    """Write what Hydra would have written before any configuration error was looked for."""
    hydra = HydraConfig.get()
    atomic_files.write_text(folder / CONFIG, OmegaConf.to_yaml(data_classes.with_values(config)))
    atomic_files.write_text(folder / HYDRA_CONFIG, OmegaConf.to_yaml({"hydra": hydra}))
    atomic_files.write_text(folder / OVERRIDES, OmegaConf.to_yaml(hydra.overrides.task))


def unusable_folder(name: str, why: str | None) -> str:
    """Return the problem of a folder in which no run can be written."""
    return f"hydra.run.dir: expected a new folder to write in, received {name} ({why})"
