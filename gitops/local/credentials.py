"""Keys, tokens and kubeconfig files of a throw-away control plane, without a crypto library."""

import base64
import json
import secrets
from pathlib import Path

# DER of SEC 1's ECPrivateKey (RFC 5915) for P-256 without the optional public key: a sequence of
# version 1, the 32 bytes of the key, and [0] with the curve's identifier 1.2.840.10045.3.1.7.
_EC_KEY_HEAD = bytes.fromhex("30310201010420")
_EC_KEY_CURVE = bytes.fromhex("a00a06082a8648ce3d030107")
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def signing_key() -> str:
    """Make a PEM private key for service account tokens.

    An elliptic curve key is nothing but a random number below the curve's order (FIPS 186-5,
    A.2); Go computes the public half from it.
    """
    number = secrets.randbelow(_P256_ORDER - 1) + 1
    der = _EC_KEY_HEAD + number.to_bytes(32) + _EC_KEY_CURVE
    body = base64.encodebytes(der).decode()
    return f"-----BEGIN EC PRIVATE KEY-----\n{body}-----END EC PRIVATE KEY-----\n"


def token() -> str:
    """Make a bearer token that nobody can guess."""
    return secrets.token_urlsafe(32)


def write_private(path: Path, text: str) -> Path:
    """Write a file that only its owner may read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return path


def write_kubeconfig(path: Path, url: str, ca_file: Path, bearer: str, namespace: str = "default") -> Path:
    """Write a kubeconfig with one context; it is JSON, which is YAML too."""
    authority = base64.b64encode(ca_file.read_bytes()).decode()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "local",
        "contexts": [
            {"name": "local", "context": {"cluster": "local", "user": "local", "namespace": namespace}}
        ],
        "clusters": [{"name": "local", "cluster": {"server": url, "certificate-authority-data": authority}}],
        "users": [{"name": "local", "user": {"token": bearer}}],
    }
    return write_private(path, json.dumps(config, indent=2) + "\n")


def write_authority(path: Path, chain: Path) -> Path:
    """Write the last certificate of a chain, which is its authority, to a file of its own.

    Kubernetes refuses a trust bundle that holds a server's certificate too.
    """
    begin = "-----BEGIN CERTIFICATE-----"
    path.write_text(begin + chain.read_text(encoding="utf-8").rpartition(begin)[2], encoding="utf-8")
    return path
