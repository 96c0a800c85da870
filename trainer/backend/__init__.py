"""What MindSpore has to be told, worked around or patched."""
