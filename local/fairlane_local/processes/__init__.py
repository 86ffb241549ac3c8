"""Jobs of a local AWS as processes of this computer, each in namespaces of its own."""
