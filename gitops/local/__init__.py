"""A throw-away local control plane and Git server, for demo, tests and benchmark."""
