"""Decisions only: pure functions over frozen values, without I/O, clock, logging or globals."""
