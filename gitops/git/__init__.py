"""Git repositories: credentials, polling, mirrors, and the trees of commits and folders."""

import os

# Else GitPython raises at its import where there is no git, also in commands that need none.
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
