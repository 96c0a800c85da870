"""Order: a job to be started, with the configuration composed for it. Needs no MindSpore."""

from dataclasses import dataclass

from omegaconf import DictConfig, OmegaConf, open_dict

from trainer.config import overrides
from trainer.config import schema as settings
from trainer.config.schema import Settings
from trainer.launch.jobs import Job


@dataclass(frozen=True)
class JobConfig:
    """A job, its whole configuration with Hydra's own part, and the settings that this gives."""

    job: Job
    config: DictConfig
    settings: Settings


def make_job_config(job: Job, config: DictConfig, number: int) -> JobConfig:
    """Return the order of a job, which is told its number and its folder."""
    with open_dict(config):
        config.hydra.job.id = str(number)
        config.hydra.job.num = number
        config.hydra.runtime.output_dir = str(job.folder.resolve())
    return JobConfig(job, config, settings.read(overrides.plain(task_config(config)))[0])


def task_config(config: DictConfig) -> DictConfig:
    """Return a job's configuration without Hydra's own part."""
    return OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
