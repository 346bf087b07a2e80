# What serves one model: on AWS Lambda (the default target) and on any container platform (--target server).
# The bases are pinned by digests, which have no default; docs/image.md says how to build.
ARG LAMBDA_BASE=public.ecr.aws/lambda/python:3.13
ARG LAMBDA_DIGEST=sha256:missing-build-arg-LAMBDA_DIGEST
ARG SERVER_BASE=docker.io/library/python:3.13-slim
ARG SERVER_DIGEST=sha256:missing-build-arg-SERVER_DIGEST

# Both trees are built on the base with the older C library, so that the packages chosen run on both.
FROM ${LAMBDA_BASE}@${LAMBDA_DIGEST} AS sources
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY requirements/serve.txt requirements/
COPY scripts/image.py scripts/image_check.py scripts/
COPY churn_core churn_core
COPY churn_serve churn_serve
ARG BUNDLE=build/model
COPY ${BUNDLE} bundle

# Where packages come from is a build secret, if it is not the public index: no layer holds it.
FROM sources AS lambda-tree
ARG MODEL_DIGEST
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    python3 scripts/image.py --bundle bundle --model-digest "${MODEL_DIGEST}" --out /tree

FROM sources AS server-tree
ARG MODEL_DIGEST
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    python3 scripts/image.py --bundle bundle --model-digest "${MODEL_DIGEST}" --out /tree --server

FROM ${SERVER_BASE}@${SERVER_DIGEST} AS server
WORKDIR /var/task
COPY --from=server-tree /tree ./
# The tree was built elsewhere: it has to open its model here, too. Copies of a registry's models outlive a
# container where a volume is mounted at their place.
RUN python -B -c "import churn_core; churn_core.load('model')" \
    && install -d -o 10001 -g 10001 /var/cache/churn
USER 10001:10001
ENV CHURN_BUNDLE=/var/task/model CHURN_CACHE_DIR=/var/cache/churn
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health/ready', timeout=2)"]
ENTRYPOINT ["python", "-m", "churn_serve", "--host", "0.0.0.0", "--port", "8000"]
ARG VERSION
ARG REVISION
ARG SOURCE
ARG MODEL_DIGEST
ARG SERVER_BASE
ARG SERVER_DIGEST
LABEL org.opencontainers.image.title="churn-serve" org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" org.opencontainers.image.source="${SOURCE}" \
    org.opencontainers.image.base.name="${SERVER_BASE}" org.opencontainers.image.base.digest="${SERVER_DIGEST}" \
    churn.model.digest="${MODEL_DIGEST}"

FROM ${LAMBDA_BASE}@${LAMBDA_DIGEST} AS lambda
COPY --from=lambda-tree /tree ${LAMBDA_TASK_ROOT}
# Lambda runs it as a user of its own; whoever else starts it is not root either.
USER 10001:10001
CMD ["churn_serve.lambda_handler.handler"]
ARG VERSION
ARG REVISION
ARG SOURCE
ARG MODEL_DIGEST
ARG LAMBDA_BASE
ARG LAMBDA_DIGEST
LABEL org.opencontainers.image.title="churn-lambda" org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" org.opencontainers.image.source="${SOURCE}" \
    org.opencontainers.image.base.name="${LAMBDA_BASE}" org.opencontainers.image.base.digest="${LAMBDA_DIGEST}" \
    churn.model.digest="${MODEL_DIGEST}"
