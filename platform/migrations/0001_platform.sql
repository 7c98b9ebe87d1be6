-- What every service keeps besides its own tables: outgoing events, handled events, dead letters, reference data.

-- Events on their way out, written in the transaction of the change they tell of. Rows are never updated.
CREATE TABLE outbox (
    seq         bigint GENERATED ALWAYS AS IDENTITY,
    event_id    uuid        NOT NULL,
    stream      text        NOT NULL,
    subject     text        NOT NULL,
    event_type  text        NOT NULL,
    traceparent text,
    occurred_at timestamptz NOT NULL,
    payload     bytea       NOT NULL,
    CONSTRAINT outbox_pk PRIMARY KEY (seq)
);

-- The flag "not yet acknowledged by the broker", kept apart so that setting it does not copy the event,
-- and so that no cursor can skip a row whose transaction committed late.
CREATE TABLE outbox_pending (
    seq bigint NOT NULL,
    CONSTRAINT outbox_pending_pk PRIMARY KEY (seq)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0);

-- The incarnation of each stream this service has published to. Another one means the broker lost its store.
CREATE TABLE relay_streams (
    stream     text        NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT relay_streams_pk PRIMARY KEY (stream)
);

-- Events whose effect is committed, for effects that have no unique key of their own.
CREATE TABLE inbox (
    consumer   text        NOT NULL,
    event_id   uuid        NOT NULL,
    handled_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT inbox_handled_once PRIMARY KEY (event_id, consumer)
);

-- Messages that could not be processed, each with its reason, until an operator deals with them.
CREATE TABLE dead_letters (
    dead_letter_id uuid        NOT NULL,
    consumer       text        NOT NULL,
    stream         text        NOT NULL,
    subject        text        NOT NULL,
    message_id     text        NOT NULL,
    traceparent    text,
    payload        bytea       NOT NULL,
    reason         text        NOT NULL,
    failed_at      timestamptz NOT NULL DEFAULT now(),
    replayed_at    timestamptz,
    CONSTRAINT dead_letters_pk PRIMARY KEY (dead_letter_id)
);
CREATE INDEX dead_letters_latest ON dead_letters (failed_at DESC, dead_letter_id DESC);

-- Reference data, one encoded DirectoryEntry a row. routing-svc imports it, the others follow its events.
CREATE TABLE directory_entries (
    kind     smallint NOT NULL,
    code     text     NOT NULL,
    revision bigint   NOT NULL,
    retired  boolean  NOT NULL,
    entry    bytea    NOT NULL,
    CONSTRAINT directory_entries_pk PRIMARY KEY (kind, code)
);

-- Parts of revisions that have arrived; a revision counts once all its parts are here.
CREATE TABLE directory_parts (
    revision    bigint  NOT NULL,
    part_number integer NOT NULL,
    CONSTRAINT directory_parts_pk PRIMARY KEY (revision, part_number)
);

-- The highest complete revision, and how often a revision was completed: revisions may arrive out of order, and a
-- snapshot must be read again after each.
CREATE TABLE directory_revision (
    only_row  boolean NOT NULL DEFAULT true,
    revision  bigint  NOT NULL,
    completed bigint  NOT NULL DEFAULT 0,
    CONSTRAINT directory_revision_one_row PRIMARY KEY (only_row),
    CONSTRAINT directory_revision_only_true CHECK (only_row)
);
INSERT INTO directory_revision (revision) VALUES (0);
