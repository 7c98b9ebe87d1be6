-- The public account. Appending happens in one transaction, by one sequencer at a time (src/sequencer.rs).

-- What the log is. Every append locks this row, so two can never append at once, and checks the epoch, so a
-- sequencer that has lost the lead without noticing is refused.
CREATE TABLE log_state (
    only_row     boolean PRIMARY KEY DEFAULT true CONSTRAINT log_state_is_one_row CHECK (only_row),
    origin       text   NOT NULL,
    verifier_key text   NOT NULL,
    tree_size    bigint NOT NULL CONSTRAINT log_state_tree_size_is_a_count CHECK (tree_size >= 0),
    epoch        bigint NOT NULL
);

-- One row a leaf; never updated, never deleted.
CREATE TABLE leaves (
    leaf_index   bigint PRIMARY KEY,
    case_id      uuid   NOT NULL,
    case_version bigint NOT NULL CONSTRAINT leaves_version_is_history CHECK (case_version >= 1),
    -- Canonical JSON (RFC 8785) of at most 65,535 bytes; hashed as it is.
    leaf         bytea  NOT NULL,
    CONSTRAINT leaves_have_each_version_once UNIQUE (case_id, case_version)
);

-- The texts that leaves commit to. May be erased; the leaves stay.
CREATE TABLE texts (
    case_id      uuid   NOT NULL,
    case_version bigint NOT NULL,
    name         text   NOT NULL,
    text         text   NOT NULL,
    salt         bytea  NOT NULL CONSTRAINT texts_salt_is_32_bytes CHECK (length(salt) = 32),
    PRIMARY KEY (case_id, case_version, name)
);

-- Events that came before their predecessors.
CREATE TABLE parked_events (
    case_id      uuid   NOT NULL,
    case_version bigint NOT NULL,
    -- Encoded huying.events.v1.Event.
    event        bytea  NOT NULL,
    PRIMARY KEY (case_id, case_version)
);

-- How each case stands: the fold over its leaves. Rows are rewritten a few times in quick succession, so pages keep
-- room for that, and columns that change are in no index but the partial ones.
CREATE TABLE cases (
    case_id          uuid        PRIMARY KEY,
    case_version     bigint      NOT NULL,
    kind             smallint    NOT NULL,
    publication      smallint    NOT NULL,
    municipal        text        NOT NULL,
    -- Empty where the tier does not apply.
    district         text        NOT NULL,
    township         text        NOT NULL,
    category         text        NOT NULL,
    submitted_at     timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    state            smallint    NOT NULL,
    holder_office    text        NOT NULL,
    responsible_unit text        NOT NULL,
    deadline_at      timestamptz,
    overdue          boolean     NOT NULL,
    registered       boolean     NOT NULL,
    replied_unit     text        NOT NULL,
    replied_holder   text        NOT NULL
) WITH (fillfactor = 70);

CREATE INDEX cases_latest_first ON cases (submitted_at DESC, case_id DESC);
CREATE INDEX cases_of_region ON cases (district, township, submitted_at DESC, case_id DESC);
CREATE INDEX cases_overdue ON cases (submitted_at DESC, case_id DESC) WHERE overdue;

-- What each unit has had to do with each case: what the figures count. A row means that the case was assigned to the
-- unit or held by it.
CREATE TABLE case_units (
    unit      text    NOT NULL,
    case_id   uuid    NOT NULL,
    replied   boolean NOT NULL,
    rated     boolean NOT NULL,
    resolved  boolean NOT NULL,
    satisfied boolean NOT NULL,
    returned  integer NOT NULL,
    expired   integer NOT NULL,
    PRIMARY KEY (unit, case_id),
    CONSTRAINT case_units_only_the_rated_are_judged CHECK (rated OR NOT (resolved OR satisfied))
) WITH (fillfactor = 80);

-- Tiles of C2SP tlog-tiles: up to 256 hashes of 32 bytes. A full one never changes.
CREATE TABLE tiles (
    level      smallint NOT NULL,
    tile_index bigint   NOT NULL,
    hashes     bytea    NOT NULL CONSTRAINT tiles_hold_1_to_256_hashes
               CHECK (length(hashes) % 32 = 0 AND length(hashes) BETWEEN 32 AND 8192),
    PRIMARY KEY (level, tile_index)
) WITH (fillfactor = 50);
-- Hashes do not compress.
ALTER TABLE tiles ALTER COLUMN hashes SET STORAGE EXTERNAL;

-- One signed note a size; inserted with the leaves it covers.
CREATE TABLE checkpoints (
    tree_size bigint      PRIMARY KEY,
    root      bytea       NOT NULL CONSTRAINT checkpoints_root_is_a_hash CHECK (length(root) = 32),
    note      text        NOT NULL,
    signed_at timestamptz NOT NULL
);
