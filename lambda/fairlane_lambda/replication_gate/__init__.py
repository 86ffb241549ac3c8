"""Tells when an image of ECR has arrived in all Regions."""
