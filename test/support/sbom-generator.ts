/** An SBOM generator as a context: it lists the names of what is at the top of each file system that it is shown. */
export const generator = {
  scan: `#!/bin/sh -e
for source in $BUILDKIT_SCAN_SOURCE \${BUILDKIT_SCAN_SOURCE_EXTRAS:+$BUILDKIT_SCAN_SOURCE_EXTRAS/*}; do
  ! touch $source/new 2> /tmp/refused
  grep -q Read-only /tmp/refused
  name=$(basename $source)
  cat > $BUILDKIT_SCAN_DESTINATION/$name.spdx.json << end
{ "_type": "https://in-toto.io/Statement/v0.1", "predicateType": "https://spdx.dev/Document",
  "predicate": { "name": "$name", "comment": "$(echo $(ls $source)) $BUILDKIT_SCAN_depth $(id -u) $(pwd) $OWN" } }
end
done
`,
  Dockerfile: `FROM busybox
COPY --chmod=755 scan /
ENV OWN=own
WORKDIR /work
USER 33
ENTRYPOINT ["/scan"]
`,
};

/** Stages of which a generator is shown some; the context has a file `status`. */
export const scannedDockerfile = `FROM scratch AS base
ARG BUILDKIT_SBOM_SCAN_STAGE=true
COPY status /base
FROM busybox AS named
ARG BUILDKIT_SBOM_SCAN_STAGE=other,named
RUN touch /made
FROM busybox AS plain
ARG BUILDKIT_SBOM_SCAN_STAGE=other
FROM busybox AS unused
ARG BUILDKIT_SBOM_SCAN_STAGE=true
FROM scratch
ARG BUILDKIT_SBOM_SCAN_CONTEXT
COPY --from=base /base /
COPY --from=named /made /
COPY --from=plain /bin/sh /
COPY status /target
`;
