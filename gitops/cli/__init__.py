"""The `gitops` command."""
