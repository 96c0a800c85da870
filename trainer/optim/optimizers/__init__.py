"""Optimizers that follow PyTorch's and timm's definitions where MindSpore's do not."""
