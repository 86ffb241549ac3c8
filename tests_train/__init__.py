"""Tests of the example training image, on the CPU; they need PyTorch, and so run apart from the others."""
