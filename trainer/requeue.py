"""``python -m trainer.requeue``."""

from trainer.cli.requeue import main

if __name__ == "__main__":
    main()
