"""Names of a normalisation layer's parameters in MindSpore, and in PyTorch."""

NORM_NAMES = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
