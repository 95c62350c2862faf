"""The controller: queue, workers, sources, execution, status; it wires the adapters to the core."""
