"""`scripts/ascend_check`: checks the trainer on a device step by step, and reports in one file."""
