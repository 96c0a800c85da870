"""Run files: the names of the files in a run's folder. Pure Python."""

MODEL = "model.safetensors"
EMA = "ema.safetensors"  # only of a run with ema.decay
PLAN = "plan.json"
INITIAL = "init.json"
CLASS_NAMES = "class_names.json"  # only of data whose classes have names
CLASS_WEIGHTS = "class_weights.json"  # only of a run with loss.class_weights=balanced
DATA = "data.jsonl"  # only of data that consist of files
SKIPPED = "skipped.json"  # only of a run that left out samples, see dataset.on_error
PROOF = "proof.json"
METRICS = "metrics.jsonl"
RESULT = "result.json"
SNAPSHOTS = "snapshots"
CHECKPOINTS = "checkpoints"
MANIFEST = "manifest.json"
LOG = "train.log"
STATUS = "status.json"
COSTS = "costs.json"
OUTPUT = "output.log"  # the screen output of a sweep's job
RANKS = "ranks"  # the logs of all ranks except the first
HYDRA = ".hydra"
CONFIG = f"{HYDRA}/config.yaml"
OVERRIDES = f"{HYDRA}/overrides.yaml"
HYDRA_CONFIG = f"{HYDRA}/hydra.yaml"
CONFIG_DIR = f"{HYDRA}/config_dir.json"  # only of a run with --config-dir
LOCK = f"{HYDRA}/lock"
PICTURES = WEIGHTS_PICTURE, CURVES_PICTURE = ("weights.png", "curves.png")
