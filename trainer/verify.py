"""``python -m trainer.verify``."""

from trainer.cli.verify import main

if __name__ == "__main__":
    main()
