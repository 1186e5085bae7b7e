"""Turns what a pipeline's author wrote into stages; the half that a stage process needs stays light."""
