"""``python -m trainer.export``."""

from trainer.cli.export import main

if __name__ == "__main__":
    main()
