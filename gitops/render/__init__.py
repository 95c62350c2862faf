"""Turns source trees into manifests, in a process of its own without credentials and network."""
