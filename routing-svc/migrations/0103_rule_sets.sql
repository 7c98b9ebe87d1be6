-- The versions of the routing rules, as files, and when each of them was made the active one.

CREATE TABLE rule_sets (
    -- 1, 2, 3 …
    version     bigint      NOT NULL,
    -- rules.csv, as it was sent.
    csv         bytea       NOT NULL,
    note        text        NOT NULL,
    -- How many rules it has.
    rules       integer     NOT NULL,
    -- Subject of the token.
    proposed_by text        NOT NULL,
    proposed_at timestamptz NOT NULL,
    CONSTRAINT rule_sets_pk PRIMARY KEY (version),
    CONSTRAINT rule_set_versions_count_from_one CHECK (version > 0)
);

-- One row for each time that a version was made the active one, with the revision of the directory that has its rules. The
-- last one is active: so there is exactly one, and nothing has to be taken back.
CREATE TABLE rule_set_activations (
    directory_revision bigint      NOT NULL,
    version            bigint      NOT NULL,
    activated_by       text        NOT NULL,
    activated_at       timestamptz NOT NULL,
    CONSTRAINT revision_has_one_rule_set PRIMARY KEY (directory_revision),
    CONSTRAINT only_kept_rule_sets_are_activated FOREIGN KEY (version) REFERENCES rule_sets (version)
);
