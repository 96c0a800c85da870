"""Folder: the names of what a run leaves in its folder. Pure Python."""

MODEL = "model.safetensors"
PLAN = "plan.json"
INITIAL = "init.json"
PROOF = "proof.json"
METRICS = "metrics.jsonl"
SNAPSHOTS = "snapshots"
CHECKPOINTS = "checkpoints"
MANIFEST = "manifest.json"
LOG = "train.log"
STATUS = "status.json"
COSTS = "costs.json"
OUTPUT = "output.log"  # what a job of a sweep would have shown on the screen
RANKS = "ranks"  # the logs of those but the first
HYDRA = ".hydra"
CONFIG = f"{HYDRA}/config.yaml"
OVERRIDES = f"{HYDRA}/overrides.yaml"
CONFIG_DIR = f"{HYDRA}/config_dir.json"  # only of a run with --config-dir
LOCK = f"{HYDRA}/lock"
PICTURES = WEIGHTS_PICTURE, CURVES_PICTURE = ("weights.png", "curves.png")
