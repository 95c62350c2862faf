"""Property tests have no deadline: on a loaded machine a slow moment is no finding."""

from hypothesis import settings

settings.register_profile("without-deadline", deadline=None)
settings.load_profile("without-deadline")
