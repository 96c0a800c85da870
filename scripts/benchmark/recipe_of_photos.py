"""The recipe by which whole runs fine-tune EfficientNet-Lite0 on patches of photographs."""

EPOCHS = 20
BATCH = 32
SIDE = 64  # pixels
RATE = 5e-4  # the peak, after a linear warm-up of one epoch; then a cosine to 0
WEIGHT_DECAY = 0.01
MEAN, STD = [0.5, 0.5, 0.5], [0.5, 0.5, 0.5]
