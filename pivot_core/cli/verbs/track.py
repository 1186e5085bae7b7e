"""Owns ``pivot track``: records files and directories that no stage makes, so that they are cached and shared."""

import os

import click

from pivot_core.cli import changes, look, project
from pivot_core.cli.session import Session
from pivot_core.cli.targets import inside


@click.command("track")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--remove", is_flag=True, help="Forget PATHs; the files themselves stay.")
@click.pass_obj
def command(session: Session, paths: tuple[str, ...], *, remove: bool) -> int:
    """Record files or directories that no stage makes: raw data, a model from elsewhere.

    Their bytes go to the cache, and PATH.pvt beside each names them: commit that file, git is told
    to leave PATH itself alone. From then on `status`, `checkout`, `push`, `pull`, `gc` and `verify`
    treat PATH like an output. After an edit, track it again.

    \b
    Examples:
      pivot track data/raw.csv
      pivot track data/images/
      pivot track --remove data/raw.csv
    """
    root = project.find_root()
    here = tuple(
        path if os.path.isabs(path) else f"./{path}" for path in paths
    )  # no stage is meant
    found = look.track(root, inside(root, here), remove=remove)
    return changes.show(session, found, "forgotten" if remove else "tracked")
