"""Why an image can't be pulled, from what the kubelet says of it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gitops.core.model import ObjectKey
from gitops.core.reading import items, part, text
from gitops.core.why.lookups import SECRET, describe, get, is_absent, listed, messages, namespace_flag
from gitops.core.why.model import Cause, Depth, Evidence, Object, World

REASONS = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "RegistryUnavailable",
        "ImageInspectError",
        "SignatureValidationFailed",
    }
)
# Registries answer alike for "you may not" and "there is none": rights come first, as both then fit.
_DENIED = re.compile(
    r"unauthorized|access denied|denied:|authorization (?:failed|required)|authentication required|"
    r"no basic auth credentials|\b40[13]\b|insufficient_scope",
    re.IGNORECASE,
)
_MISSING = re.compile(r"not found|manifest unknown|name unknown|does not exist|\b404\b", re.IGNORECASE)
_UNREACHABLE = re.compile(
    r"no such host|i/o timeout|connection refused|deadline exceeded|TLS handshake|x509|server misbehaving|"
    r"network is unreachable|\b50[0234]\b",
    re.IGNORECASE,
)
_LIMITED = re.compile(r"toomanyrequests|rate limit|\b429\b", re.IGNORECASE)


def image_cause(key: ObjectKey, pod: Object, world: World, container: Mapping[str, Any]) -> Cause:
    """The cause for a container that waits for its image."""
    waiting = part(container, "state", "waiting")
    image, reason = text(container.get("image")), text(waiting.get("reason"))
    said = _said(key, world, image, text(waiting.get("message")))
    identity, what, advice = _understood(reason, said, image)
    evidence = [Evidence(f"container {text(container.get('name'))}: {reason}", describe(key))]
    if said:
        evidence.append(Evidence(f"it says: {said}", describe(key)))
    if identity == "image-no-credentials":
        evidence += _pull_secrets(key, pod, world)
    return Cause(identity, key, what, Depth.ROOT, tuple(evidence), (advice,))


def _said(key: ObjectKey, world: World, image: str, fallback: str) -> str:
    """What the registry answered: Events tell it longer than "Back-off pulling image" does."""
    for message in messages(world, key):
        if message.startswith("Failed to pull image") and (not image or image in message):
            return message
    return fallback


def _understood(reason: str, said: str, image: str) -> tuple[str, str, str]:
    tag = "digest" if "@" in image else "tag"
    if reason == "InvalidImageName":
        return "image-name-invalid", f"can't start: {image!r} is no name of an image", "correct the image"
    if reason == "ErrImageNeverPull":
        return (
            "image-never-pulled",
            f"can't start: the image {image} is not on the node, and imagePullPolicy is Never",
            "set imagePullPolicy to IfNotPresent, or load the image onto the node",
        )
    if _LIMITED.search(said):
        return (
            "image-rate-limited",
            f"can't pull the image {image}: the registry limits how often it is asked",
            "pull with an account (imagePullSecrets), or through a cache of your own",
        )
    if _DENIED.search(said):
        return (
            "image-no-credentials",
            f"can't pull the image {image}: the registry wants other credentials, or has no such repository",
            "name a Secret of type kubernetes.io/dockerconfigjson in imagePullSecrets, and check the name",
        )
    if _MISSING.search(said):
        return (
            "image-not-found",
            f"can't pull the image {image}: the registry has no such image or {tag}",
            f"correct the {tag}, or push the image",
        )
    if _UNREACHABLE.search(said) or reason == "RegistryUnavailable":
        return (
            "image-registry-unreachable",
            f"can't pull the image {image}: the registry can't be reached from the node",
            "check the registry's name, and DNS, proxy, firewall and certificates of the nodes",
        )
    return "image-pull-failed", f"can't pull the image {image} ({reason})", "see what the kubelet says above"


def _pull_secrets(key: ObjectKey, pod: Object, world: World) -> Iterator[Evidence]:
    names = [text(one.get("name")) for one in items(pod, "spec", "imagePullSecrets")]
    if not names:
        yield Evidence("the Pod names no imagePullSecrets", get(key))
    for name in names:
        if is_absent(world, ObjectKey(*SECRET, key.namespace, name)):
            yield Evidence(
                f"the Secret {name} that imagePullSecrets names is not there",
                f"kubectl get secret/{name}{namespace_flag(key.namespace)}",
            )
    if len(names) > 1:
        yield Evidence(f"imagePullSecrets are {listed(names)}", get(key))
