"""Owns ``pivot completion``: the script that makes a shell complete the command line."""

import click
from click import shell_completion

from pivot_core.cli.session import Session
from pivot_core.errors import EXIT_OK, Bug

_SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def command(context: click.Context, shell: str) -> int:
    """Write the script by which bash, zsh or fish completes commands, options, stages and outputs.

    Stages are those that Pivot knows from the last command that needed them, and nothing of yours
    is imported to tell. In zsh, the line stands behind the one that calls compinit.

    \b
    Examples:
      eval "$(pivot completion bash)"     # in ~/.bashrc
      eval "$(pivot completion zsh)"      # in ~/.zshrc
      pivot completion fish > ~/.config/fish/completions/pivot.fish
    """
    found = shell_completion.get_completion_class(shell)
    if found is None:
        raise Bug(f"there is no completion for '{shell}'")
    group = context.find_root().command
    script = found(group, {}, "pivot", "_PIVOT_COMPLETE").source()
    context.ensure_object(Session).out.write(script)
    return EXIT_OK
