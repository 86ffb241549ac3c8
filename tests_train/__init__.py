"""Tests of the example training image on the CPU. They require PyTorch and run apart from the other tests."""
