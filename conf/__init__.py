"""Makes this folder a package, as Hydra's `pkg://trainer.conf` wants."""
