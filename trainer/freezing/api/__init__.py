"""`trainer.freeze`, for training loops that are not the trainer's."""
