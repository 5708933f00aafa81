/**
 * The tables of the durable database (`<root>/metadata.db`), one entry per version of the store.
 * An entry is never edited once it has been released: a change is a new entry at the end.
 */
export const storeMigrations: readonly string[] = [
  `
  CREATE TABLE layer (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    chain_id  TEXT NOT NULL UNIQUE,
    parent    INTEGER REFERENCES layer(id),
    diff_id   TEXT NOT NULL,
    size      INTEGER NOT NULL,
    writer    INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE image (
    id        TEXT PRIMARY KEY,
    created   TEXT,
    size      INTEGER NOT NULL,
    parent    TEXT,
    stored_at TEXT NOT NULL
  ) STRICT;
  CREATE TABLE image_layer (
    image_id  TEXT NOT NULL REFERENCES image(id) ON DELETE CASCADE,
    chain_id  TEXT NOT NULL,
    PRIMARY KEY (image_id, chain_id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE image_reference (
    reference TEXT PRIMARY KEY,
    image_id  TEXT NOT NULL REFERENCES image(id),
    tagged_at TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE container (
    id        TEXT PRIMARY KEY,
    name      TEXT NOT NULL UNIQUE,
    image_id  TEXT NOT NULL,
    chain_id  TEXT,
    created   TEXT NOT NULL,
    request   TEXT NOT NULL,
    exit      TEXT
  ) STRICT;
  CREATE TABLE network (
    id        TEXT PRIMARY KEY,
    name      TEXT NOT NULL UNIQUE,
    driver    TEXT NOT NULL,
    subnet    TEXT,
    gateway   TEXT,
    bridge    TEXT,
    created   TEXT NOT NULL,
    labels    TEXT NOT NULL DEFAULT '{}'
  ) STRICT;
  CREATE TABLE volume (
    name      TEXT PRIMARY KEY,
    driver    TEXT NOT NULL,
    labels    TEXT NOT NULL DEFAULT '{}',
    options   TEXT NOT NULL DEFAULT '{}',
    created   TEXT NOT NULL,
    anonymous INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE TABLE build_record (
    key       TEXT PRIMARY KEY,
    chain_id  TEXT,
    created   TEXT NOT NULL,
    used      TEXT NOT NULL,
    detail    TEXT NOT NULL DEFAULT '{}'
  ) STRICT;
  CREATE TABLE file_digest (
    path      TEXT PRIMARY KEY,
    stamp     TEXT NOT NULL,
    digest    TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE event (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    time      TEXT NOT NULL,
    type      TEXT NOT NULL,
    action    TEXT NOT NULL,
    id        TEXT NOT NULL,
    attributes TEXT NOT NULL DEFAULT '{}'
  ) STRICT;
  CREATE INDEX image_layer_chain ON image_layer(chain_id);
  CREATE INDEX image_reference_image ON image_reference(image_id);
  CREATE INDEX build_record_chain ON build_record(chain_id);
  `,
  `
  ALTER TABLE layer ADD COLUMN bytes INTEGER;
  `,
  // Layers can't go while something refers to them, whatever processes do at once; and a config has a second copy.
  `
  ALTER TABLE image ADD COLUMN config BLOB;
  CREATE TABLE new_image_layer (
    image_id  TEXT NOT NULL REFERENCES image(id) ON DELETE CASCADE,
    chain_id  TEXT NOT NULL REFERENCES layer(chain_id),
    PRIMARY KEY (image_id, chain_id)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO new_image_layer SELECT image_id, chain_id FROM image_layer WHERE chain_id IN (SELECT chain_id FROM layer);
  DROP TABLE image_layer;
  ALTER TABLE new_image_layer RENAME TO image_layer;
  CREATE INDEX image_layer_chain ON image_layer(chain_id);
  CREATE TABLE new_container (
    id        TEXT PRIMARY KEY,
    name      TEXT NOT NULL UNIQUE,
    image_id  TEXT NOT NULL,
    chain_id  TEXT REFERENCES layer(chain_id),
    created   TEXT NOT NULL,
    request   TEXT NOT NULL,
    exit      TEXT
  ) STRICT;
  INSERT INTO new_container SELECT container.id, name, image_id, layer.chain_id, created, request, exit
    FROM container LEFT JOIN layer ON layer.chain_id = container.chain_id;
  DROP TABLE container;
  ALTER TABLE new_container RENAME TO container;
  CREATE INDEX container_chain ON container(chain_id);
  CREATE TABLE new_build_record (
    key       TEXT PRIMARY KEY,
    chain_id  TEXT REFERENCES layer(chain_id) ON DELETE CASCADE,
    created   TEXT NOT NULL,
    used      TEXT NOT NULL,
    detail    TEXT NOT NULL DEFAULT '{}'
  ) STRICT;
  INSERT INTO new_build_record SELECT * FROM build_record WHERE chain_id IN (SELECT chain_id FROM layer);
  DROP TABLE build_record;
  ALTER TABLE new_build_record RENAME TO build_record;
  CREATE INDEX build_record_chain ON build_record(chain_id);
  `,
  // An image for several platforms: its index as it came, and a row for each manifest of it that is here.
  `
  CREATE TABLE image_index (
    digest     TEXT PRIMARY KEY,
    media_type TEXT NOT NULL,
    bytes      BLOB NOT NULL,
    image_id   TEXT NOT NULL REFERENCES image(id)
  ) STRICT;
  CREATE TABLE image_index_entry (
    index_digest TEXT NOT NULL REFERENCES image_index(digest) ON DELETE CASCADE,
    digest       TEXT NOT NULL,
    manifest     BLOB NOT NULL,
    image_id     TEXT REFERENCES image(id),
    PRIMARY KEY (index_digest, digest)
  ) STRICT;
  CREATE TABLE image_index_blob (
    index_digest TEXT NOT NULL,
    entry_digest TEXT NOT NULL,
    digest       TEXT NOT NULL,
    size         INTEGER NOT NULL,
    PRIMARY KEY (index_digest, entry_digest, digest),
    FOREIGN KEY (index_digest, entry_digest) REFERENCES image_index_entry (index_digest, digest) ON DELETE CASCADE
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX image_index_image ON image_index(image_id);
  CREATE INDEX image_index_entry_image ON image_index_entry(image_id);
  ALTER TABLE image_reference ADD COLUMN index_digest TEXT REFERENCES image_index(digest);
  CREATE INDEX image_reference_index ON image_reference(index_digest);
  `,
  /*
   * What registries know: layers in the form that travels, manifests of images for one platform, and names by digest.
   * `writer` is null for what another program made, and may only be kept; else it says how berth makes the same bytes again.
   * A packed layer's own bytes may be on disk or not.
   */
  `
  CREATE TABLE packed_layer (
    digest     TEXT PRIMARY KEY,
    diff_id    TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size       INTEGER NOT NULL,
    writer     TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX packed_layer_diff ON packed_layer(diff_id);
  CREATE INDEX layer_diff ON layer(diff_id);
  CREATE TRIGGER packed_layer_gone AFTER DELETE ON layer
    WHEN NOT EXISTS (SELECT 1 FROM layer WHERE diff_id = OLD.diff_id)
    BEGIN DELETE FROM packed_layer WHERE diff_id = OLD.diff_id; END;
  CREATE TABLE image_manifest (
    digest     TEXT PRIMARY KEY,
    image_id   TEXT NOT NULL REFERENCES image(id) ON DELETE CASCADE,
    media_type TEXT NOT NULL,
    bytes      BLOB NOT NULL,
    writer     TEXT
  ) STRICT;
  CREATE INDEX image_manifest_image ON image_manifest(image_id);
  CREATE TABLE image_manifest_blob (
    manifest_digest TEXT NOT NULL REFERENCES image_manifest(digest) ON DELETE CASCADE,
    digest          TEXT NOT NULL,
    size            INTEGER NOT NULL,
    PRIMARY KEY (manifest_digest, digest)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE repo_digest (
    reference    TEXT PRIMARY KEY,
    image_id     TEXT NOT NULL REFERENCES image(id) ON DELETE CASCADE,
    index_digest TEXT REFERENCES image_index(digest) ON DELETE CASCADE
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX repo_digest_image ON repo_digest(image_id);
  CREATE INDEX repo_digest_index ON repo_digest(index_digest);
  `,
  /*
   * The pull-through cache. A manifest has its bytes here, a blob is a file; `used` is milliseconds since the epoch. A link says
   * that a repository has something, by the manifest that names it or by itself; a tag when its registry was last asked.
   */
  `
  CREATE TABLE cached_content (
    digest     TEXT PRIMARY KEY,
    size       INTEGER NOT NULL,
    media_type TEXT,
    bytes      BLOB,
    used       INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX cached_content_used ON cached_content(used);
  CREATE TABLE cached_link (
    repository TEXT NOT NULL,
    digest     TEXT NOT NULL,
    size       INTEGER NOT NULL,
    named_by   TEXT NOT NULL REFERENCES cached_content(digest) ON DELETE CASCADE,
    PRIMARY KEY (repository, digest, named_by)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX cached_link_named_by ON cached_link(named_by);
  CREATE TABLE cached_tag (
    repository TEXT NOT NULL,
    tag        TEXT NOT NULL,
    digest     TEXT NOT NULL REFERENCES cached_content(digest) ON DELETE CASCADE,
    checked    INTEGER NOT NULL,
    PRIMARY KEY (repository, tag)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX cached_tag_digest ON cached_tag(digest);
  `,
  /*
   * What is known of earlier builds. `summary` is what a list says, JSON; `detail` and `log` are JSON lines, compressed. `bytes` is the
   * size of both. A list of files is named by the content that it lists, and goes with the last build that read it.
   */
  `
  CREATE TABLE build (
    seq       INTEGER PRIMARY KEY,
    id        TEXT NOT NULL UNIQUE,
    subject   TEXT NOT NULL,
    image_id  TEXT,
    bytes     INTEGER NOT NULL,
    summary   TEXT NOT NULL,
    detail    BLOB NOT NULL
  ) STRICT;
  CREATE TABLE build_log (
    build_id  TEXT PRIMARY KEY REFERENCES build(id) ON DELETE CASCADE,
    log       BLOB NOT NULL
  ) STRICT;
  CREATE TABLE build_files (
    key       TEXT PRIMARY KEY,
    bytes     INTEGER NOT NULL,
    files     BLOB NOT NULL
  ) STRICT;
  CREATE TABLE build_read (
    build_id  TEXT NOT NULL REFERENCES build(id) ON DELETE CASCADE,
    key       TEXT NOT NULL REFERENCES build_files(key),
    PRIMARY KEY (build_id, key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX build_read_key ON build_read(key);
  CREATE TRIGGER build_files_gone AFTER DELETE ON build_read
    WHEN NOT EXISTS (SELECT 1 FROM build_read WHERE key = OLD.key)
    BEGIN DELETE FROM build_files WHERE key = OLD.key; END;
  `,
  // What RUN steps that failed have left: keys of active snapshots, and the layers that these lie on and that mounts show.
  `
  CREATE TABLE kept_step (
    id         TEXT PRIMARY KEY,
    build_id   TEXT NOT NULL,
    created    TEXT NOT NULL,
    files_key  TEXT NOT NULL,
    mounts_key TEXT,
    detail     TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE kept_step_layer (
    step_id    TEXT NOT NULL REFERENCES kept_step(id) ON DELETE CASCADE,
    chain_id   TEXT NOT NULL REFERENCES layer(chain_id),
    PRIMARY KEY (step_id, chain_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX kept_step_layer_chain ON kept_step_layer(chain_id);
  `,
  // Nothing ever read them, and they grew with each container.
  `
  DROP TABLE event;
  `,
];

/** The tables of the run-state database (`<run root>/state.db`), which ends with a reboot. */
export const stateMigrations: readonly string[] = [
  `
  CREATE TABLE run (
    container_id TEXT PRIMARY KEY,
    pid          INTEGER NOT NULL,
    start_time   TEXT NOT NULL,
    started_at   TEXT NOT NULL,
    paused       INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE TABLE endpoint (
    container_id TEXT NOT NULL,
    network_id   TEXT NOT NULL,
    address      TEXT NOT NULL,
    mac          TEXT NOT NULL,
    PRIMARY KEY (container_id, network_id),
    UNIQUE (network_id, address)
  ) STRICT;
  `,
];
