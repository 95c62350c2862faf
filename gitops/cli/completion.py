"""Completion: the scripts of the shells, and the words that they ask for.

The scripts ask the command itself by Typer's protocol: the words in COMP_WORDS or _TYPER_COMPLETE_ARGS, and
which shell asks in _GITOPS_COMPLETE. Names of Applications come from the cluster, or not at all:
a key press must neither wait nor complain.
"""

import asyncio
import contextlib
import io
import logging
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

_LONGEST = 1.5  # seconds that the cluster may take
_LIMIT = 500

_BASH = """\
# bash completion of gitops: source <(gitops completion bash)
_gitops_completion() {
    local IFS=$'\\n'
    COMPREPLY=($(COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD _GITOPS_COMPLETE=complete_bash \\
        gitops 2>/dev/null))
}
complete -o default -o nosort -F _gitops_completion gitops
"""
_ZSH = """\
#compdef gitops
# zsh completion of gitops: source <(gitops completion zsh)
_gitops_completion() {
    eval "$(_TYPER_COMPLETE_ARGS="${words[1,$CURRENT]}" _GITOPS_COMPLETE=complete_zsh \\
        gitops 2>/dev/null)"
}
compdef _gitops_completion gitops
"""
_FISH = """\
# fish completion of gitops: gitops completion fish | source
complete --command gitops --no-files --arguments \
"(env _GITOPS_COMPLETE=complete_fish _TYPER_COMPLETE_FISH_ACTION=get-args \
_TYPER_COMPLETE_ARGS=(commandline -cp) gitops 2>/dev/null)" --condition \
"env _GITOPS_COMPLETE=complete_fish _TYPER_COMPLETE_FISH_ACTION=is-args \
_TYPER_COMPLETE_ARGS=(commandline -cp) gitops 2>/dev/null"
"""
SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def candidates(words: list[str]) -> list[str]:
    """What may stand for the last of the words, which is being typed."""
    from gitops.cli.app import COMPLETE, run

    os.environ |= {
        COMPLETE: "complete_bash",
        "COMP_WORDS": shlex.join(["gitops", *words]),
        "COMP_CWORD": str(max(len(words), 1)),
    }
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        run("gitops", [])
    return [line for line in said.getvalue().splitlines() if line]


def applications(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of Applications that begin so: NAME in the namespace that is meant, else NAMESPACE/NAME."""
    logging.disable(logging.CRITICAL)
    try:
        return asyncio.run(asyncio.wait_for(_applications(ctx.params, incomplete), _LONGEST))
    except Exception:  # noqa: BLE001 - whatever it is, a completion has nobody to tell it to
        return []


async def _applications(params: Mapping[str, Any], incomplete: str) -> list[str]:
    from gitops.core.resources import APPLICATIONS
    from gitops.kube.client import METADATA_LIST, Access, Client
    from gitops.kube.contexts import context_namespace

    kubeconfig = params.get("kubeconfig")
    access = Access(Path(kubeconfig) if kubeconfig else None, params.get("context"))
    home = params.get("namespace") or context_namespace(access)
    client = await Client.connect(access)
    try:
        reply = await client.request(
            "GET", APPLICATIONS.collection(), params={"limit": str(_LIMIT)}, accept=METADATA_LIST
        )
        items = reply.json.get("items") or () if reply.ok else ()
    finally:
        await client.close()
    places = [(one["metadata"]["namespace"], one["metadata"]["name"]) for one in items]
    names = sorted(name for namespace, name in places if namespace == home)
    names += sorted(f"{namespace}/{name}" for namespace, name in places if namespace != home)
    return [name for name in names if name.startswith(incomplete)]
