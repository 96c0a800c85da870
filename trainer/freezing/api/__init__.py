"""The library call `trainer.freeze`, for hand-written training loops."""
