"""Owns where a pipeline's definition is found: one of three files, in one directory."""

import os

from pivot_core.errors import DefinitionError

NAMES = ("pivot.yaml", "pivot.yml", "pipeline.py")


def definition_file(directory: str) -> str:
    """Returns the path of the one definition file in ``directory``.

    Raises ``DefinitionError`` when there is none, or more than one.
    """
    found = [name for name in NAMES if os.path.lexists(os.path.join(directory, name))]
    if not found:
        raise DefinitionError(
            "no pipeline is defined here",
            f"{directory}: no {', '.join(NAMES[:-1])} or {NAMES[-1]}",
            "write a pipeline.py (`pivot demo DIR` makes an example), or pass -C DIR",
        )
    if len(found) > 1:
        hint = (
            "rename pipeline.py (to stages.py, say) and let pivot.yaml point at its functions"
            if NAMES[-1] in found
            else f"keep one of them: {found[0]}"
        )
        raise DefinitionError(
            f"two definition files: {' and '.join(found[:2])}", ", ".join(found), hint
        )
    return os.path.join(directory, found[0])
