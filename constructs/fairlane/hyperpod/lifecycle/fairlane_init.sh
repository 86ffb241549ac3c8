#!/bin/bash
# Default init script of a HyperPod instance group: runs after the bootstrap of AWS and does nothing.
exit 0
