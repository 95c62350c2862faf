"""Git repositories: credentials, polling, mirrors, and the trees of commits and folders."""
