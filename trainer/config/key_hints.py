"""Key hints: the full key for one that exists a level down, or that another trainer calls so."""

import re

from omegaconf import DictConfig, OmegaConf

# Words of PyTorch Lightning, finetuning-scheduler, Hugging Face, timm, fastai, MindCV and argparse
# scripts, by the key here. One whose key is not in the configuration at hand is not offered.
_OTHER_TRAINERS = {
    "aa": "transform.auto_augment",
    "accelerator": "device",
    "accumulate_grad_batches": "gradient.accumulation_steps",
    "adam_beta1": "optimizer.betas",
    "adam_beta2": "optimizer.betas",
    "adam_epsilon": "optimizer.eps",
    "amp": "device.precision",
    "amp_level": "device.precision",
    "arch": "model",
    "backbone_initial_lr": "phases.list",
    "backbone_initial_ratio_lr": "phases.list",
    "base_lr": "optimizer.lr",
    "base_max_lr": "phases.list",
    "beta1": "optimizer.betas",
    "beta2": "optimizer.betas",
    "bias_weight_decay": "optimizer.no_decay",
    "bs": "batch_size",
    "check_val_every_n_epoch": "evaluation.every_epochs",
    "ckpt_path": "init_from",
    "class_weight": "loss.class_weights",
    "clip_grad": "gradient.clip_value",
    "clip_grad_norm": "gradient.clip_value",
    "clip_mode": "gradient.clip",
    "criterion": "loss",
    "crop_percent": "transform.crop_pct",
    "cutmix_alpha": "transform.cutmix",
    "data_dir": "dataset.root",
    "dataset_dir": "dataset.root",
    "default_root_dir": "hydra.run.dir",
    "device_target": "device.target",
    "devices": "distributed.ranks",
    "distribute": "distributed",
    "drop_last": "dataset.last_batch",
    "drop_remainder": "dataset.last_batch",
    "early_stop": "early_stopping.patience",
    "early_stopping_patience": "early_stopping.patience",
    "ema_decay": "ema.decay",
    "epoch_size": "epochs",
    "epoch_transitions_only": "phases",
    "epsilon": "optimizer.eps",
    "eval_interval": "evaluation.every_epochs",
    "eval_metric": "evaluation.monitor",
    "eval_steps": "evaluation.every_steps",
    "every_n_train_steps": "checkpoint.every_steps",
    "filter_bias_and_bn": "optimizer.no_decay",
    "finetuning_schedule": "phases.file",
    "freeze_backbone_epochs": "phases.list",
    "freeze_epoch": "phases.list",
    "freeze_epochs": "phases.list",
    "freeze_layers": "freeze",
    "freeze_to": "policy",
    "frozen_bn_track_running_stats": "norm",
    "ft_schedule": "phases.file",
    "gen_ft_sched_only": "phases",
    "grad_accum_steps": "gradient.accumulation_steps",
    "gradient_accumulation_steps": "gradient.accumulation_steps",
    "gradient_clip_algorithm": "gradient.clip",
    "gradient_clip_val": "gradient.clip_value",
    "gradual_unfreezing": "phases",
    "ignore_label": "loss.ignore_index",
    "img_size": "transform.image_resize",
    "initial_checkpoint": "init_from",
    "input_size": "transform.image_resize",
    "label_smooth": "loss.label_smoothing",
    "layer_decay": "policy.lr_decay",
    "layerwise_lr_decay": "policy.lr_decay",
    "learning_rate": "optimizer.lr",
    "limit_val_batches": "limit_validation_batches",
    "load_best_model_at_end": "early_stopping.restore_best",
    "loss_fn": "loss",
    "lr_policy": "schedule",
    "lr_scheduler": "schedule",
    "lr_scheduler_type": "schedule",
    "max_depth": "phases",
    "max_epochs": "epochs",
    "max_grad_norm": "gradient.clip_value",
    "max_time": "max_minutes",
    "max_transition_epoch": "phases.list",
    "metric_for_best_model": "evaluation.monitor",
    "metrics": "evaluation.metrics",
    "min_delta": "early_stopping.min_delta",
    "mixup_alpha": "transform.mixup",
    "mixup_switch_prob": "transform.cutmix_prob",
    "model_ema": "ema.decay",
    "model_ema_decay": "ema.decay",
    "model_ema_warmup": "ema.warmup",
    "model_name": "model",
    "monitor": "evaluation.monitor",
    "new_lr": "phases.list",
    "new_lr_scheduler": "phases.list",
    "new_optimizer": "phases.list",
    "no_weight_decay": "optimizer.no_decay",
    "norm_weight_decay": "optimizer.no_decay",
    "nproc_per_node": "distributed.ranks",
    "num_devices": "distributed.ranks",
    "num_epochs": "epochs",
    "num_parallel_workers": "dataset.workers",
    "num_train_epochs": "epochs",
    "num_workers": "dataset.workers",
    "opt": "optimizer",
    "opt_betas": "optimizer.betas",
    "opt_eps": "optimizer.eps",
    "opt_momentum": "optimizer.momentum",
    "optim": "optimizer",
    "optimizer_name": "optimizer",
    "optimizer_type": "optimizer",
    "output_dir": "hydra.run.dir",
    "patience": "early_stopping.patience",
    "per_device_train_batch_size": "batch_size",
    "pos_weights": "loss.pos_weight",
    "pretrained": "init_from",
    "pretrained_path": "init_from",
    "reinit_lr_cfg": "phases.list",
    "reinit_optim_cfg": "phases.list",
    "reprob": "transform.re_prob",
    "restore_best": "early_stopping.restore_best",
    "resume_from_checkpoint": "resume",
    "sched": "schedule",
    "scheduler": "schedule",
    "seed_everything": "seed",
    "smoothing": "loss.label_smoothing",
    "total_steps": "max_steps",
    "train_batch_size": "batch_size",
    "train_bn": "norm",
    "train_interpolation": "transform.interpolation",
    "unfreeze": "phases",
    "unfreeze_at_epoch": "phases",
    "unfreeze_backbone_at_epoch": "phases",
    "unfreeze_epoch": "phases",
    "val_check_interval": "evaluation.every_steps",
    "val_interval": "evaluation.every_epochs",
    "warmup_lr": "schedule.warmup_factor",
    "warmup_ratio": "schedule.warmup_epochs",
    "wd": "optimizer.weight_decay",
    "weight_decay_filter": "optimizer.no_decay",
}

# Keys that only some choices of a shipped group have, with one that has it.
_OF_A_CHOICE = {
    "aa": "transform=strong transform.auto_augment",
    "adam_beta1": "optimizer=adamw optimizer.betas",
    "adam_beta2": "optimizer=adamw optimizer.betas",
    "adam_epsilon": "optimizer=adamw optimizer.eps",
    "auto_augment": "transform=strong transform.auto_augment",
    "badam_switch_interval": "phases=random_blocks phases.unit=steps phases.every",
    "beta1": "optimizer=adamw optimizer.betas",
    "beta2": "optimizer=adamw optimizer.betas",
    "betas": "optimizer=adamw optimizer.betas",
    "color_jitter": "transform=light transform.color_jitter",
    "cooldown_epochs": "schedule=plateau schedule.cooldown",
    "crop_pct": "transform=light transform.crop_pct",
    "cutmix": "transform=strong transform.cutmix",
    "cutmix_alpha": "transform=strong transform.cutmix",
    "decay_epochs": "schedule=step schedule.decay_epochs",
    "decay_milestones": "schedule=multi_step schedule.milestones",
    "decay_rate": "schedule=step schedule.decay_rate",
    "div_factor": "schedule=one_cycle schedule.div_factor",
    "eps": "optimizer=adamw optimizer.eps",
    "epsilon": "optimizer=adamw optimizer.eps",
    "freeze_level": "phases=progressive_freezing phases.freeze_level",
    "freeze_start": "phases=progressive_freezing phases.freeze_start",
    "gamma": "schedule=step schedule.decay_rate",
    "hflip": "transform=light transform.hflip",
    "image_resize": "transform=light transform.image_resize",
    "img_size": "transform=light transform.image_resize",
    "input_size": "transform=light transform.image_resize",
    "interpolation": "transform=light transform.interpolation",
    "lisa_activated_layers": "phases=random_blocks phases.blocks",
    "lisa_interval_steps": "phases=random_blocks phases.unit=steps phases.every",
    "lisa_step_interval": "phases=random_blocks phases.unit=steps phases.every",
    "lr_min": "schedule=cosine schedule.min_lr",
    "milestones": "schedule=multi_step schedule.milestones",
    "min_lr": "schedule=cosine schedule.min_lr",
    "mixup": "transform=strong transform.mixup",
    "mixup_alpha": "transform=strong transform.mixup",
    "multi_step_decay_milestones": "schedule=multi_step schedule.milestones",
    "nesterov": "optimizer=nesterov optimizer.momentum",
    "opt_betas": "optimizer=adamw optimizer.betas",
    "opt_eps": "optimizer=adamw optimizer.eps",
    "patience_epochs": "schedule=plateau schedule.patience",
    "pct_start": "schedule=one_cycle schedule.pct_start",
    "re_prob": "transform=strong transform.re_prob",
    "reprob": "transform=strong transform.re_prob",
    "stages": "phases=gradual_unfreezing phases.stages",
    "step_size": "schedule=step schedule.decay_epochs",
    "switch_block_every": "phases=random_blocks phases.unit=steps phases.every",
    "use_nesterov": "optimizer=nesterov optimizer.momentum",
    "vflip": "transform=light transform.vflip",
    "warmup_epochs": "schedule=cosine schedule.warmup_epochs",
    "warmup_steps": "schedule=cosine schedule.warmup_steps",
}

_SHIPPED = re.compile(r"trainer\.|mindspore\.nn\.(Momentum|SGD)$")


def full_keys(key: str, config: DictConfig) -> list[str]:
    """Return the keys that an unknown one may mean; none if nothing is known of it.

    Args:
        key: dotted, as on the command line.
        config: the whole configuration.
    """
    if "." not in key:
        deeper = [group for group in map(str, config) if key in _keys(config, group)]
        if deeper:
            return [f"{group}.{key}" for group in deeper]
    name = key.rpartition(".")[2]
    other = _OTHER_TRAINERS.get(key) or _OTHER_TRAINERS.get(name)
    if other and other != key and _exists(other, config):
        return [other]
    choice = _OF_A_CHOICE.get(name)
    return [choice] if choice and _is_open(key, choice, config) else []


def _keys(config: DictConfig, group: str) -> list[str]:
    if OmegaConf.is_missing(config, group) or OmegaConf.is_interpolation(config, group):
        return []
    node = config[group]
    return [str(name) for name in node] if isinstance(node, DictConfig) else []


def _exists(key: str, config: DictConfig) -> bool:
    group, _, name = key.partition(".")
    return group == "hydra" or (group in config and (not name or name in _keys(config, group)))


def _is_open(key: str, choice: str, config: DictConfig) -> bool:
    """Return whether a choice may be meant by a key: not if the group has one of the user's own."""
    group, own = choice.partition("=")[0], key.partition(".")[0]
    chosen = OmegaConf.select(config, f"{group}._target_") or ""
    is_open = "_target_" not in _keys(config, group) or bool(_SHIPPED.match(str(chosen)))
    return own in (key, group) and is_open
