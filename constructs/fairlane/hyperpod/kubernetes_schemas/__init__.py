"""Schemas of Kubernetes objects: `builtin.json.gz`, made by `generate.py`, and `custom.json`, written by hand."""
