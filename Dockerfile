# syntax=docker/dockerfile:1

# Helm and Kustomize from the modules that the tests pin too, with the flags of gitops/local/binaries.py.
FROM --platform=$BUILDPLATFORM golang:1.26 AS tools
ARG TARGETOS TARGETARCH
ENV CGO_ENABLED=0 GOFLAGS="-mod=readonly -buildvcs=false -trimpath" GOTOOLCHAIN=local GOWORK=off
WORKDIR /src
COPY tests/controlplane/helm helm
COPY tests/controlplane/kustomize kustomize
RUN GOOS=$TARGETOS GOARCH=$TARGETARCH go build -C helm \
      -ldflags "-s -w -X helm.sh/helm/v4/internal/version.version=v4.3.1" -o /out/helm helm.sh/helm/v4/cmd/helm \
 && GOOS=$TARGETOS GOARCH=$TARGETARCH go build -C kustomize \
      -ldflags "-s -w" -o /out/kustomize sigs.k8s.io/kustomize/kustomize/v5

# A virtual environment with the locked dependencies and our wheel. Nothing without a hash is installed; the
# developers' lock is for the build backend, and stays behind in this stage.
FROM python:3.11-slim AS python
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /opt/gitops
COPY requirements.lock requirements-dev.lock ./
RUN /opt/gitops/bin/pip install --require-hashes --only-binary=:all: --requirement=requirements.lock \
 && pip install --require-hashes --requirement=requirements-dev.lock
COPY pyproject.toml README.md LICENSE ./
COPY tests/controlplane tests/controlplane
COPY manifests manifests
COPY gitops gitops
RUN pip wheel --no-deps --no-index --no-build-isolation --wheel-dir=/out . \
 && /opt/gitops/bin/pip install --no-deps --no-index /out/*.whl \
 && /opt/gitops/bin/pip uninstall --yes pip setuptools

FROM python:3.11-slim
# ssh refuses to work for a user without an entry in /etc/passwd. Debian serves only the newest version of a
# package, so that a pinned one would soon fail to build.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates git openssh-client tini \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid=65532 --user-group --no-create-home --home-dir=/tmp --shell=/usr/sbin/nologin gitops
COPY --from=tools /out/helm /out/kustomize /usr/local/bin/
COPY --from=python /opt/gitops /opt/gitops
ENV PATH=/opt/gitops/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65532:65532
# Git and renders leave orphans, and process 1 has to collect them.
ENTRYPOINT ["tini", "--", "gitops"]
CMD ["controller"]
