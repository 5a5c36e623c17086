# An image that grades: labs, the Go that builds what it judges, a C compiler for the race detector, Redis and Postgres.
FROM golang:1.26-bookworm
RUN apt-get update \
 && apt-get install -y --no-install-recommends git redis-server postgresql \
 && rm -rf /var/lib/apt/lists/*
ARG TARGETPLATFORM
COPY $TARGETPLATFORM/labs $TARGETPLATFORM/labs-sandbox /usr/local/bin/
# The modules and the build cache are warm, so that the first submission waits for nothing.
RUN labs doctor || true
ENTRYPOINT ["labs"]
CMD ["grade", "--help"]
