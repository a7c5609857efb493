# One static program and nothing else: no shell, no libc, no certificates but those inside it.
#   docker build -t dragnet . && docker run --rm -v "$PWD:/work:ro" dragnet check .
FROM rust:1-alpine AS build
RUN apk add --no-cache build-base && mkdir -m 1777 /empty
WORKDIR /src
# The manifest names the tests, so they have to be there; none is built.
COPY Cargo.toml Cargo.lock README.md ./
COPY src src
COPY tests tests
RUN cargo build --locked --release

FROM scratch
COPY --from=build /empty /tmp
COPY --from=build /src/target/release/dragnet /usr/local/bin/dragnet
WORKDIR /work
ENTRYPOINT ["/usr/local/bin/dragnet"]
