"""Tests of the elastic training loop under the HyperPod elastic agent, on the CPU with gloo."""
