# Sluice as an image: built from this repository alone, by what a machine with Docker and the
# internet has. `docker build -t sluice .`
FROM node:22-bookworm-slim AS build
RUN npm install --global deno@2.9.6
WORKDIR /sluice
COPY . .
# One file with all in it, for this platform: see docs/BINARY.md.
RUN --mount=type=cache,target=/root/.cache/deno deno task compile --portable --output /out/sluice

FROM debian:bookworm-slim
# Certificates, for databases and brokers with TLS.
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates \
  && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --create-home sluice && install --directory --owner=sluice /data
COPY --from=build --chmod=0755 /out/sluice /usr/local/bin/sluice
USER sluice
# The first start unpacks it, once, here.
RUN sluice --version
ENV SLUICE_DATA_DIR=/data SLUICE_HTTP_ADDR=0.0.0.0:8080 SLUICE_LOG_FILE=none
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s \
  CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' >&3 && read -r status <&3 && [[ $status == *' 200 '* ]]"]
ENTRYPOINT ["sluice"]
CMD ["serve"]
