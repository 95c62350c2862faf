"""Traps in manifests: rules that find them before they bite."""
