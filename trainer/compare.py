"""``python -m trainer.compare``."""

from trainer.cli.compare import main

if __name__ == "__main__":
    main()
