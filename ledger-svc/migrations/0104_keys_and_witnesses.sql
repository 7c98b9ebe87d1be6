-- Which keys sign for the log, who cosigns its checkpoints, and for which other logs it cosigns.

-- Keys that the log has or had. All in force sign every checkpoint. Rows change only with the lead (take_lead.rs), so that
-- every checkpoint from `signs_from` on has the key's signature. `log_state.verifier_key` stays as it was at the founding.
CREATE TABLE log_keys (
    -- C2SP signed-note verifier key.
    verifier_key text        PRIMARY KEY,
    -- 1 signs foremost.
    place        smallint    NOT NULL,
    -- Leaves in the first tree whose checkpoint it signed, and when that was.
    signs_from   bigint      NOT NULL CONSTRAINT log_keys_signs_from_is_a_size CHECK (signs_from >= 0),
    since        timestamptz NOT NULL,
    -- Leaves in the last tree whose checkpoint it may have signed, and when it was retired; null while it is in force.
    stopped_at   bigint,
    until        timestamptz,
    CONSTRAINT log_keys_the_retired_have_size_and_time CHECK ((stopped_at IS NULL) = (until IS NULL)),
    CONSTRAINT log_keys_stop_after_they_begin CHECK (stopped_at >= signs_from)
);
INSERT INTO log_keys (verifier_key, place, signs_from, since)
SELECT verifier_key, 1, 0, coalesce((SELECT min(signed_at) FROM checkpoints), now()) FROM log_state;

-- Which witness cosigned which checkpoint, and when, as the cosignature says. The cosignature itself is a line of the
-- checkpoint's note, which thereby is what readers get.
CREATE TABLE cosignatures (
    -- C2SP signed-note verifier key.
    witness     text        NOT NULL,
    tree_size   bigint      NOT NULL REFERENCES checkpoints (tree_size),
    cosigned_at timestamptz NOT NULL,
    PRIMARY KEY (witness, tree_size)
);

-- How many witnesses have cosigned; and, for each number, the newest tree that so many have cosigned: what readers ask
-- for. A tree that more have cosigned since keeps its earlier places, so that of those from a number on the newest is right.
ALTER TABLE checkpoints ADD COLUMN cosigned_by integer NOT NULL DEFAULT 0;
CREATE TABLE newest_cosigned (
    cosigned_by integer PRIMARY KEY CONSTRAINT newest_cosigned_by_somebody CHECK (cosigned_by > 0),
    tree_size   bigint  NOT NULL REFERENCES checkpoints (tree_size)
);

-- The tree of each other log that this ledger cosigned last. A row is only ever carried on to a tree that begins with it.
CREATE TABLE witnessed (
    origin      text        PRIMARY KEY,
    tree_size   bigint      NOT NULL CONSTRAINT witnessed_tree_size_is_a_count CHECK (tree_size >= 0),
    root        bytea       NOT NULL CONSTRAINT witnessed_root_is_a_hash CHECK (length(root) = 32),
    -- The checkpoint as it was submitted, with the log's signatures; null before the first.
    note        text,
    cosigned_at timestamptz NOT NULL
);
