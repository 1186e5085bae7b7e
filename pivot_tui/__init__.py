"""The terminal dashboard: a client of the engine that knows the port and nothing else of the core."""
