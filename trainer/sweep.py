"""``python -m trainer.sweep``."""

from trainer.cli.sweep import main

if __name__ == "__main__":
    main()
