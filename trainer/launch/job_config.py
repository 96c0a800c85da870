"""JobConfig: a job with the configuration composed for it. Needs no MindSpore."""

from dataclasses import dataclass

from omegaconf import DictConfig, OmegaConf, open_dict

from trainer.config import overrides, schema
from trainer.config.schema import Settings
from trainer.launch.jobs import Job


@dataclass(frozen=True)
class JobConfig:
    """A job, its whole configuration with Hydra's part, and the settings read from it."""

    job: Job
    config: DictConfig
    settings: Settings


def make_job_config(job: Job, config: DictConfig, number: int) -> JobConfig:
    """Return a job with its configuration, into which its number and folder are written."""
    with open_dict(config):
        config.hydra.job.id = str(number)
        config.hydra.job.num = number
        config.hydra.runtime.output_dir = str(job.folder.resolve())
    return JobConfig(job, config, schema.read(overrides.plain(task_config(config)))[0])


def task_config(config: DictConfig) -> DictConfig:
    """Return a job's configuration without Hydra's part."""
    return OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
