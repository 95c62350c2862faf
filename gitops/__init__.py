"""A GitOps reconciliation controller for Kubernetes: observe, compare, act."""

__version__ = "0.1.0"
