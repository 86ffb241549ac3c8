"""The rules for repositories of images and for their replication; each construct gives them its arguments."""
