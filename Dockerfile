# syntax=docker/dockerfile:1
# Pin both by digest where you build: --build-arg BUILD_IMAGE=node:24-bookworm@sha256:…
ARG BUILD_IMAGE=node:24-bookworm
ARG RUN_IMAGE=gcr.io/distroless/nodejs24-debian12:nonroot

FROM ${BUILD_IMAGE} AS build
# Files that are written get this time, so that the same sources make the same layers.
ARG SOURCE_DATE_EPOCH=0
WORKDIR /build
ENV npm_config_audit=false npm_config_fund=false npm_config_update_notifier=false
COPY package.json package-lock.json ./
RUN npm ci
COPY tsconfig.json ./
COPY deploy/package deploy/package
COPY docs/schema docs/schema
COPY src src
COPY sinks sinks
RUN node deploy/package/build.ts
# What the image holds, and nothing that only building needs.
RUN npm prune --omit=dev \
  && npm sbom --package-lock-only --omit=dev --sbom-format=spdx > npm.spdx.json \
  && node deploy/package/sbom.ts npm.spdx.json sbom.spdx.json
RUN mkdir -p app/docs \
  && cp -r dist node_modules package.json sbom.spdx.json app/ \
  && cp -r docs/schema app/docs/schema \
  && rm -rf app/node_modules/.cache \
  && find app -depth -exec touch -h -d "@${SOURCE_DATE_EPOCH}" {} +

FROM ${RUN_IMAGE}
LABEL org.opencontainers.image.title="bulk-archiver" \
  org.opencontainers.image.description="Moves Kafka topics into durable stores in bulk" \
  org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build --chown=0:0 /build/app /app
# Nothing is written to the file system but what a sink of kind fs archives.
ENV NODE_ENV=production NODE_DISABLE_COMPILE_CACHE=1
USER 65532:65532
WORKDIR /etc/bulk-archiver
EXPOSE 9464
STOPSIGNAL SIGTERM
# 9464 is http.listen of the examples.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=6 \
  CMD ["/nodejs/bin/node", "-e", "fetch('http://127.0.0.1:9464/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["/nodejs/bin/node", "/app/dist/src/main.js"]
CMD ["run", "--config", "/etc/bulk-archiver/config.yaml"]
