"""What runs around the training loop: proof, snapshots, checkpoints, metrics, plots."""
