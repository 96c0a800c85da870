"""``python -m trainer.kubernetes``."""

from trainer.cli.kubernetes import main

if __name__ == "__main__":
    main()
