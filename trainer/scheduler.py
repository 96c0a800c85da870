"""``python -m trainer.scheduler``."""

from trainer.distributed.scheduler import main

if __name__ == "__main__":
    main()
