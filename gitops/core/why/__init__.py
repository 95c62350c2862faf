"""Why an object is not healthy: rules over what was read from the cluster, the root cause first."""
