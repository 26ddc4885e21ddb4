# The image of the exporter. docs/install.md tells how to run it, and how to build it without a network.
# Both stages stand on any Linux with find and python3 3.11 or newer; the first also needs Python's venv module.
ARG BASE_IMAGE

# Dependabot reads a name here, and no variable; it pins the digest.
FROM python:3.13-slim-bookworm AS standard-base

# Buildah finds a stage by a default here, and not by one of ARG.
FROM ${BASE_IMAGE:-standard-base} AS build
# pip reads these as variables: PIP_NO_INDEX=1 PIP_FIND_LINKS=wheelhouse installs from the build context alone.
ARG PIP_NO_INDEX
ARG PIP_FIND_LINKS
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_DEPS=1 PIP_ONLY_BINARY=:all:
WORKDIR /build
COPY . .
# The tools that build the wheel stay behind in this stage, and so does pip; and pygments, which rich takes along to colour
# source code: ten megabytes that no command of ours needs.
RUN python3 -m venv tools \
    && tools/bin/python -m pip install --require-hashes --requirement requirements/build.txt \
    && tools/bin/python -m pip wheel --no-build-isolation --wheel-dir dist . \
    && python3 -m venv --without-pip /opt/zoho-mass-update-exporter \
    && tools/bin/python -m pip --python /opt/zoho-mass-update-exporter/bin/python \
        install --require-hashes --requirement requirements/run.txt \
    && tools/bin/python -m pip --python /opt/zoho-mass-update-exporter/bin/python \
        install --no-index dist/*.whl \
    && find /opt/zoho-mass-update-exporter -type d -path '*/site-packages/pygments' -prune -exec rm -r {} + \
    && install --mode=0644 deploy/image/healthy.py /opt/zoho-mass-update-exporter

FROM ${BASE_IMAGE:-standard-base}
ARG VERSION=unknown
ARG REVISION=unknown
ARG SOURCE=https://github.com/zoho-mass-update-exporter/zoho-mass-update-exporter
LABEL org.opencontainers.image.title="zoho-mass-update-exporter" \
    org.opencontainers.image.description="Prometheus exporter for Zoho CRM mass-update jobs" \
    org.opencontainers.image.url="${SOURCE}" \
    org.opencontainers.image.source="${SOURCE}" \
    org.opencontainers.image.documentation="${SOURCE}/blob/main/docs/install.md" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
# Nothing in here runs with more rights than who starts it. A new volume takes its owner and mode from the directory.
RUN find / -xdev -type f -perm /6000 -exec chmod a-s {} + \
    && install --directory --owner=65532 --group=65532 --mode=0700 /var/lib/zoho-mass-update-exporter
COPY --from=build /opt/zoho-mass-update-exporter /opt/zoho-mass-update-exporter
ENV PATH=/opt/zoho-mass-update-exporter/bin:$PATH
# By number: Kubernetes' runAsNonRoot cannot tell who a name is.
USER 65532:65532
VOLUME ["/var/lib/zoho-mass-update-exporter"]
EXPOSE 10042
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s --retries=3 \
    CMD ["python3", "/opt/zoho-mass-update-exporter/healthy.py"]
ENTRYPOINT ["zoho-mass-update-exporter"]
