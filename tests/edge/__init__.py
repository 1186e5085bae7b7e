"""The edges: definitions, fingerprints, stores and workers, each against the real thing."""
